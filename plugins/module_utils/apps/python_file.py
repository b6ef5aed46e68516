# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of an app that are Python (Django's, as in sregistry's secrets.py) are set in a marked block at the end, which wins over what stands above.

The rest of the file is a person's, is never run, and stays as it is.
"""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
from collections.abc import Mapping
from typing import Any

from .files import Unknown

BOM = "\ufeff"
BEGIN = "# BEGIN homeserver.exposure"
END = "# END homeserver.exposure"


def edited(text: str, wanted: Mapping[str, Any], name: str, root: str = "") -> str:
    """The text of the file `name` with `wanted`, `{NAME: value}`, in its block. `{tuple: [a, b]}` is a tuple. Raises `Unknown`."""
    mark, body = text[: text.startswith(BOM)], text.removeprefix(BOM)
    ending = "\r\n" if "\r\n" in body else "\n"
    lines = list(io.StringIO(body, newline=""))  # as Python counts them; `str.splitlines` takes a form feed for an end too
    parsed(body, name)
    start, end = place(body, name)
    rest = "".join(lines[:start] + lines[end:])
    for key in wanted:
        if not key.isidentifier() or keyword.iskeyword(key):
            raise Unknown(f"{name} cannot hold {key!r}: it is not a name of Python.")
    block = "".join(f"{line}{ending}" for line in (BEGIN, *(f"{key} = {literal(value, name)}" for key, value in wanted.items()), END))
    gap = "" if not rest or rest.endswith(("\n", "\r")) else ending
    after = rest + gap + block
    if [ast.dump(one) for one in parsed(after, name)[: -len(wanted) or None]] != [ast.dump(one) for one in parsed(rest, name)]:
        raise Unknown(f"{name} cannot be changed safely, and is left as it is. Put these lines at its end:\n{block}")
    return mark + after


def parsed(text: str, name: str) -> list[ast.stmt]:
    """The statements of a file, which are not run."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)
        if encoding != "utf-8":
            raise Unknown(f"{name} says that it is in {encoding}, and only UTF-8 is known. It is left as it is: save it as UTF-8.")
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unknown(f"{name} is not valid Python ({type(error).__name__}), and is left as it is. Restore it, or move it away.") from error


def place(text: str, name: str) -> tuple[int, int]:
    """The lines of our block, from and to; both beyond the file where there is none. A marker inside a text of Python's is none."""
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    try:
        found = [(token.start[0], token.string.rstrip()) for token in tokens if token.type == tokenize.COMMENT and token.start[1] == 0]
    except (tokenize.TokenError, SyntaxError) as error:
        raise Unknown(f"{name} is not valid Python, and is left as it is. Restore it, or move it away.") from error
    marks = [(number, words) for number, words in found if words in (BEGIN, END)]
    if not marks:
        return len(text), len(text)
    if [words for _, words in marks] != [BEGIN, END]:
        raise Unknown(f"{name} has the lines {BEGIN!r} and {END!r} not once each, and is left as it is. Take them and what is between them out.")
    return marks[0][0] - 1, marks[1][0]


def literal(value: Any, name: str) -> str:
    """A value as Python writes it."""
    if isinstance(value, Mapping) and set(value) == {"tuple"} and isinstance(value["tuple"], list):
        inner = ", ".join(literal(one, name) for one in value["tuple"])
        return f"({inner},)" if len(value["tuple"]) == 1 else f"({inner})"
    if isinstance(value, list):
        return f"[{', '.join(literal(one, name) for one in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{literal(key, name)}: {literal(one, name)}' for key, one in value.items())}}}"
    if value is None or isinstance(value, (str, int)) or (isinstance(value, float) and value == value and abs(value) != float("inf")):
        return repr(value)
    raise Unknown(f"{name} cannot hold what is to be set there: Python has no literal for it.")
