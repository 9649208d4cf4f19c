"""`__main__` of pyman.pyz: unpacks pyman into the user's cache, once for each build, and runs it from there.

Only files can be run beside pyman, read by a shell or compiled once and for all, so nothing is imported from the zip.
A build is used only from a folder of this user's that nobody else may write to, and by root only where no folder above
it is another user's. What a cleaner of caches (by the age of files) takes out of it is unpacked again when
it is missed. While a process uses a build, it holds a shared lock on the folder: whoever unpacks another build removes
only those that nobody uses.

`tools/build_pyz.py` fills in BUILD. Old Pythons have to be able to read this file, to be told what is needed.
"""

import sys

if sys.version_info < (3, 11) or sys.implementation.name != "cpython":
    sys.exit(
        "error: pyman.pyz needs CPython 3.11 or newer, and %s is %s %d.%d\nhint: run it with another: python3.13 %s"
        % (sys.executable, sys.implementation.name, sys.version_info[0], sys.version_info[1], sys.argv[0])
    )

import fcntl
import os
import stat

BUILD = "@BUILD@"
"""The sha256 of what is inside: the name of its folder."""

_CACHES = {"darwin": "Library/Caches"}
_ELSEWHERE = "choose another folder with PYMAN_CACHE_DIR"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_WORK = ".work-"
_AN_HOUR = 3600


def cache_folder(environ):
    """Return pyman's cache, by the same rules as `read_places` of pyman itself; a test holds the two together."""
    named = environ.get("PYMAN_CACHE_DIR")
    if named:
        return os.path.abspath(named)
    base = environ.get("XDG_CACHE_HOME", "").strip()
    if os.path.isabs(base):
        return os.path.join(base, "pyman")
    home = environ.get("HOME") or ""
    if not os.path.isabs(home):
        import pwd

        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            home = ""
    if not os.path.isabs(home):
        refuse("there is no home folder to unpack pyman into", "set HOME or PYMAN_CACHE_DIR to an absolute path")
    return os.path.join(home, _CACHES.get(sys.platform, ".cache"), "pyman")


def refuse(message, hint):
    """End with a failure."""
    sys.exit(f"error: {message}\nhint: {hint}")


def open_build():
    """Return the folder of this build, unpacked and locked for as long as this process lives."""
    cache = cache_folder(os.environ)
    above = os.path.join(cache, "pyz")
    build = os.path.join(above, BUILD)
    try:
        make_folders(cache)
        check_way(cache)
        for folder in (cache, above):
            make_folders(folder)
            check(os.stat(folder) if folder == cache else os.lstat(folder), folder, (0, os.geteuid()))
        while True:
            if not os.path.lexists(build):
                unpack(above, build)
                remove_others(above)
            check(os.lstat(build), build, (os.geteuid(),))
            if lock(build):
                return build
    except OSError as error:
        refuse(f"pyman cannot be unpacked into {error.filename or above}: {error.strerror or error}", _ELSEWHERE)


def make_folders(folder):
    """Create a folder and those above it, whatever the umask says."""
    if not os.path.isdir(folder):
        make_folders(os.path.dirname(folder))
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise


def check_way(cache):
    """Refuse, for root, folders above the cache whose owner could put another in its place while pyman runs."""
    if os.geteuid() != 0:
        return
    # In a user namespace / itself may be of a user without a number here.
    owners = (0, os.stat("/").st_uid)
    waiting = [os.path.dirname(cache), os.path.dirname(os.path.realpath(cache))]
    while waiting:
        folder = waiting.pop()
        status = os.stat(folder)
        if status.st_uid not in owners:
            refuse(f"{folder} belongs to another user, who could change what you run", _ELSEWHERE)
        if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
            refuse(f"others may write to {folder}, and could change what you run", _ELSEWHERE)
        if folder != os.path.dirname(folder):
            waiting.append(os.path.dirname(folder))


def check(status, folder, owners):
    """Refuse a folder into which somebody else could put what is run."""
    if not stat.S_ISDIR(status.st_mode):
        refuse(f"{folder} is not a folder", f"move it away, or {_ELSEWHERE}")
    if status.st_uid not in owners:
        refuse(f"{folder} belongs to another user, who could change what you run", _ELSEWHERE)
    if status.st_mode & _OF_OTHERS:
        refuse(f"others may write to {folder}, and could change what you run", f"remove it, or {_ELSEWHERE}")


def lock(build):
    """Hold a build; False where it was removed meanwhile."""
    try:
        held = os.open(build, _FOLDER)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_SH)
    except OSError:
        pass  # A file system without locks: nobody can lock it to remove it either.
    # It stays open until this process ends or becomes another program.
    return is_same(held, build)


def is_same(held, path):
    """Say whether an open folder still has its name."""
    try:
        return os.path.samestat(os.fstat(held), os.lstat(path))
    except FileNotFoundError:
        return False


def unpack(above, build):
    """Unpack this build beside its place, and rename it."""
    import io
    import shutil
    import tempfile
    import zipfile

    work = tempfile.mkdtemp(prefix=_WORK, dir=above)  # mode 700
    held = os.open(work, _FOLDER)
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        pass
    try:
        content = __loader__.get_data(os.path.join(__loader__.archive, "pyman.zip"))
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(work)
            names = archive.namelist()
        try:
            os.rename(work, build)
        except OSError:
            # Another process was first, or files are missing.
            if not os.path.isdir(build):
                raise
            for name in names:
                path = os.path.join(build, name)
                if not os.path.exists(path):
                    make_folders(os.path.dirname(path))
                    os.rename(os.path.join(work, name), path)
    finally:
        os.close(held)
        shutil.rmtree(work, ignore_errors=True)


class Missing:
    """The last finder of modules: one of the build's that nobody finds was deleted, and is unpacked again."""

    def __init__(self, build):
        self.build = build
        self.is_whole = False

    def find_spec(self, name, path=None, target=None):  # noqa: ARG002  # as importlib calls it
        """Return where the module is, once all that is missing is there again; None where it was never there."""
        top = name.partition(".")[0]
        # Of what is no folder its `.dist-info` tells.
        if self.is_whole or top not in ("pyman", *(one.partition("-")[0] for one in os.listdir(self.build))):
            return None
        self.is_whole = True
        try:
            unpack(os.path.dirname(self.build), self.build)
            lock(self.build)  # One that was empty is another folder now.
        except OSError:
            return None
        from importlib import invalidate_caches
        from importlib.machinery import PathFinder

        invalidate_caches()
        return PathFinder.find_spec(name, path)


def remove_others(above):
    """Remove the other builds of this user's that no process uses, and what killed processes left."""
    import shutil
    import time

    for name in sorted(os.listdir(above)):
        path = os.path.join(above, name)
        is_build = len(name) == len(BUILD) and not name.strip("0123456789abcdef")
        if name == BUILD or not (is_build or name.startswith(_WORK)):
            continue
        try:
            held = os.open(path, _FOLDER)
        except OSError:
            continue
        try:
            status = os.fstat(held)
            if not is_build and time.time() - status.st_mtime < _AN_HOUR:
                continue  # Somebody may be about to lock it.
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if status.st_uid == os.geteuid() and is_same(held, path):
                if is_build:
                    # Out of the way first: nobody may begin to use what is half gone.
                    path = os.path.join(above, f"{_WORK}{name}")
                    os.rename(os.path.join(above, name), path)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            pass  # In use, or on a file system without locks.
        finally:
            os.close(held)


def main():
    """Run pyman from where it was unpacked."""
    global pyman_archive  # noqa: PLW0603  # where pyman looks for it: effects/own_installation.py
    pyman_archive = os.path.abspath(__loader__.archive)
    build = sys.path[0] = open_build()
    sys.meta_path.append(Missing(build))
    sys.argv[0] = pyman_archive
    from pyman.__main__ import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
