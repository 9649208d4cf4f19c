"""What is installed in a venv and where it came from, as the files in `*.dist-info` say (PEP 376, 427, 610, 627).

Everything read in here is untrusted: a parser answers with what it understood, or with None, and never fails.
"""

from __future__ import annotations

import re
from functools import lru_cache
from posixpath import join, normpath

from pyman.core.immutable import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from pyman.core.version import Version

    OriginKind = Literal["editable", "folder", "archive", "vcs", "unknown"]

LONGEST_LINE = 10_000
"""Characters. A longer line of metadata is no requirement of anything, and may be slow to parse."""

_LONGEST_REMEMBERED = 8192
_DIGESTS = {"sha256": 64, "sha384": 96, "sha512": 128}
"""Algorithms that a file cannot be forged for, and how many digits they have."""

_FOLD = re.compile(r"\n[ \t]+")
_FIRST_LETTERS = "NVRnvr"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n|\r\r")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_SEPARATORS = re.compile(r"[-_.]+")
_COMPILED = re.compile(r"\.(?:so(?:\.[0-9][0-9.]*)?|dylib)$")
_COMPILED_ROW = re.compile(
    rb'^(?:"((?:[^"\n]|"")*\.(?:so(?:\.[0-9][0-9.]*)?|dylib))"|([^",\n]*\.(?:so(?:\.[0-9][0-9.]*)?|dylib))),',
    re.MULTILINE,
)


@record
class Distribution:
    """One installed distribution, as much of it as the check before a move needs. Shared by the venvs that have it."""

    name: str
    """As its author writes it."""
    normalized: str
    """As it is compared: `ruamel-yaml` (PEP 503)."""
    version: str
    requires_python: str | None = None
    requires_dist: tuple[str, ...] = ()
    """Requirements as they stand in METADATA, `backports.zstd; python_version < "3.14"`."""
    compiled: tuple[str, ...] = ()
    """Shared objects, relative to site-packages."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@record
class Package:
    """One installed distribution with all that a rebuild must know to put it back."""

    distribution: Distribution
    folder: str
    """Name of its `dist-info` in site-packages, where everything was read."""
    requested: bool = False
    """True where the user asked for it, False where it came with another (PEP 376 `REQUESTED`)."""
    installer: str | None = None
    """`pip`, `uv`, …"""
    origin: Origin | None = None
    """Where it came from (`direct_url.json`); None: from an index."""
    scripts: tuple[str, ...] = ()
    """Names of its console and GUI scripts."""

    @property
    def name(self) -> str:
        """As its author writes it."""
        return self.distribution.name

    @property
    def normalized(self) -> str:
        """As it is compared."""
        return self.distribution.normalized

    @property
    def version(self) -> str:
        """As METADATA has it."""
        return self.distribution.version

    def __str__(self) -> str:
        return str(self.distribution)


def normalize_name(name: str) -> str:
    """Return a distribution's name as names are compared (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def is_name(text: str) -> bool:
    """True where `text` can be the name of a distribution (core metadata), and so may stand in a requirement."""
    return len(text) <= LONGEST_LINE and _NAME.fullmatch(text) is not None


def name_in_requirement(line: str) -> str:
    """Return the name at the start of a requirement, as it is written there; empty where none stands there."""
    found = _NAME.match(line)
    return found[0] if found is not None else ""


def headers_of(content: bytes) -> bytes:
    """Return the part of METADATA before its first blank line: the rest is somebody's README."""
    end = content.find(b"\n\n")
    if content.find(b"\r", 0, end if end >= 0 else len(content)) >= 0:
        found = _BLANK_LINE.search(content)
        end = found.start() if found is not None else -1
    return content if end < 0 else content[:end]


def parse_metadata(headers: bytes) -> Distribution | None:
    """Understand the headers of METADATA or PKG-INFO; compiled files are not named there.

    None where they are no UTF-8, or lack the name or the version.
    """
    # A thousand venvs have the same packages. What is long is rare, and would make the memory of it large.
    return _remembered(headers) if len(headers) <= _LONGEST_REMEMBERED else _parse_metadata(headers)


def _parse_metadata(headers: bytes) -> Distribution | None:
    try:
        text = headers.decode()
    except UnicodeDecodeError:
        return None
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    name = version = requires_python = ""
    requires_dist = []
    for line in text.split("\n"):
        if line[:1] not in _FIRST_LETTERS:
            continue
        field, _, value = line.partition(":")
        field = field.lower()
        if field == "requires-dist":
            requires_dist.append(value.strip())
        elif field == "name":
            name = name or value.strip()
        elif field == "version":
            version = version or value.strip()
        elif field == "requires-python":
            requires_python = requires_python or value.strip()
    if not name or not version or not is_name(name) or not version.isprintable() or " " in version:
        return None
    return Distribution(name, normalize_name(name), version, requires_python or None, tuple(requires_dist))


_remembered = lru_cache(maxsize=1024)(_parse_metadata)


def split_folder(folder: str) -> tuple[str, str] | None:
    """Return name and version that the name of a `dist-info` or `egg-info` tells: `("ruamel.yaml", "0.18.6")`."""
    stem, dot, kind = folder.rpartition(".")
    if not dot or kind not in ("dist-info", "egg-info", "egg"):
        return None
    name, _, version = stem.partition("-") if kind != "dist-info" else stem.rpartition("-")
    # `name-1.0-py3.11.egg-info`: what comes behind the version is the Python that it was installed with.
    version = version.partition("-")[0]
    return (name, version) if is_name(name) and version else None


def compiled_in_record(content: bytes) -> tuple[str, ...]:
    """Return the shared objects that RECORD lists inside site-packages, in its order."""
    if b".so" not in content and b".dylib" not in content:
        return ()
    found = []
    for quoted, plain in _COMPILED_ROW.findall(content.replace(b"\r\n", b"\n")):
        path = (quoted.replace(b'""', b'"') or plain).decode("utf-8", "surrogateescape")
        if is_inside(path):
            found.append(path)
    return tuple(found)


def is_compiled(path: str) -> bool:
    """True for the name of a shared object: an extension module or a library that came with one."""
    return _COMPILED.search(path) is not None


def is_inside(path: str) -> bool:
    """True for a path of RECORD that stays below site-packages."""
    return bool(path) and not path.startswith("/") and "\0" not in path and normpath(path).partition("/")[0] != ".."


def paths_in_record(content: bytes) -> tuple[str, ...]:
    """Return every path that RECORD (PEP 376, 627) or `installed-files.txt` lists, as it is written there."""
    import csv

    text = content.decode("utf-8", "surrogateescape").replace("\0", "")
    if '"' not in text:
        return tuple(row.split(",", 1)[0] for row in text.splitlines() if row)
    try:
        return tuple(row[0] for row in csv.reader(text.splitlines()) if row)
    except csv.Error:
        return ()


def rows_in_record(content: bytes) -> tuple[tuple[str, str], ...]:
    """Return every path that RECORD lists with its hash, as both are written there."""
    import csv

    text = content.decode("utf-8", "surrogateescape").replace("\0", "")
    try:
        return tuple((row[0], row[1]) for row in csv.reader(text.splitlines()) if len(row) > 1)
    except csv.Error:
        return ()


def digests_in_record(content: bytes) -> tuple[tuple[str, str, str], ...]:
    """Return path, algorithm and hexadecimal digest of the rows of RECORD that have a digest which proves something."""
    import base64

    found = []
    for path, written in rows_in_record(content):
        algorithm, _, value = written.partition("=")
        if algorithm not in _DIGESTS:
            continue
        try:
            digest = base64.urlsafe_b64decode(f"{value}===").hex()
        except ValueError:
            continue
        if len(digest) == _DIGESTS[algorithm]:
            found.append((path, algorithm, digest))
    return tuple(found)


def scripts_in_entry_points(content: bytes) -> tuple[str, ...]:
    """Return the names of the programs that `entry_points.txt` asks an installer to make in `bin`."""
    names: list[str] = []
    section = ""
    for line in content.decode("utf-8", "surrogateescape").splitlines():
        text = line.strip()
        if text.startswith("["):
            section = text.strip("[] \t")
            continue
        name, equals, _ = text.partition("=")
        name = name.strip()
        # The name becomes a file's: one that leads elsewhere is not a program of this venv.
        usable = (
            bool(name) and name[0] not in "#;" and "/" not in name and name.isprintable() and name not in (".", "..")
        )
        if equals and usable and section in ("console_scripts", "gui_scripts") and name not in names:
            names.append(name)
    return tuple(names)


# Where a package came from (`direct_url.json`, PEP 610).

LONGEST_URL = 4096

_ARCHIVE_SCHEMES = ("https", "http", "file")
_REPOSITORY_SCHEMES = ("https", "http", "ssh", "git", "file", "svn", "lp")
_SYSTEMS = ("git", "hg", "svn", "bzr")
_COMMIT = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:@-]{0,200}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{32,128}", re.ASCII)
# Those that pip and uv both compare when they stand behind a URL, the usual one first.
COMPARED = ("sha256", "sha512", "sha384")


@record
class Origin:
    """What `direct_url.json` records."""

    kind: OriginKind
    url: str = ""
    """As it is written there; without passwords, by PEP 610."""
    path: str = ""
    """The local folder or file that the URL names, absolute; empty where it is elsewhere."""
    subdirectory: str = ""
    """Where below the root of the source its `pyproject.toml` lies."""
    system: str = ""
    """`git`, `hg`, `svn`, `bzr`."""
    commit: str = ""
    hashes: tuple[tuple[str, str], ...] = ()
    """Pairs of an algorithm and a digest in hexadecimal."""


UNKNOWN = Origin("unknown")


def parse_direct_url(content: bytes) -> Origin:
    """Understand `direct_url.json`; UNKNOWN for what is none, so that nobody mistakes it for a package of the index."""
    import json

    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return UNKNOWN
    if not isinstance(told, dict):
        return UNKNOWN
    whole, subdirectory = told.get("url"), told.get("subdirectory") or ""
    if not isinstance(whole, str) or not isinstance(subdirectory, str) or not _is_plain(whole):
        return UNKNOWN
    # uv keeps what stood behind the URL in the requirement; pip tells it apart.
    url, _, fragment = whole.partition("#")
    behind = dict(part.split("=", 1) for part in fragment.split("&") if "=" in part)
    subdirectory = subdirectory or behind.get("subdirectory", "")
    if "#" in fragment or (subdirectory and not _is_plain(subdirectory.replace(" ", ""))):
        return UNKNOWN
    path = local_path(url)
    for key, understand in (("vcs_info", _vcs), ("archive_info", _archive), ("dir_info", _folder)):
        details = told.get(key)
        if isinstance(details, dict):
            return understand(url, path, subdirectory, {**behind, **details})
    return UNKNOWN


def _vcs(url: str, path: str, subdirectory: str, details: dict[str, Any]) -> Origin:
    system, commit = details.get("vcs"), details.get("commit_id")
    if system not in _SYSTEMS or not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        return UNKNOWN
    if _scheme(url) not in _REPOSITORY_SCHEMES:
        return UNKNOWN
    return Origin("vcs", url, path, subdirectory, system, commit)


def _archive(url: str, path: str, subdirectory: str, details: dict[str, Any]) -> Origin:
    if _scheme(url) not in _ARCHIVE_SCHEMES:
        return UNKNOWN
    hashes = details.get("hashes")
    pairs = list(hashes.items()) if isinstance(hashes, dict) else []
    legacy = details.get("hash")
    if not pairs and isinstance(legacy, str):
        algorithm, _, digest = legacy.partition("=")
        pairs = [(algorithm, digest)]
    pairs = pairs or [(name, details[name]) for name in COMPARED if name in details]
    known = [(name, digest) for name, digest in pairs if isinstance(digest, str) and _DIGEST.fullmatch(digest)]
    return Origin("archive", url, path, subdirectory, hashes=tuple(known))


def _folder(url: str, path: str, subdirectory: str, details: dict[str, Any]) -> Origin:
    if not path:
        return UNKNOWN
    # A folder needs no fragment to name one inside of it, and uv does not tell two such apart.
    inner = normpath(join(path, subdirectory)) if subdirectory else path
    return Origin("editable" if details.get("editable") is True else "folder", url, inner)


def local_path(url: str) -> str:
    """Return the absolute path that a `file:` URL names on this machine, empty for any other URL."""
    if _scheme(url) != "file":
        return ""
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    path = unquote(parts.path, errors="surrogateescape")
    return path if parts.netloc in ("", "localhost") and path.startswith("/") and "\0" not in path else ""


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _is_plain(text: str) -> bool:
    """True for text that stays one word in a requirements file, whatever it holds."""
    return 0 < len(text) <= LONGEST_URL and text.isprintable() and not any(map(str.isspace, text))


# What a venv is born with: the affair of the runtime that it is made from, not of whoever installs into it.

FIRST_WITHOUT_SETUPTOOLS = (3, 12)

# Every setuptools that an `ensurepip` has brought (cpython, Lib/ensurepip/__init__.py).
_BUNDLED = "28.8.0 39.0.1 40.6.2 40.8.0 41.2.0 47.1.0 49.2.1 56.0.0 57.4.0 58.1.0 63.2.0 65.5.0 79.0.1"


def own_packages(packages: tuple[Package, ...], old: Version, new: Version) -> frozenset[str]:
    """Return the normalized names that a rebuild leaves to the new venv: born with it, or not needed there any more.

    pip always. setuptools where nobody chose it: virtualenv does not mark what it seeds as requested, and what
    `ensurepip` brings is known by its version. One that another package needs is restored where the new Python brings
    none.
    """
    own = {"pip"}
    brings_setuptools = (new.major, new.minor) < FIRST_WITHOUT_SETUPTOOLS
    setuptools = next((package for package in packages if package.normalized == "setuptools"), None)
    if setuptools is None:
        return frozenset(own | {"setuptools"} if brings_setuptools else own)
    was_seeded = (old.major, old.minor) < FIRST_WITHOUT_SETUPTOOLS and setuptools.origin is None
    unchosen = not setuptools.requested or setuptools.version in _BUNDLED.split()
    if was_seeded and unchosen and (brings_setuptools or not _is_needed("setuptools", packages)):
        own.add("setuptools")
    return frozenset(own)


def _is_needed(name: str, packages: tuple[Package, ...]) -> bool:
    return any(
        normalize_name(name_in_requirement(line)) == name and "extra" not in line.partition(";")[2]
        for package in packages
        for line in package.distribution.requires_dist
    )
