"""A figure as SVG that stands inside a page: without styles of its own, in the page's colours and fonts, and small.

matplotlib writes every mark with a `style`, which a strict content security policy forbids; these become attributes.
Black becomes the colour of the page's text, white that of its paper, so that a dark page has dark figures.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from attrimark.document.figures import settled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_REFERENCE = re.compile(r"(?:url\(#|^#)([^)]+)")
_COORDINATES = {"d", "x", "y", "width", "height", "transform", "cx", "cy", "r", "points"}
_NO_TURN = ("rotate(0 ", "rotate(-0 ")
_DEFAULTS = {"stroke-linecap": "butt", "stroke-miterlimit": "100000", "opacity": "1", "text-anchor": "start"}
_BLACK, _WHITE = ("#000000", "black"), ("#ffffff", "white")
PIXELS = 4 / 3  # a point


def inline_svg(figure: Figure, caption: str, prefix: str) -> str:
    """The figure as one `<svg>` element.

    Args:
        caption: its text alternative.
        prefix: of its ids, so that those of two figures on one page differ.
    """
    import matplotlib

    written = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({"svg.hashsalt": "attrimark", "svg.fonttype": "none"}), warnings.catch_warnings():
        # a character that no font here has is measured as a box; the reader's own fonts may have it
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        settled(figure).savefig(written, format="svg", metadata=nothing)
    # our own drawing, not a stranger's: no entities to expand
    root = ElementTree.fromstring(written.getvalue())
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        _restyle(element)
    names = {name: f"{prefix}{place}" for place, name in enumerate(dict.fromkeys(_referenced(root)))}
    _prune(root)
    for element in root.iter():
        _rename(element, names)
        element.tail = None
        if element.tag not in ("text", "tspan"):
            element.text = None
    _simplify(root)
    for element in root.iter():
        for name in _COORDINATES & element.attrib.keys():
            element.set(name, _rounded(element.attrib[name]))
        if element.get("transform", "").startswith(_NO_TURN):
            del element.attrib["transform"]
    width, height = root.attrib["viewBox"].split()[2:]
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "width": f"{float(width) * PIXELS:.0f}",
        "height": f"{float(height) * PIXELS:.0f}",
        "role": "img",
        "aria-label": caption,
        "stroke-linejoin": "round",
        # a heat map keeps its own colours, so the sheet below it stays white
        **({"class": "sheet"} if root.find(".//image") is not None else {}),
    }
    return ElementTree.tostring(root, encoding="unicode")


def _restyle(element: ElementTree.Element) -> None:
    """Each property of the element's style as an attribute of its own."""
    style = element.attrib.pop("style", "")
    for declaration in filter(None, map(str.strip, style.split(";"))):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name != "font-family" and _DEFAULTS.get(name) != value:
            element.set(name, value)
    for name in ("fill", "stroke"):
        colour = element.get(name)
        if colour in _BLACK:
            element.set(name, "currentColor")
        elif colour in _WHITE:
            del element.attrib[name]
            element.set("class", "paper")
    for name in [each for each in element.attrib if each.startswith("{")]:
        element.set(name.rpartition("}")[2], element.attrib.pop(name))


def _referenced(root: ElementTree.Element) -> Iterator[str]:
    for element in root.iter():
        for name in ("href", "clip-path"):
            if found := _REFERENCE.search(element.get(name, "")):
                yield found.group(1)


def _prune(element: ElementTree.Element) -> None:
    """Take out what draws nothing here: metadata, styles, and the sheet of paper below the figure."""
    for child in list(element):
        if child.tag in ("metadata", "style", "title") or child.get("id") == "patch_1":
            element.remove(child)
        else:
            _prune(child)


def _rename(element: ElementTree.Element, names: dict[str, str]) -> None:
    name = element.attrib.pop("id", None)
    if name in names:
        element.set("id", names[name])
    for key in ("href", "clip-path"):
        if found := _REFERENCE.search(element.get(key, "")):
            element.set(key, element.attrib[key].replace(found.group(1), names[found.group(1)]))


def _simplify(element: ElementTree.Element) -> None:
    """Groups that say nothing are opened, and neighbouring lines of one kind become one line."""
    opened: list[ElementTree.Element] = []
    for child in element:
        _simplify(child)
        opened += list(child) if child.tag == "g" and not child.attrib else [child]
    joined: list[ElementTree.Element] = []
    for child in opened:
        if joined and _is_line(child) and _is_line(joined[-1]) and _look(child) == _look(joined[-1]):
            joined[-1].set("d", f"{joined[-1].attrib['d']} {child.attrib['d']}")
        elif child.tag not in ("g", "defs") or len(child):
            joined.append(child)
    element[:] = joined


def _is_line(element: ElementTree.Element) -> bool:
    return element.tag == "path" and element.get("fill") == "none" and "id" not in element.attrib


def _look(element: ElementTree.Element) -> dict[str, str]:
    return {name: value for name, value in element.attrib.items() if name != "d"}


def _rounded(coordinates: str) -> str:
    """To a tenth of a point, finer than any screen shows."""
    short = _NUMBER.sub(lambda number: f"{float(number.group()):.1f}".removesuffix(".0"), coordinates)
    return re.sub(r"\s*\n\s*", " ", short.strip())
