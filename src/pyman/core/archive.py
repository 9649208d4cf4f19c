"""What the archive of a runtime may contain (design.md 10), and which release its name and headers say it is.

It stands alone: nothing relies on the filters of `tarfile`, which Python 3.11.2 does not have and which have had holes.
Upstream's archives are plain (files, relative links, nothing else), so everything unusual is refused, not repaired.

Three facts together keep all of it inside the tree. A file is only ever made below real folders, because links are
made after everything else. A link may go up only at the start of its target, through the real folders that it lies
in, so that its text alone says where it leads. And below a link nothing may lie.
"""

from __future__ import annotations

from pyman.core.immutable import record
from pyman.core.version import Version, parse_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.version import Variant

TOP_FOLDER = "python"
"""What an archive of upstream unpacks to; its content becomes the runtime's folder."""

FOLDER_MODE = EXECUTABLE_MODE = 0o755
FILE_MODE = 0o644

# Bytes. A file's name in every usual file system; a path that leaves room for the store's own.
_LONGEST_NAME = 255
_LONGEST_PATH = 512


class Unacceptable(ValueError):
    """Why an archive is not unpacked, as the rest of a sentence that begins with its name."""


@record
class Limits:
    """How much an archive may hold. The largest that upstream makes have 7,000 members and 0.6 GB."""

    members: int = 50_000
    """Headers of any kind."""
    size: int = 2 << 30
    """Bytes, unpacked."""


@record
class Member:
    """One entry of an archive, as its headers describe it."""

    name: str
    kind: str
    """`file`, `folder`, `link`, `hard link`, or in words what else it is."""
    size: int = 0
    """Bytes of content that follow."""
    executable: bool = False
    target: str = ""
    """Of a link: where it leads. Of a hard link: the name of the member that it is."""


@record
class Placement:
    """What to do for one member. Paths are relative to the destination."""

    path: str
    folders: tuple[str, ...] = ()
    """Folders that must be made first, the outermost first. For a folder itself, the last one is its own."""
    mode: int = FILE_MODE
    source: str = ""
    """Of a hard link: the file that it is another name of."""


class Tree:
    """What an archive has put where so far: it accepts members one after the other or refuses them."""

    def __init__(self, limits: Limits, top: str | None = TOP_FOLDER) -> None:
        """`top` is the one folder that all members lie below; None for whatever the first of them says."""
        self._top = top
        self.links: list[tuple[str, str]] = []
        """Path and target of the symlinks; to be made when all else is there."""
        self._limits = limits
        self._kinds = {"": "folder"}
        self._headers = 0
        self._size = 0

    def count_header(self) -> None:
        """Take note of a header, also of one that only describes the next.

        Raises Unacceptable when there are too many.
        """
        self._headers += 1
        if self._headers > self._limits.members:
            raise Unacceptable(f"has more than {self._limits.members} members")

    def place(self, member: Member) -> Placement:
        """Return where a member goes.

        Raises Unacceptable when it may not go anywhere.
        """
        shown, kind = _shown(member.name), member.kind
        if kind not in ("file", "folder", "link", "hard link"):
            raise Unacceptable(f"has the member {shown}, which is {kind}")
        if kind != "file" and member.size:
            raise Unacceptable(f"has the {kind} {shown} with content")
        name = member.name.removesuffix("/") if kind == "folder" else member.name
        if self._top is None:
            self._top = name.partition("/")[0]
        path = _path_below_top(name, self._top, f"has the member {shown}")
        known = self._kinds.get(path)
        if known == "folder" and kind == "folder":
            return Placement(path)
        if known is not None:
            raise Unacceptable(f"has the member {shown} twice" if path else f"has no folder {self._top}, but a {kind}")
        folders = self._missing_folders(path, shown)

        source, mode = "", FILE_MODE
        if kind == "folder":
            folders, mode = (*folders, path), FOLDER_MODE
        elif kind == "file":
            self._size += member.size
            if member.size < 0 or self._size > self._limits.size:
                raise Unacceptable(f"contains more than {self._limits.size} bytes")
            mode = EXECUTABLE_MODE if member.executable else FILE_MODE
        elif kind == "hard link":
            told = f"has the hard link {shown} to {_shown(member.target)}"
            source = _path_below_top(member.target, self._top, told)
            if self._kinds.get(source) != "file":
                raise Unacceptable(f"{told}, which is not an earlier file")
        else:
            _check_link(path, member.target, shown)
            self.links.append((path, member.target))
        self._kinds.update(dict.fromkeys(folders, "folder"))
        self._kinds[path] = "file" if kind == "hard link" else kind
        return Placement(path, folders, mode, source)

    def finish(self) -> None:
        """Say that no member follows.

        Raises Unacceptable when there was no file at all.
        """
        if "file" not in self._kinds.values():
            raise Unacceptable("contains no file")

    def _missing_folders(self, path: str, shown: str) -> tuple[str, ...]:
        """Return the folders above `path` that nothing has named yet; what there is must be folders."""
        missing: list[str] = []
        parent = path.rpartition("/")[0]
        while parent not in self._kinds:
            missing.append(parent)
            parent = parent.rpartition("/")[0]
        if self._kinds[parent] != "folder":
            raise Unacceptable(f"has the member {shown} below a {self._kinds[parent]}")
        return tuple(reversed(missing))


def _shown(name: str) -> str:
    """Return a name as a message may hold it, whatever it is made of."""
    return ascii(name if len(name) <= 200 else f"{name[:200]}...")


def _path_below_top(name: str, top: str, told: str) -> str:
    """Return the part of a name that lies below the top folder, `""` for that folder itself.

    `told` is the beginning of a refusal: whose name it is.
    """
    if not (name.isascii() and name.isprintable()):
        _check_characters(name, told)
    if name.startswith("/"):
        raise Unacceptable(f"{told}, whose name is absolute")
    parts = name.split("/")
    if ".." in parts:
        raise Unacceptable(f"{told}, whose name contains `..`")
    if parts[0] != top:
        raise Unacceptable(f"{told}, which is not below {top}/")
    if "" in parts or "." in parts:
        raise Unacceptable(f"{told}, whose name has an empty component")
    if len(name) > _LONGEST_PATH // 4:
        _check_length(name, parts, told)
    return name[len(top) + 1 :]


def _check_length(name: str, parts: list[str], told: str) -> None:
    if len(name.encode()) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_NAME for part in parts):
        raise Unacceptable(f"{told}, whose name is too long")


def _check_characters(name: str, told: str) -> None:
    """Refuse what no terminal, file system and text file takes alike: control characters, and bytes that are not UTF-8.

    The latter arrive as lone surrogates.
    """
    for character in name:
        if character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff":
            raise Unacceptable(f"{told}, whose name is not plain text")


def _check_link(path: str, target: str, shown: str) -> None:
    """Refuse a target that leaves the tree, or whose text does not say on its own that it stays inside."""
    told = f"has the link {shown} to {_shown(target)}"
    _check_characters(target, told)
    if not target or target.startswith("/"):
        raise Unacceptable(f"{told}, which is {'absolute' if target else 'empty'}")
    parts = target.split("/")
    rises = 0
    while rises < len(parts) and parts[rises] == "..":
        rises += 1
    if rises > path.count("/"):
        raise Unacceptable(f"{told}, which leaves the archive")
    if ".." in parts[rises:]:
        raise Unacceptable(f"{told}, which contains `..` after a folder")
    _check_length(target, parts, told)


def read_extended_header(content: bytes) -> dict[str, str]:
    """Return the records of a pax extended header (POSIX.1-2017, pax, "pax Extended Header"), the last of a name wins.

    Raises Unacceptable for anything that is not `LENGTH NAME=VALUE` and a line feed, again and again.
    """
    records: dict[str, str] = {}
    start = 0
    while start < len(content):
        space = content.find(b" ", start, start + 10)
        digits = content[start:space]
        end = start + int(digits) if space > start and digits.isdigit() else 0
        name, equals, value = content[space + 1 : end - 1].partition(b"=")
        if not start < end <= len(content) or not equals or content[end - 1] != ord("\n"):
            raise Unacceptable("has an extended header that is malformed")
        records[name.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        start = end
    return records


# Which release an archive is, by the names and headers that upstream gives it.

# `PY_RELEASE_LEVEL` of CPython's patchlevel.h, and how versions write it
_STAGE_NAMES = {
    "PY_RELEASE_LEVEL_ALPHA": "a",
    "PY_RELEASE_LEVEL_BETA": "b",
    "PY_RELEASE_LEVEL_GAMMA": "rc",
    "PY_RELEASE_LEVEL_FINAL": "",
}


@record
class Release:
    """A version and its variant, `default`, `freethreaded` or `debug`."""

    version: Version
    variant: Variant


@record
class ArchiveName:
    """What the file name of an archive of python-build-standalone says."""

    version: Version
    variant: Variant
    build: str
    """The release tag: `20261001`."""
    platform: str
    """The target triple: `x86_64-unknown-linux-gnu`."""
    flavor: str
    """`install_only_stripped`, `install_only` or `full`."""


def parse_archive_name(name: str) -> ArchiveName | None:
    """Return what a file name says, None when it is not one of upstream's.

    `cpython-VERSION[+N]+TAG-TRIPLE-[OPTIONS-]FLAVOR.tar.gz`, where a `+` may be written `%2B` and the triple may end
    in `-gnu`, `-musl` and the like (pbs:generate-version-metadata.py). Builds that are both free-threaded and debug
    are no variant that pyman has a name for.
    """
    import re

    match = re.fullmatch(
        r"cpython-(?P<version>[\w.]+)(?:\+\d+)?\+(?P<build>\d{1,14})"
        r"-(?P<platform>[a-z\d_]+-[a-z\d]+-[a-z\d]+(?:-(?:gnu(?:eabi(?:hf)?)?|musl|msvc))?)"
        r"-(?:(?P<options>[\w+-]+)-)?(?P<flavor>[a-z_]+)\.tar\.(?:gz|zst)",
        name.replace("%2B", "+").replace("%2b", "+"),
        re.ASCII,
    )
    if match is None:
        return None
    version = parse_version(match["version"])
    variant = _variant({*(match["options"] or "").split("+")})
    if version is None or variant is None:
        return None
    return ArchiveName(version, variant, match["build"], match["platform"], match["flavor"])


def _variant(options: set[str]) -> Variant | None:
    if {"freethreaded", "debug"} <= options:
        return None
    return "freethreaded" if "freethreaded" in options else "debug" if "debug" in options else "default"


def read_patch_level(header: str) -> Version | None:
    """Return the version that `patchlevel.h` defines, None where it defines none."""
    defined = _defines(header)
    stage = _STAGE_NAMES.get(defined.get("PY_RELEASE_LEVEL", ""))
    if stage is None:
        return None
    numbers = [defined.get(f"PY_{part}_VERSION", "") for part in ("MAJOR", "MINOR", "MICRO")]
    serial = defined.get("PY_RELEASE_SERIAL", "") if stage else ""
    return parse_version(".".join(numbers) + stage + serial)


def read_configuration(header: str) -> Variant | None:
    """Return the variant that `pyconfig.h` defines, None where it is one without a name here."""
    defined = _defines(header)
    named = {"Py_GIL_DISABLED": "freethreaded", "Py_DEBUG": "debug"}
    return _variant({variant for name, variant in named.items() if defined.get(name) == "1"})


def _defines(header: str) -> dict[str, str]:
    """Return the first word of every `#define NAME VALUE`."""
    found: dict[str, str] = {}
    for line in header.splitlines():
        words = line.split(maxsplit=3)
        if len(words) >= 3 and words[0] == "#define":
            found[words[1]] = words[2]
    return found
