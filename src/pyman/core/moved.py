"""A venv that was moved or copied: which of its generated files name the old place, and what they must say now.

Rewritten are, as DESIGN 7 says: scripts that an installer made (RECORD lists them), activation, the `command` line of
`pyvenv.cfg`; and what names a source folder beside the venv, where that has moved along. What the user wrote is not.
"""

from __future__ import annotations

from posixpath import basename, dirname, join, normpath

from pyman.core.pyvenv_cfg import edit, parse_pyvenv_cfg
from pyman.core.record import record
from pyman.core.script_header import header_for, read_header
from pyman.core.source_pointers import repoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What goes on with the name of a file or folder, so that a path before it is not a whole one.
_PART_OF_A_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@%,=")
# What would end or change a quoted text of one shell or another. nu, xonsh and cmd have no script of pyman's.
_NOT_IN_QUOTES = frozenset("'\"\\`$!\n\r")


@record
class Edit:
    """One file to replace: only if it still is what was read."""

    path: str
    before: bytes
    after: bytes


@record
class MovedFiles:
    """What was read of a venv that was moved: contents by absolute path, all of them below the new place."""

    old: str
    new: str
    settings: tuple[str, bytes] | None
    """`pyvenv.cfg`."""
    activation: Mapping[str, bytes]
    rendered: Mapping[str, bytes]
    """The same scripts as pyman would write them for the new place; empty where neither place needs quoting."""
    scripts: Mapping[str, bytes]
    """What RECORD files list in `bin`."""
    pointers: Mapping[str, bytes]
    """Files that may name source folders: `.pth`, editable finders, `direct_url.json`."""
    records: Mapping[str, bytes]
    """RECORD files."""
    shebang_limit: int


def edits_of_move(files: MovedFiles, relocated: Mapping[str, str]) -> tuple[Edit, ...]:
    """Say what to rewrite, and in which order, so that whoever is cut off in between finds all that is left to do.

    `relocated` maps source folders that are gone to where they are now (`named_paths`).
    """
    changed: dict[str, Edit] = {}

    def change(path: str, before: bytes, after: bytes) -> None:
        if after != before:
            changed[path] = Edit(path, before, after)

    for path, content in files.scripts.items():
        change(path, content, _text(content, lambda text: rewrite_script(text, files)))
    for path, content in files.activation.items():
        if path in files.rendered:
            change(path, content, files.rendered[path])
        elif not set(files.new) & _NOT_IN_QUOTES:
            change(path, content, _text(content, lambda text: replace_place(text, files.old, files.new)))
    for path, content in files.pointers.items():
        change(path, content, _text(content, lambda text, path=path: repoint(path, text, relocated)))  # type: ignore[misc]
    if files.settings is not None:
        path, content = files.settings
        change(path, content, _text(content, lambda text: _rewrite_command(text, files)))
    for path, content in files.records.items():
        change(path, content, _text(content, lambda text, path=path: _rewrite_record(path, text, files, changed)))  # type: ignore[misc]
    # RECORD tells hashes of what follows: after a script that is right already they would not be told any more. The
    # place that `activate` names is what shows that the venv was moved.
    rank = dict.fromkeys(files.records, 0) | dict.fromkeys(files.activation, 2)
    return tuple(sorted(changed.values(), key=lambda each: (rank.get(each.path, 1), basename(each.path) == "activate")))


def _text(content: bytes, rewrite: Callable[[str], str]) -> bytes:
    return rewrite(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def replace_place(text: str, old: str, new: str) -> str:
    """Replace a path wherever it stands whole, or as the beginning of a longer path; not inside another name."""
    pieces: list[str] = []
    start = 0
    while (found := text.find(old, start)) >= 0:
        end = found + len(old)
        before, after = text[found - 1 : found], text[end : end + 1]
        whole = not _goes_on(after) and not (_goes_on(before) and before != "=")
        pieces += [text[start:found], new if whole else old]
        start = end
    return "".join([*pieces, text[start:]])


def _goes_on(letter: str) -> bool:
    return letter in _PART_OF_A_NAME or letter > "\x7f" if letter else False


def _rewrite_command(text: str, files: MovedFiles) -> str:
    command = parse_pyvenv_cfg(text).get("command")
    if command is None:
        return text
    moved = replace_place(command, files.old, files.new)
    # A line cannot hold every path; an old command in it harms nobody.
    return (
        edit(text, {"command": moved}) if moved == moved.strip() and "\n" not in moved and "\r" not in moved else text
    )


def rewrite_script(text: str, files: MovedFiles) -> str:
    """Give a generated script the header that an installer would give it at the new place.

    Both forms are understood, `#!/old/bin/python` and the way through `/bin/sh`, and are exchanged where the new
    path is too long for the kernel, or has a space, or no longer so. Any other script stays as it is.
    """
    header = read_header(text)
    if header is None:
        return text
    executable, arguments, rest = header
    if not executable.startswith(files.old + "/"):
        return text
    return header_for(files.new + executable[len(files.old) :], arguments, files.shebang_limit) + rest


def _rewrite_record(path: str, text: str, files: MovedFiles, changed: Mapping[str, Edit]) -> str:
    """Give the files that were rewritten their new hash and size, and absolute rows their new place."""
    import csv

    folder = dirname(dirname(path))
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            row = next(csv.reader([line.rstrip("\r")]))
        except (csv.Error, StopIteration):
            continue
        place = row[0] if row else ""
        if place == files.old or place.startswith(files.old + "/"):
            place = files.new + place[len(files.old) :]
        rewritten = changed.get(normpath(join(folder, place)))
        fields = [place, *row[1:]]
        if rewritten is not None and len(row) > 2 and row[1]:
            fields[1:3] = [_hash(rewritten.after), str(len(rewritten.after))]
        if fields != row:
            ending = "\r" if line.endswith("\r") else ""
            lines[number] = ",".join(map(_field, fields)) + ending
    return "\n".join(lines)


def _field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & {",", '"', "\n", "\r"} else text


def _hash(content: bytes) -> str:
    """As RECORD has it (PEP 376, 427): URL-safe base64 without its padding."""
    import base64
    import hashlib

    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode("ascii")


def is_activation(name: str) -> bool:
    """True for the activation scripts of every creator: `activate.fish`, `Activate.ps1`, `activate_this.py`."""
    return basename(name).lower().startswith("activate") and not name.endswith((".pyc", "~"))
