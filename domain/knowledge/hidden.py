"""Takes out of a page what a person does not see: the first place where orders to a model are hidden.

Inline styles, attributes and the simplest rules of the page's own <style> count; sheets elsewhere are not fetched,
so an unknown background is taken for white. Scripts stay until `scripts_away`: their JSON-LD holds dates.
"""

import re
from typing import Any

from domain.knowledge.css import Colour, colour, declarations, pixels, rules

WHITE: Colour = (255, 255, 255)
ALIKE = 16  # largest difference of a channel (of 255) at which letters cannot be told from their background
FAR = 400.0  # pixels beyond the edge: more than any indent that is meant
# Never shown, or only where something does not work; what they hold is no text of the page.
_NEVER = frozenset(
    "template noscript iframe frame noframes object embed applet canvas svg math audio video datalist noembed dialog "
    "textarea select map portal fencedframe".split()
)
_SHOWN_ANYWAY = frozenset(("html", "body"))  # hidden until a script or a sheet has loaded: a habit, not a trick
_ZERO_CLIP = re.compile(r"rect\(\s*(0|1px|1)[a-z]*[\s,]+(0|1px|1)[a-z]*[\s,]+(0|1px|1)[a-z]*[\s,]+(0|1px|1)[a-z]*\s*\)")
_MOVED = re.compile(r"translate(?:x|y|3d)?\(([^)]*)\)")


def _tiny(length: float | None, most: float) -> bool:
    return length is not None and length <= most


def hides(style: dict[str, str]) -> bool:
    """Say whether an element with these declarations is not seen, with all that is in it."""
    get = style.get
    if get("display") == "none" or get("visibility") in ("hidden", "collapse") or get("content-visibility") == "hidden":
        return True
    if _tiny(pixels(get("opacity", "1").replace("%", "e-2")), 0.05) or re.search(r"opacity\(\s*0", get("filter", "")):
        return True
    overflow = get("overflow", "") + get("overflow-x", "") + get("overflow-y", "")
    shut = "hidden" in overflow or "clip" in overflow
    sizes = ("width", "height", "max-height", "max-width")
    if shut and any(_tiny(pixels(get(name, "none")), 1) for name in sizes):
        return True
    if _ZERO_CLIP.search(get("clip", "")) or re.search(r"inset\(\s*(50|100)%|circle\(\s*0", get("clip-path", "")):
        return True
    moved = _MOVED.search(get("transform", ""))
    if moved and any(abs(pixels(part) or 0) >= FAR for part in moved.group(1).split(",")):
        return True
    if re.search(r"scale[xy]?\(\s*0(\.0\d*)?\s*[,)]", get("transform", "")) or get("scale") == "0":
        return True
    edges = ["text-indent", "margin-left", "margin-top", "margin-right"]
    if get("position") in ("absolute", "fixed", "relative", "sticky"):
        edges += ["left", "top", "right", "bottom"]
    return any((pixels(get(name, "")) or 0) <= -FAR for name in edges)


def _style(element: Any, sheet: dict[str, dict[str, str]]) -> dict[str, str]:
    style: dict[str, str] = {}
    if sheet:
        tag = element.tag
        names = [f".{name}" for name in element.get("class", "").split()[:20]]
        names += [f"#{element.get('id')}"] if element.get("id") else []
        for name in names:
            for key in (name, tag + name):
                style.update(sheet.get(key, {}))
    if element.get("style"):
        style.update(declarations(element.get("style")))
    return style


def _gone(element: Any, style: dict[str, str]) -> bool:
    if element.tag in _NEVER and not (element.tag == "dialog" and element.get("open") is not None):
        return True
    if element.tag in _SHOWN_ANYWAY:
        return False
    if element.get("hidden") is not None or element.get("aria-hidden", "").strip().lower() == "true":
        return True
    return element.tag == "input" or bool(style and hides(style))


def _background(element: Any, style: dict[str, str], around: Colour | None) -> Colour | None:
    """Return the colour behind the element's letters; None for a picture, which can be any."""
    said = style.get("background-color") or style.get("background") or element.get("bgcolor", "").lower()
    if "url(" in style.get("background", "") + style.get("background-image", "") or "gradient" in said:
        return None
    found = colour(said) if said else None
    return around if found is None or found == (-1, -1, -1) else found


def _letters(element: Any, style: dict[str, str], around: Colour | None) -> Colour | None:
    said = style.get("color") or (element.get("color", "").lower() if element.tag == "font" else "")
    if element.tag == "body":
        said = said or element.get("text", "").lower()
    found = colour(said) if said else None
    return around if found is None else found


def _unseen(letters: Colour | None, background: Colour | None) -> bool:
    if letters is None:
        return False
    if letters == (-1, -1, -1):
        return True
    return background is not None and all(abs(a - b) <= ALIKE for a, b in zip(letters, background, strict=True))


def take_out(tree: Any) -> None:
    """Remove from an lxml tree all that is not seen, in place. What follows a removed element stays."""
    sheet: dict[str, dict[str, str]] = {}
    for style in list(tree.iter("style")):
        for name, found in rules(style.text or "").items():
            sheet.setdefault(name, {}).update(found)
    # (element, letters' colour, background, whether letters are too small to see)
    todo: list[tuple[Any, Colour | None, Colour | None, bool]] = [(tree, None, WHITE, False)]
    while todo:
        element, letters, background, small = todo.pop()
        if not isinstance(element.tag, str):  # a comment or an instruction
            _drop(element)
            continue
        style = _style(element, sheet)
        if element is not tree and _gone(element, style):
            _drop(element)
            continue
        letters, background = _letters(element, style, letters), _background(element, style, background)
        if "font-size" in style or "font" in style:
            size = pixels(style.get("font-size") or re.sub(r"^[a-z\s]*", "", style.get("font", "")))
            small = size < 2 if size is not None else small
        if (small or _unseen(letters, background)) and element.tag not in ("script", "style", "title", "head", "html"):
            element.text = None
            for child in element:
                child.tail = None
        element.attrib.pop("style", None)  # it is judged: trafilatura would take "overflow:hidden" for hidden
        todo.extend((child, letters, background, small) for child in element)


def scripts_away(tree: Any) -> None:
    """Remove scripts and styles, in place: what they hold is no text, and JSON-LD may say what the page does not."""
    for element in list(tree.iter("script", "style", "link", "meta")):
        _drop(element)


def _drop(element: Any) -> None:
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)
