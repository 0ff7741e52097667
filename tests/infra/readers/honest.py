"""Honest files made by code, whose contents are known."""

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
import openpyxl
import pptx
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pptx.util import Inches

Samples = NDArray[np.float32]
CJK = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?><Relationships '
    'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    f'Type="{_R}/officeDocument" Target="word/document.xml"/></Relationships>'
)


def zipped(parts: dict[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        for name, body in parts.items():
            file.writestr(name, body)
    return out.getvalue()


def document_xml(body: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><w:document {_W}><w:body>{body}</w:body></w:document>'


def paragraph(text: str, style: str = "") -> str:
    styled = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{styled}<w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def docx(body: str, more: dict[str, str | bytes] | None = None, document: str = "") -> bytes:
    """Return a Word file with this body; `more` parts come along, `document` replaces the main part."""
    styles = (
        f'<?xml version="1.0" encoding="UTF-8"?><w:styles {_W}><w:style w:type="paragraph" w:styleId="Heading1">'
        '<w:name w:val="heading 1"/></w:style></w:styles>'
    )
    links = RELATIONS.replace("word/document.xml", "styles.xml").replace("officeDocument\"", "styles\"")
    return zipped({
        "[Content_Types].xml": CONTENT_TYPES, "_rels/.rels": RELATIONS,
        "word/document.xml": document or document_xml(body), "word/styles.xml": styles,
        "word/_rels/document.xml.rels": links, **(more or {}),
    })  # fmt: skip


def deck() -> bytes:
    """Return two slides: a title, a body, a table, notes, a picture; then a Chinese title."""
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "The pier"
    first.placeholders[1].text = "Built of oak\nin 1820"
    first.notes_slide.notes_text_frame.text = "Speak slowly here."
    table = first.shapes.add_table(2, 2, Inches(1), Inches(3), Inches(4), Inches(1)).table
    for row, cells in enumerate((("Year", "Length"), ("1820", "300 m"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    first.shapes.add_picture(io.BytesIO(png(Image.new("RGB", (20, 20)))), 0, 0)
    second = deck.slides.add_slide(deck.slide_layouts[1])
    second.shapes.title.text = "码头的历史"
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def workbook(rows: Sequence[Sequence[object]], title: str = "Sheet") -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def png(image: Any, kind: str = "PNG", **more: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def written(lines: Sequence[str], size: int = 28, width: int = 900, font: str = CJK, leading: float = 1.7) -> Any:
    """Return a picture with these lines, black on white."""
    image = Image.new("RGB", (width, int(size * leading) * len(lines) + 40), "white")
    draw = ImageDraw.Draw(image)
    for at, text in enumerate(lines):
        draw.text((24, 20 + at * int(size * leading)), text, fill="black", font=ImageFont.truetype(font, size))
    return image


def melody(seconds: float, rate: int = 16_000) -> Samples:
    """Return sound that is a little like speech: syllables of changing pitch, four in a second."""
    at = np.arange(int(seconds * rate)) / rate
    pitch = 120 + 60 * np.sin(2 * np.pi * 0.7 * at)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(phase * n) / n for n in range(1, 8))
    return (0.15 * voice * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * at))).astype(np.float32)


def recording(samples: Samples, container: str, codec: str, rate: int = 16_000, out_rate: int | None = None) -> bytes:
    """Return the sound as FFmpeg writes it."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=out_rate or rate)
        stream.layout = "mono"
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=out_rate or rate)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = rate
        for some in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(some))
        file.mux(stream.encode(None))
    return out.getvalue()
