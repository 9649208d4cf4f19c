"""Mount points as the kernel lists them, also folders that are mounted from their own file system. Import-light."""

from __future__ import annotations

import errno
import os
import sys

from pyman.core.immutable import record
from pyman.errors import CANNOT_RENAME, MOUNT, Refused

_TABLE = "/proc/self/mountinfo"
_OVERLAY = "overlay"
_ON_NETWORK = frozenset(
    """
    9p afs beegfs ceph cifs coda glusterfs gpfs lustre ncpfs nfs nfs3 nfs4 pvfs2 smb2 smb3 smbfs webdav
    fuse.ceph fuse.curlftpfs fuse.davfs fuse.gcsfuse fuse.glusterfs fuse.juicefs fuse.rclone fuse.s3fs fuse.sshfs
    """.split()  # noqa: SIM905  # a list of one word a line would take thirty
)
"""Kinds of file systems whose files are somewhere else: what is there may be slow, or never answer."""
_KEEPS_ACCESS_TIMES = frozenset(("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "tmpfs", "xfs", "zfs"))
"""Kinds of file systems that do unless they are told not to; an overlay does so for some of its files."""
_WAITING = ("autofs",)
"""A look at one mounts something."""
_MOST_LINKS = 40
"""As many as the kernel follows in one path (path_resolution(7))."""


@record
class Mount:
    """One line of the kernel's list."""

    place: str
    """Where it is mounted."""
    kind: str
    """The kind of its file system."""
    source: str
    """What is mounted: a device, a server's folder, or a word."""
    root: str
    """Which folder of that file system shows there."""
    number: str = ""
    device: str = ""
    """The numbers of its device, as `8:1`."""
    parent: str = ""
    """The number of the mount that it was mounted upon."""
    options: str = ""
    """How it is mounted: `rw,nosuid,relatime`."""

    @property
    def keeps_access_times(self) -> bool:
        """True where it is known to write down when a file was last read, at least once a day."""
        return self.kind in _KEEPS_ACCESS_TIMES and not {"noatime", "ro"}.intersection(self.options.split(","))

    @property
    def is_on_network(self) -> bool:
        """True where its files are not on this machine, as far as its kind tells."""
        return self.kind in _ON_NETWORK

    @property
    def is_away(self) -> bool:
        """True where a look at it goes over a network, or mounts something."""
        return self.is_on_network or self.kind in _WAITING


class Mounts:
    """The list as it was when it was read, for many questions."""

    def __init__(self) -> None:
        self._each = _mounts()
        self._by_device: dict[int, Mount | None] = {}
        known = {mount.number for mount in self._each}
        # The kernel goes the same way: from a mount to the one that was mounted upon it, in each folder of a path.
        self._upon = {(_parent(mount, known), mount.place): mount for mount in self._each}

    def covering(self, path: str) -> Mount | None:
        """The mount that an absolute path without links lies on; None where nothing tells.

        Nothing is looked at, but for the path itself on macOS, which has no list.
        """
        if not self._each and sys.platform == "darwin":
            return _mount_on_macos(path)
        found: Mount | None = None
        place = ""
        for part in ("", *path.strip("/").split("/")) if path != "/" else ("",):
            place = f"{place.rstrip('/')}/{part}"
            while (mount := self._upon.get((found.number if found is not None else "", place))) is not None:
                found = mount
        return found

    def of_device(self, device: int) -> Mount | None:
        """The one mount of a device, by the number in `st_dev`; None where several, or none, are told of."""
        if device not in self._by_device:
            name = f"{os.major(device)}:{os.minor(device)}"
            found = [mount for mount in self._each if mount.device == name]
            self._by_device[device] = found[0] if len(found) == 1 else None
        return self._by_device[device]

    def is_away(self, path: str) -> bool:
        """True where a look at a path goes over a network, or mounts something."""
        mount = self.covering(path)
        return mount is not None and mount.is_away

    def leads_away(self, path: str) -> bool:
        """True where a look at an absolute path goes over a network on its way, through whatever links.

        Each link is read before what it leads to is looked at.
        """
        pending = [part for part in reversed(path.split("/")) if part]
        place, links = "/", 0
        while True:
            if self.is_away(place):
                return True
            if not pending:
                return False
            part = pending.pop()
            if part == "..":
                place = os.path.dirname(place)
                continue
            step = os.path.join(place, part)
            if self.is_away(step):
                return True
            try:
                target = os.readlink(step)
            except OSError:
                place = step  # No link, or nothing there.
                continue
            links += 1
            if links > _MOST_LINKS:
                return False  # A circle, which leads nowhere.
            pending += [each for each in reversed(target.split("/")) if each not in ("", ".")]
            if target.startswith("/"):
                place = "/"

    def may_be_slow(self, path: str) -> bool:
        """True where a path, or a mount below it, is on a network, or of a program (FUSE)."""
        above = f"{path.rstrip('/')}/"
        mounts = [self.covering(path), *(mount for mount in self._each if mount.place.startswith(above))]
        return any(mount is not None and (mount.is_on_network or mount.kind.startswith("fuse")) for mount in mounts)

    def slow_below(self, folder: str) -> list[str]:
        """The mount points below a folder that are on a network, or mount something when they are looked at."""
        above = f"{folder.rstrip('/')}/"
        return [mount.place for mount in self._each if mount.place.startswith(above) and mount.is_away]


def _parent(mount: Mount, known: set[str]) -> str:
    """The number of the mount that one was mounted upon; empty, for the root, where this process does not see that."""
    return mount.parent if mount.parent in known and mount.parent != mount.number else ""


def mounts_below(folder: str) -> list[str]:
    """The mount points below a folder, at any depth, sorted; the folder itself is not among them.

    Empty where the system has no such list (macOS): there only another device tells (effects/remove_tree.py).
    """
    above = os.path.realpath(folder).rstrip("/") + "/"
    return sorted({mount.place for mount in _mounts() if mount.place.startswith(above)})


def is_mount_point(path: str) -> bool:
    """True for a mount point. Unlike `os.path.ismount` it also knows those that lie on the same file system."""
    if os.path.ismount(path):
        return True
    real = os.path.realpath(path)
    return any(mount.place == real for mount in _mounts())


def refuse_mounts_below(folder: str) -> None:
    """Raise Refused where something is mounted below a folder that is to be moved or removed with all it holds."""
    for place in mounts_below(folder):
        from pyman.core.escape import as_word

        hint = f"unmount it first: `umount {as_word(place)}`"
        raise Refused(f"{place} is a mount point inside {folder}", hint=hint, code=MOUNT)


def never_renames(folder: str, error: OSError) -> bool:
    """True for the failure to rename a folder that its file system never renames, as the lower layer of an image."""
    return error.errno == errno.EXDEV and not is_mount_point(folder)


def cannot_rename(folder: str) -> Refused:
    """The failure to report for a folder whose file system refuses to rename it (EXDEV), and that is no mount point."""
    if _lies_on_overlay(folder):
        return Refused(
            f"{folder} is part of a container image, whose file system (overlayfs) cannot rename it",
            hint="replace it with a copy of itself first, or do this while building the image",
            code=CANNOT_RENAME,
        )
    return Refused(
        f"{folder} cannot be renamed: its file system does not allow it",
        hint="choose a folder on another file system",
        code=CANNOT_RENAME,
    )


def _lies_on_overlay(path: str) -> bool:
    mount = Mounts().covering(os.path.realpath(path))
    return mount is not None and mount.kind == _OVERLAY


def _mounts() -> list[Mount]:
    """Every mount, in the order in which they were mounted; none where the system has no such list."""
    found = []
    try:
        with open(_TABLE, encoding="utf-8", errors="surrogateescape") as table:
            for line in table:
                before, _, after = line.rstrip("\n").partition(" - ")
                fields, (kind, source) = before.split(" ", 5), after.split(" ", 2)[:2]
                place, root = unescape(fields[4]), unescape(fields[3])
                options = fields[5].partition(" ")[0]
                found.append(Mount(place, kind, unescape(source), root, fields[0], fields[2], fields[1], options))
    except (OSError, IndexError, ValueError):
        return found
    return found


def unescape(field: str) -> str:
    """Undo what the kernel writes for blanks and backslashes in paths, their octal numbers (proc_pid_mountinfo(5))."""
    for number in (0o40, 0o11, 0o12, 0o134):
        field = field.replace(f"\\{number:03o}", chr(number))
    return field


def _mount_on_macos(path: str) -> Mount | None:
    """The mount that a path lies on, as statfs(2) tells it: macOS has no list. None where it tells nothing.

    No test runs this: it needs a Mac.
    """
    import ctypes

    class Statfs(ctypes.Structure):
        _fields_ = (
            ("head", ctypes.c_char * 72),
            ("kind", ctypes.c_char * 16),
            ("place", ctypes.c_char * 1024),
            ("source", ctypes.c_char * 1024),
            ("rest", ctypes.c_uint32 * 8),
        )

    told = Statfs()
    try:
        library = ctypes.CDLL(None)
        # The one with wide inodes has a name of its own on Intel.
        call = getattr(library, "statfs$INODE64", None) or library.statfs
        if call(os.fsencode(path), ctypes.byref(told)) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return Mount(os.fsdecode(told.place), os.fsdecode(told.kind), os.fsdecode(told.source), "/")
