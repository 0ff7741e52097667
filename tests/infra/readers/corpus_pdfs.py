"""PDF files that are bombs, go in circles, or are locked. Rows of (name, bytes, what may come of it, file name)."""

import zlib
from collections.abc import Iterator, Sequence

from tests.domain.knowledge.pdfs import pdf
from tests.infra.readers.corpus_pictures import zeros

Row = tuple[str, bytes, str, str]
BROKEN, EMPTY = "file_broken", "file_empty"
_PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<<%s>>>>"
LOCK = f"/Encrypt<</Filter/Standard/V 1/R 2/O({'A' * 32})/U({'B' * 32})/P -4>>/ID[({'0' * 16})({'0' * 16})]"
_ONE = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>")


def made(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % at for at in places)
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1, table, len(objects) + 1, trailer, len(out),
    )  # fmt: skip


def stream(body: bytes, head: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(body), head, body)


def picture(filter_: bytes, body: bytes, width: int = 4_000, height: int = 4_000) -> bytes:
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/%s" % (
        width, height, filter_,
    )  # fmt: skip
    shown = stream(b"q 600 0 0 700 0 0 cm /X Do Q")
    return made([
        *_ONE, _PAGE % b"/XObject<</X 5 0 R>>", shown, stream(body, head),
    ])  # fmt: skip


def pdfs() -> Iterator[Row]:
    plain = pdf(["Words of the page."])
    top = [b"<</Type/Catalog/Pages 2 0 R>>"]
    deep = [b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (n + 3) for n in range(3_000)]
    seen = f"read {BROKEN} {EMPTY}"
    for name, data, allowed in (
        ("locked with a password", pdf(["x"], trailer=LOCK), "file_locked"),
        ("pages that are their own", made([*top, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"]), seen),
        ("pages in pages in pages", made([*top, *deep, _PAGE % b"", stream(b"")]), seen),
        ("a billion pages",
         made([*top, b"<</Type/Pages/Kids[3 0 R]/Count 1000000000>>", _PAGE % b"", stream(b"")]), seen),
        ("fewer than no pages", made([*top, b"<</Type/Pages/Kids[]/Count -5>>"]), seen),
        ("a page as wide as a town", made([
            *_ONE,
            (_PAGE % b"").replace(b"612 792", b"9999999 9999999"), stream(b"0 0 9999999 9999999 re f")]), seen),
        ("a stream that unpacks to 300 MB", pdf([""], stream=b" " * (300 << 20)), seen),
        ("bombs in filters in filters", made([
            *_ONE, _PAGE % b"",
            stream(zlib.compress(zeros(200 << 20)), b"/Filter[/FlateDecode/FlateDecode]")]), seen),
        ("a form that draws itself", made([
            *_ONE, _PAGE % b"/XObject<</X 5 0 R>>", stream(b"/X Do /X Do"),
            stream(b"/X Do /X Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>"),
        ]), seen),
        ("a length that is the object's own", made([
            *_ONE, _PAGE % b"", b"<</Length 4 0 R>>stream\nx\nendstream"]), seen),
        ("JBIG2 that is none", picture(b"JBIG2Decode", b"\x97JB2\r\n\x1a\n" + bytes(range(256)) * 8), seen),
        ("JPEG 2000 that is none", picture(b"JPXDecode", b"\xff\x4f\xff\x51\0\x29" + b"\xff" * 2_000), seen),
        ("a picture of 60,000 x 60,000", picture(b"FlateDecode", zeros(1 << 20), 60_000, 60_000), seen),
        ("a fax without end", picture(b"CCITTFaxDecode", bytes(5_000), 60_000, 60_000), seen),
        ("arrays in arrays in arrays", made([b"[" * 100_000 + b"]" * 100_000, *top]), seen),
        ("that opens a file and an address", made([
            b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/URI/URI(http://127.0.0.1/)>>/Names<</JavaScript<</Names[(a)"
            b"<</S/JavaScript/JS(app.launchURL\\(\"http://127.0.0.1\"\\))>>]>>>>>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>", _PAGE % b"", stream(b"", b"/F(/etc/passwd)")]), seen),
        ("cut off", plain[: len(plain) // 2], seen),
        ("of its name only", b"%PDF-", BROKEN),
        ("behind other bytes", b"\x00\x01\x02" * 20 + plain, seen + " file_unknown"),
        ("a page that names it", b"<html><p>%PDF-1.4 is how files begin.</p></html>", "read"),
        ("with a package behind it", plain + b"PK\3\4" + bytes(40), "read"),
    ):  # fmt: skip
        yield "pdf: " + name, data, allowed, "a.pdf"
