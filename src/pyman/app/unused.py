"""Unused venvs: `venvs --unused AGE`, and which of them may be removed together."""

from __future__ import annotations

import os
import time

from pyman.app.session import Session
from pyman.core.diagnosis.venv import ListedVenv
from pyman.core.immutable import record
from pyman.core.unused import Signs, is_unused
from pyman.effects.disk_size import size_of
from pyman.effects.mounts import Mounts
from pyman.effects.venvs.signs import project_of_venv, read_signs, with_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


@record
class UnusedVenv:
    """A venv that was not used for as long as the user says."""

    venv: ListedVenv
    last_used: float
    """Its last sign of life, in seconds since 1970."""
    size: int
    """Bytes; files that several of these venvs share count in the first one."""
    project: str | None
    project_exists: bool | None

    @property
    def day(self) -> str:
        """`2026-03-01`, in local time."""
        return time.strftime("%Y-%m-%d", time.localtime(self.last_used))

    @property
    def moment(self) -> str:
        """The same for programs."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.last_used))


def find_unused(
    session: Session, venvs: Iterable[ListedVenv], age: int
) -> tuple[tuple[UnusedVenv, ...], tuple[str, ...]]:
    """The venvs without a sign of life since `age` seconds, the longest first; and those of which it cannot be told."""
    mounts = Mounts()
    now = time.time()
    found: list[tuple[Signs, ListedVenv]] = []
    unknown: list[str] = []
    for venv in venvs:
        signs = read_signs(venv.folder, mounts)
        unused = is_unused(signs, now, age)
        if unused is None:
            unknown.append(venv.path)
        elif unused and not is_active(session, venv) and is_unused(with_processes(signs, venv.folder), now, age):
            found.append((signs, venv))
    found.sort(key=lambda one: (one[0].last or 0.0, one[1].path))
    seen: set[tuple[int, int]] = set()
    return tuple(_described(signs, venv, seen) for signs, venv in found), tuple(unknown)


def _described(signs: Signs, venv: ListedVenv, seen: set[tuple[int, int]]) -> UnusedVenv:
    project, exists = project_of_venv(venv.folder)
    return UnusedVenv(venv, signs.last or 0.0, size_of(venv.folder, seen=seen), project, exists)


def is_active(session: Session, venv: ListedVenv) -> bool:
    """True for the venv that is active in the shell that pyman was started from."""
    active = session.environ.get("VIRTUAL_ENV")
    return bool(active) and os.path.realpath(active or "") == os.path.realpath(venv.folder)


def is_still_unused(unused: UnusedVenv, age: int) -> bool:
    """Look again, just before it is removed."""
    signs = with_processes(read_signs(unused.venv.folder, Mounts()), unused.venv.folder)
    return is_unused(signs, time.time(), age) is True
