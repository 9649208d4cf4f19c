"""Text in the quotes of a shell, inside which nothing has a meaning. Hot: imports nothing."""

from __future__ import annotations


def quote(text: str) -> str:
    """Return a text as one word of sh, bash or zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def as_word(text: str) -> str:
    """Return a text as one word of a shell, in quotes only where a shell would read something else."""
    plain = text.replace("/", "").replace(".", "").replace("-", "").replace("_", "").replace("+", "")
    return text if (plain.isalnum() and plain.isascii()) or text in (".", "..") else quote(text)


def fish_quote(text: str) -> str:
    """Return a text as one word of fish, where a backslash keeps its meaning before a quote and itself."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
