"""Reads an event stream as a browser does (the WHATWG rules for what turns need of them)."""

import base64
import json
from collections.abc import Iterable
from typing import Any, NamedTuple


class Message(NamedTuple):
    name: str  # "" for the type `message`: HTML
    data: str
    id: str

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def pcm(self) -> bytes:
        return base64.b64decode(self.data, validate=True)


def parse(text: str) -> list[Message]:
    """Return the messages of a whole stream; the last id stays in force for messages without one."""
    return list(messages(text.split("\n")))


def messages(lines: Iterable[str]) -> Iterable[Message]:
    name, last_id = "", ""
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield Message(name, "\n".join(data), last_id)
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = "" if value == "message" else value
        elif field == "data":
            data.append(value)
        elif field == "id":
            last_id = value
