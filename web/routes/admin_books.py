"""Page of admins: the books of money."""

from asyncio import to_thread as in_thread
from datetime import UTC, timedelta
from typing import Any

from litestar import Request, Response
from litestar.types import ControllerRouterHandler

from web.account_pages import draw
from web.admin_money import ACCOUNT_WORDS, money_words, noted
from web.amounts import signed
from web.needs import NeedGuests, NeedPages, NeedServices, page

AnyRequest = Request[Any, Any, Any]
BOOK_MONTHS = 12


@page("/admin/books", role="admin")
async def books(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """The sum of each account, of all time and by month; every column of all accounts sums to zero."""
    today = services.clock.now().astimezone(UTC).date()
    since = (today.replace(day=1) - timedelta(days=31 * (BOOK_MONTHS - 1))).replace(day=1)
    kept = services.selling.orders
    balance, months = await in_thread(kept.balance), await in_thread(kept.books, since, today)
    await noted(request, services, guests, "books")
    currencies = sorted({currency for _, currency in balance})
    by_month: dict[str, dict[tuple[str, str], int]] = {}
    for month, account, currency, sum_ in months:
        by_month.setdefault(month, {})[account, currency] = sum_
    return draw(
        request, pages, "admin/books.html", balance=balance, currencies=currencies, accounts=ACCOUNT_WORDS,
        months=dict(sorted(by_month.items(), reverse=True)), signed=signed, **money_words(request, pages, services),
    )  # fmt: skip


ROUTES: list[ControllerRouterHandler] = [books]
