"""`mounts`: for each record the mount that its venv lay on, and so whether one that is missing is gone (design.md 6).

    0123456789abcdef /dev/sdb1 /        HASH of the record, what was mounted, which folder of that

A venv is gone where the nearest folder above it that exists lies on that same mount. On another one, what shows is the
place where a disk would be. Of several lines for one record the last one counts. Two processes at once may lose a line:
it is written again when its venv is next seen. Import-light.
"""

from __future__ import annotations

import os
import stat

from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.effects.files import read_bytes, read_text, replace_file
from pyman.effects.mounts import Mounts, unescape
from pyman.effects.venvs.place import folder_of
from pyman.effects.venvs.records import GONE, UNREACHABLE, known_venvs, record_hash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.effects.venvs.records import KnownVenv

    Lines = dict[str, tuple[str, str]]

_NAME = "mounts"
_LARGEST = 1 << 26
_ESCAPED = ((" ", "\\040"), ("\t", "\\011"), ("\n", "\\012"))


class RecordMounts:
    """What is known of the mounts of records, in whichever stores these are, and what would be added."""

    def __init__(self) -> None:
        self._mounts: Mounts | None = None
        self._stores: dict[str, Lines] = {}
        self._new: dict[str, Lines] = {}
        self._folder: tuple[str, str] = ("", "")
        """The folder that was resolved last, and what it is: venvs come in the order of their paths."""

    def state_of(self, known: KnownVenv) -> str:
        """Say of a record whose venv is missing whether it is GONE, or UNREACHABLE with what it lay on."""
        leads = _leads_to(known.path)
        path = nearest = known.path if leads is None else leads
        try:
            while not _is_folder(nearest):
                nearest = os.path.dirname(nearest)
            if nearest == path and _exists(f"{path}/{FILE_NAME}"):
                return UNREACHABLE  # It is there: the look at it has failed.
        except OSError:
            return UNREACHABLE
        # Of what a link leads to no mount is known: it need not be that of the link.
        before = self._read(known.store).get(record_hash(known.name)) if leads is None else None
        if before is None:
            return GONE if nearest in (path, os.path.dirname(path)) else UNREACHABLE
        return GONE if self._covering(nearest) == before else UNREACHABLE

    def missing(self, records: Iterable[KnownVenv]) -> list[tuple[KnownVenv, str]]:
        """Those of the records whose venv is missing, with what each is."""
        return [(known, self.state_of(known)) for known in records if not _is_venv(known.path)]

    def note(self, known: KnownVenv, device: int | None = None) -> None:
        """Remember on which mount the venv of a record lies; `device` is that of its folder, where it is known."""
        mount = self._seen().of_device(device) if device is not None else None
        found = (mount.source, mount.root) if mount is not None else self._covering(_place(known.path))
        key = record_hash(known.name)
        if found is not None and self._read(known.store).get(key) != found:
            self._new.setdefault(known.store, {})[key] = found

    def store(self) -> None:
        """Write what was noted, without lines that no record needs. Raises OSError where that cannot be written."""
        for root, new in self._new.items():
            del self._stores[root]  # Another process may have added lines.
            records = {record_hash(known.name) for known in known_venvs(root)}
            lines = {key: mount for key, mount in (self._read(root) | new).items() if key in records}
            replace_file(os.path.join(root, _NAME), _as_text(lines))
        self._stores, self._new = {}, {}

    def _seen(self) -> Mounts:
        if self._mounts is None:
            self._mounts = Mounts()
        return self._mounts

    def _covering(self, path: str) -> tuple[str, str] | None:
        folder, name = os.path.split(path)
        if folder != self._folder[0]:
            self._folder = (folder, os.path.realpath(folder))
        real = os.path.join(self._folder[1], name)
        mount = self._seen().covering(os.path.realpath(real) if os.path.islink(real) else real)
        return (mount.source, mount.root) if mount is not None else None

    def _read(self, root: str) -> Lines:
        if root not in self._stores:
            lines = self._stores[root] = {}
            # Tens of thousands of venvs lie on a few mounts.
            mounts: dict[tuple[str, str], tuple[str, str]] = {}
            try:
                text = read_text(os.path.join(root, _NAME), _LARGEST)
            except OSError:
                text = ""
            for line in text.split("\n"):
                fields = line.split(" ")
                if len(fields) == 3:
                    mount = (_unescaped(fields[1]), _unescaped(fields[2]))
                    lines[fields[0]] = mounts.setdefault(mount, mount)
        return self._stores[root]


def note_mount(root: str, name: str, path: str) -> None:
    """Add the line of a record that was just made. Raises OSError where the store cannot be written."""
    mount = Mounts().covering(os.path.realpath(_place(path)))
    if mount is None:
        return
    place = os.path.join(root, _NAME)
    try:
        before = read_bytes(place, _LARGEST)
    except FileNotFoundError:
        before = b""
    replace_file(place, before + _as_text({record_hash(name): (mount.source, mount.root)}))


def _place(path: str) -> str:
    """What stands for the place of a record: the folder itself, which may be a mount point; of a link that above it."""
    return os.path.dirname(path) if os.path.islink(path) or not os.path.isdir(path) else path


def _leads_to(path: str) -> str | None:
    """Where a link or a text file in the place of a venv leads; None where neither is there."""
    try:
        found = os.path.realpath(path) if os.path.islink(path) else folder_of(path)
    except OSError:
        return None
    return found if found != path else None


def _is_venv(path: str) -> bool:
    if os.access(f"{path}/{FILE_NAME}", os.F_OK):
        return True
    leads = _leads_to(path)
    return leads is not None and os.access(f"{leads}/{FILE_NAME}", os.F_OK)


def _exists(path: str) -> bool:
    """False where nothing has the name. Raises OSError where the system refuses a look."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _is_folder(path: str) -> bool:
    """False where nothing has the name, or something else. Raises OSError where the system refuses a look."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _as_text(lines: Lines) -> bytes:
    text = "".join(f"{key} {_escaped(source)} {_escaped(root)}\n" for key, (source, root) in lines.items())
    return text.encode("utf-8", "surrogateescape")


def _escaped(field: str) -> str:
    field = field.replace("\\", "\\134")
    for letter, code in _ESCAPED:
        field = field.replace(letter, code)
    return field or "\\000"


def _unescaped(field: str) -> str:
    return "" if field == "\\000" else unescape(field)
