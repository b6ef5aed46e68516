# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of an app's XML are set, and every other byte of the file stays: declaration, comments, order, line ends.

The file is parsed for where things stand (expat tells the place of every tag), never written back from a parse: `xml.etree` loses comments and
both it and minidom write declaration, white space and empty elements anew. A document type is refused, and with it every entity of one's own.
What results is parsed again and compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from .files import Unknown

BOM = "\ufeff"
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
TAG = re.compile(rb"""<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")
UNWRITABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NIL = "xsi:nil"
MOST_STEPS = 1000


@dataclass
class Element:
    """An element and where it stands, in bytes: its start tag from `start` to `inside`, its content to `closing`, all of it to `end`."""

    name: str
    start: int
    inside: int
    attributes: dict[str, str]
    closing: int = 0
    end: int = 0
    text: str = ""
    children: list[Element] = field(default_factory=list)
    comments: list[bytes] = field(default_factory=list)

    def named(self, name: str) -> list[Element]:
        return [child for child in self.children if child.name == name]


def edited(text: str, wanted: Mapping[str, Any], name: str, root: str = "") -> str:
    """The text of the file `name` with `wanted` below its root element.

    `{A: {B: value}}` is an element in an element, `{A: {B: [x, y]}}` are all elements B of A, and `{"@a": value}` is an attribute. An empty text
    is a new file with the root element `root`. Raises `Unknown` for what is not understood.
    """
    if root and not text.removeprefix(BOM).strip():
        text = f"{text[: text.startswith(BOM)]}{DECLARATION}<{root}>\n</{root}>\n"
    mark = BOM if text.startswith(BOM) else ""
    before = data = text.removeprefix(BOM).encode()
    first = tree(before, name)
    if root and first.name != root:
        raise Unknown(f"{name} is about {first.name!r}, and {root!r} was expected. It is left as it is: move it away, or restore it.")
    for _ in range(MOST_STEPS):
        following = step(data, tree(data, name), wanted, name)
        if following is None:
            break
        data = following
    last = tree(data, name)
    around = (before[: first.start], before[first.end :]) == (data[: last.start], data[last.end :])
    if not around or not only_wanted_differs(before, first, data, last, wanted):
        raise Unknown(f"{name} is laid out in a way that cannot be changed safely, and is left as it is. Set {', '.join(wanted)} in the app itself.")
    return mark + data.decode()


def tree(data: bytes, name: str) -> Element:
    """The root element of a document in UTF-8 without a byte order mark."""
    parser = expat.ParserCreate("utf-8")
    top = Element("", 0, 0, {})
    path = [top]

    def begun(tag: str, attributes: dict[str, str]) -> None:
        at = parser.CurrentByteIndex
        found = TAG.match(data, at)
        path[-1].children.append(Element(tag, at, found.end() if found else at, attributes))
        path.append(path[-1].children[-1])

    def ended(_tag: str) -> None:
        element, at = path.pop(), parser.CurrentByteIndex
        empty = data[element.start : element.inside].endswith(b"/>")
        element.closing = element.inside if empty else at
        element.end = element.inside if empty else data.index(b">", at) + 1

    def heard(words: str) -> None:
        path[-1].text += words

    def commented(words: str) -> None:
        path[-1].comments.append(words.encode())

    def declared(_version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "utf-8").lower() not in ("utf-8", "us-ascii"):
            raise Unknown(f"{name} says that it is in {encoding}, and only UTF-8 is known. It is left as it is: save it as UTF-8.")

    def typed(*_: Any) -> None:
        raise Unknown(f"{name} has a document type (<!DOCTYPE), which no app writes there. It is left as it is: take that line out.")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begun, ended, heard
    parser.CommentHandler, parser.XmlDeclHandler, parser.StartDoctypeDeclHandler = commented, declared, typed
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Unknown(f"{name} is not valid XML ({error}), and is left as it is. Restore it, or move it away to have it written anew.") from error
    return top.children[0]


def as_text(value: Any, name: str) -> str:
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, (list, Mapping)) or value is None or UNWRITABLE.search(shown):
        raise Unknown(f"{name} cannot hold what is to be set there: XML has no way to write it.")
    return shown


def step(data: bytes, element: Element, wanted: Mapping[str, Any], name: str) -> bytes | None:
    """The document after the first change that is missing; None where it says everything."""
    if wanted and any(not key.startswith("@") for key in wanted) and element.text.strip():
        raise Unknown(f"{name} has a text in {element.name}, where elements belong. It is left as it is: restore it, or set it in the app itself.")
    for key, value in wanted.items():
        found = element.named(key)
        if key.startswith("@"):
            if element.attributes.get(key[1:]) != as_text(value, name):
                return with_attribute(data, element, key[1:], as_text(value, name))
        elif isinstance(value, list):
            if [said(one) for one in found] != [as_text(one, name) for one in value]:
                return with_list(data, element, key, [as_text(one, name) for one in value])
        elif len(found) > 1:
            raise Unknown(f"{name} has {key} twice in {element.name}. It is left as it is: keep one of them.")
        elif not found:
            return with_content(data, element, [rendered(data, element, key, value, name)])
        elif isinstance(value, Mapping):
            changed = step(data, found[0], value, name)
            if changed is not None:
                return changed
        elif said(found[0]) != as_text(value, name):
            if found[0].children:
                raise Unknown(f"{name} has elements in {key}, where a value belongs. It is left as it is: set {key} in the app itself.")
            return with_text(data, found[0], as_text(value, name))
    return None


def said(element: Element) -> str | None:
    """What an element says; None where that is not a plain text."""
    return None if element.children or element.attributes.get(NIL) in ("true", "1") else element.text.strip()


def line_end(data: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in data else b"\n"


def margin(data: bytes, at: int) -> bytes | None:
    """The white space before what stands first on its line; None where something else does."""
    before = data[data.rfind(b"\n", 0, at) + 1 : at]
    return before if not before.strip() and b"\n" in data else None


def inner_margin(data: bytes, element: Element) -> bytes | None:
    """Where a line inside an element begins; None where its elements share a line."""
    if element.children:
        return margin(data, element.children[0].start)
    outer = margin(data, element.start)
    return None if outer is None else outer + (b"\t" if outer.startswith(b"\t") else b"  ")


def rendered(data: bytes, parent: Element, key: str, value: Any, name: str) -> bytes:
    """A new element, its own elements on lines below it."""
    inside = inner_margin(data, parent)

    def lines(key: str, value: Any, depth: int) -> str:
        if not isinstance(value, Mapping):
            return f"<{key}>{escape(as_text(value, name))}</{key}>"
        line = "" if inside is None else (line_end(data) + inside).decode() + "  " * depth
        attributes = "".join(f" {entry[1:]}={quoteattr(as_text(one, name))}" for entry, one in value.items() if entry.startswith("@"))
        inner = "".join(
            f"{line}{'  ' if line else ''}{lines(entry, one, depth + 1)}"
            for entry, given in value.items()
            if not entry.startswith("@")
            for one in (given if isinstance(given, list) else [given])
        )
        return f"<{key}{attributes}>{inner}{line}</{key}>" if inner else f"<{key}{attributes} />"

    return lines(key, value, 0).encode()


def with_content(data: bytes, element: Element, added: list[bytes]) -> bytes:
    """The document with further elements at the end of one."""
    inside, outer = inner_margin(data, element), margin(data, element.start)
    between = b"" if inside is None else line_end(data) + inside
    content = data[element.inside : element.closing]
    kept = content.rstrip()
    tail = content[len(kept) :]
    if inside is not None and b"\n" not in tail:
        tail = line_end(data) + (outer or b"")
    new = kept + b"".join(between + one for one in added) + tail
    if element.closing == element.end:  # <A />
        opening = data[element.start : element.end].removesuffix(b"/>").rstrip() + b">"
        return data[: element.start] + opening + new + f"</{element.name}>".encode() + data[element.end :]
    return data[: element.inside] + new + data[element.closing :]


def with_text(data: bytes, element: Element, value: str) -> bytes:
    """The document with the value of an element. A comment inside it stays, after the value."""
    new = escape(value).encode() + b"".join(b"<!--" + comment + b"-->" for comment in element.comments)
    opening = data[element.start : element.inside]
    if element.closing == element.end:
        opening = opening.removesuffix(b"/>").rstrip() + b">"
    opening = re.sub(rb"\s+xsi:nil\s*=\s*(\"[^\"]*\"|'[^']*')", b"", opening)
    closing = data[element.closing : element.end] or f"</{element.name}>".encode()
    return data[: element.start] + opening + new + closing + data[element.end :]


def with_attribute(data: bytes, element: Element, attribute: str, value: str) -> bytes:
    opening = data[element.start : element.inside]
    shown = quoteattr(value).encode()
    present = re.compile(rb"(\s" + re.escape(attribute.encode()) + rb"\s*=\s*)(\"[^\"]*\"|'[^']*')")
    if attribute in element.attributes:
        opening = present.sub(lambda found: found[1] + shown, opening, count=1)
    else:
        end = b"/>" if opening.endswith(b"/>") else b">"
        head = opening.removesuffix(end)
        space = head[len(head.rstrip()) :]
        opening = head.rstrip() + b" " + attribute.encode() + b"=" + shown + space + end
    return data[: element.start] + opening + data[element.inside :]


def with_list(data: bytes, element: Element, key: str, values: list[str]) -> bytes:
    """The document with all elements `key` of an element; others and comments between them stay."""
    new = [f"<{key}>{escape(value)}</{key}>".encode() for value in values]
    found = element.named(key)
    if not found:
        return with_content(data, element, new)
    inside = margin(data, found[0].start)
    between = b"" if inside is None else line_end(data) + inside
    for one in reversed(found[1:]):
        data = data[: one.start].rstrip() + data[one.end :]
    head, tail = data[: found[0].start], data[found[0].end :]
    return head + between.join(new) + tail if new else head.rstrip() + tail


def only_wanted_differs(before: bytes, old: Element | None, after: bytes, new: Element, wanted: Mapping[str, Any]) -> bool:
    """Whether an edit says what is wanted, and else the very bytes that were there before."""
    attributes = {key[1:] for key in wanted if key.startswith("@")}
    kept = old is None or (
        [before[child.start : child.end] for child in old.children if child.name not in wanted]
        == [after[child.start : child.end] for child in new.children if child.name not in wanted]
        and {k: v for k, v in old.attributes.items() if k not in attributes} == {k: v for k, v in new.attributes.items() if k not in attributes}
        and old.comments == new.comments
    )
    inner = all(
        only_wanted_differs(before, next(iter(old.named(key)), None) if old else None, after, new.named(key)[0], value)
        for key, value in wanted.items()
        if isinstance(value, Mapping)
    )
    return kept and inner and step(after, new, wanted, "") is None
