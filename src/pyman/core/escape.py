"""Text from strangers, made safe to show. Hot: imports nothing."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""Show what a terminal would obey, and bytes that are no text, as escapes: `\x1b`, `\n`, `\udcff`."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
