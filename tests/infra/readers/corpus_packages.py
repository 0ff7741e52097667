"""Office documents that are bombs or reach out. Rows of (name, bytes, what may come of it, file name)."""

import io
import struct
import warnings
import zipfile
from collections.abc import Iterator

from tests.infra.readers import honest
from tests.infra.readers.honest import CONTENT_TYPES, RELATIONS, document_xml, docx, paragraph, zipped

Row = tuple[str, bytes, str, str]
BOMB, BROKEN = "file_bomb", "file_broken"
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def packages(canary: str, port: int) -> Iterator[Row]:
    one = paragraph("Words of the document.")
    plain = docx(one)
    for name, data, allowed in (
        ("billion laughs", docx("", document=doctyped('<!ENTITY l0 "ha">' + _LAUGHS, "&l9;")), BROKEN),
        ("an entity that is a file",
         docx("", document=doctyped(f'<!ENTITY x SYSTEM "file://{canary}">', "&x;")), BROKEN),
        ("an entity that is an address",
         docx("", document=doctyped(f'<!ENTITY x SYSTEM "http://127.0.0.1:{port}/x">', "&x;")), BROKEN),
        ("a DTD that is an address", docx("", document=document_xml(one).replace(
            "<w:document", f'<!DOCTYPE w SYSTEM "http://127.0.0.1:{port}/d"><w:document', 1)), BROKEN),
        ("a document type in UTF-16", docx("", {"word/document.xml": doctyped(
            f'<!ENTITY x SYSTEM "file://{canary}">', "&x;").replace("UTF-8", "UTF-16").encode("utf-16")}), BROKEN),
        ("a document type in UTF-7", docx("", {"word/document.xml": b'<?xml version="1.0" encoding="UTF-7"?>'
            b"+ADwAIQ-DOCTYPE w +AFsAXQA+-<w/>"}), BROKEN),
        ("a document type in another part",
         docx(one, {"word/styles.xml": doctyped('<!ENTITY l0 "ha">' + _LAUGHS, "&l9;")}), BROKEN),
        ("a part in EBCDIC",
         docx("", {"word/document.xml": '<?xml version="1.0" encoding="cp037"?><w/>'.encode("cp037")}), BROKEN),
        ("pictures that are elsewhere", docx(one + linked(), {"word/_rels/document.xml.rels": reaching(canary, port)}),
         "read"),
        ("a part of 300 MB", docx("", {"word/media/a.xml": b"<a>" + b" " * (100 << 20)}), BOMB),
        ("a document of 60 MB of blanks", docx("", document=document_xml(one + " " * (60 << 20))), BOMB),
        ("elements in elements in elements", docx("", document=document_xml("<w:p>" * 100_000)), BROKEN),
        ("tables in tables in tables", docx("", document=document_xml(tables(2_000))), BROKEN),
        ("zips in zips in zips", docx(one, {"word/embeddings/a.zip": nested(6)}), "read"),
        ("a million parts", many(70_000, 0xFFFF), BOMB),
        ("a million parts that claim to be three", many(70_000, 3), BOMB),
        ("parts that overlap", overlapping(plain), f"{BOMB} {BROKEN}"),
        ("one part many times", doubled(), BOMB),
        ("a size that is a lie", lying(plain), f"{BROKEN} {BOMB} read"),
        ("a part that is locked", locked(plain), "file_locked"),
        ("names that lead out", docx(one, {"../../../../etc/cron.d/x.xml": "<a/>", "/etc/passwd": "x"}), "read"),
        ("LZMA", zipped({"[Content_Types].xml": CONTENT_TYPES, "_rels/.rels": RELATIONS,
                         "word/document.xml": document_xml(one)}, zipfile.ZIP_LZMA), BROKEN),
        ("no main part", zipped({"[Content_Types].xml": CONTENT_TYPES, "word/document.xml.txt": "x"}),
         f"{BROKEN} file_empty"),
        ("relations in circles", docx(one, {"word/_rels/document.xml.rels": RELATIONS.replace(
            'Target="word/document.xml"', 'Target="document.xml"')}), f"read {BROKEN}"),
        ("a document cut off", plain[: len(plain) // 2], BROKEN),
        ("a document without its end", plain[:-40], BROKEN),
        ("a PDF in front of a document", b"%PDF-1.4\n%%EOF\n" + plain, BROKEN),
        ("a document with a PDF inside",
         zipped({"word/document.xml": b"%PDF-1.4\n" + bytes(100)}, 0), f"{BROKEN} file_empty"),
        ("pictures that are bombs", docx(one, {"word/media/image1.png": bytes(90 << 20)}), "read"),
    ):  # fmt: skip
        yield "docx: " + name, data, allowed, "a.docx"
    yield "zip: no document", zipped({"a.txt": "x"}), "file_unknown", "a.docx"
    yield "zip: bombs in bombs", nested(8), "file_unknown", "a.zip"
    yield from sheets()
    yield from decks()


def doctyped(declared: str, said: str) -> str:
    whole = document_xml(f"<w:p><w:r><w:t>{said}</w:t></w:r></w:p>")
    return whole.replace("?>", f"?><!DOCTYPE w [{declared}]>", 1)


def linked() -> str:
    return (
        '<w:p><w:r><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing">'
        '<a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData><pic:pic '
        'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:blipFill><a:blip '
        f'xmlns:r="{_REL}" r:link="out1"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing>'
        "</w:r></w:p>"
    )


def reaching(canary: str, port: int) -> str:
    targets = (f"http://127.0.0.1:{port}/a", f"file://{canary}", canary, f"\\\\127.0.0.1@{port}\\a")
    links = [(kind, target) for target in targets for kind in ("image", "attachedTemplate", "hyperlink")]
    rows = "".join(
        f'<Relationship Id="out{n}" Type="{_REL}/{kind}" Target="{target}" TargetMode="External"/>'
        for n, (kind, target) in enumerate(links)
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rows}</Relationships>'


def tables(depth: int) -> str:
    return "<w:tbl><w:tr><w:tc>" * depth + paragraph("deep") + "</w:tc></w:tr></w:tbl>" * depth


def nested(depth: int) -> bytes:
    inner = bytes(1 << 20)
    for _ in range(depth):
        inner = zipped({f"{n}.zip": inner for n in range(16)})
    return inner


def many(count: int, claimed: int) -> bytes:
    """Return a package whose list of parts is `count` long and says that it is `claimed`."""
    first = docx(paragraph("x"))
    row = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0)
    rows = b"".join(row + b"%05d" % (n % 100_000) for n in range(count))
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, claimed, claimed, len(rows), len(first), 0)
    return first + rows + end


def overlapping(package: bytes) -> bytes:
    """Point every part to the first one's bytes."""
    at = package.index(b"PK\1\2")
    body = bytearray(package)
    while (at := body.find(b"PK\1\2", at)) >= 0:
        body[at + 42 : at + 46] = bytes(4)
        at += 4
    return bytes(body)


def doubled() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in ("[Content_Types].xml", "word/document.xml"):
            file.writestr(name, "<a/>")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file.writestr("word/document.xml", "<b/>")
    return out.getvalue()


def lying(package: bytes) -> bytes:
    """Say of every part that it unpacks to 1 byte."""
    body = bytearray(package)
    at = 0
    while (at := body.find(b"PK\1\2", at)) >= 0:
        body[at + 24 : at + 28] = struct.pack("<I", 1)
        at += 4
    return bytes(body)


def locked(package: bytes) -> bytes:
    body = bytearray(package)
    at = 0
    while (at := body.find(b"PK\1\2", at)) >= 0:
        body[at + 8] |= 1
        at += 4
    return bytes(body)


def sheets() -> Iterator[Row]:
    book = honest.workbook([["Year", 1820], ["Length", 300]])
    head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    wide = head + '<dimension ref="A1:XFD1048576"/><sheetData>{}</sheetData></worksheet>'
    far = '<row r="1048576"><c r="XFD1048576"><v>7</v></c></row>'
    for name, sheet, allowed in (
        ("a sheet that claims to be endless", wide.format('<row r="1"><c r="A1"><v>7</v></c></row>'), "read"),
        ("a cell at the far end", wide.format(far), "read file_empty"),
        ("rows without end", head + "<sheetData>" + "<row/>" * 400_000 + "</sheetData></worksheet>", "read file_empty"),
        ("a row number beyond all", wide.format('<row r="99999999999"><c r="A99999999999"><v>7</v></c></row>'),
         f"read file_empty {BROKEN}"),
        ("a cell without a column",
         wide.format('<row r="1"><c r="11"><v>7</v></c></row>'), f"read {BROKEN} file_empty"),
        ("a string that is not there", wide.format('<row r="1"><c r="A1" t="s"><v>99999</v></c></row>'),
         f"read {BROKEN} file_empty"),
        ("a number that is none",
         wide.format('<row r="1"><c r="A1" t="n"><v>1e999999</v></c></row>'), f"read {BROKEN}"),
        ("a date beyond all", wide.format('<row r="1"><c r="A1" s="1"><v>1e300</v></c></row>'), f"read {BROKEN}"),
        ("elements in elements", head + "<sheetData>" + "<row>" * 200_000, f"{BROKEN} read file_empty"),
        ("strings in strings", wide.format('<row r="1"><c r="A1" t="inlineStr">' + "<is>" * 100_000 + "</c></row>"),
         f"{BROKEN} read file_empty"),
        ("a formula that calls out", wide.format('<row r="1"><c r="A1"><f>WEBSERVICE("http://127.0.0.1/")</f><v>7</v></c></row>'),
         "read"),
    ):  # fmt: skip
        yield "xlsx: " + name, replaced(book, "xl/worksheets/sheet1.xml", sheet), allowed, "a.xlsx"


def decks() -> Iterator[Row]:
    deck = honest.deck()
    part = "ppt/slides/slide1.xml"
    with zipfile.ZipFile(io.BytesIO(deck)) as file:
        slide = file.read(part).decode()
    group = "<p:grpSp><p:nvGrpSpPr><p:cNvPr id='9' name='g'/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>"
    for depth, allowed in ((60, "read"), (5_000, BROKEN)):
        inside = group * depth + "</p:grpSp>" * depth + "</p:spTree>"
        grouped = replaced(deck, part, slide.replace("</p:spTree>", inside))
        yield f"pptx: groups in groups, {depth} deep", grouped, allowed, "a.pptx"
    yield "pptx: a slide that is none", replaced(deck, part, "<a/>"), BROKEN + " read", "a.pptx"
    yield "pptx: no slides", replaced(deck, "ppt/presentation.xml", "<a/>"), BROKEN, "a.pptx"


def replaced(package: bytes, name: str, body: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(package)) as file:
        return zipped({part: body if part == name else file.read(part) for part in file.namelist()})
