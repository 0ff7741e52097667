"""PDF files made by hand, for tests."""

import zlib


def pdf(*pages: list[str], info: str = "", trailer: str = "", stream: bytes = b"") -> bytes:
    """Return a file whose pages have these lines; `stream` is put as it is (compressed) in place of the last page's."""
    count = len(pages)
    objects = [b"<</Type/Catalog/Pages 2 0 R>>"]
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects.append(f"<</Type/Pages/Kids[{kids}]/Count {count}>>".encode())
    objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    for number, rows in enumerate(pages):
        shown = "".join(f"BT /F1 11 Tf 40 {760 - 16 * at} Td ({row}) Tj ET\n" for at, row in enumerate(rows))
        data = zlib.compress(shown.encode("latin-1") if not stream or number < count - 1 else stream, 9)
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {5 + 2 * number} 0 R"
            "/Resources<</Font<</F1 3 0 R>>>>>>".encode()
        )
        objects.append(b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(data), data))
    objects.append(f"<<{info}>>".encode())
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = "".join(f"{at:010d} 00000 n \n" for at in places)
    end = (
        f"trailer<</Size {len(objects) + 1}/Root 1 0 R/Info {len(objects)} 0 R{trailer}>>\nstartxref\n{len(out)}\n%%EOF"
    )
    return out + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{end}".encode()
