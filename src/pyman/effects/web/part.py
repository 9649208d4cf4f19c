"""An archive on its way: a file that grows, and the sha256 of what it holds so far."""

from __future__ import annotations

import os
import stat

from pyman.effects.files import open_regular, write_all

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_READ_AT_ONCE = 1 << 18


class Part:
    """One `.part` file, opened with what an earlier attempt left in it. Whoever uses it holds the download's lock."""

    def __init__(self, path: str) -> None:
        """Raises OSError where the file cannot be made."""
        import hashlib

        self._path = path
        self._new_digest = hashlib.sha256
        self._descriptor = self._open()
        self.size = 0
        """Bytes that are there."""
        self.resumed = False
        """True where they came in more than one piece, which may not fit together."""
        self._digest = self._new_digest()
        while piece := os.read(self._descriptor, _READ_AT_ONCE):
            self._digest.update(piece)
            self.size += len(piece)
            self.resumed = True

    def _open(self) -> int:
        try:
            descriptor = os.open(self._path, _FLAGS, 0o600)
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return descriptor
            os.close(descriptor)
        except OSError:
            if not os.path.lexists(self._path):
                raise
        # A link, a fifo: somebody's joke, in the place of a file of ours.
        os.unlink(self._path)
        return os.open(self._path, _FLAGS | os.O_EXCL, 0o600)

    @property
    def sha256(self) -> str:
        """The hash of what is there, in lower-case hexadecimal digits."""
        return self._digest.hexdigest()

    def add(self, piece: bytes) -> None:
        """Append bytes. Raises OSError, for a full disk above all."""
        write_all(self._descriptor, piece)
        self._digest.update(piece)
        self.size += len(piece)

    def restart(self) -> None:
        """Throw away what is there."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._digest = self._new_digest()
        self.size = 0
        self.resumed = False

    def finish(self, path: str) -> None:
        """Give the file its final name, in one step."""
        os.fchmod(self._descriptor, 0o644)
        os.replace(self._path, path)

    def throw_away(self) -> None:
        """Remove the file."""
        try:
            os.unlink(self._path)
        except OSError:
            pass  # it is gone already

    def close(self) -> None:
        """Let go of the file, which stays for the next attempt."""
        os.close(self._descriptor)


def sha256_of(path: str) -> tuple[str, int]:
    """Return the hash of a file, in lower-case hexadecimal digits, and its size. Raises OSError."""
    import hashlib

    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256")
        return digest.hexdigest(), file.tell()
