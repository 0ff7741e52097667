"""`python -m db.audit_verify`: is the audit log whole? Reads CORE_URL, DATA_DIR and AUDIT_KEY as the program does.

Ends with 0 when it is, 1 when it is not (the first row that is wrong is named), 2 when it could not be looked at.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from db.audit import Finding, SqlAudit
from db.audit_chain import Head, HeadFile
from db.connect import connect, disconnect
from domain.errors import Unavailable

WHY = {
    "missing": "is missing",
    "changed": "was changed, put in or moved, or was signed with another AUDIT_KEY",
    "cut": "is missing: rows were cut off at the end, or this is an older copy of the database",
    "other": "is not the row that was written here: this is another log, or an older copy that was written on",
    "head": "cannot be looked for: the file of the head was changed, or signed with another AUDIT_KEY",
}


class Trouble(Exception):
    pass


def main(arguments: Sequence[str], env: Mapping[str, str] = os.environ) -> int:
    parser = argparse.ArgumentParser(prog="audit-verify", description="Is the audit log whole?")
    parser.add_argument("--expect", metavar="SEQ:MAC", help="a row that was noted earlier: it must be there")
    asked = parser.parse_args(arguments)
    try:
        finding = look(env, _head(asked.expect))
    except (Trouble, ValueError, OSError) as error:
        _say(f"The audit log cannot be looked at: {error}")
        return 2
    except (Unavailable, DBAPIError):  # servers call a table that is not there an error of the program
        _say("The audit log cannot be looked at: the database does not answer, or has no such table.")
        return 2
    return tell(finding)


def look(env: Mapping[str, str], expect: Head | None) -> Finding:
    folder = Path(env.get("DATA_DIR") or "var").expanduser().resolve()
    url = env.get("CORE_URL") or f"sqlite:///{folder / 'core.db'}"
    if url == f"sqlite:///{folder / 'core.db'}" and not (folder / "core.db").is_file():
        raise Trouble(f"there is no database in {folder}")
    key = env.get("AUDIT_KEY") or _kept(folder / "audit-key")
    engine = connect(url)
    try:
        return SqlAudit(engine, key, HeadFile(folder / "audit-head", key.encode())).inspect(expect)
    finally:
        disconnect(engine)


def tell(finding: Finding) -> int:
    rows = f"{finding.rows} row" + "s" * (finding.rows != 1)
    if finding.broken is not None:
        _say(f"BROKEN: row {finding.broken} {WHY[finding.why]}. Before it {rows} are whole.")
        return 1
    _say(f"The audit log is whole: {rows}.")
    if finding.rows:
        _say(f"Its head, to be noted elsewhere: {finding.last.seq}:{finding.last.mac}")
    if not finding.compared:
        _say("There is no head here to compare with, so an end that was cut off could not be seen.")
    return 0


def _head(text: str | None) -> Head | None:
    if not text:
        return None
    seq, _, mac = text.partition(":")
    if not (seq.isascii() and seq.isdecimal() and len(mac) == 64):
        raise Trouble("--expect wants SEQ:MAC, as it was printed")
    return Head(int(seq), mac)


def _kept(file: Path) -> str:
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        raise Trouble(f"AUDIT_KEY is not set, and there is no {file}") from None


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
