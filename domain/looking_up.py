"""Looking up what is known about a question, beside everything else that a turn does.

A search begins at a pause of the user, on the transcript so far, and the turn finds it ready when that was all.
Whatever becomes of it, the turn goes on: it waits for a moment, then answers without.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextvars import Context, copy_context

import msgspec
from msgspec.structs import replace

from domain.chat import Chat, Line, Message, Sourced
from domain.errors import ParleyError
from domain.filing import showing
from domain.filing.showing import Shown
from domain.knowledge.library import Found, Library
from domain.knowledge.quoting import boundary, fitting, preface
from domain.usage import TURN

log = logging.getLogger(__name__)
WAIT_S = 0.150  # the most that a first sound waits for sources
BEHIND_S = 1.5  # the most that what follows an opening waits: about as long as an opening sounds
PAUSE_S = 2.0  # while the user pauses there is more time, but what takes longer helps nobody
FRESH_S = 60.0  # an utterance has at most that many seconds
RECENT = 6  # messages that a question may lean on
MOST_CHATS = 512
NOTHING = Shown()
QUOTED_CHARS = 600  # 20 ms per token on two cores
QUOTED_CHARS_QUICK = 2_000  # an endpoint or a GPU reads that in no time


class LookedUp(msgspec.Struct, frozen=True):
    """What came of it: what stands under the reply, and what goes before the user's words."""

    asked: bool = False  # whether there was something to look up in, as far as is known
    sources: Sourced = Sourced()
    preface: str = ""

    @property
    def nothing(self) -> bool:
        """Whether there are sources, they were asked in time, and nothing in them is worth quoting."""
        return self.asked and not self.sources.citations and not self.sources.missed


MISSED = LookedUp(True, Sourced(missed=True))


class LookUp:
    """One question on its way. `mark` is the boundary around what is quoted, `account` the context it is asked in."""

    def __init__(
        self, text: str, history: Sequence[Message], mark: str, task: asyncio.Task[Found | None], account: Context
    ) -> None:
        self.text, self.upto, self.mark, self.task, self._account = text, _upto(history), mark, task, account
        self.earlier = history[-1].sources.citations if history else ()  # what the reply before stood on
        self.began = asyncio.get_running_loop().time()
        self._shown = NOTHING
        self._choosing: asyncio.Task[Shown] | None = None

    @property
    def shown(self) -> Shown:
        """What of attachments is quoted, as far as is known by now."""
        task = self._choosing
        return task.result() if task is not None and task.done() and not task.cancelled() else self._shown

    def show(self, shown: Shown) -> None:
        """This is what words have chosen; begin to ask for the meaning, unless just that was asked at a pause."""
        again = (shown.citations, shown.nearer is None) == (self._shown.citations, self._choosing is None)
        self._shown = shown
        if again:
            return
        if self._choosing is not None:
            self._choosing.cancel()
        self._choosing = None
        if shown.nearer is not None:
            self._choosing = asyncio.create_task(shown.nearer(), name="choose by meaning", context=self._account)

    async def wait(self, seconds: float) -> bool:
        """Wait so long at most; say whether everything is there."""
        tasks = [task for task in (self.task, self._choosing) if task is not None]
        return not (await asyncio.wait(tasks, timeout=seconds))[1]

    def cancel(self) -> None:
        self.task.cancel()
        if self._choosing is not None:
            self._choosing.cancel()

    @property
    def fresh(self) -> bool:
        return asyncio.get_running_loop().time() - self.began < FRESH_S

    def answers(self, text: str, history: Sequence[Message]) -> bool:
        """Whether it is this question, at this point of the chat, asked a moment ago."""
        return self.fresh and (self.text, self.upto) == (text, _upto(history))


class LookUps:
    """`library` None: nobody has sources, and nothing costs anything."""

    def __init__(
        self, library: Library | None = None, characters: int = QUOTED_CHARS, wait_s: float = WAIT_S
    ) -> None:
        self._library = library
        self._wait_s = wait_s
        self._characters = characters
        self._ahead: OrderedDict[str, LookUp] = OrderedDict()  # by chat: what was begun at a pause

    def begin(
        self, chat: Chat, text: str, history: Sequence[Message], turn_id: str = "", shown: Shown = NOTHING
    ) -> None:
        """Look ahead, at a pause: the newest question of a chat replaces the one before. `turn_id` pays for it."""
        if self._library is None and not shown.citations:
            return
        before = self._ahead.get(chat.id)
        if before is not None and before.answers(text, history):
            before.show(shown)
            return
        mark = self._give_up(chat)
        account = copy_context()
        account.run(TURN.set, turn_id)
        self._ahead[chat.id] = self._ask(chat, text, history, mark, account, shown, patient=True)
        while len(self._ahead) > MOST_CHATS:
            self._ahead.popitem(last=False)[1].cancel()

    async def ahead(self, chat: Chat) -> LookedUp:
        """Return what the look ahead found; it stays there for the turn."""
        look_up = self._ahead.get(chat.id)
        if look_up is None:
            return LookedUp()
        await look_up.wait(PAUSE_S)
        return self._result(chat, look_up)

    def start(self, chat: Chat, text: str, history: Sequence[Message], shown: Shown = NOTHING) -> LookUp | None:
        """Begin for a turn, or take over what was begun at a pause; None where there is nothing. `end` it."""
        if self._library is None and not shown.citations:
            return None
        look_up = self._ahead.get(chat.id)
        failed = look_up is not None and look_up.task.done() and _found(look_up.task) is None
        if look_up is None or failed or not look_up.answers(text, history):
            look_up = self._ask(chat, text, history, self._give_up(chat), copy_context(), shown)
        look_up.show(shown)
        self._ahead.pop(chat.id, None)
        return look_up

    async def found(self, chat: Chat, look_up: LookUp | None, seconds: float | None = None) -> LookedUp | None:
        """Return what is known about the question, None when not all is there after so long. Raises nothing."""
        if look_up is None:
            return LookedUp()
        there = await look_up.wait(self._wait_s if seconds is None else seconds)
        return self._result(chat, look_up) if there else None

    def end(self, look_up: LookUp | None) -> None:
        """Of what is late, or of a turn that was stopped, nobody hears any more."""
        if look_up is not None:
            look_up.cancel()

    async def warm(self, chat: Chat, text: str) -> None:
        """Ask before anybody does: where the encoder is a function that sleeps, the first question finds it awake."""
        if self._library is not None:
            await _consult(self._library, chat, text, (), True)

    @property
    def any(self) -> bool:
        return self._library is not None

    def _give_up(self, chat: Chat) -> str:
        """Drop what was begun at a pause; return its mark, which stays while the user speaks: the LLM has read it."""
        before = self._ahead.pop(chat.id, None)
        if before is None:
            return boundary()
        before.cancel()
        return before.mark if before.fresh else boundary()

    def _ask(
        self, chat: Chat, text: str, history: Sequence[Message], mark: str, account: Context, shown: Shown,
        *, patient: bool = False,
    ) -> LookUp:  # fmt: skip
        before = [Line(message.role, message.text) for message in history[-RECENT:]]
        asking = _consult(self._library, chat, text, before, patient)
        task = asyncio.create_task(asking, name=f"look up for {chat.id}", context=account)
        look_up = LookUp(text, history, mark, task, account)
        look_up.show(shown)
        return look_up

    def missed(self, chat: Chat, look_up: LookUp | None) -> LookedUp:
        """Return what there is by now: of what was thrown into the chat something is always at hand."""
        if look_up is None:
            return MISSED
        if _found(look_up.task) is not None:  # what is late is the meaning of an attachment, and words have chosen
            return self._result(chat, look_up)
        attached = showing.preface(look_up.shown, look_up.mark, chat.language)
        return LookedUp(True, Sourced(look_up.shown.citations, missed=True), attached)

    def _result(self, chat: Chat, look_up: LookUp) -> LookedUp:
        found, shown = _found(look_up.task), look_up.shown
        if found is None:
            return self.missed(chat, look_up)
        if not found.sources and not shown.citations:
            return LookedUp()
        attached = showing.preface(shown, look_up.mark, chat.language)
        quoted = fitting(found.citations, self._characters - shown.characters)
        if shown.citations and not quoted:  # what they threw in is what they ask about
            return LookedUp(True, Sourced(shown.citations), attached)
        numbered = tuple(replace(one, number=one.number + len(shown.citations)) for one in quoted)
        words = preface(numbered, look_up.mark, chat.language, look_up.earlier)
        return LookedUp(True, Sourced((*shown.citations, *numbered)), attached + words)

    def close(self) -> None:
        while self._ahead:
            self._ahead.popitem()[1].cancel()


async def _consult(
    library: Library | None, chat: Chat, text: str, before: Sequence[Line], patient: bool
) -> Found | None:
    """Return None when it failed: a library that is broken costs a reply its sources and nothing else."""
    if library is None:
        return Found()
    try:
        return await library.consult(chat.guest, chat.persona_id, text, before, patient)
    except ParleyError as error:
        log.warning("no sources: %s", error.code)
    except Exception:
        log.exception("no sources")
    return None


def _upto(history: Sequence[Message]) -> int:
    return history[-1].seq if history else 0


def _found(task: asyncio.Task[Found | None]) -> Found | None:
    """Return what was found, None when it is not there (yet)."""
    return task.result() if task.done() and not task.cancelled() else None
