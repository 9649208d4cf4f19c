"""Which Python a project requests: the grammars of the files that say so.

`.python-version`:

    file     lines, each ended by a line feed; a byte order mark before the first is dropped
    line     words, then perhaps `#` and a comment to the end of the line
    word     separated by spaces and tabs; one carriage return (form feed, vertical tab) behind it is white space
    request  a word; or a specifier, which goes on over spaces behind its commas and operators:
             `>=3.11, < 3.14` is one request, written `>=3.11,<3.14`

A request is a name or a specifier, never a path: `core/request.py` says which names there are; a name may also be that
of a venv of pyenv-virtualenv, `blog` or `3.11.2/envs/blog`. A file of blank lines and comments asks for nothing, and
the search goes on above it. The shim reads the same grammar in sh and hands over to pyman whatever is more than plain
releases; `tests/contract/version_files.py` holds the two together.

Unlike pyenv, which skips a word it finds unsafe, and uv, which warns of a line it cannot read and takes any Python,
a word that cannot be understood is an error, unless one before it is installed.

`.tool-versions` (asdf) has a line `python` and the words behind it; `mise.toml` the key `python` of `[tools]`;
`pyproject.toml` has `requires-python`, and poetry's `python` where that is missing.

Import-light.
"""

from __future__ import annotations

from pyman.core.immutable import record
from pyman.core.request import NAMES, is_specified
from pyman.core.version import read_number
from pyman.errors import BadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
            raise _refused(path, number, "it contains a NUL character, like a file in UTF-16", "save it as UTF-8")
        words = _join_specifiers(_words(line), path, number)
        for word in words:
            _check_word(word, path, number)
        requests += [FileRequest(word, number) for word in words]
    return tuple(requests)


_HINT = f"write {NAMES} there; paths are not followed"


def _words(line: str) -> list[str]:
    code = line.partition("#")[0].replace("\t", " ")
    words = [word[:-1] if word[-1] in _LINE_ENDS else word for word in code.split(" ") if word]
    return [word for word in words if word]


def _join_specifiers(words: list[str], path: str, number: int) -> list[str]:
    """Put together what belongs to one specifier: a comma or an operator is never the end of it."""
    joined: list[str] = []
    for word in words:
        if joined and _is_specifier(joined[-1]):
            before = joined[-1]
            if before[-1] in _OPERATORS or before[-1] == "," or word[0] == ",":
                joined[-1] = before + word
                continue
            if word[0] in _OPERATORS:
                # As two requests the second would count only where the first has no answer.
                raise _refused(path, number, f"`{before} {word}` are two conditions without a comma between them")
        joined.append(word)
    return joined


def _is_specifier(word: str) -> bool:
    return word[0] in _OPERATORS or is_specified(word)


def _check_word(word: str, path: str, number: int) -> None:
    is_specifier = _is_specifier(word)
    if word.count("/") == 2 and split_pyenv_name(word) is not None:
        word = word.replace("/", "")
    for character in word:
        if character in _NAME_CHARACTERS or (is_specifier and (character in _OPERATORS or character in ",*")):
            continue
        if character == "/":
            raise _refused(path, number, f"`{word}` is a path")
        raise _refused(path, number, f"`{word}` cannot be understood")
    # A lone tilde is not an operator: `~user` is a home folder.
    if word[0] in "-." or (word[0] == "~" and word[1:2] != "="):
        raise _refused(path, number, f"`{word}` cannot be understood")


def split_pyenv_name(word: str) -> tuple[str, str] | None:
    """Version and name of a venv as pyenv-virtualenv writes them, `3.11.2/envs/blog`; None for anything else."""
    version, envs, name = word.partition("/envs/")
    plain = all(part and part[0] not in "-." and set(part) <= _NAME_CHARACTERS for part in (version, name))
    return (version, name) if envs and plain else None


def _refused(path: str, number: int | None, why: str, hint: str = _HINT) -> BadRequest:
    where = path if not number else f"{path}, line {number}"
    return BadRequest(f"{where}: {why}", hint=hint, exit_status=1)


# `.tool-versions` of asdf, which mise reads too.

TOOL_VERSIONS = ".tool-versions"
_PYTHON = "python"


def parse_tool_versions(text: str, path: str = TOOL_VERSIONS) -> tuple[FileRequest, ...]:
    """Return what the line `python` of a `.tool-versions` asks for; none where there is no such line.

    Raises BadRequest as `parse_version_file` does; what other lines say is the business of other tools.
    """
    if len(text) > LONGEST_FILE:
        raise _refused(path, None, "it is too long to be a version file")
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        words = _words(line)
        if words[:1] == [_PYTHON]:
            return _tool_requests(words[1:], path, number)
    return ()


def _tool_requests(words: list[str], path: str, number: int) -> tuple[FileRequest, ...]:
    """The requests among the words of asdf and mise, whose own forms that name no release are passed over."""
    found = []
    for word in words:
        if "{" in word or word.startswith(("path:", "ref:", "sub-", "tag:", "branch:", "rev:")):
            continue
        name = word.removeprefix("prefix:")
        if not name:
            raise _refused(path, number, f"`{word}` cannot be understood")
        _check_word(name, path, number)
        found.append(FileRequest(name, number))
    return tuple(found)


# `mise.toml`, and `requires-python` of a `pyproject.toml`, read without a TOML parser where the text leaves no doubt.
#
# tomllib costs as much as the start of an interpreter. What nearly every project has, one plain line in its table, is
# read here; of anything else nothing is said, and the parser decides.

MISE_FILES = ("mise.toml", ".mise.toml")
MISE_KEY = "tools.python"
KEY = "requires-python"
POETRY_KEY = "tool.poetry.dependencies.python"


def plainly_required(text: str) -> str | None:
    """Return the value of the one line that says `requires-python`, None where only a parser can tell.

    Sure is: the key stands in the text once, on a line of its own with a plain string, and the last header before it
    is `[project]`; and no string runs over several lines, in which all that could be just words.
    """
    if text.count(KEY) != 1 or _has_long_strings(text):
        return None
    line = next((line for _, line in _lines_of(text, "[project]") if line.startswith(KEY)), None)
    return _plain_string(line[len(KEY) :]) if line is not None else None


def plainly_of_mise(text: str, path: str = MISE_FILES[0]) -> tuple[FileRequest, ...] | None:
    """Return what the line `python` in `[tools]` asks for, none where there is no such line; None: ask a parser.

    Sure is a plain string on a line of its own, or no line with the word at all, in a file that names the table once,
    and in this way alone. Raises BadRequest as `parse_version_file` does.
    """
    if _PYTHON not in text:
        return ()
    if _has_long_strings(text) or "\\" in text or text.count("[tools]") > 1 or "tools" in text.replace("[tools]", ""):
        return None
    lines = _lines_of(text, "[tools]")
    named = [(number, line) for number, line in lines if _PYTHON in line.partition("#")[0]]
    if not named:
        return ()
    number, line = named[0]
    value = _plain_string(line[len(_PYTHON) :]) if len(named) == 1 and line.startswith(_PYTHON) else None
    return _tool_requests([value] if value else [], path, number) if value is not None else None


def _has_long_strings(text: str) -> bool:
    return '"""' in text or "'''" in text


def _lines_of(text: str, table: str) -> list[tuple[int, str]]:
    """The lines of a table with their numbers, without blanks around."""
    header = ""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(" \t\r")
        if stripped.startswith("["):
            header = stripped.partition("#")[0].rstrip(" \t")
        elif header == table:
            found.append((number, stripped))
    return found


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


def words_of_mise(document: dict[str, Any], path: str) -> tuple[FileRequest, ...]:
    """Return what `python` in `[tools]` of a parsed `mise.toml` asks for: a text, a table with `version`, or a list."""
    tools = document.get("tools")
    value = tools.get(_PYTHON) if isinstance(tools, dict) else None
    words = []
    for one in value if isinstance(value, list) else [value]:
        version = one.get("version") if isinstance(one, dict) else one
        if isinstance(version, str) and version.strip():
            words.append(version.strip())
    return _tool_requests(words, path, 0)


def required_by(document: dict[str, Any]) -> tuple[str, str] | None:
    """Return what a parsed `pyproject.toml` requires, and the key that says it; None where it requires nothing.

    Poetry's own `python` counts where `requires-python` is missing.
    """
    project, tool = document.get("project"), document.get("tool")
    required = project.get(KEY) if isinstance(project, dict) else None
    if isinstance(required, str) and required.strip():
        return required.strip(), KEY
    for key in ("poetry", "dependencies", _PYTHON):
        tool = tool.get(key) if isinstance(tool, dict) else None
    if isinstance(tool, dict):
        tool = tool.get("version")
    return (tool.strip(), POETRY_KEY) if isinstance(tool, str) and tool.strip() else None


def of_poetry(constraint: str) -> tuple[str, ...]:
    """Write a constraint of poetry's as specifier sets, one for each alternative, the last one first.

    `^3.11` is `>=3.11,<4`, `~3.11` is `>=3.11,<3.12`, `3.11` is `==3.11.*`. What is not understood stays as it is, and
    so does what is longer than any line of a version file.
    """
    if len(constraint) > LONGEST_LINE:
        return (constraint,)
    alternatives = [part for part in constraint.replace("||", "|").split("|") if part.strip()]
    return tuple(_poetry_set(alternative) for alternative in reversed(alternatives))


def _poetry_set(text: str) -> str:
    words: list[str] = []
    for word in text.replace(",", " ").split():
        # A blank may stand behind an operator.
        if words and not words[-1].strip("<>=!~^"):
            words[-1] += word
        else:
            words.append(word)
    return ",".join(_poetry_clause(word) for word in words)


def _poetry_clause(word: str) -> str:
    mark = word[0] if word[0] in "^~" and word[1:2] != "=" else ""
    written = word[len(mark) :].removesuffix(".*")
    numbers = [number for part in written.split(".") if (number := read_number(part)) is not None]
    if word == "*":
        return ">=3"
    if len(numbers) != written.count(".") + 1 or len(numbers) > 3:
        return word
    if not mark:
        return f"=={written}" if len(numbers) == 3 else f"=={written}.*"
    end = [numbers[0] + 1] if mark == "^" or len(numbers) == 1 else [numbers[0], numbers[1] + 1]
    return f">={written},<{'.'.join(map(str, end))}"
