"""Files in an old venv that no package put there, taken over into the new one: scripts, settings, modules."""

from __future__ import annotations

import errno
import os
import stat

from pyman.core.own_files import DATA_FOLDERS, inside, is_bookkeeping, is_born_with, is_written_by_a_tool, with_parents
from pyman.effects.files import read_text
from pyman.effects.packages.dist_info import record_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyman.core.packages.package import Package


def keep_strays(
    aside: str, venv: str, old_library: str, new_library: str, packages: Iterable[Package]
) -> tuple[str, ...]:
    """Copy what the new venv lacks and no package owned, and return where it lies, relative to the venv.

    The libraries are the folders `lib/python3.X/site-packages` of the two, relative; `packages` are those of the old
    one, which is read at `aside` and had the place of the new one. What is there already stays. Raises OSError.
    """
    candidates = {
        **_candidates(aside, venv, "bin", "bin", is_born_with),
        **_candidates(aside, venv, old_library, new_library, is_bookkeeping),
    }
    for folder in DATA_FOLDERS:
        candidates |= _files_below(aside, venv, folder)
    if not candidates:
        return ()
    owned = _owned(aside, venv, old_library, packages)
    kept = []
    for old, new in candidates.items():
        if old not in owned and _copy(os.path.join(aside, old), os.path.join(venv, new)):
            kept.append(new)
    return tuple(kept)


def _candidates(aside: str, venv: str, old: str, new: str, known: object) -> dict[str, str]:
    assert callable(known)
    return {
        f"{old}/{name}": f"{new}/{name}"
        for name in _names_in(os.path.join(aside, old))
        if not known(name) and not os.path.lexists(os.path.join(venv, new, name))
    }


def _names_in(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _walk(top: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk as `os.walk` does; what it cannot read is an error, not empty: the old venv goes, with all that is left."""

    def stop(error: OSError) -> None:
        if error.errno != errno.ENOENT:
            raise error

    return os.walk(top, onerror=stop)


def _files_below(aside: str, venv: str, folder: str) -> dict[str, str]:
    found = {}
    for above, folders, files in _walk(os.path.join(aside, folder)):
        links = [name for name in folders if os.path.islink(os.path.join(above, name))]
        for name in (*files, *links):
            path = os.path.relpath(os.path.join(above, name), aside)
            if not os.path.lexists(os.path.join(venv, path)):
                found[path] = path
    return found


def _owned(aside: str, venv: str, library: str, packages: Iterable[Package]) -> frozenset[str]:
    """Everything that packages put there, and the folders that it lies in."""
    paths: list[str] = []
    for package in packages:
        paths += (f"bin/{name}" for name in package.scripts)
        try:
            listed = record_paths(os.path.join(aside, library), package)
        except OSError:
            continue  # One without a list: what it needs is put there again with it.
        paths += (path for one in listed if (path := inside(venv, library, one)) is not None)
    return with_parents(paths)


def _copy(source: str, target: str) -> bool:
    """Copy one file, link or folder with its times; False for what is none of these, and for empty folders."""
    import shutil

    mode = os.lstat(source).st_mode
    if stat.S_ISDIR(mode):
        if not _holds_anything(source):
            return False
        shutil.copytree(source, target, symlinks=True, ignore=_unwanted)
        return True
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        return False
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)
    return True


def _holds_anything(folder: str) -> bool:
    return any(files and os.path.basename(above) != "__pycache__" for above, _, files in _walk(folder))


def _unwanted(folder: str, names: list[str]) -> list[str]:
    """Bytecode of another Python, and what cannot be copied: sockets, fifos."""
    unwanted = []
    for name in names:
        mode = os.lstat(os.path.join(folder, name)).st_mode
        if name == "__pycache__" or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            unwanted.append(name)
    return unwanted


def copy_folder(source: str, target: str) -> None:
    """Copy a whole folder of the user's with its times and links. Raises OSError."""
    import shutil

    try:
        shutil.copytree(source, target, symlinks=True)
    except shutil.Error as error:
        # It tells of each file; one is enough to know why.
        first = error.args[0][0] if error.args and error.args[0] else (source, target, str(error))
        raise OSError(f"{first[0]}: {first[2]}") from error


def hides_all(ignore_file: str) -> bool:
    """True for a `.gitignore` that a tool wrote into the venv; also where there is none, or it cannot be read."""
    try:
        return is_written_by_a_tool(read_text(ignore_file))
    except OSError:
        return True
