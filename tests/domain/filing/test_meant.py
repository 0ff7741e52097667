"""Which of that which came earlier a question means, in conversations."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.chat import Message, Sourced
from domain.filing.meant import meant
from domain.filing.model import Attachment, Kind
from domain.filing.passages import parts_of
from domain.knowledge.model import Citation

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def came(id_: str, name: str, kind: Kind, text: str) -> Attachment:
    at = NOON + timedelta(seconds=ord(id_))
    return Attachment(
        id=id_, owner="anna", chat_id="c", kind=kind, name=name, state="ready", text=text, turn_id=f"turn-{id_}",
        created_at=at, moved_at=at,
    )  # fmt: skip


CAME = {
    one.id: one
    for one in (
        came(
            "a", "lighthouse notes.docx", "office",
            "The lamp of the lighthouse stands forty metres above the sea. The keeper was Amos Reed. He baked bread.",
        ),
        came("b", "invoice-2041.pdf", "pdf", "Harbour Supplies. Rope 40 dollars, paint 25 dollars, due 3 May."),
        came("c", "IMG_1234.jpg", "image", "STOP"),
        came("d", "screenshot station.png", "image", "EXIT left, platform 9"),
        came("e", "voice 3.m4a", "audio", "We talked about the harvest and about water prices in the valley."),
        came("f", "Virtue Ethics", "web", "Virtue ethics is one of three approaches in normative ethics."),
        came("g", "Mei_Lin_CV.pdf", "pdf", "Mei Lin. Nurse in Leeds for six years. Speaks Cantonese and English."),
        came("h", "sales 2026.xlsx", "office", "Quarter, sales\nQ1, 200\nQ2, 260"),
        came("y", "待办.txt", "text", "买牛奶\n交电费\n周五看牙医"),
        came("z", "报销制度.docx", "office", "出差报销制度：每日伙食补贴一百元，市内交通五十元，住宿凭发票实报实销。"),
    )
}  # fmt: skip


def line(role: str, turn: str, *about: str) -> Message:
    cited = tuple(Citation(1, "x", "", "", "x", attachment_id=one) for one in about)
    return Message(f"{role}-{turn}", "c", turn, 1, role, "Well.", NOON, sources=Sourced(cited))  # type: ignore[arg-type]


def picked(question: str, ids: str, *history: Message) -> str:
    earlier = [CAME[one] for one in ids]
    parts = {one.id: parts_of(one.id, one.name, one.text, 600) for one in earlier}
    return "".join(one.id for one in meant(question, earlier, parts, history))


LATER = [
    ("ab", "What does invoice 2041 say?", "b"),
    ("ab", "Who is named in the lighthouse notes?", "a"),
    ("ab", "Compare the two documents.", "ab"),
    ("ab", "What was in the first file I sent?", "a"),
    ("cd", "What is in the first picture?", "c"),
    ("cd", "The second photo, what does it say?", "d"),
    ("cd", "What do the pictures have in common?", "cd"),
    ("cd", "What does the screenshot say?", "d"),
    ("cd", "What is in the picture?", "d"),
    ("cd", "第一张图上写了什么？", "c"),
    ("cd", "最后一张图是什么？", "d"),
    ("cd", "两张图片有什么不同？", "cd"),
    ("c", "这张照片是在哪里拍的？", "c"),
    ("c", "你试图说什么？", ""),
    ("c", "你的意图是什么？", ""),
    ("c", "图书馆几点开门？", ""),
    ("c", "你会拍照吗？", ""),
    ("c", "Imagine you are a bird.", ""),
    ("f", "What is the link between virtue and knowledge?", ""),
    ("f", "What does the article say about approaches?", "f"),
    ("f", "Is virtue teachable?", ""),
    ("e", "How should I prepare for a job interview?", ""),
    ("e", "Let us begin the interview.", ""),
    ("e", "What did she say in the interview?", "e"),
    ("e", "录音里说了什么？", "e"),
    ("g", "What is in my CV?", "g"),
    ("g", "Which languages does Mei Lin speak?", "g"),
    ("h", "Which quarter was better in the spreadsheet?", "h"),
    ("h", "What do you put on a table for dinner?", ""),
    ("gh", "What does the table show?", "h"),
    ("a", "Take note of this: I love tea.", ""),
    ("a", "What did I send you?", "a"),
    ("a", "Do you remember what I showed you?", "a"),
    ("a", "我给你看的东西还记得吗？", "a"),
    ("a", "Did you read it?", ""),
    ("y", "我的待办里有什么？", "y"),
    ("y", "今天天气怎么样？", ""),
    ("z", "伙食补贴是多少？", "z"),
    ("z", "什么是幸福？", ""),
    ("az", "那份报销制度怎么说？", "z"),
    ("az", "这两份文件分别讲什么？", "az"),
    ("b", "发票上的总额是多少？", "b"),
]
AFTER = [
    ("ab", "a", "What else does the document say?", "a"),
    ("ab", "a", "And what is in the invoice?", "b"),
    ("cd", "c", "What colour is the sign in that picture?", "c"),
    ("cd", "d", "And the other picture?", "c"),
    ("cd", "d", "另一张图呢？", "c"),
    ("ac", "c", "Does the document mention a sign?", "a"),
    ("gh", "h", "Now back to the PDF.", "g"),
    ("a", "a", "Who is he?", "a"),
    ("a", "a", "Why?", "a"),
    ("a", "a", "And who baked?", "a"),
    ("a", "a", "Tell me more.", "a"),
    ("a", "a", "Go on.", "a"),
    ("a", "a", "Summarise the rest.", "a"),
    ("a", "a", "Thank you.", ""),
    ("a", "a", "Thanks, that is very kind of you!", ""),
    ("a", "a", "So, who are you?", ""),
    ("a", "a", "Why is the sky blue?", ""),
    ("a", "a", "Let's talk about something else. What is courage?", ""),
    ("a", "a", "Never mind that. Tell me a joke.", ""),
    ("a", "a", "How old are you?", ""),
    ("a", "a", "守塔人叫什么名字？", "a"),
    ("a", "a", "它有多高？", "a"),
    ("a", "a", "继续说。", "a"),
    ("a", "a", "那你是谁？", ""),
    ("a", "a", "我应该怎么做才能更勇敢？", ""),
    ("a", "a", "其实我今天心情不好。", ""),
    ("a", "a", "谢谢你！", ""),
    ("a", "a", "你呢？", ""),
    ("a", "a", "换个话题吧，讲个笑话。", ""),
    ("b", "b", "How much is the rope?", "b"),
    ("b", "b", "绳子多少钱？", "b"),
    ("g", "g", "I am tired today.", ""),
    ("g", "g", "What do you think about courage?", ""),
    ("y", "y", "还有别的吗？", "y"),
    ("y", "y", "When is the dentist?", "y"),
    ("y", "y", "你喜欢喝茶吗？", ""),
    ("z", "z", "那住宿呢？", "z"),
    ("z", "z", "what about the hotel?", "z"),
]


@pytest.mark.parametrize(("there", "question", "found"), LATER)
def test_turns_later_a_question_finds_what_it_names_and_nothing_else(there: str, question: str, found: str) -> None:
    assert picked(question, there, line("user", "t8"), line("assistant", "t8")) == found


@pytest.mark.parametrize(("there", "about", "question", "found"), AFTER)
def test_right_after_a_reply_about_one_a_question_goes_on_about_it_or_does_not(
    there: str, about: str, question: str, found: str
) -> None:
    assert picked(question, there, line("user", f"turn-{about}"), line("assistant", f"turn-{about}", about)) == found


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Hello?", "a"), ("How high is it?", "a"), ("I asked how high the lamp is.", "a"), ("灯塔呢", "a"),
        ("Tell me about courage instead.", ""), ("Never mind. What is courage?", ""), ("算了，讲个笑话吧。", ""),
    ],
)  # fmt: skip
def test_what_came_with_words_that_had_no_answer_is_asked_about_still_unless_they_speak_of_something_else(
    question: str, found: str
) -> None:
    assert picked(question, "a", line("assistant", "t0"), line("user", "turn-a")) == found
    assert picked(question, "a", line("assistant", "t0"), line("user", "turn-a"), line("user", "t9")) == found, (
        "nor had what they said after it"
    )
    assert picked("Hello?", "a", line("user", "turn-a"), line("assistant", "t8"), line("user", "t9")) == ""


def test_where_nothing_came_nothing_is_meant() -> None:
    assert picked("What is in the picture?", "") == ""
