"""What every store of chats does, the fake and the real one alike, on each database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.chat import Chat, Cue, Receipt, Reply, Sourced
from domain.errors import BadInput, Conflict, NotFound, ParleyError
from domain.knowledge.model import Citation
from domain.ports import Chats

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
MIXED = "What is courage? 什么是勇气？ 👩‍🚀🎉 Ünïcödé \u202eright to left\u202c it's \"quoted\" \\ % _ ' ; --"
CUES = (Cue("Well now, ", 0, 640), Cue("什么是勇气？🎉", 640, 2300))
RECEIPT = Receipt(upload=3, asr=410, first_token=600, first_clause=700, first_sound=930, total=2900, early=True)

SOURCES = Sourced((Citation(1, MIXED, "example.org", "https://example.org/a?b=1", MIXED, "page-1", "A > B"),))


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def new_chat(chats: Chats, guest: str = "anna", now: datetime = NOON) -> Chat:
    return chats.create(guest, "socrates", "en", "", now)


def test_a_new_chat_can_be_found_again(chats: Chats) -> None:
    chat = chats.create("anna", "socrates", "zh", MIXED, NOON)

    assert chats.get("anna", chat.id) == chat
    assert chat == Chat(chat.id, "anna", "socrates", "zh", MIXED, NOON, NOON)
    assert chats.messages("anna", chat.id) == []


def test_ids_cannot_be_guessed_and_are_safe_in_addresses(chats: Chats) -> None:
    ids = {new_chat(chats).id for _ in range(20)}

    assert len(ids) == 20
    assert all(len(chat_id) >= 16 and chat_id.isalnum() and chat_id.islower() for chat_id in ids)


def test_what_was_heard_and_said_is_kept_word_for_word(chats: Chats) -> None:
    chat = new_chat(chats)
    heard = chats.heard("anna", chat.id, "turn-1", "key-00001", MIXED, minutes(1))
    said = chats.said("anna", chat.id, "turn-1", Reply(MIXED, True, CUES, RECEIPT), minutes(2))

    assert (heard.role, heard.text, heard.turn_id, heard.at, heard.cues) == ("user", MIXED, "turn-1", minutes(1), ())
    assert heard.receipt is None
    assert (said.role, said.text, said.turn_id, said.at) == ("assistant", MIXED, "turn-1", minutes(2))
    assert (said.interrupted, said.cues, said.receipt) == (True, CUES, RECEIPT)
    assert chats.messages("anna", chat.id) == [heard, said]
    assert chats.message("anna", chat.id, heard.id) == heard
    assert chats.message("anna", chat.id, said.id) == said
    assert chats.turn("anna", chat.id, "turn-1") == (heard, said)
    assert chats.get("anna", chat.id).spoken_at == minutes(2)


def test_a_reply_keeps_what_it_stands_on(chats: Chats) -> None:
    chat = new_chat(chats)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "How high is it?", minutes(1))
    said = chats.said("anna", chat.id, "turn-1", Reply("Forty metres, friend.", sources=SOURCES), minutes(2))
    assert said.sources == SOURCES
    assert [message.sources for message in chats.messages("anna", chat.id)] == [Sourced(), SOURCES]

    cut = chats.said("anna", chat.id, "turn-1", Reply("Forty", True, sources=SOURCES), minutes(3))
    assert chats.turn("anna", chat.id, "turn-1")[1] == cut
    assert cut.sources == SOURCES


def test_a_reply_that_had_to_do_without_its_sources_says_so_for_good(chats: Chats) -> None:
    chat = new_chat(chats)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "How high is it?", minutes(1))
    said = chats.said("anna", chat.id, "turn-1", Reply("Who knows.", sources=Sourced(missed=True)), minutes(2))
    assert chats.message("anna", chat.id, said.id).sources == Sourced(missed=True)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_passage_that_databases_choke_on_is_refused(chats: Chats, text: str) -> None:
    chat = new_chat(chats)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "How high is it?", minutes(1))
    broken = Sourced((Citation(1, "Title", "example.org", "https://example.org/", text),))
    with pytest.raises(BadInput):
        chats.said("anna", chat.id, "turn-1", Reply("Forty metres.", sources=broken), minutes(2))


def test_a_minute_of_speech_and_far_more_fit(chats: Chats) -> None:
    chat = new_chat(chats)
    for number, text in enumerate(("words and words " * 6_000, "很长的一段话🎉" * 12_000)):
        chats.heard("anna", chat.id, f"turn-{number}", f"key-0000{number}", text, NOON)
        said = chats.said("anna", chat.id, f"turn-{number}", Reply(text, cues=(Cue(text, 0, 60_000),)), NOON)
        assert chats.message("anna", chat.id, said.id).text == text
        assert chats.message("anna", chat.id, said.id).cues[0].text == text


def test_times_come_back_in_utc_to_the_microsecond(chats: Chats) -> None:
    beijing = NOON.astimezone(timezone(timedelta(hours=8)))
    chat = chats.create("anna", "socrates", "en", "", beijing)

    kept = chats.get("anna", chat.id).created_at
    assert kept == NOON
    assert kept.utcoffset() is not None
    if type(chats).__name__ != "MemoryChats":
        assert kept.tzinfo is UTC


def test_messages_are_numbered_upwards_and_can_be_asked_for_from_a_number_on(chats: Chats) -> None:
    chat = new_chat(chats)
    for number in range(3):
        chats.heard("anna", chat.id, f"turn-{number}", f"key-0000{number}", f"question {number}", minutes(number))
        chats.said("anna", chat.id, f"turn-{number}", Reply(f"answer {number}"), minutes(number))

    all_of_them = chats.messages("anna", chat.id)
    numbers = [message.seq for message in all_of_them]
    assert numbers == sorted(set(numbers))
    assert min(numbers) > 0
    assert [m.text for m in all_of_them] == [f"{what} {n}" for n in range(3) for what in ("question", "answer")]
    assert chats.messages("anna", chat.id, after=numbers[3]) == all_of_them[4:]
    assert chats.messages("anna", chat.id, after=numbers[-1]) == []


def test_a_reply_that_comes_late_stands_below_what_it_answers(chats: Chats) -> None:
    chat = new_chat(chats)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "Tell me a story", minutes(1))
    chats.heard("anna", chat.id, "turn-2", "key-00002", "No, a joke", minutes(2))
    chats.said("anna", chat.id, "turn-1", Reply("Once upon", interrupted=True), minutes(3))
    chats.said("anna", chat.id, "turn-2", Reply("A man walks in."), minutes(4))

    texts = [message.text for message in chats.messages("anna", chat.id)]
    assert texts == ["Tell me a story", "Once upon", "No, a joke", "A man walks in."]


def test_a_key_opens_one_turn_only(chats: Chats) -> None:
    chat, other = new_chat(chats), new_chat(chats)
    assert chats.turn_of_key("anna", chat.id, "key-00001") is None
    chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)

    with pytest.raises(Conflict) as refused:
        chats.heard("anna", chat.id, "turn-2", "key-00001", "Hello again", minutes(1))

    assert (refused.value.code, refused.value.detail) == ("turn_exists", {"turn_id": "turn-1"})
    assert chats.turn_of_key("anna", chat.id, "key-00001") == "turn-1"
    assert [message.text for message in chats.messages("anna", chat.id)] == ["Hello"]
    assert chats.get("anna", chat.id).spoken_at == NOON
    with pytest.raises(NotFound):
        chats.turn("anna", chat.id, "turn-2")
    chats.heard("anna", other.id, "turn-2", "key-00001", "Hello", NOON)  # keys of another chat are its own
    chats.heard("anna", chat.id, "turn-3", "KEY-00001", "Hello", NOON)  # and their case counts
    assert chats.turn_of_key("anna", chat.id, "KEY-00001") == "turn-3"
    assert chats.turn_of_key("anna", chat.id, "Key-00001") is None


def test_a_turn_cannot_be_opened_again_under_another_key(chats: Chats) -> None:
    chat = new_chat(chats)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)

    with pytest.raises(Conflict) as refused:
        chats.heard("anna", chat.id, "turn-1", "key-00002", "Hello", NOON)

    assert refused.value.detail == {"turn_id": "turn-1"}
    assert len(chats.messages("anna", chat.id)) == 1


def test_twenty_requests_with_one_key_at_once_open_one_turn(chats: Chats) -> None:
    chat = new_chat(chats)

    def post(number: int) -> str:
        try:
            chats.heard("anna", chat.id, f"turn-{number}", "key-00001", f"Hello {number}", NOON)
        except Conflict as conflict:
            return str(conflict.detail["turn_id"])
        return f"turn-{number}"

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(post, range(20)))

    kept = chats.messages("anna", chat.id)
    assert len(kept) == 1
    assert answers == {kept[0].turn_id}


def test_turns_that_run_at_once_get_different_numbers(chats: Chats) -> None:
    chat = new_chat(chats)

    def talk(number: int) -> None:
        chats.heard("anna", chat.id, f"turn-{number}", f"key-{number:05}", f"question {number}", NOON)
        chats.said("anna", chat.id, f"turn-{number}", Reply(f"answer {number}"), NOON)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(24)))

    kept = chats.messages("anna", chat.id)
    numbers = [message.seq for message in kept]
    assert len(kept) == 48
    assert numbers == sorted(set(numbers))
    for question, answer in zip(kept[::2], kept[1::2], strict=True):
        assert question.turn_id == answer.turn_id
        assert (question.role, answer.role) == ("user", "assistant")


def test_a_reply_cut_short_replaces_the_whole_one(chats: Chats) -> None:
    chat = new_chat(chats)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)
    whole = chats.said("anna", chat.id, "turn-1", Reply("Well now, friend.", False, CUES, RECEIPT), minutes(1))
    cut = chats.said("anna", chat.id, "turn-1", Reply("Well now,", True, CUES[:1], RECEIPT), minutes(2))

    assert (cut.id, cut.seq) == (whole.id, whole.seq)
    assert (cut.text, cut.interrupted, cut.cues) == ("Well now,", True, CUES[:1])
    assert chats.messages("anna", chat.id)[1:] == [cut]


def test_replies_at_once_to_one_turn_leave_one_reply(chats: Chats) -> None:
    chat = new_chat(chats)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: chats.said("anna", chat.id, "turn-1", Reply(f"answer {n}"), NOON), range(8)))

    assert len({message.id for message in said}) == 1
    assert len(chats.messages("anna", chat.id)) == 2


def test_nothing_is_said_in_a_turn_that_was_never_opened(chats: Chats) -> None:
    chat = new_chat(chats)
    for attempt in (
        lambda: chats.said("anna", chat.id, "turn-1", Reply("Hello"), NOON),
        lambda: chats.turn("anna", chat.id, "turn-1"),
    ):
        with pytest.raises(NotFound) as refused:
            attempt()
        assert refused.value.code == "turn_gone"
    assert chats.messages("anna", chat.id) == []


def test_a_turn_without_a_reply_has_only_what_was_heard(chats: Chats) -> None:
    chat = new_chat(chats)
    heard = chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)

    assert chats.turn("anna", chat.id, "turn-1") == (heard, None)


def test_a_turn_that_was_spoken_over_is_forgotten_but_its_key_stays_used(chats: Chats) -> None:
    chat = new_chat(chats)
    before = chats.heard("anna", chat.id, "turn-0", "key-00000", "Good morning", NOON)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "What is", NOON)
    chats.said("anna", chat.id, "turn-1", Reply("Well"), NOON)
    chats.unsay("anna", chat.id, "turn-1")
    chats.unsay("anna", chat.id, "turn-1")

    assert chats.messages("anna", chat.id) == [before]
    assert chats.turn("anna", chat.id, "turn-1") == (None, None)
    assert chats.turn_of_key("anna", chat.id, "key-00001") == "turn-1"
    with pytest.raises(Conflict):
        chats.heard("anna", chat.id, "turn-2", "key-00001", "What is", NOON)
    with pytest.raises(NotFound) as refused:  # a reply that was on its way does not bring it back
        chats.said("anna", chat.id, "turn-1", Reply("Well, friend"), NOON)
    assert refused.value.code == "turn_gone"
    after = chats.heard("anna", chat.id, "turn-3", "key-00003", "What is courage?", NOON)
    assert chats.messages("anna", chat.id) == [before, after]


def test_forgetting_a_turn_that_never_opened_is_no_error(chats: Chats) -> None:
    chat = new_chat(chats)
    chats.unsay("anna", chat.id, "turn-9")
    assert chats.messages("anna", chat.id) == []


def test_a_message_that_is_not_there_is_gone(chats: Chats) -> None:
    chat, other = new_chat(chats), new_chat(chats)
    elsewhere = chats.heard("anna", other.id, "turn-1", "key-00001", "Hello", NOON)
    for message_id in (elsewhere.id, "nonsense", "", "\0", "\ud800", "x" * 5_000):
        with pytest.raises(NotFound) as refused:
            chats.message("anna", chat.id, message_id)
        assert refused.value.code == "message_gone"


def test_chats_are_listed_by_the_last_thing_said(chats: Chats) -> None:
    first, second, third = (new_chat(chats, now=minutes(n)) for n in range(3))
    new_chat(chats, guest="ben")
    chats.heard("anna", first.id, "turn-1", "key-00001", "Hello", minutes(10))
    chats.heard("anna", second.id, "turn-1", "key-00001", "Hello", minutes(11))
    chats.said("anna", first.id, "turn-1", Reply("Hello, friend"), minutes(12))

    listed = chats.recent("anna")
    assert [chat.id for chat in listed] == [first.id, second.id, third.id]
    assert listed[0] == chats.get("anna", first.id)
    assert [chat.id for chat in chats.recent("anna", limit=2)] == [first.id, second.id]
    assert [chat.id for chat in chats.recent("anna", before=minutes(12))] == [second.id, third.id]
    assert [chat.id for chat in chats.recent("anna", limit=1, before=minutes(11))] == [third.id]
    assert chats.recent("nobody") == []
    assert chats.recent("\0") == []


def test_a_chat_is_renamed(chats: Chats) -> None:
    chat = new_chat(chats)
    renamed = chats.rename("anna", chat.id, MIXED)

    assert renamed.title == MIXED
    assert chats.rename("anna", chat.id, MIXED) == renamed  # the same name again changes nothing and is no error
    assert chats.get("anna", chat.id) == renamed


def test_a_chat_is_named_where_nobody_has_named_it(chats: Chats) -> None:
    chat = new_chat(chats)
    chats.rename("anna", chat.id, "")
    named = chats.name("anna", chat.id, MIXED)

    assert named.title == MIXED
    assert chats.name("anna", chat.id, "Something else") == named
    chats.rename("anna", chat.id, "Mine")
    chats.name("anna", chat.id, "What was said first")
    assert chats.get("anna", chat.id).title == "Mine"


def test_a_deleted_chat_is_gone_until_it_is_restored(chats: Chats) -> None:
    chat, kept = new_chat(chats), new_chat(chats)
    heard = chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)
    chats.delete("anna", chat.id, minutes(1))

    assert [c.id for c in chats.recent("anna")] == [kept.id]
    with pytest.raises(NotFound):
        chats.get("anna", chat.id)
    restored = chats.restore("anna", chat.id)
    assert restored.deleted_at is None
    assert chats.messages("anna", chat.id) == [heard]
    assert chats.restore("anna", chat.id) == restored
    assert {c.id for c in chats.recent("anna")} == {chat.id, kept.id}


def test_deleting_twice_keeps_the_first_time(chats: Chats) -> None:
    chat = new_chat(chats)
    chats.delete("anna", chat.id, minutes(1))
    chats.delete("anna", chat.id, minutes(9))

    assert chats.purge(minutes(2)) == 1


def test_purging_erases_what_was_deleted_long_enough_ago(chats: Chats) -> None:
    old, recent, kept = (new_chat(chats) for _ in range(3))
    for chat in (old, recent, kept):
        chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)
    chats.delete("anna", old.id, minutes(1))
    chats.delete("anna", recent.id, minutes(5))

    assert chats.purge(minutes(1)) == 0
    assert chats.purge(minutes(3)) == 1
    assert chats.purge(minutes(3)) == 0
    with pytest.raises(NotFound):
        chats.restore("anna", old.id)
    assert len(chats.messages("anna", chats.restore("anna", recent.id).id)) == 1
    assert len(chats.messages("anna", kept.id)) == 1


def test_many_chats_are_purged_at_once(chats: Chats) -> None:
    for _ in range(450):
        chats.delete("anna", new_chat(chats).id, NOON)

    assert chats.purge(minutes(1)) == 450
    assert chats.purge(minutes(1)) == 0


def test_everything_at_once_in_one_chat_ends_in_ordinary_answers(chats: Chats) -> None:
    chat = new_chat(chats)
    chats.heard("anna", chat.id, "turn-0", "key-00000", "Hello", NOON)
    ends: list[str] = []

    def live(number: int) -> None:
        turn, key = f"turn-{number}", f"key-{number:05}"
        for step in (
            lambda: chats.heard("anna", chat.id, turn, key, "Hello", minutes(number)),
            lambda: chats.rename("anna", chat.id, f"Title {number}"),
            lambda: chats.name("anna", chat.id, f"Name {number}"),
            lambda: chats.said("anna", chat.id, turn, Reply("Hello, friend"), minutes(number)),
            lambda: chats.summarise("anna", chat.id, f"Summary {number}", number),
            lambda: chats.delete("anna", chat.id, minutes(number)) if number % 7 == 0 else None,
            lambda: chats.purge(NOON),
            lambda: chats.unsay("anna", chat.id, turn),
            lambda: chats.restore("anna", chat.id),
            lambda: chats.recent("anna"),
        ):
            try:
                step()
                ends.append("done")
            except ParleyError as error:
                ends.append(error.code)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(live, range(1, 61)))

    assert len(ends) == 60 * 10
    assert set(ends) <= {"done", "chat_gone", "turn_gone"}
    assert ends.count("done") > 60 * 3


def test_a_summary_replaces_the_one_before_but_not_a_newer_one(chats: Chats) -> None:
    chat = new_chat(chats)
    assert (chat.summary, chat.summary_upto) == ("", 0)

    first = chats.summarise("anna", chat.id, MIXED, 4)
    assert (first.summary, first.summary_upto) == (MIXED, 4)
    again = chats.summarise("anna", chat.id, "Better said", 4)
    assert (again.summary, again.summary_upto) == ("Better said", 4)
    newer = chats.summarise("anna", chat.id, "They spoke of courage", 8)
    assert chats.summarise("anna", chat.id, "Came too late", 6) == newer
    assert chats.get("anna", chat.id) == newer


def everything(chats: Chats, guest: str, chat_id: str) -> list[ParleyError | None]:
    """Try each method on a chat and return how each ended; restore comes last."""
    answers: list[ParleyError | None] = []
    for attempt in (
        lambda: chats.get(guest, chat_id),
        lambda: chats.messages(guest, chat_id),
        lambda: chats.message(guest, chat_id, "message"),
        lambda: chats.rename(guest, chat_id, "Mine now"),
        lambda: chats.name(guest, chat_id, "Mine now"),
        lambda: chats.heard(guest, chat_id, "turn-x", "key-x0001", "Hello", NOON),
        lambda: chats.said(guest, chat_id, "turn-1", Reply("Hello"), NOON),
        lambda: chats.unsay(guest, chat_id, "turn-1"),
        lambda: chats.turn(guest, chat_id, "turn-1"),
        lambda: chats.turn_of_key(guest, chat_id, "key-00001"),
        lambda: chats.summarise(guest, chat_id, "Mine now", 9),
        lambda: chats.delete(guest, chat_id, NOON),
        lambda: chats.restore(guest, chat_id),
    ):
        try:
            attempt()
            answers.append(None)
        except ParleyError as error:
            answers.append(error)
    return answers


@pytest.mark.parametrize("guest", ["ben", "ANNA", "anna ", "", "\0", "\ud800", "x" * 5_000])
def test_nobody_reaches_the_chat_of_another(chats: Chats, guest: str) -> None:
    chat = new_chat(chats)
    heard = chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)
    before = chats.get("anna", chat.id)

    for answer in everything(chats, guest, chat.id):
        assert isinstance(answer, NotFound)
        assert answer.code == "chat_gone"
    assert chats.get("anna", chat.id) == before
    assert chats.messages("anna", chat.id) == [heard]
    assert chats.recent(guest) == []


@pytest.mark.parametrize("chat_id", ["nonsense", "", "\0", "\ud800", "' OR 1=1 --", "%", "x" * 5_000, "很" * 64])
def test_a_chat_that_never_was_is_gone(chats: Chats, chat_id: str) -> None:
    new_chat(chats)
    assert [error.code for error in everything(chats, "anna", chat_id) if error] == ["chat_gone"] * 13


def test_a_deleted_chat_takes_nothing_more(chats: Chats) -> None:
    chat = new_chat(chats)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)
    chats.delete("anna", chat.id, NOON)

    *answers, deleted_again, restored = everything(chats, "anna", chat.id)
    assert [error.code for error in answers if error] == ["chat_gone"] * len(answers)
    assert (deleted_again, restored) == (None, None)


@pytest.mark.parametrize("text", ["a\0b", "\ud83d alone", "\udc00"])
def test_text_that_no_database_holds_is_refused_and_nothing_is_half_written(chats: Chats, text: str) -> None:
    chat = new_chat(chats)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)
    for attempt in (
        lambda: chats.create("anna", "socrates", "en", text, NOON),
        lambda: chats.create("anna", text, "en", "", NOON),
        lambda: chats.create(text, "socrates", "en", "", NOON),
        lambda: chats.rename("anna", chat.id, text),
        lambda: chats.name("anna", chat.id, text),
        lambda: chats.summarise("anna", chat.id, text, 2),
        lambda: chats.heard("anna", chat.id, "turn-2", "key-00002", text, NOON),
        lambda: chats.heard("anna", chat.id, "turn-2", text, "Hello", NOON),
        lambda: chats.heard("anna", chat.id, text, "key-00002", "Hello", NOON),
        lambda: chats.said("anna", chat.id, "turn-1", Reply(text), NOON),
        lambda: chats.said("anna", chat.id, "turn-1", Reply("Hello", cues=(Cue(text, 0, 1),)), NOON),
    ):
        with pytest.raises(BadInput) as refused:
            attempt()
        assert refused.value.code == "text_unreadable"
    assert chats.turn_of_key("anna", chat.id, text) is None
    assert len(chats.messages("anna", chat.id)) == 1
    assert [c.id for c in chats.recent("anna")] == [chat.id]


@pytest.mark.parametrize("name", ["", "key 1", "key\n", "键", "k" * 65])
def test_names_that_databases_compare_differently_are_refused(chats: Chats, name: str) -> None:
    chat = new_chat(chats)
    for attempt in (
        lambda: chats.create(name, "socrates", "en", "", NOON),
        lambda: chats.create("anna", name, "en", "", NOON),
        lambda: chats.heard("anna", chat.id, "turn-1", name, "Hello", NOON),
        lambda: chats.heard("anna", chat.id, name, "key-00001", "Hello", NOON),
    ):
        with pytest.raises(BadInput):
            attempt()
    assert chats.messages("anna", chat.id) == []
