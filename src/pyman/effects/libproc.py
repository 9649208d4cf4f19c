"""Processes as macOS tells of them: libproc(3) and sysctl(3), asked by ctypes. Nothing is started.

Layouts and numbers are those of <sys/proc_info.h>, <libproc.h> and <sys/sysctl.h>. `Libproc.why_unknown` asks for this
process itself first, and compares: what is not understood is not believed.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_VNODE_PATHS, _REGION_WITH_PATH = 9, 22  # PROC_PIDVNODEPATHINFO, PROC_PIDREGIONPATHINFO2
_ABOUT, _ABOUT_SIZE = 3, 136  # PROC_PIDTBSDINFO; struct proc_bsdinfo, which ends with the time of the start
_LONGEST_PATH = 1024  # MAXPATHLEN
_LONGEST_PROGRAM = 4 * _LONGEST_PATH  # PROC_PIDPATHINFO_MAXSIZE
_VNODE = 152  # sizeof(struct vnode_info), which stands before each path
_REGION = 96  # sizeof(struct proc_regioninfo); its last two numbers are address and size
_ARGUMENTS = (1, 49)  # CTL_KERN, KERN_PROCARGS2
_LONGEST_ARGUMENTS = 1 << 20  # ARG_MAX
_MOST_REGIONS = 20000
_FRAMEWORK = b"/Resources/Python.app/Contents/MacOS/Python"
_LAUNCHER = b"__PYVENV_LAUNCHER__="
"""How a framework build tells the program that it goes on to by which name it was started."""


class Libproc:
    """What the system tells of its processes. Methods that take a number raise OSError for what it does not tell."""

    def __init__(self, library: Any = None) -> None:
        import ctypes

        self._ctypes = ctypes
        # Without a name: libSystem, which every program of macOS has loaded.
        self._library = library if library is not None else ctypes.CDLL(None, use_errno=True)

    def why_unknown(self) -> str:
        """Say why no answer can be believed; empty where this process itself is found as it is."""
        me = os.getpid()
        try:
            words = [os.fsdecode(word) for word in self.words(me)]
            known = me in self.numbers() and words[1:] == sys.orig_argv[1:]
            known = known and os.access(self.program(me), os.X_OK) and self._is_here(self.folder(me))
        except OSError:
            known = False
        return "" if known else "macOS does not tell which program a process runs"

    @staticmethod
    def _is_here(folder: str) -> bool:
        try:
            here = os.stat(os.curdir)
        except OSError:
            return True  # It was deleted.
        return os.path.samestat(here, os.stat(folder))

    def numbers(self) -> list[int]:
        """The numbers of all processes, sorted."""
        most = 4096
        while True:
            buffer = (self._ctypes.c_int * most)()
            count = self._function("proc_listallpids")(buffer, self._ctypes.sizeof(buffer))
            if count <= 0:
                raise self._refused()
            if count < most:
                return sorted(buffer[:count])
            most *= 2  # There may be more than it had room for.

    def program(self, pid: int) -> str:
        """The real path of the program that a process runs, also of another user's."""
        buffer = self._ctypes.create_string_buffer(_LONGEST_PROGRAM)
        if self._function("proc_pidpath")(pid, buffer, _LONGEST_PROGRAM) <= 0:
            raise self._refused()
        return os.fsdecode(buffer.value)

    def folder(self, pid: int) -> str:
        """The working directory of a process."""
        content = self._info(pid, _VNODE_PATHS, 0, 2 * (_VNODE + _LONGEST_PATH))
        return os.fsdecode(_text_at(content, _VNODE))

    def words(self, pid: int) -> list[bytes]:
        """The command line of a process, its first word as it was called."""
        words, environment = split_arguments(self._arguments(pid))
        if words and words[0].endswith(_FRAMEWORK):
            words[0] = next((one[len(_LAUNCHER) :] for one in environment if one.startswith(_LAUNCHER)), words[0])
        return words

    def environment(self, pid: int) -> list[bytes]:
        """The environment that a process was started with."""
        return split_arguments(self._arguments(pid))[1]

    def started(self, pid: int) -> str:
        """When a process started, in microseconds; "0" where the system does not tell."""
        try:
            content = self._info(pid, _ABOUT, 0, _ABOUT_SIZE)
        except OSError:
            return "0"
        seconds, rest = (int.from_bytes(content[at : at + 8], sys.byteorder) for at in (120, 128))
        return str(seconds * 1_000_000 + rest)

    def host(self) -> str:
        """The number that the machine has for ever, as gethostuuid(2) tells it; empty where it does not."""
        buffer, wait = self._ctypes.create_string_buffer(16), (self._ctypes.c_long * 2)(5, 0)
        try:
            failed = self._function("gethostuuid")(buffer, wait)
        except OSError:
            return ""
        return "" if failed else buffer.raw.hex()

    def has_loaded(self, pid: int, starts: tuple[bytes, ...]) -> bool:
        """True where a process has loaded a file whose path begins so."""
        return any(path.startswith(starts) for path in self._loaded(pid))

    def _loaded(self, pid: int) -> Iterator[bytes]:
        size, address = _REGION + _VNODE + _LONGEST_PATH, 0
        for _ in range(_MOST_REGIONS):
            try:
                content = self._info(pid, _REGION_WITH_PATH, address, size)
            except OSError:
                return  # The last one was there.
            yield _text_at(content, _REGION + _VNODE)
            start, length = (int.from_bytes(content[at : at + 8], "little") for at in (_REGION - 16, _REGION - 8))
            if start + length <= address:
                return
            address = start + length

    def _info(self, pid: int, kind: int, argument: int, size: int) -> bytes:
        buffer = self._ctypes.create_string_buffer(size)
        if self._function("proc_pidinfo")(pid, kind, self._ctypes.c_uint64(argument), buffer, size) != size:
            raise self._refused()
        return buffer.raw

    def _arguments(self, pid: int) -> bytes:
        name = (self._ctypes.c_int * 3)(*_ARGUMENTS, pid)
        buffer = self._ctypes.create_string_buffer(_LONGEST_ARGUMENTS)
        size = self._ctypes.c_size_t(_LONGEST_ARGUMENTS)
        if self._function("sysctl")(name, 3, buffer, self._ctypes.byref(size), None, self._ctypes.c_size_t(0)) != 0:
            raise self._refused()
        return buffer.raw[: size.value]

    def _function(self, name: str) -> Any:
        try:
            return getattr(self._library, name)
        except AttributeError:
            raise OSError(errno.ENOSYS, f"there is no {name}") from None

    def _refused(self) -> OSError:
        number = self._ctypes.get_errno()
        return OSError(number, os.strerror(number))


def _text_at(content: bytes, start: int) -> bytes:
    return content[start : start + _LONGEST_PATH].partition(b"\0")[0]


def split_arguments(content: bytes) -> tuple[list[bytes], list[bytes]]:
    """Split what KERN_PROCARGS2 answers: words and environment.

    It is their number, the path of the program, zeros up to the next multiple of a word, then each with a zero.
    """
    count = int.from_bytes(content[:4], sys.byteorder)
    _, _, rest = content[4:].partition(b"\0")
    parts = rest.lstrip(b"\0").split(b"\0")
    environment = parts[count:]
    end = environment.index(b"") if b"" in environment else len(environment)
    return parts[:count], environment[:end]
