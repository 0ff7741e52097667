from datetime import UTC, datetime

from domain.chat import Cue, Message, heard_part, to_summarise, tokens, window
from domain.persona import system_prompt
from domain.prompts import prompt_for, summary_prompt
from tests.fakes import SOCRATES

AT = datetime(2026, 1, 1, tzinfo=UTC)


def talk(*texts: str) -> list[Message]:
    roles = ("user", "assistant")
    return [Message(str(n), "c", f"t{n // 2}", n + 1, roles[n % 2], t, AT) for n, t in enumerate(texts)]  # type: ignore[arg-type]


def test_the_window_keeps_the_newest_and_begins_with_the_user() -> None:
    history = talk("one " * 30, "two " * 30, "three " * 30, "four")
    kept = window(history, budget=tokens(history[2].text) + tokens("four") + tokens(history[1].text) + 1)
    assert [line.text.split()[0] for line in kept] == ["three", "four"]


def test_even_one_message_too_long_for_the_window_is_kept() -> None:
    assert len(window(talk("word " * 5000), budget=10)) == 1


def test_history_becomes_summary_in_large_steps() -> None:
    assert not to_summarise(talk(*["a few words"] * 20))
    history = talk(*["many words " * 20] * 30)
    old = to_summarise(history)
    assert len(old) > 10
    assert history[len(old)].role == "user"
    assert sum(tokens(m.text) for m in history[len(old) :]) <= 560


def test_chinese_counts_about_one_token_a_character() -> None:
    assert tokens("今天天气真不错") == 11


CUES = [Cue("Well now, ", 0, 1000), Cue("that is a question. ", 1000, 3000), Cue("Go on.", 3000, 3500)]


def test_what_was_heard_ends_at_a_whole_word() -> None:
    assert heard_part(CUES, 0) == ""
    assert heard_part(CUES, 1000) == "Well now,"
    assert heard_part(CUES, 2000) == "Well now, that is a"
    assert heard_part(CUES, 1800) == "Well now, that is"
    assert heard_part(CUES, 9999) == "Well now, that is a question. Go on."


def test_what_was_heard_of_chinese_ends_at_a_whole_character() -> None:
    assert heard_part([Cue("今天天气真不错。", 0, 1600)], 850) == "今天天气"
    assert heard_part([Cue("我用 Python 写的。", 0, 1000)], 450) == "我用"


def test_the_prompt_begins_the_same_whatever_was_said() -> None:
    from domain.chat import Chat, Line

    chat = Chat("c", "g", "socrates", "en", "", AT, AT)
    first = prompt_for(chat, SOCRATES, [], Line("user", "Hello"))
    second = prompt_for(chat, SOCRATES, talk("Hello", "Hi."), Line("user", "Why?"))
    assert first.system == second.system == system_prompt(SOCRATES.card("en"), "en")
    assert second.lines[: len(first.lines)] == first.lines
    assert [line.text for line in second.lines] == ["Welcome. What brings you?", "Hello", "Hi.", "Why?"]


def test_a_question_that_got_no_answer_is_not_asked_twice() -> None:
    from domain.chat import Chat, Line

    chat = Chat("c", "g", "socrates", "en", "", AT, AT)
    prompt = prompt_for(chat, SOCRATES, talk("Hello"), Line("user", "Hello"))
    assert [line.text for line in prompt.lines] == ["Welcome. What brings you?", "Hello"]


def test_the_summary_is_asked_for_outside_the_chats_own_cache() -> None:
    from domain.chat import Chat

    chat = Chat("c", "g", "socrates", "zh", "", AT, AT, summary="他叫小明。")
    prompt = summary_prompt(chat, SOCRATES, talk("我要走了", "好的"))
    assert prompt.chat_id == "summary"
    assert "他叫小明" in prompt.lines[0].text and "苏格拉底: 好的" in prompt.lines[0].text
