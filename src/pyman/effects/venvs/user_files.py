"""What in a venv's folder is its user's and what is its own, and its own `pip.conf`."""

from __future__ import annotations

import errno
import os
import stat

from pyman.core.new_venv import IGNORE_FILE
from pyman.core.user_files import (
    DATA_FOLDERS,
    DATA_OF_TOOLS,
    PROJECT_NOTE,
    inside,
    is_born_with,
    is_runtime_folder,
    is_written_by_a_tool,
    made_by_nobody,
    may_be_a_packages,
)
from pyman.effects.files import (
    NotReadable,
    is_folder,
    is_there,
    names_in,
    open_regular,
    read_bytes,
    read_text,
    replace_file,
)
from pyman.effects.packages.dist_info import read_packages, record_rows
from pyman.effects.venvs.own_folders import open_own
from pyman.errors import PIP_CONF, Changed, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyman.core.packages.pip_conf import PipConf
    from pyman.core.venv import VenvFolder


def walk(top: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk as `os.walk` does; what it cannot read is an error, not empty: the old venv goes, with all that is left."""

    def stop(error: OSError) -> None:
        if error.errno != errno.ENOENT:
            raise error

    return os.walk(top, onerror=stop)


def hides_all(ignore_file: str) -> bool:
    """True for a `.gitignore` that a tool wrote into the venv; also where there is none, or it cannot be read."""
    try:
        return is_written_by_a_tool(read_text(ignore_file))
    except OSError:
        return True


def user_files_in(venv: str, *, fresh: bool = False) -> tuple[str, ...]:
    """The names at the top of a venv's folder that neither making it nor installing packages put there, sorted.

    With `fresh` the venv was made a moment ago, and what pip checks out from repositories meanwhile is none either.
    Raises OSError.
    """
    names = os.listdir(venv)
    found = list(made_by_nobody(names))
    for name, is_of_a_tool in ((IGNORE_FILE, is_written_by_a_tool), (PROJECT_NOTE, _is_path)):
        if name in names and not _says(os.path.join(venv, name), is_of_a_tool):
            found.append(name)
    if fresh and _SOURCES in found and _holds_checkouts_alone(os.path.join(venv, _SOURCES)):
        found.remove(_SOURCES)
    if not any(map(may_be_a_packages, found)):
        return tuple(sorted(found))
    recorded = _recorded(venv)
    return tuple(sorted(name for name in found if not (may_be_a_packages(name) and _is_recorded(venv, name, recorded))))


_SOURCES = "src"
_REPOSITORIES = (".git", ".hg", ".svn", ".bzr")


def _is_path(note: str) -> bool:
    """True for the note of pipenv or virtualenvwrapper: the path of the project. Eclipse has another of that name."""
    return os.path.isabs(note.strip())


def _says(path: str, what: Callable[[str], bool]) -> bool:
    try:
        return what(read_text(path))
    except (FileNotFoundError, NotReadable):
        return False


def _holds_checkouts_alone(folder: str) -> bool:
    """True where every folder in it is a repository that was checked out, as `pip install -e git+…` does."""
    return is_folder(folder) and all(
        any(is_there(os.path.join(folder, name, repository)) for repository in _REPOSITORIES)
        for name in names_in(folder)
        if name != "pip-delete-this-directory.txt"
    )


def own_entries(venv: str) -> tuple[str, ...]:
    """All that making a venv and installing packages put into its folder, and nothing else; relative to it, sorted.

    Folders are among them where all in them is the venv's: `lib/python3.13`, not `bin`, which may hold a project's
    programs too. A file that a package put there and somebody changed since is not among them. Raises OSError.
    """
    user_files = frozenset(user_files_in(venv))
    recorded = _recorded(venv)
    names = os.listdir(venv)
    of_packages = frozenset(made_by_nobody(names))
    # A folder is the venv's as a whole only where packages put all of it there; and no venv has a link for a part.
    own = [
        name
        for name in names
        if name not in user_files
        and (name in of_packages or not (is_folder(os.path.join(venv, name)) or name in _SHARED_FOLDERS))
    ]
    for folder, is_own in _PARTS:
        if is_folder(os.path.join(venv, folder)):
            own += (f"{folder}/{name}" for name in names_in(os.path.join(venv, folder)) if is_own(name))
    held = tuple(f"{name}/" for name in own)
    others = (
        path
        for path in recorded
        if path.partition("/")[0] in _SHARED_FOLDERS and not path.startswith(held) and path not in own
    )
    return tuple(sorted((*own, *(path for path in others if _is_unchanged(venv, path, recorded)))))


def others_in_shared_folders(venv: str) -> tuple[str, ...]:
    """Files in `bin`, `lib`, `share` and the like that nobody knows to be the venv's, relative to it, sorted.

    Such a folder may have been there before the venv (`python -m venv ~/opt`). In `bin` people and tools put scripts
    into their venvs, so only what is older than the venv counts there. Raises OSError.
    """
    born = _made_at(venv)
    others = [
        f"bin/{name}"
        for name in names_in(os.path.join(venv, "bin"))
        if not is_born_with(name) and os.lstat(os.path.join(venv, "bin", name)).st_ctime_ns < born
    ]
    for folder in ("lib", *DATA_FOLDERS):
        for name in names_in(os.path.join(venv, folder)):
            path = f"{folder}/{name}"
            if not (is_runtime_folder(name) and folder in ("lib", "include")) and path not in DATA_OF_TOOLS:
                others += _files_below(venv, path)
    recorded = _recorded(venv) if others else {}
    return tuple(sorted(path for path in others if not _is_unchanged(venv, path, recorded)))


def _made_at(venv: str) -> int:
    """About when a venv was made: the oldest of the folders in it that nothing touches afterwards, in nanoseconds."""
    names = (os.path.join("lib", name) for name in names_in(os.path.join(venv, "lib")) if is_runtime_folder(name))
    times = [os.lstat(os.path.join(venv, name)).st_ctime_ns for name in (*names, "pyvenv.cfg")]
    return min(times) - _ROUGHLY


_ROUGHLY = 2_000_000_000
"""Nanoseconds. Times of a file system may be as coarse as that."""


def _files_below(venv: str, path: str) -> Iterator[str]:
    """All files and links at or below a path, relative to the venv; bytecode is nobody's."""
    if not is_folder(os.path.join(venv, path)):
        yield path
        return
    for above, folders, files in walk(os.path.join(venv, path)):
        links = [one for one in folders if not is_folder(os.path.join(above, one))]
        if not above.endswith("/__pycache__"):
            yield from (os.path.relpath(os.path.join(above, name), venv) for name in (*files, *links))


_PARTS = (
    ("bin", is_born_with),
    ("lib", is_runtime_folder),
    ("lib64", is_runtime_folder),
    ("include", is_runtime_folder),
)
"""What a venv consists of, and what in it is the venv's whoever made it."""
_SHARED_FOLDERS = frozenset(("bin", "lib", *DATA_FOLDERS))
"""Folders that a project may have too."""


def _recorded(venv: str) -> dict[str, str]:
    """What the packages of a venv recorded of every file of theirs, relative to the venv: `sha256=…`, or nothing."""
    found: dict[str, str] = {}
    for library in names_in(os.path.join(venv, "lib")):
        site_packages = os.path.join("lib", library, "site-packages")
        if not is_runtime_folder(library) or not is_folder(os.path.join(venv, site_packages)):
            continue
        try:
            packages, _ = read_packages(os.path.join(venv, site_packages))
        except PymanError as error:
            raise OSError(errno.EIO, error.message, venv) from error
        for package in packages:
            try:
                rows = record_rows(os.path.join(venv, site_packages), package)
            except (FileNotFoundError, NotADirectoryError, NotReadable):
                continue
            found |= {path: hash_ for one, hash_ in rows if (path := inside(venv, site_packages, one)) is not None}
    return found


def _is_recorded(venv: str, name: str, recorded: dict[str, str]) -> bool:
    """True for a file, or a folder with all that it holds, that packages put there and nobody changed."""
    path = os.path.join(venv, name)
    if not is_folder(path):
        return _is_unchanged(venv, name, recorded)
    return all(
        _is_unchanged(venv, os.path.relpath(os.path.join(above, file), venv), recorded)
        for above, folders, files in walk(path)
        for file in (*files, *(one for one in folders if not is_folder(os.path.join(above, one))))
        if not above.endswith("/__pycache__")
    )


def _is_unchanged(venv: str, path: str, recorded: dict[str, str]) -> bool:
    """True for a file whose content is what a package recorded of it, reached through no link."""
    hash_ = recorded.get(path, "")
    name, _, wanted = hash_.partition("=")
    if name != "sha256" or os.path.realpath(os.path.join(venv, path)) != os.path.join(os.path.realpath(venv), path):
        return False
    import base64
    import hashlib

    try:
        with open_regular(os.path.join(venv, path)) as file:
            digest = hashlib.file_digest(file, "sha256").digest()
    except (FileNotFoundError, NotADirectoryError, NotReadable):
        return False
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii") == wanted


# The `pip.conf` of a venv itself: read before a rebuild, and in place in the new venv before anything is installed.


def read_own_pip_conf(venv: VenvFolder) -> tuple[bytes, PipConf] | None:
    """Read a venv's own file, and what it says; None where there is none.

    Raises Refused for one that is a link, somebody else's, or not understood: packages would come from elsewhere.
    """
    from pyman.core.packages.pip_conf import FILE_NAME, NotUnderstood, parse_pip_conf

    path = os.path.join(venv.path, FILE_NAME)
    folder = open_own(venv)
    try:
        status = os.stat(FILE_NAME, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            raise _refused(path, f"it is a link to {os.readlink(FILE_NAME, dir_fd=folder)}")
        if status.st_uid not in (0, os.geteuid()):
            raise _refused(path, "it belongs to another user")
        content = read_bytes(FILE_NAME, folder=folder)
        return content, parse_pip_conf(content.decode("utf-8"))
    except FileNotFoundError:
        return None
    except (NotReadable, NotUnderstood) as error:
        raise _refused(path, str(error).removeprefix(f"{FILE_NAME} ")) from None
    except UnicodeDecodeError:
        raise _refused(path, "it is not UTF-8 text") from None
    except OSError as error:
        raise _refused(path, (error.strerror or str(error)).lower()) from error
    finally:
        os.close(folder)


def _refused(path: str, why: str) -> Refused:
    return Refused(
        f"{path} configures where packages come from, and pyman cannot use it: {why}",
        hint="replace it with a regular file that can be read, or move it away, then run the same command again",
        code=PIP_CONF,
    )


def put_own_pip_conf(old: VenvFolder, new: VenvFolder, content: bytes) -> None:
    """Give a new venv the file of the old one, with its mode and time.

    Raises Changed where that is not any more what was read, OSError, and Refused as `open_own` does.
    """
    from pyman.core.packages.pip_conf import FILE_NAME

    source = open_own(old)
    try:
        status = os.stat(FILE_NAME, dir_fd=source, follow_symlinks=False)
        if read_bytes(FILE_NAME, folder=source) != content:
            raise Changed(f"{FILE_NAME} was changed since it was read", hint="run the same command again")
    finally:
        os.close(source)
    target = open_own(new)
    try:
        replace_file(FILE_NAME, content, stat.S_IMODE(status.st_mode), folder=target)
        times = (status.st_atime_ns, status.st_mtime_ns)
        os.utime(FILE_NAME, ns=times, dir_fd=target, follow_symlinks=False)
    finally:
        os.close(target)
