"""Which Python a project requests: the grammar of `.python-version`, and `requires-python` in `pyproject.toml`.

    file     lines, each ended by a line feed; a byte order mark before the first is dropped
    line     words, then perhaps `#` and a comment to the end of the line
    word     separated by spaces and tabs; one carriage return (form feed, vertical tab) behind it is white space
    request  a word; or a specifier, which goes on over spaces behind its commas and operators:
             `>=3.11, < 3.14` is one request, written `>=3.11,<3.14`

A request is a name or a specifier, never a path: `core/request.py` says which names there are. A file of blank
lines and comments asks for nothing, and the search goes on above it. The shim reads the same grammar in sh and hands
over to pyman whatever is more than plain releases; `tests/contract/version_files.py` holds the two together.

Unlike pyenv, which skips a word it finds unsafe, and uv, which warns of a line it cannot read and takes any Python,
every word that cannot be understood is an error.

Import-light.
"""

from __future__ import annotations

from pyman.core.record import record
from pyman.errors import BadRequest

NAME = ".python-version"
LONGEST_FILE = 1 << 16
"""Characters. A version file holds a few lines; what is larger is something else."""
LONGEST_LINE = 1024
"""Characters, comment included."""

_OPERATORS = frozenset("<>=!~")
_NAME_CHARACTERS = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._+-@")
_LINE_ENDS = "\r\f\v"


@record
class FileRequest:
    """One request of a version file, for `parse_request`, and where it stands."""

    text: str
    line: int
    """Counted from 1."""


def parse_version_file(text: str, path: str = NAME) -> tuple[FileRequest, ...]:
    """Return the requests of a version file in their order; none where it is blank.

    `path` is for messages only. Raises BadRequest (exit status 1) that names file and line.
    """
    if len(text) > LONGEST_FILE:
        raise _refused(path, None, "it is too long to be a version file")
    requests: list[FileRequest] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if len(line) > LONGEST_LINE:
            raise _refused(path, number, f"the line is longer than {LONGEST_LINE} characters")
        if "\0" in line:
            raise _refused(path, number, "it holds a NUL, as a file in UTF-16 does", "save it as plain text")
        words = _join_specifiers(_words(line), path, number)
        for word in words:
            _check_word(word, path, number)
        requests += [FileRequest(word, number) for word in words]
    return tuple(requests)


_HINT = "write versions (`3.13`, `3.13.5`, `3.14t`), a range (`>=3.11,<3.14`) or `system` there; paths are not followed"


def _words(line: str) -> list[str]:
    code = line.partition("#")[0].replace("\t", " ")
    words = [word[:-1] if word[-1] in _LINE_ENDS else word for word in code.split(" ") if word]
    return [word for word in words if word]


def _join_specifiers(words: list[str], path: str, number: int) -> list[str]:
    """Put together what belongs to one specifier: a comma or an operator is never the end of it."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1][0] in _OPERATORS:
            before = joined[-1]
            if before[-1] in _OPERATORS or before[-1] == "," or word[0] == ",":
                joined[-1] = before + word
                continue
            if word[0] in _OPERATORS:
                # As two requests the second would count only where the first has no answer.
                raise _refused(path, number, f"`{before} {word}` are two conditions without a comma between them")
        joined.append(word)
    return joined


def _check_word(word: str, path: str, number: int) -> None:
    is_specifier = word[0] in _OPERATORS
    for character in word:
        if character in _NAME_CHARACTERS or (is_specifier and (character in _OPERATORS or character in ",*")):
            continue
        if character == "/":
            raise _refused(path, number, f"`{word}` is a path")
        raise _refused(path, number, f"`{word}` cannot be understood")
    # A lone tilde is no operator: `~somebody` is a home folder.
    if word[0] in "-." or (word[0] == "~" and word[1:2] != "="):
        raise _refused(path, number, f"`{word}` cannot be understood")


def _refused(path: str, number: int | None, why: str, hint: str = _HINT) -> BadRequest:
    where = path if number is None else f"{path}, line {number}"
    return BadRequest(f"{where}: {why}", hint=hint, exit_status=1)


# `requires-python` of a `pyproject.toml`, read without a TOML parser where the text leaves no doubt..
#
# tomllib costs as much as the start of an interpreter. What nearly every project has, one plain line in `[project]`,
# is read here; of anything else nothing is said, and the parser decides.

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
