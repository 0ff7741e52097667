"""Every statement but the purge's finds its rows by an index: a scan would be slow only in production."""

from datetime import timedelta

from db.chats import SqlChats
from db.connect import connect
from domain.chat import Reply
from tests.db.statements import noted, plans
from tests.db.test_chats_contract import NOON, new_chat


def test_no_statement_that_a_visitor_waits_for_scans_or_sorts_a_table(sqlite: str) -> None:
    engine = connect(sqlite)
    chats = SqlChats(engine)
    with noted(engine) as asked:
        chat = new_chat(chats)
        heard = chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)
        for text_said in ("Hello", "Hel"):
            chats.said("anna", chat.id, "turn-1", Reply(text_said), NOON)
        chats.get("anna", chat.id)
        chats.recent("anna")
        chats.recent("anna", before=NOON)
        chats.messages("anna", chat.id)
        chats.message("anna", chat.id, heard.id)
        chats.turn("anna", chat.id, "turn-1")
        chats.turn_of_key("anna", chat.id, "key-00001")
        chats.name("anna", chat.id, "What was said")
        chats.rename("anna", chat.id, "Title")
        chats.summarise("anna", chat.id, "Summary", 2)
        chats.unsay("anna", chat.id, "turn-1")
        chats.delete("anna", chat.id, NOON)
        chats.restore("anna", chat.id)
        chats.delete("anna", chat.id, NOON)
        chats.purge(NOON + timedelta(days=1))

    found = plans(engine, asked)
    engine.dispose()

    assert len(found) >= 18
    slow = {statement: plan for statement, plan in found.items() if not all(s.startswith("SEARCH") for s in plan)}
    assert list(slow.values()) == [["SCAN chats"]]
    assert next(iter(slow)).endswith("WHERE chats.deleted_at < ?")  # the purge looks at every chat, once a day
