"""No order of steps leads from the answer to a question to a session: it takes the mail of the account as well."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.accounts import Wish
from domain.errors import ParleyError
from domain.people import Session, User
from tests.domain.people_house import HOME, NEWER, PASSWORD, THIEF, House, session_of

QUESTION, ANSWER = "Which boat was first?", "Grey Heron of Bergen 44"
OURS = "a quiet pond in May, with frogs"  # the thief's own password, and the one they try to set
Step = Callable[["Story"], Awaitable[object]]


class Story:
    """Anna, who set a question, and a thief who knows all about her: names, address, question and answer.

    What the thief has not: her password, her mail, her recovery codes, her browser. They have an account of their own.
    """

    def __init__(self) -> None:
        self.house = House(question=True)
        self.people = self.house.people
        self.held: list[str] = [ANSWER, QUESTION, "", "x.y.z"]  # whatever the thief can try as a token

    async def begin(self) -> None:
        anna = session_of(await self.house.settle("anna"))
        await self.people.set_question(anna, QUESTION, ANSWER, HOME)
        self.anna: User = self.house.accounts.get(anna.user_id)
        self.before = self.state()
        self.mine: Session = session_of(await self.house.settle("thief", THIEF))
        await self.people.set_question(self.mine, QUESTION, ANSWER, THIEF)

    def state(self) -> tuple[Any, ...]:
        town, anna = self.house.town, self.anna.id
        return (
            town.users[anna],
            town.questions[anna],
            {key for key, session in town.sessions.items() if session.user_id == anna and not session.revoked_at},
            {key for key, passkey in town.passkeys.items() if passkey.user_id == anna},
            town.codes.get(anna),
        )

    def read_own_mail(self) -> None:
        """Only what came to the thief's own address; every part of the link may serve."""
        for mail in self.house.letters.mails:
            if mail.to == "thief@x.org" and "https://parley.test/recover/" in mail.body:
                self.held.append(self.house.link(mail))

    async def try_all(self, step: Callable[[str], Awaitable[object]]) -> None:
        for token in self.held[-6:]:
            with suppress(ParleyError):
                await step(token)


async def sign_in(story: Story) -> None:
    for login in ("anna", "anna@x.org"):
        for word in (ANSWER, ANSWER.lower(), OURS, QUESTION):
            with suppress(ParleyError):
                await story.people.sign_in(login, word, THIEF)


async def ask_for_her_link(story: Story) -> None:
    await story.people.recover("anna@x.org", THIEF)


async def ask_for_my_link(story: Story) -> None:
    await story.people.recover("thief@x.org", THIEF)
    story.read_own_mail()


async def look_at_links(story: Story) -> None:
    await story.try_all(story.people.recovering)


async def finish(story: Story) -> None:
    await story.try_all(lambda token: story.people.finish_recovery(token, OURS, THIEF, answer=ANSWER))


async def use_a_code(story: Story) -> None:
    for code in (ANSWER, "", QUESTION):
        with suppress(ParleyError):
            await story.people.use_recovery_code("anna", code, OURS, THIEF)


async def register_as_her(story: Story) -> None:
    await story.people.register(Wish("anna2", "anna@x.org", OURS), "guest-thief", THIEF)


async def confirm(story: Story) -> None:
    await story.try_all(lambda token: story.people.confirm(token, "guest-thief", THIEF, password=OURS))


async def sign_in_as_me(story: Story) -> None:
    for word in (PASSWORD, OURS):
        with suppress(ParleyError):
            story.mine = session_of(await story.people.sign_in("thief", word, THIEF))


async def change_my_address_to_hers(story: Story) -> None:
    await story.people.change_email(story.mine, "anna@x.org", THIEF)


async def change_my_question(story: Story) -> None:
    await story.people.set_question(story.mine, QUESTION, ANSWER, THIEF)


async def wait(story: Story) -> None:
    story.house.clock.seconds += 3_600


STEPS: list[Step] = [
    sign_in, ask_for_her_link, ask_for_my_link, look_at_links, finish, use_a_code, register_as_her, confirm,
    sign_in_as_me, change_my_address_to_hers, change_my_question, wait,
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.sampled_from(STEPS), min_size=3, max_size=14))
def test_no_order_of_steps_leads_from_the_answer_to_a_session(steps: list[Step]) -> None:
    async def told() -> None:
        story = Story()
        await story.begin()
        for step in steps:
            with suppress(ParleyError):
                await step(story)
            assert story.state() == story.before, step.__name__

    asyncio.run(told())


def test_the_same_steps_with_her_mail_do_lead_to_one() -> None:
    """Else the thief above would prove nothing: it is the mail that is missing."""

    async def told() -> None:
        story = Story()
        await story.begin()
        await ask_for_her_link(story)
        story.held.append(story.house.link())
        await finish(story)
        assert story.state() != story.before
        assert await story.people.sign_in("anna", OURS, THIEF)

    asyncio.run(told())


def test_her_mail_without_the_answer_is_not_enough() -> None:
    async def told() -> None:
        story = Story()
        await story.begin()
        await ask_for_her_link(story)
        link = story.house.link()
        for guess in ("", QUESTION, "anna", NEWER, ANSWER + "5"):
            with suppress(ParleyError):
                await story.people.finish_recovery(link, OURS, THIEF, answer=guess)
        assert story.state() == story.before

    asyncio.run(told())
