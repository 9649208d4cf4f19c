"""Text made safe: to print on a terminal, and to paste into a shell. Import-light."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""Show what a terminal would obey, and bytes that are no text, as escapes: `\x1b`, `\n`, `\udcff`."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def without_secrets(url: str) -> str:
    """Return an address without the user and password that it may hold: what may be shown and stored."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    host, slash, path = rest.partition("/")
    if "@" not in host and ":" in host and "@" in path:
        # A password with a slash in it, which nobody escaped.
        host, slash, path = rest.rpartition("@")[2].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


# Text in shell quotes, inside which no character is special.


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
