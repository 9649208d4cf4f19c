"""Hot words, answered before anything heavy is imported.

A plain command line that stands in the tables below is answered here, with a start of 1.5 times that of a bare
interpreter. Anything else, an option that is not listed, a question, a failure that deserves more words, is left to
the command line, which calls the same functions: both ways agree because there is one way.
"""

from __future__ import annotations

from pyman import __version__
from pyman.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


@record
class Words:
    """A plain command line, taken apart."""

    arguments: tuple[str, ...]
    options: dict[str, str]
    """Long names; a flag's value is the empty string."""


# What each hot verb understands here: option as written → its long name, and whether a value follows.
_SHARED = {"-q": ("quiet", False), "--quiet": ("quiet", False), "--root": ("root", True)}
_OPTIONS = {
    "find": {**_SHARED, "--resolve": ("resolve", False)},
    "init": {**_SHARED},
    "which": {**_SHARED, "--explain": ("explain", False)},
    "venv": {
        **_SHARED,
        "-p": ("python", True),
        "--python": ("python", True),
        "--pin": ("pin", False),
        "--without-pip": ("without-pip", False),
        "--no-install": ("no-install", False),
        "--system-site-packages": ("system-site-packages", False),
        "--prompt": ("prompt", True),
    },
}
_MOST_ARGUMENTS = 1


def answer(argv: list[str], environ: Mapping[str, str]) -> int | None:
    """Answer a hot command line and return its exit status; None leaves it to the command line."""
    if argv in (["--version"], ["-V"]):
        from pyman.core.answer import Answer
        from pyman.hot.verbs import tell

        return tell(Answer({}, (f"pyman {__version__}",)))
    if argv and argv[0] == "shim":
        from pyman.hot.verbs import run_shim

        return run_shim(argv[1:], environ)
    if argv[:1] == ["--root"] and argv[2:3] == ["shim"]:
        from pyman.hot.verbs import run_shim

        return run_shim(argv[3:], environ, root=argv[1])
    if not argv or argv[0] not in _OPTIONS:
        return None
    words = take_apart(argv[1:], _OPTIONS[argv[0]])
    if words is None:
        return None
    from pyman.hot.verbs import run

    return run(argv[0], words, environ)


def take_apart(argv: list[str], known: dict[str, tuple[str, bool]], most: int = _MOST_ARGUMENTS) -> Words | None:
    """Split plain words into arguments, at most so many, and options; None where anything is not plain."""
    arguments: list[str] = []
    options: dict[str, str] = {}
    left = iter(argv)
    for word in left:
        if not word.startswith("-"):
            arguments.append(word)
            continue
        if word not in known:
            return None
        name, takes_value = known[word]
        value = next(left, None) if takes_value else ""
        if value is None or name in options or (takes_value and value.startswith("-")):
            return None
        options[name] = value
    return Words(tuple(arguments), options) if len(arguments) <= most else None
