"""Undoing codings: whole, in pieces of any size, and never beyond the limit."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput, TooLong, Unavailable
from infra.bounded import Bounded, coding_of

WBITS = {"gzip": 31, "deflate": 15}


def _through(coding: str, data: bytes, step: int = 65_536, most: int = 1_000_000, *, cut: bool = False) -> bytes:
    bounded = Bounded(coding, most, cut=cut)
    for start in range(0, len(data), step):
        bounded.feed(data[start : start + step])
    return bounded.end()


@given(st.binary(max_size=5_000), st.sampled_from(["", "gzip", "deflate", "bare"]), st.integers(1, 300))
def test_what_was_packed_comes_out_in_pieces_of_any_size(body: bytes, coding: str, step: int) -> None:
    packed = body if not coding else zlib.compress(body, wbits=WBITS.get(coding, -15))
    # Bare deflate whose first byte looks like zlib's cannot be told from it; compress() never starts one so.
    assert _through(coding.replace("bare", "deflate"), packed, step) == body


@given(st.binary(min_size=1, max_size=2_000), st.sampled_from(["gzip", "deflate"]), st.data())
def test_what_breaks_off_is_no_page(body: bytes, coding: str, data: st.DataObject) -> None:
    packed = zlib.compress(body, wbits=WBITS[coding])
    kept = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(Unavailable, match="page_failed"):
        _through(coding, packed[:kept])


def test_a_bomb_is_dropped_at_the_limit() -> None:
    bomb = zlib.compress(bytes(50_000_000), wbits=31)
    bounded = Bounded("gzip", 2_000_000)
    with pytest.raises(TooLong, match="page_large"):
        bounded.feed(bomb)


def test_the_limit_itself_still_fits_and_a_byte_more_does_not() -> None:
    for coding in ("", "gzip"):
        for size in (1_000, 1_001):
            packed = bytes(size) if not coding else zlib.compress(bytes(size), wbits=31)
            if size == 1_000:
                assert _through(coding, packed, most=1_000) == bytes(1_000)
            else:
                with pytest.raises(TooLong):
                    _through(coding, packed, most=1_000)


def test_cutting_keeps_what_fits() -> None:
    assert _through("gzip", zlib.compress(b"a" * 500_000, wbits=31), most=1_000, cut=True) == b"a" * 1_000
    assert _through("", b"a" * 5_000, most=1_000, cut=True) == b"a" * 1_000


def test_several_members_are_one_body_and_zeros_padding() -> None:
    one, two = (zlib.compress(part, wbits=31) for part in (b"Hello ", b"world"))
    assert _through("gzip", one + two + bytes(20), step=7) == b"Hello world"


@pytest.mark.parametrize(
    "junk", [b"<p>not packed</p>", zlib.compress(b"x", wbits=31) + b"<script>", b"\x1f\x8b\x08" + b"\xff" * 50]
)
def test_what_is_no_gzip_is_refused(junk: bytes) -> None:
    with pytest.raises(BadInput, match="page_encoding"):
        _through("gzip", junk)


@pytest.mark.parametrize(
    ("values", "coding"),
    [([], ""), (["identity"], ""), ([""], ""), (["GZIP"], "gzip"), (["x-gzip"], "gzip"), ([" deflate "], "deflate")],
)
def test_one_coding_is_taken(values: list[str], coding: str) -> None:
    assert coding_of(values) == coding


@pytest.mark.parametrize(
    "values", [["gzip, gzip"], ["gzip", "gzip"], ["br"], ["zstd"], ["gzip,"], ["identity, gzip"], ["zlib_codec"]]
)
def test_two_codings_and_unknown_ones_are_not(values: list[str]) -> None:
    with pytest.raises(BadInput, match="page_encoding"):
        coding_of(values)
