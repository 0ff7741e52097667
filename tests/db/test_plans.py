"""Every statement but the purge's finds its rows by an index: a scan would be slow only in production."""

from datetime import timedelta

from sqlalchemy import event, text

from db.chats import SqlChats
from db.connect import connect
from domain.chat import Reply
from tests.db.test_chats_contract import NOON, new_chat


def test_no_statement_that_a_visitor_waits_for_scans_or_sorts_a_table(sqlite: str) -> None:
    engine = connect(sqlite)
    chats = SqlChats(engine)
    asked: dict[str, object] = {}

    def note(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        asked[statement] = values

    event.listen(engine, "before_cursor_execute", note)
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
    chats.rename("anna", chat.id, "Title")
    chats.summarise("anna", chat.id, "Summary", 2)
    chats.unsay("anna", chat.id, "turn-1")
    chats.delete("anna", chat.id, NOON)
    chats.restore("anna", chat.id)
    chats.delete("anna", chat.id, NOON)
    chats.purge(NOON + timedelta(days=1))
    event.remove(engine, "before_cursor_execute", note)

    plans: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for statement, values in asked.items():
            if statement.startswith(("SELECT", "UPDATE", "DELETE")):
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[arg-type]
                plans[statement] = [row.detail for row in rows]
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()

    assert len(plans) >= 18
    slow = {statement: plan for statement, plan in plans.items() if not all(s.startswith("SEARCH") for s in plan)}
    assert list(slow.values()) == [["SCAN chats"]]
    assert next(iter(slow)).endswith("WHERE chats.deleted_at < ?")  # the purge looks at every chat, once a day
