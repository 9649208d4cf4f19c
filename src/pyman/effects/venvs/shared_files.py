"""Looking for files that a venv shares with others by hard links, where somebody else may change them.

To walk over all files of a thousand venvs would take half a minute. Who changes owner or permissions of a venv changes
those of all its packages, so one file of each is looked at: METADATA, which uv and pyman link as they do every other
file, and a module of pip. Which of them are links is cached by the time of the folder that they lie in, and since
the same files are linked into many venvs, each is looked at once. Only where one of them is not safe the venv is looked
at to the bottom.
"""

from __future__ import annotations

import os
import stat
import time

from pyman.core.immutable import replace
from pyman.core.packages.package import digests_in_record
from pyman.core.shared_files import (
    COPY,
    DOUBT,
    DROP,
    EMPTY,
    FOREIGN,
    INFO,
    PIP,
    WRITABLE,
    SharedFile,
    is_bytecode,
    probe_of,
    summary,
)
from pyman.core.user_files import inside
from pyman.effects.files import names_seen, open_regular, pid_of_temporary, read_bytes
from pyman.effects.interpreters.admission import is_shared_group
from pyman.effects.memo import Memo
from pyman.effects.packages.dist_info import LARGEST_RECORD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyman.core.shared_files import Wrong
    from pyman.core.venv import VenvFacts

_JUST_NOW = 2_000_000_000
"""Nanoseconds. What changed that recently may change once more without another time."""
_PIECE = 1 << 20


class SharedFilesLook:
    """Looks at one venv after the other, and keeps what need not be looked at again."""

    def __init__(self, cache: str | None = None) -> None:
        """Without a cache nothing is cached."""
        self._memo = Memo(os.path.join(cache, "shared-files") if cache is not None else None)
        self._safe: dict[tuple[int, int], set[str]] = {}
        self._digests: dict[tuple[int | str, ...], str] = {}

    def complete(self, facts: VenvFacts) -> VenvFacts:
        """The facts of a venv with what is to be said of its shared files. Raises nothing."""
        folders = [f"{facts.folder}/lib/{library.name}/site-packages" for library in facts.libraries]
        if not any(self._is_suspicious(folder, facts.uid) for folder in folders):
            return facts
        found = read_shared_files(facts, self._digests)
        owner = next((name for file, name in found if file.wrong == FOREIGN), "")
        return replace(facts, shared=summary(tuple(file for file, _ in found), owner))

    def store(self, *, all_asked: bool) -> None:
        """Keep what was seen for the next time; `all_asked` drops the venvs that nobody asked for now."""
        self._memo.store(all_asked=all_asked)

    def _is_suspicious(self, folder: str, owner: int) -> bool:
        try:
            status = os.lstat(folder)
        except OSError:
            return False
        stamp = f"{status.st_dev}:{status.st_mtime_ns}"
        known = (self._memo.find(folder) or "").split("\t")
        if known[0] == stamp:
            linked = known[1:]
        elif stat.S_ISDIR(status.st_mode):
            linked = _worth_a_look(folder, owner)
        else:
            return False
        # Of a thousand venvs most have the same ones.
        safe = self._safe.setdefault((status.st_dev, owner), set())
        for one in linked if not safe.issuperset(linked) else ():
            name, _, inode = one.rpartition("=")
            try:
                found = os.lstat(f"{folder}/{probe_of(name)}") if one not in safe else None
            except OSError:
                continue
            if found is None or str(found.st_ino) != inode:
                continue  # It is another file by now.
            if what_is_wrong(found.st_uid, found.st_gid, found.st_mode, owner):
                return True
            safe.add(one)
        if time.time_ns() - status.st_mtime_ns > _JUST_NOW:
            self._memo.keep(folder, "\t".join((stamp, *linked)))
        return False


def what_is_wrong(uid: int, gid: int, mode: int, owner: int) -> Wrong | None:
    """Say what is wrong with a file of a venv that belongs to `owner`; None where nothing is."""
    if uid not in (0, owner):
        return FOREIGN
    if mode & stat.S_IWOTH or (mode & stat.S_IWGRP and is_shared_group(gid, uid, owner)):
        return WRITABLE
    return None


def what_is_wrong_with_folder(path: str, owner: int) -> Wrong | None:
    """The same of a folder. Raises OSError."""
    status = os.lstat(path)
    return what_is_wrong(status.st_uid, status.st_gid, status.st_mode, owner)


def _worth_a_look(folder: str, owner: int) -> list[str]:
    """The packages whose file is a hard link or is not safe, with its number: `numpy-2.1.0=123456`."""
    found = []
    for each in names_seen(folder):
        name = each.removesuffix(INFO)
        if (name == each and name != PIP) or "\t" in name or "\n" in name:
            continue
        try:
            status = os.lstat(f"{folder}/{probe_of(name)}")
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and (
            status.st_nlink > 1 or what_is_wrong(status.st_uid, status.st_gid, status.st_mode, owner)
        ):
            found.append(f"{name}={status.st_ino}")
    return found


def read_shared_files(
    facts: VenvFacts, digests: dict[tuple[int | str, ...], str] | None = None
) -> tuple[tuple[SharedFile, str], ...]:
    """Look at every file of packages and programs of a venv; return those that are not safe, and whose they are.

    `digests` keeps those of files that are linked into other venvs as well. Raises nothing: what cannot be looked at
    is none of them.
    """
    known = digests if digests is not None else {}
    found: list[tuple[str, os.stat_result, Wrong]] = []
    for top in ("bin", *(f"lib/{library.name}/site-packages" for library in facts.libraries)):
        for path in _files_below(facts.folder, top):
            try:
                status = os.lstat(f"{facts.folder}/{path}")
            except OSError:
                continue
            wrong = what_is_wrong(status.st_uid, status.st_gid, status.st_mode, facts.uid)
            if not wrong or not stat.S_ISREG(status.st_mode):
                continue
            above = what_is_wrong_with_folder(os.path.dirname(f"{facts.folder}/{path}"), facts.uid)
            # Who has the folder has all that is in it, and a file of its own is as safe as its folder.
            if above != FOREIGN and (status.st_nlink > 1 or not above):
                found.append((path, status, wrong))
    recorded = _recorded(facts) if found else {}
    return tuple(
        (_judged(facts.folder, path, status, wrong, facts.uid, recorded, known), _name_of(status.st_uid))
        for path, status, wrong in found
    )


def _files_below(venv: str, top: str) -> Iterator[str]:
    """The files below a folder of a venv, relative to the venv; no link, and no other file system is entered.

    Without what a repair that was killed had put aside: the next one cleans it up.
    """
    try:
        device = os.lstat(venv).st_dev
        if not _is_folder(f"{venv}/{top}", device):
            return
    except OSError:
        return
    for folder, folders, names in os.walk(f"{venv}/{top}"):
        folders[:] = sorted(name for name in folders if _is_folder(f"{folder}/{name}", device))
        way = folder[len(venv) + 1 :]
        yield from (f"{way}/{name}" for name in sorted(names) if not pid_of_temporary(name))


def _is_folder(path: str, device: int) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_dev == device


def _judged(
    venv: str,
    path: str,
    status: os.stat_result,
    wrong: Wrong,
    owner: int,
    recorded: dict[str, tuple[str, str]],
    known: dict[tuple[int | str, ...], str],
) -> SharedFile:
    linked = status.st_nlink > 1
    if is_bytecode(path):
        return SharedFile(path, wrong, DROP, linked)
    algorithm, digest = EMPTY if status.st_size == 0 else recorded.get(path, ("", ""))
    if digest and _digest_of(f"{venv}/{path}", status, algorithm, known) == digest:
        return SharedFile(path, wrong, COPY, linked, algorithm, digest)
    if what_is_wrong_with_folder(os.path.dirname(f"{venv}/{path}"), owner) == WRITABLE:
        return SharedFile(path, wrong, COPY, linked)
    return SharedFile(path, wrong, DOUBT, linked)


def _digest_of(path: str, status: os.stat_result, algorithm: str, known: dict[tuple[int | str, ...], str]) -> str:
    """The digest of a file, empty where it cannot be read; one that many venvs share is read once."""
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, algorithm)
    if key not in known:
        import hashlib

        found = hashlib.new(algorithm)
        try:
            with open_regular(path) as file:
                while piece := file.read(_PIECE):
                    found.update(piece)
        except OSError:
            return ""
        known[key] = found.hexdigest()
    return known[key]


def _recorded(facts: VenvFacts) -> dict[str, tuple[str, str]]:
    """What the RECORDs of a venv say of its files, those of them that nobody else could have written."""
    found: dict[str, tuple[str, str]] = {}
    for library in facts.libraries:
        top = f"lib/{library.name}/site-packages"
        try:
            folders = [name for name in os.listdir(f"{facts.folder}/{top}") if name.endswith(INFO)]
        except OSError:
            continue
        for folder in folders:
            path = f"{facts.folder}/{top}/{folder}/RECORD"
            try:
                status = os.lstat(path)
                if what_is_wrong(status.st_uid, status.st_gid, status.st_mode, facts.uid):
                    continue
                rows = digests_in_record(read_bytes(path, LARGEST_RECORD))
            except OSError:
                continue
            for name, algorithm, digest in rows:
                relative = inside(facts.folder, top, name)
                if relative is not None:
                    found[relative] = (algorithm, digest)
    return found


def _name_of(uid: int) -> str:
    import pwd

    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
