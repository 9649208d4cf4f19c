"""The `pip.conf` of a venv itself: read before a rebuild, and in place in the new venv before anything is installed."""

from __future__ import annotations

import os
import stat

from pyman.core.packages.pip_conf import FILE_NAME, NotUnderstood, parse_pip_conf
from pyman.effects.files import NotReadable, read_bytes, replace_file
from pyman.effects.venvs.own_folders import open_own
from pyman.errors import PIP_CONF, Changed, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.packages.pip_conf import PipConf
    from pyman.core.venv import VenvFolder


def read_own_pip_conf(venv: VenvFolder) -> tuple[bytes, PipConf] | None:
    """Read a venv's own file, and what it says; None where there is none.

    Raises Refused for one that is a link, somebody else's, or not understood: packages would come from elsewhere.
    """
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
        f"{path} says where packages come from, and cannot be followed: {why}",
        hint="replace it with a regular file that says it, or move it away, then run the same command again",
        code=PIP_CONF,
    )


def put_own_pip_conf(old: VenvFolder, new: VenvFolder, content: bytes) -> None:
    """Give a new venv the file of the old one, with its mode and time.

    Raises Changed where that is not any more what was read, OSError, and Refused as `open_own` does.
    """
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
