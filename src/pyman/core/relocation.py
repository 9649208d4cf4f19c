"""Which files of a moved or copied venv name its old place, and what they must say now.

Rewritten are (design.md 7): scripts that an installer made (RECORD lists them), activation, the `command` line of
`pyvenv.cfg`; and editable installs, kernels and links that name something which has moved along. What the user wrote
is not, and is named.
"""

from __future__ import annotations

import re
from posixpath import basename, dirname, join, normpath
from types import MappingProxyType

from pyman.core.immutable import record, replace
from pyman.core.pyvenv_cfg import edit, parse_pyvenv_cfg
from pyman.core.script_header import header_for, read_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
    """Files that may name source folders: `.pth`, editable finders, `direct_url.json`, `kernel.json`."""
    records: Mapping[str, bytes]
    """RECORD files."""
    shebang_limit: int
    links: tuple[tuple[str, str], ...] = ()
    """Links that lead to an absolute path, each with that."""
    others: tuple[tuple[str, bytes], ...] = ()
    """Files of the user's that may name the old place."""
    gone: frozenset[str] = frozenset()
    """Of the paths that pointers name those that are neither where they were nor where they would be now."""
    interpreters: Mapping[str, str] = MappingProxyType({})
    """Interpreters that scripts name instead of the venv's own, wherever they lie, and those that they are to name."""


@record
class LinkEdit:
    """One link to replace: only if it still leads to where it did."""

    path: str
    before: str
    after: str


def edits_of_move(files: MovedFiles, relocated: Mapping[str, str]) -> tuple[Edit, ...]:
    """Say what to rewrite, and in which order, so that whoever is cut off in between finds all that is left to do.

    `relocated` maps what has moved along to where it is now (`named_paths`).
    """
    changed: dict[str, Edit] = {}

    def change(path: str, before: bytes, after: bytes) -> None:
        if after != before:
            changed[path] = Edit(path, before, after)

    for path, content in files.scripts.items():
        change(path, content, _text(content, lambda text: _rewrite_generated(text, files, relocated)))
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


def link_edits_of_move(files: MovedFiles, relocated: Mapping[str, str]) -> tuple[LinkEdit, ...]:
    """Say which links of the venv lead to something that has moved along."""
    return tuple(LinkEdit(path, target, relocated[target]) for path, target in files.links if target in relocated)


def still_names_old_place(files: MovedFiles, edits: Iterable[Edit], links: Iterable[LinkEdit]) -> tuple[str, ...]:
    """The files and links, relative to the venv, that name the old place also after these edits, sorted."""
    after = {edit.path: edit.after for edit in edits}
    read = {**files.scripts, **files.activation, **files.pointers, **dict(files.others)}
    if files.settings is not None:
        read[files.settings[0]] = files.settings[1]
    found = {path for path, content in read.items() if _names(after.get(path, content), path, files)}
    replaced = {link.path for link in links}
    found |= {path for path, target in files.links if path not in replaced and f"{target}/".startswith(f"{files.old}/")}
    return tuple(sorted(path.removeprefix(f"{files.new}/") for path in found))


def _names(content: bytes, path: str, files: MovedFiles) -> bool:
    text = content.decode("utf-8", "surrogateescape")
    if path in files.pointers and files.gone.intersection(_paths_in(path, text)):
        return True
    # The new place may lie in the old one.
    own = text if f"{files.old}/".startswith(f"{files.new}/") else replace_place(text, files.new, "")
    return replace_place(own, files.old, "") != own


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
    # Not every path fits on the line, and an old command there does no harm.
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
    own = files.interpreters.get(executable)
    if own is None and executable.startswith(files.old + "/"):
        own = files.new + executable[len(files.old) :]
    return header_for(own, arguments, files.shebang_limit) + rest if own is not None else text


# What setuptools wrote into `bin` for installs that no RECORD tells of (`setup.py develop`); it says whose it is.
_EASY_INSTALL = "\n# EASY-INSTALL-"


def is_easy_install(text: str) -> bool:
    """True for a script that setuptools generated without an installer."""
    header = read_header(text)
    return header is not None and f"\n{header[2]}".startswith(_EASY_INSTALL)


def _rewrite_generated(text: str, files: MovedFiles, relocated: Mapping[str, str]) -> str:
    text = rewrite_script(text, files)
    # It also names the script in the source folder that it runs.
    return repoint("easy-install.py", text, relocated) if is_easy_install(text) else text


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
        except csv.Error:
            continue
        place = row[0]
        if place == files.old or place.startswith(files.old + "/"):
            place = files.new + place[len(files.old) :]
        fields = [place, *row[1:]]
        if len(row) > 2 and row[1]:
            content = _content_after(normpath(join(folder, place)), row[1], files, changed)
            if content is not None:
                fields[1:3] = [_hash(content), str(len(content))]
        if fields != row:
            ending = "\r" if line.endswith("\r") else ""
            lines[number] = ",".join(map(_field, fields)) + ending
    return "\n".join(lines)


def _content_after(path: str, told: str, files: MovedFiles, changed: Mapping[str, Edit]) -> bytes | None:
    """What a file holds after the repair, where RECORD, which tells a hash of it, is to tell another one.

    A script may be right already, while RECORD tells of the one at the old place: an undo that was refused left it so.
    """
    if path in changed:
        return changed[path].after
    content = files.scripts.get(path)
    if content is None:
        return None
    back = replace(files, old=files.new, new=files.old, interpreters={})
    return content if told == _hash(_text(content, lambda text: rewrite_script(text, back))) else None


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


# Files that name source folders and programs: `.pth`, editable finders, `direct_url.json`, `kernel.json`. Read and
# rewritten. How each build backend writes them is in tests/core/test_relocation.py.

KERNEL = "kernel.json"
_JSON_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
# In a text of JSON a path ends where an option or a list of paths goes on.
_PIECE = re.compile(r"[^:;,=\s'\"]+")


def is_pointer(name: str) -> bool:
    """True for a file of site-packages that may name a source folder: `.pth`, editable finders and loaders."""
    return name.endswith((".pth", ".egg-link")) or (name.endswith(".py") and "editable" in name)


def moved_roots(old_place: str, new_place: str) -> tuple[tuple[str, str], ...]:
    """What was moved, and where to, told by taking equal tails off both places.

    `/old/app/.venv` and `/new/app/.venv`: `/old` became `/new`, with all that lay in it. Where the venv has another
    name now, it is told of the folders above as well.
    """
    roots = [_without_tail(old_place, new_place)]
    old_above, new_above = dirname(old_place), dirname(new_place)
    if roots[0][0] == old_place and old_above != new_above and "/" not in (old_above, new_above):
        roots.append(_without_tail(old_above, new_above))
    return tuple(roots)


def _without_tail(old: str, new: str) -> tuple[str, str]:
    while basename(old) == basename(new) and "/" not in (dirname(old), dirname(new)):
        old, new = dirname(old), dirname(new)
    return old, new


def named_paths(pointers: Mapping[str, bytes], old_place: str, new_place: str) -> tuple[tuple[str, str], ...]:
    """The paths that a moved venv's packages name and that may have moved along, each with where it would be now.

    Whoever looks says which of them count: what is gone and is there now; and what lay in the venv itself.
    """
    named = (
        path
        for file, content in pointers.items()
        for path in _paths_in(file, content.decode("utf-8", "surrogateescape"))
    )
    return where_they_would_be(named, old_place, new_place)


def where_they_would_be(paths: Iterable[str], old_place: str, new_place: str) -> tuple[tuple[str, str], ...]:
    """Of absolute paths those that lay in what was moved, each with where it would be now."""
    roots = moved_roots(old_place, new_place)
    pairs: dict[str, str] = {}
    for path in paths:
        for old, new in roots:
            if path == old or path.startswith(f"{old}/"):
                pairs[path] = new + path[len(old) :]
                break
    return tuple(pairs.items())


def sources_in(path: str, content: bytes) -> tuple[str, ...]:
    """The absolute paths that a pointer names."""
    return tuple(_paths_in(path, content.decode("utf-8", "surrogateescape")))


def _paths_in(path: str, text: str) -> Iterable[str]:
    if basename(path) == KERNEL:
        return [found for string in _JSON_STRING.findall(text) for found in _paths_in_string(string)]
    if path.endswith(".json"):
        url = _url_in(text)
        return [_path_of_url(url)] if url is not None else []
    found = [line.rstrip() for line in text.splitlines() if line.startswith("/")]
    return found + [literal[1:-1] for literal in _literals(text)]


def _literals(text: str) -> Iterable[str]:
    """The string literals in a piece of Python that hold an absolute path and no escape, with their quotes."""
    for quote in "'\"":
        start = 0
        while (start := text.find(quote + "/", start)) >= 0:
            end = text.find(quote, start + 1)
            if end < 0:
                break
            literal = text[start : end + 1]
            if "\\" not in literal and "\n" not in literal:
                yield literal
            start = end + 1


def repoint(path: str, text: str, relocated: Mapping[str, str]) -> str:
    """The text of a pointer that names everything in `relocated` where it is now."""
    if basename(path) == KERNEL:
        return _JSON_STRING.sub(lambda found: _repoint_string(found[0], relocated), text)
    if path.endswith(".json"):
        return _repoint_url(text, relocated)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("/"):
            moved = relocated.get(line.rstrip())
            if moved is not None and path.endswith((".pth", ".egg-link")):
                lines[number] = moved + line[len(line.rstrip()) :]
            continue
        for literal in set(_literals(line)):
            moved = relocated.get(literal[1:-1])
            if moved is not None and not set(moved) & {"'", '"', "\\", "\n"}:
                lines[number] = lines[number].replace(literal, literal[0] + moved + literal[0])
    return "\n".join(lines)


def _url_in(text: str) -> str | None:
    import json

    try:
        url = json.loads(text)["url"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return url if isinstance(url, str) and url.startswith("file:///") else None


def _path_of_url(url: str) -> str:
    from urllib.parse import unquote

    return unquote(url.removeprefix("file://"), errors="surrogateescape")


def _repoint_url(text: str, relocated: Mapping[str, str]) -> str:
    import json
    from urllib.parse import quote

    url = _url_in(text)
    moved = relocated.get(_path_of_url(url)) if url is not None else None
    if moved is None:
        return text
    return text.replace(json.dumps(url), json.dumps("file://" + quote(moved, errors="surrogateescape")))


def _string_of(token: str) -> str:
    """What a string of JSON says, with its quotes; empty where it cannot be read."""
    import json

    try:
        return str(json.loads(token))
    except ValueError:
        return ""


def _paths_in_string(token: str) -> Iterable[str]:
    """The absolute paths in a string of JSON: all of it, and what stands in an option or in a list of paths."""
    text = _string_of(token) if "/" in token else ""
    if text.startswith("/"):
        yield text
    yield from (piece for piece in _PIECE.findall(text) if piece.startswith("/"))


def _repoint_string(token: str, relocated: Mapping[str, str]) -> str:
    import json

    text = _string_of(token) if "/" in token else ""
    moved = relocated.get(text) or _PIECE.sub(lambda piece: relocated.get(piece[0], piece[0]), text)
    return json.dumps(moved, ensure_ascii=token.isascii()) if moved != text else token
