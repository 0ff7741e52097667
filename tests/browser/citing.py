"""`python -m tests.browser.citing`: the app with scripted engines and a library that goes by a word of the question."""

import sys
from collections.abc import Sequence

import msgspec

from domain.chat import Line
from domain.errors import Unavailable
from domain.knowledge.library import Found
from domain.knowledge.model import Citation
from domain.turns import Turns
from infra import wiring
from infra.config import Config
from infra.wiring import Services
from web import __main__ as web

LAMP = (
    "The lamp of the old lighthouse stands forty metres above the sea. It was lit with whale oil until 1874, when the "
    "keeper's daughter persuaded the harbour office to send for paraffin. Its light turns once in nine seconds."
)
HORN = "大雾时号角每分钟响两次。" * 6
LIGHTHOUSES = (
    Citation(1, "The lighthouses of the north coast", "coast.example", "https://www.coast.example/north?page=2", LAMP),
    Citation(2, "灯塔与海雾：守灯人的一百个夜晚", "haideng.example", "https://haideng.example/a", HORN),
    Citation(3, "A title that goes on and on, " * 2, "a-very-long-name.archive.example", "javascript:alert(1)", LAMP),
)
FOUND = {
    "lamp": Found(True, LIGHTHOUSES[:1]),
    "lighthouses": Found(True, LIGHTHOUSES),
    "灯塔": Found(True, LIGHTHOUSES),
    "bread": Found(True),
}


class Shelf:
    """Implements domain.knowledge.library.Library."""

    async def consult(
        self, owner: str, persona_id: str, question: str, history: Sequence[Line], patient: bool = False
    ) -> Found:
        if "storm" in question:
            raise Unavailable("index_unavailable")
        return next((found for word, found in FOUND.items() if word in question), Found())


def assemble(config: Config, has_index: bool = True) -> Services:
    services = _assemble(config, has_index)
    tools = services.turns._tools
    turns = Turns(
        tools.hearing._asr, tools.llm, tools.tts, tools.chats, services.personas, tools.clock,
        library=Shelf(), quoted_chars=2_000,
    )  # fmt: skip
    return msgspec.structs.replace(services, turns=turns)


_assemble = wiring.assemble
if __name__ == "__main__":
    wiring.assemble = assemble
    sys.exit(web.main())
