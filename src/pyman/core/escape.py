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


def without_secrets(url: str) -> str:
    """Return an address without the user and password that it may hold: what may be shown and stored."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"
