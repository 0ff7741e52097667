"""Just enough CSS to tell what a person cannot see: declarations, lengths, colours, the simplest selectors."""

import re

Colour = tuple[int, int, int]

_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})\s?|\\(.)", re.DOTALL)
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(px|em|rem|ex|ch|pt|pc|in|cm|mm|vw|vh|vmin|vmax|%)?")
_PIXELS = {
    "": 1.0, "px": 1.0, "em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0, "pt": 1.333, "pc": 16.0, "in": 96.0, "cm": 37.8,
    "mm": 3.78, "vw": 12.8, "vh": 7.2, "vmin": 7.2, "vmax": 12.8, "%": 0.16,
}  # fmt: skip
_NAMES: dict[str, Colour] = {
    "white": (255, 255, 255), "black": (0, 0, 0), "red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255),
    "yellow": (255, 255, 0), "gray": (128, 128, 128), "grey": (128, 128, 128), "silver": (192, 192, 192),
    "snow": (255, 250, 250), "ivory": (255, 255, 240), "ghostwhite": (248, 248, 255), "whitesmoke": (245, 245, 245),
    "floralwhite": (255, 250, 240), "azure": (240, 255, 255), "mintcream": (245, 255, 250), "navy": (0, 0, 128),
    "honeydew": (240, 255, 240), "seashell": (255, 245, 238), "aliceblue": (240, 248, 255), "orange": (255, 165, 0),
    "lightyellow": (255, 255, 224), "maroon": (128, 0, 0), "purple": (128, 0, 128), "teal": (0, 128, 128),
}  # fmt: skip
_HIDING = re.compile("display|visib|opacity|font|color|backgr|indent|position|clip|overflow|trans|margin|scale|filter")
_SIMPLE = re.compile(r"(?:[a-z][a-z0-9]*)?(?:[.#][a-zA-Z_-][\w-]*)\Z|\[hidden\]\Z")
_AT_RULE = re.compile(r"@(media|supports|(-webkit-)?keyframes|container|layer|font-face|page|import|charset)\b", re.I)


def declarations(style: str) -> dict[str, str]:
    """Return what a style attribute says, in small letters; a later word wins unless the earlier was !important."""
    text = _COMMENT.sub("", style[:4000])
    text = _ESCAPE.sub(lambda m: chr(min(int(m.group(1), 16), 0x10FFFF)) if m.group(1) else m.group(2), text)
    found: dict[str, tuple[str, bool]] = {}
    for part in text.lower().split(";"):
        name, colon, value = part.partition(":")
        if not colon:
            continue
        value, important, _ = value.partition("!")
        name = name.strip()
        if not (name in found and found[name][1] and not important):
            found[name] = (" ".join(value.split()), bool(important))
    return {name: value for name, (value, _) in found.items()}


def pixels(value: str) -> float | None:
    """Return a length in CSS pixels on a screen of 1280 x 720, None for what is no length."""
    found = _NUMBER.match(value.strip())
    return float(found.group(1)) * _PIXELS[found.group(2) or ""] if found else None


def colour(value: str) -> Colour | None:
    """Return red, green, blue of the first colour in the value; (-1, -1, -1) for one that lets all through."""
    value = value.strip()
    if "transparent" in value:
        return (-1, -1, -1)
    if found := re.search(r"#([0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})\b", value):
        digits = found.group(1)
        digits = digits if len(digits) > 4 else "".join(d * 2 for d in digits)
        if len(digits) == 8 and int(digits[6:], 16) < 13:
            return (-1, -1, -1)
        return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16))
    if found := re.search(r"(rgb|hsl)a?\(([^)]*)\)", value):
        parts = re.findall(r"-?[\d.]+%?", found.group(2))
        if len(parts) < 3:
            return None
        if len(parts) > 3 and _share(parts[3]) < 0.05:
            return (-1, -1, -1)
        if found.group(1) == "hsl":
            light = _share(parts[2])  # only near-black and near-white are told apart here
            return (255, 255, 255) if light > 0.97 else (0, 0, 0) if light < 0.03 else None
        red, green, blue = (
            round(_share(p) * 255) if p.endswith("%") else min(255, int(float(p or "0"))) for p in parts[:3]
        )
        return (red, green, blue)
    return next((_NAMES[word] for word in re.findall(r"[a-z]+", value) if word in _NAMES), None)


def _share(part: str) -> float:
    try:
        return float(part[:-1]) / 100 if part.endswith("%") else float(part)
    except ValueError:
        return 1.0


def rules(sheet: str) -> dict[str, dict[str, str]]:
    """Return the declarations of selectors that are one class or id (".x", "#x", "p.x"), of the plain part of a sheet.

    Whatever stands in @media and the like depends on the screen and is left out.
    """
    text = _COMMENT.sub("", sheet[:400_000])
    found: dict[str, dict[str, str]] = {}
    for rule in _without_at_rules(text).split("}"):
        selectors, brace, body = rule.partition("{")
        names = [name for part in selectors[-2000:].split(",") if _SIMPLE.match(name := part.strip())] if brace else []
        if names and _HIDING.search(body[:4000]):
            said = declarations(body)
            for name in names:
                found.setdefault(name, {}).update(said)
    return found


def _without_at_rules(text: str) -> str:
    """Cut out @rules with their blocks, in one pass."""
    kept: list[str] = []
    at = 0
    for found in _AT_RULE.finditer(text):
        if found.start() < at:
            continue
        kept.append(text[at : found.start()])
        depth, end = 0, len(text)
        for mark in re.compile(r"[{};]").finditer(text, found.end()):
            depth += {"{": 1, "}": -1}.get(mark.group(), 0)
            if depth <= 0:
                end = mark.end()
                break
        at = end
    return "".join([*kept, text[at:]])
