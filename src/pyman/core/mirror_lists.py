"""A mirror in a folder: where its archives are, and the text of its lists.

    index.ndjson                     releases, newest first, in upstream's schema, with addresses relative to it
    20261001/SHA256SUMS              as upstream publishes it with each release
    20261001/cpython-3.13.15+20261001-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz

Existing lines of a list are kept as they are: a newer tool may have written them.
"""

from __future__ import annotations

from posixpath import basename, join

from pyman.core.archive import parse_archive_name
from pyman.core.catalogue import (
    Build,
    WrongShape,
    about_implementation,
    flavored,
    read_implementation,
    split_version,
)
from pyman.core.immutable import record
from pyman.core.implementation import CPYTHON
from pyman.core.names import other_in_name
from pyman.core.version import Version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    _Key = tuple[str, str, str]

INDEX = "index.ndjson"
SUMS = "SHA256SUMS"
_SHA256 = 64
_ABOVE_ALL: tuple[str, tuple[int, ...]] = ("\U0010ffff", ())


@record
class MirroredArchive:
    """One archive and its place."""

    build: Build
    name: str
    """Its file name, as upstream writes it."""

    @property
    def folder(self) -> str:
        """The folder of the mirror that it lies in: that of its release, or its implementation's."""
        return self.build.version.implementation if self.build.version.own else self.build.build

    @property
    def place(self) -> str:
        """Its path in the mirror."""
        return join(self.folder, self.name)


def mirrored(build: Build) -> MirroredArchive:
    """Say where the archive of a build goes: under its own name, if that says what the list says of it."""
    from urllib.parse import unquote

    own = basename(build.url if build.is_local else unquote(build.url.partition("?")[0]))
    if build.version.own:
        told = other_in_name(own.removesuffix(f".{build.archive_format}"))
        same = told is not None and (told.implementation, told.own) == (build.version.implementation, build.version.own)
        if not same or not own.endswith(f".{build.archive_format}") or "%" in own:
            own = f"{build.release}-{build.platform}.{build.archive_format}"
        return MirroredArchive(build, own)
    said = parse_archive_name(own)
    same = said is not None and (said.version, said.variant, said.build) == (build.version, build.variant, build.build)
    if said is None or not same or said.platform != build.platform or "%" in own:
        options = "" if build.variant == "default" else f"{build.variant}-"
        own = f"cpython-{build.version}+{build.build}-{build.platform}-{options}install_only.{build.archive_format}"
    return MirroredArchive(build, own)


def merge_index(text: str, archives: Iterable[tuple[MirroredArchive, int]], is_there: Callable[[str], bool]) -> str:
    """Add archives, with their sizes in bytes, to the text of an index.

    `is_there` says of a relative address whether its file is there; what is not is left out. Lines that are not
    understood stay. Raises WrongShape where none of them is.
    """
    import json

    added: dict[_Key, list[dict[str, Any]]] = {}
    versions: dict[_Key, Version] = {}
    for archive, size in archives:
        version = archive.build.version
        key = (f"{version}+{archive.build.build}", version.implementation, version.own)
        versions[key] = version
        added.setdefault(key, []).append(_artifact(archive, size))
    lines: list[tuple[tuple[str, tuple[int, ...]], str]] = []
    wrong: WrongShape | None = None
    # What is not understood stays behind the line that it stood behind.
    order, understood = _ABOVE_ALL, False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            release = _read_line(line, number)
        except WrongShape as error:
            wrong = wrong or error
            lines.append((order, line))
            continue
        order, understood = _order(release["version"]), True
        implementation, own = release.get("implementation", CPYTHON), release.get("implementation_version", "")
        fresh = added.pop((release["version"], implementation, own), [])
        kept = [one for one in release["artifacts"] if _is_kept(one, fresh, is_there)]
        if not kept and not fresh:
            continue
        changed = fresh or kept != release["artifacts"]
        written = json.dumps({**release, "artifacts": [*kept, *fresh]}) if changed else line
        lines.append((order, written))
    if wrong is not None and not understood:
        raise wrong
    for key, fresh in added.items():
        name = key[0]
        tag = split_version(name)[1]
        about = {"version": name, "date": f"{tag[:4]}-{tag[4:6]}-{tag[6:]}T00:00:00Z"}
        lines.append((_order(name), json.dumps({**about, **about_implementation(versions[key]), "artifacts": fresh})))
    return "".join(f"{line}\n" for _, line in sorted(lines, key=lambda pair: pair[0], reverse=True))


def _artifact(archive: MirroredArchive, size: int) -> dict[str, Any]:
    build = archive.build
    said = parse_archive_name(archive.name)
    flavor = said.flavor if said is not None else "install_only"
    return {
        "platform": build.platform,
        "variant": flavored(build, flavor),
        "url": archive.place.replace("+", "%2B"),
        "archive_format": build.archive_format,
        "sha256": build.sha256,
        "size": size,
    }


def _read_line(line: str, number: int) -> dict[str, Any]:
    import json

    try:
        release = json.loads(line)
    except (ValueError, RecursionError):
        raise WrongShape(f"line {number} is not JSON") from None
    artifacts = release.get("artifacts") if isinstance(release, dict) else None
    if not isinstance(artifacts, list):
        raise WrongShape(f"line {number} is not a release with artifacts")
    try:
        split_version(release.get("version"))
        if release.get("implementation", CPYTHON) != CPYTHON:
            read_implementation(release)
    except WrongShape as error:
        raise WrongShape(f"line {number} {error}") from None
    return {**release}


def _is_kept(artifact: object, fresh: list[dict[str, Any]], is_there: Callable[[str], bool]) -> bool:
    url = artifact.get("url") if isinstance(artifact, dict) else None
    if not isinstance(url, str):
        return True  # not understood
    return not any(url == other["url"] for other in fresh) and ("://" in url or is_there(url))


def _order(version: str) -> tuple[str, tuple[int, ...]]:
    release, tag = split_version(version)
    return tag, release.order


def merge_sums(text: str, sums: dict[str, str]) -> str:
    """Add hashes, by file name, to the text of a SHA256SUMS; its lines are sorted by name, as upstream's are."""
    known = dict(read_sums(text)) | sums
    return "".join(f"{known[name]}  {name}\n" for name in sorted(known))


def read_sums(text: str) -> Iterator[tuple[str, str]]:
    """Return the file names and hashes in the text of a SHA256SUMS; lines of any other shape are skipped."""
    for line in text.splitlines():
        sha256, blank, name = line.partition(" ")
        # After the space comes a mark, another space or `*` (binary). The name itself may begin with a `*`.
        name = (name[1:] if name[:1] in (" ", "*") else name).strip()
        if blank and name and len(sha256) == _SHA256:
            yield name, sha256
