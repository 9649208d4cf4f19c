"""`requires-python` of a `pyproject.toml`, read without a TOML parser where the text leaves no doubt. Hot.

tomllib costs as much as the start of an interpreter. What nearly every project has, one plain line in `[project]`, is
read here; of anything else nothing is said, and the parser decides.
"""

from __future__ import annotations

KEY = "requires-python"


def plainly_required(text: str) -> str | None:
    """Return the value of the one line that says it, None where only a parser can tell.

    Sure is: the key stands in the text once, on a line of its own with a plain string, and the last header before it
    is `[project]`; and no string runs over several lines, in which all that could be just words.
    """
    if text.count(KEY) != 1 or '"""' in text or "'''" in text:
        return None
    header = ""
    for line in text.split("\n"):
        stripped = line.strip(" \t\r")
        if stripped.startswith("["):
            header = stripped.partition("#")[0].rstrip(" \t")
        elif stripped.startswith(KEY):
            return _plain_string(stripped[len(KEY) :]) if header == "[project]" else None
    return None


def _plain_string(text: str) -> str | None:
    """The value of `= "…"`, None where it is written in any other way."""
    equals, _, rest = text.lstrip(" \t").partition("=")
    rest = rest.lstrip(" \t")
    quote = rest[:1]
    if equals or quote not in ('"', "'"):
        return None
    value, closed, after = rest[1:].partition(quote)
    after = after.lstrip(" \t")
    if not closed or "\\" in value or not value.isprintable() or (after and not after.startswith("#")):
        return None
    return value.strip()
