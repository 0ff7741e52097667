"""The sandbox as it is: a second process with books, a pay page and webhooks that are brought until they are taken."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
import time
from itertools import pairwise
from pathlib import Path

import msgspec
import psutil
import pytest

from domain.errors import Conflict
from domain.membership.model import Order
from domain.membership.orders import mismatch
from infra.payments.sandbox import Sandbox
from infra.payments.sandbox_wire import Switch
from tests.bench.server import free_port
from tests.infra.payments.hook import Hook
from tests.infra.payments.houses import BACK, make_order, member, now
from tests.processes import lives

pytestmark = pytest.mark.anyio
BILL = "Parley Plus, a month"
ID = "abcdefghij2345672345"
replace = msgspec.structs.replace


async def ordered(sandbox: Sandbox, id_: str = ID, **other: object) -> Order:
    order = make_order(sandbox, id_, **other)
    made = await sandbox.checkout(order, "anna@parley.example", "en", BACK, BILL)
    return replace(order, provider_ref=made.ref)


def pid_of(folder: Path) -> int:
    """Return the server's process: the one that has the books open. One that found them open is about to end."""
    end = time.monotonic() + 20
    while len(found := _servers(folder)) != 1:
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found[0]


def _servers(folder: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if "infra.payments.sandbox_server" in (process.info["cmdline"] or []) and str(folder) in process.info["cmdline"]
    ]


async def gone(pid: int) -> None:
    async with asyncio.timeout(20):
        while lives(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_payment_is_told_by_a_signed_webhook_at_its_address(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox)
    await sandbox.press("pay", order.id)
    [event] = hook.kinds("paid")
    assert mismatch(order, event) is None
    assert hook.paths == {"/payments/sandbox/webhook"}


async def test_a_webhook_is_brought_again_until_it_is_taken_and_has_its_id(sandbox: Sandbox, hook: Hook) -> None:
    hook.refuses = 3
    order = await ordered(sandbox)
    await sandbox.press("pay", order.id)
    events = hook.heard(lambda told: len(told) == 2)
    assert {event.kind for event in events} == {"other", "paid"}
    assert hook.tries == 5  # two events, three refusals


async def test_paying_twice_pays_once(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox)
    for _ in range(3):
        await sandbox.press("pay", order.id)
    await sandbox.press("later", order.id)
    assert [event.kind for event in hook.kinds("renewed")] == ["paid", "renewed"]


async def test_a_declined_or_withdrawn_checkout_cannot_be_paid(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox)
    await sandbox.press("decline", order.id)
    other = await ordered(sandbox, "b" * 20)
    await sandbox.withdraw(other)
    hook.kinds("failed", "expired")
    for each, state in ((order, "failed"), (other, "expired")):
        with pytest.raises(Conflict, match="order_state"):
            await sandbox.press("pay", each.id)
        assert (await sandbox.state(each)).state == state


async def test_a_checkout_that_nobody_pays_in_time_is_over(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox, expires_at=now())
    hook.kinds("expired")
    assert (await sandbox.state(order)).state == "expired"


async def test_periods_go_by_one_after_the_other(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox, amount=799, list_amount=999, discount=200)
    await sandbox.press("pay", order.id)
    for _ in range(2):
        await sandbox.press("later", order.id)
    first, *renewals = hook.heard(lambda told: [event.kind for event in told].count("renewed") == 2)[1:]
    assert (first.amount, [event.amount for event in renewals]) == (799, [999, 999])
    ends = [event.period_end for event in (first, *renewals)]
    assert all(one and other and 27 < (other - one).days < 32 for one, other in pairwise(ends))
    assert len({event.ref for event in (first, *renewals)}) == 3
    state = await sandbox.state(order)
    assert (state.amount, state.renewal, state.period_end) == (799, renewals[-1].ref, ends[-1])
    renewal = await sandbox.state(make_order(sandbox, "r" * 20, kind="renew", provider_ref=renewals[0].ref))
    assert (renewal.state, renewal.order_id, renewal.amount, renewal.period_end) == ("paid", "r" * 20, 999, ends[1])


async def test_after_a_trial_the_first_payment_has_the_discount(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox, trial_days=7, amount=799, list_amount=999, discount=200)
    await sandbox.press("pay", order.id, card="4000 0000 0000 0001")
    for _ in range(2):
        await sandbox.press("later", order.id)
    events = hook.heard(lambda told: [event.kind for event in told].count("renewed") == 2)
    assert [event.amount for event in events if event.kind != "other"] == [0, 799, 999]
    same = await ordered(sandbox, "c" * 20)
    await sandbox.press("pay", same.id, card="4000 0000 0000 0001")
    assert (await sandbox.state(same)).print_ == (await sandbox.state(order)).print_ != ""


async def test_what_is_cancelled_ends_with_its_period_and_not_before(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox)
    await sandbox.press("pay", order.id)
    holds = member(order, (await sandbox.state(order)).subscription)
    await sandbox.cancel(holds)
    await sandbox.press("later", order.id)
    assert [event.kind for event in hook.kinds("ended")] == ["paid", "ended"]
    with pytest.raises(Conflict, match="resume_late"):
        await sandbox.resume(holds)


async def test_from_the_next_payment_on_a_switch_costs_what_it_says(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox)
    await sandbox.press("pay", order.id)
    holds = member(order, (await sandbox.state(order)).subscription)
    for _ in range(2):
        await sandbox.switch(holds, 4_990, "USD", "year", "Parley Basic, a year")
    await sandbox.press("later", order.id)
    paid, renewed = hook.kinds("renewed")
    assert (paid.amount, renewed.amount) == (999, 4_990)
    assert paid.period_end and renewed.period_end and 364 < (renewed.period_end - paid.period_end).days < 367


async def test_a_declined_renewal_a_refund_and_a_dispute_are_told(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox)
    await sandbox.press("pay", order.id, {"renewals_fail": 1})
    await sandbox.press("later", order.id)
    await sandbox.refund(order, 300, f"refund:{order.id}:300")
    for what, state in (("dispute", "disputed"), ("dispute", "disputed"), ("dispute_won", "part_refunded")):
        await sandbox.press(what, order.id)  # type: ignore[arg-type]
        assert (await sandbox.state(order)).state == state
    events = hook.kinds("dispute_won")
    assert [event.kind for event in events] == ["paid", "renewal_failed", "refunded", "disputed", "dispute_won"]
    assert events[1].period_end is not None and events[1].at == events[1].period_end  # the month that went by
    assert events[2].amount == 300


# -- what can be made to go wrong ----------------------------------------------------------------------


async def test_doubled_events_are_the_same_event(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox)
    await sandbox.press("pay", order.id, {"doubled": 1})
    events = hook.heard(lambda told: [event.kind for event in told].count("paid") == 2)
    paid = [event for event in events if event.kind == "paid"]
    assert paid[0] == paid[1]


async def test_reversed_events_go_out_last_first(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox)
    await sandbox.press("pay", order.id, {"reversed": 1})
    await sandbox.press("later", order.id)
    await sandbox.refund(order, 100, f"refund:{order.id}:100")
    events = hook.heard(lambda told: len(told) == 4)
    assert [event.kind for event in events] == ["refunded", "renewed", "paid", "other"]


async def test_events_that_never_come_leave_the_books_right(sandbox: Sandbox, hook: Hook) -> None:
    order = await ordered(sandbox)
    await sandbox.press("pay", order.id, {"silent": 1})
    assert (await sandbox.state(order)).state == "paid"
    loud = await ordered(sandbox, "d" * 20)
    await sandbox.press("pay", loud.id)
    assert [event.order_id for event in hook.kinds("paid")] == [loud.id]


async def test_late_events_wait_also_while_others_come(sandbox: Sandbox, hook: Hook) -> None:
    late = await ordered(sandbox)
    await sandbox.press("pay", late.id, {"late": 3})
    soon = await ordered(sandbox, "e" * 20)
    await sandbox.press("pay", soon.id)
    events = hook.heard(lambda told: [event.kind for event in told].count("paid") == 2)
    assert [event.order_id for event in events if event.kind == "paid"] == [soon.id, late.id]


@pytest.mark.parametrize(
    ("switch", "problem"),
    [("wrong_amount", "amount"), ("wrong_currency", "currency"), ("wrong_account", "account"), ("other_mode", "mode")],
)
async def test_a_wrong_payment_is_wrong_in_the_event_and_in_the_books(
    sandbox: Sandbox, hook: Hook, switch: Switch, problem: str
) -> None:
    order = await ordered(sandbox)
    await sandbox.press("pay", order.id, {switch: 1})
    [event] = hook.kinds("paid")
    assert mismatch(order, event) == problem
    assert mismatch(order, await sandbox.state(order)) == problem


async def test_a_switch_for_all_holds_until_it_is_turned_back(sandbox: Sandbox, hook: Hook) -> None:
    await sandbox.press("switch", "", {"wrong_amount": 1})
    order = await ordered(sandbox)
    await sandbox.press("pay", order.id)
    await sandbox.press("switch", "", {"wrong_amount": 0})
    other = await ordered(sandbox, "f" * 20)
    await sandbox.press("pay", other.id)
    events = hook.heard(lambda told: [event.kind for event in told].count("paid") == 2)
    assert [event.amount for event in events if event.kind == "paid"] == [1_000, 999]


# -- the process ---------------------------------------------------------------------------------------


async def test_nothing_is_started_for_those_who_never_order(sandbox: Sandbox, tmp_path: Path) -> None:
    await sandbox.start()
    assert not (tmp_path / "sandbox").exists()


async def test_books_pages_and_what_was_not_told_survive_a_restart(hook: Hook, tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    first = Sandbox(folder, hook.address, now)
    order = make_order(first, ID)
    other = make_order(first, "o" * 20)
    made = await first.checkout(other, "", "en", BACK, BILL)
    await first.checkout(order, "", "en", BACK, BILL)
    await first.press("pay", order.id)
    hook.heard(lambda told: hook.tries >= 1)  # nobody takes it yet
    pid = pid_of(folder)
    await first.close()
    await gone(pid)
    hook.provider = second = Sandbox(folder, hook.address, now)
    try:
        await second.start()
        [event] = hook.kinds("paid")
        assert event.order_id == order.id
        assert await second.checkout(other, "", "en", BACK, BILL) == made  # on the same port too
    finally:
        await second.close()


async def test_a_killed_server_is_started_again_with_its_books(sandbox: Sandbox, hook: Hook, tmp_path: Path) -> None:
    order = await ordered(sandbox)
    await sandbox.press("pay", order.id)
    for _ in range(2):
        pid = pid_of(tmp_path / "sandbox")
        os.kill(pid, signal.SIGKILL)
        await gone(pid)
        assert (await sandbox.state(order)).state == "paid"
    assert sqlite3.connect(tmp_path / "sandbox" / "books.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_there_is_one_server_for_a_folder_however_many_ask(hook: Hook, tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    several = [Sandbox(folder, hook.address, now) for _ in range(4)]
    try:
        order = make_order(several[0], ID)
        made = await asyncio.gather(*(each.checkout(order, "", "en", BACK, BILL) for each in several))
        assert len(set(made)) == 1
        pid_of(folder)
        await several[0].close()
        await several[1].close()
        for each in several[2:]:  # whoever had started it: it is there again for the others
            assert (await each.state(order)).state == "open"
        pid_of(folder)
    finally:
        for each in several:
            await each.close()


async def test_the_server_dies_with_whoever_started_it(hook: Hook, tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    code = (
        "import asyncio, sys, datetime; from pathlib import Path; from infra.payments.sandbox import Sandbox\n"
        "from tests.infra.payments.houses import make_order, now\n"
        "async def main():\n"
        "    one = Sandbox(Path(sys.argv[1]), sys.argv[2], now)\n"
        "    await one.checkout(make_order(one, 'a' * 20), '', 'en', 'http://127.0.0.1/', 'x')\n"
        "    print('there', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    app = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(folder), hook.address, stdout=asyncio.subprocess.PIPE
    )
    assert app.stdout is not None
    assert await app.stdout.readline() == b"there\n"
    pid = pid_of(folder)
    app.kill()
    await app.wait()
    await gone(pid)


async def test_the_port_can_be_told_and_another_program_on_it_is_no_end(hook: Hook, tmp_path: Path) -> None:
    port = free_port()
    one = Sandbox(tmp_path / "one", hook.address, now, port)
    two = Sandbox(tmp_path / "two", hook.address, now, port)
    with contextlib.ExitStack():
        try:
            first = await one.checkout(make_order(one, ID), "", "en", BACK, BILL)
            assert first.url.startswith(f"http://127.0.0.1:{port}/pay/")
            second = await two.checkout(make_order(two, ID), "", "en", BACK, BILL)
            assert not second.url.startswith(f"http://127.0.0.1:{port}/")
        finally:
            await one.close()
            await two.close()


async def test_whatever_else_listens_where_the_sandbox_was_is_not_taken_for_it(hook: Hook, tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    port = int(hook.address.split(":")[2].split("/")[0])
    (folder / "address").write_text(f'{{"port": {port}}}')
    one = Sandbox(folder, hook.address, now)
    try:
        made = await one.checkout(make_order(one, ID), "", "en", BACK, BILL)
        assert f":{port}/" not in made.url
    finally:
        await one.close()
