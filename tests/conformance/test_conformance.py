"""One suite, three targets (docs/conformance.md is its report): inline always, local with `-m plane`, and Modal
itself with CONFORMANCE_MODAL=1 and a token."""

from collections.abc import Iterator

import pytest

from tests.conformance.case import Case
from tests.conformance.places import Deployed, Inline, no_modal, on_a_plane, on_modal
from tests.conformance.suite import CASES

pytestmark = pytest.mark.anyio
INLINE = [case for case in CASES if not case.not_inline]  # of the others the report says why they do not apply


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name.replace(" ", "_"))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with on_a_plane(tmp_path_factory.mktemp("conformance")) as (place, unknown):
        yield place
        assert unknown == []


@pytest.fixture(scope="module")
def on_the_real_one() -> Iterator[Deployed]:
    with on_modal() as place:
        yield place


@each(INLINE)
async def test_inline(case: Case) -> None:
    async with Inline().open() as target:
        await case.work(target)


@pytest.mark.plane
@each(CASES)
async def test_on_a_local_plane(case: Case, local: Deployed) -> None:
    async with local.open() as target:
        await case.work(target)


@pytest.mark.plane
@pytest.mark.skipif(bool(no_modal()), reason=no_modal())
@each(CASES)
async def test_on_modal(case: Case, request: pytest.FixtureRequest) -> None:
    place: Deployed = request.getfixturevalue("on_the_real_one")
    async with place.open() as target:
        await case.work(target)
