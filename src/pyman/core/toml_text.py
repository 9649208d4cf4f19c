"""TOML that somebody else may have written, with one failure for all that can be wrong with it.

Python's parser takes quadratic time for a dotted key (an hour for a megabyte of `a.a.a…`), ends deep nesting in a
RecursionError, and a number of many digits in a ValueError of its own.

Import-light.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_PARTS = 32


class NotToml(ValueError):
    """A text that is no TOML, or none that anybody meant; its text goes on from the name of the file and `: `."""


def parse_toml(text: str) -> dict[str, Any]:
    """Read a TOML document. Raises NotToml."""
    import re
    import tomllib

    # No backtracking: each part matches whole or not at all, and none begins inside another.
    part = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
    if re.search(rf"(?<![A-Za-z0-9_.-])(?>{part}){{{_MOST_PARTS}}}", text):
        raise NotToml(f"it has a key of more than {_MOST_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise NotToml("it is nested too deeply") from None
    except ValueError as error:
        raise NotToml(str(error)) from None


def replace_value(text: str, table: str, key: str, value: str) -> str:
    """Give a key of a table, which has a string on a line of its own, another string; every other line stays.

    Raises NotToml where the text is not written that way, and for what is no TOML.
    """
    before = parse_toml(text)
    lines = text.splitlines(keepends=True)
    current = ""
    for number, line in enumerate(lines):
        words = line.strip()
        if words.startswith("["):
            current = words[1:].partition("]")[0].strip().strip("\"'")
        elif current == table and words.partition("=")[0].strip().strip("\"'") == key:
            ending = line[len(line.rstrip("\r\n")) :]
            lines[number] = f"{line.partition('=')[0].rstrip()} = {_quoted(value)}{ending}"
            after = "".join(lines)
            if parse_toml(after) == {**before, table: {**before[table], key: value}}:
                return after
    raise NotToml(f"its {key} is not written as a line of [{table}]")


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    if any(letter < " " or letter == "\x7f" for letter in value):
        raise NotToml("a control character cannot be written")
    return f'"{escaped}"'
