"""Taking steps, with an undo for each: a plan is taken whole, or everything is as it was."""

from __future__ import annotations

import os
import stat

from pyman.core.plan import CopyProgram, Forget, Plan, Remember, RemoveLink, ReplaceFile, ReplaceLink, Verify
from pyman.effects.files import keep_beside, read_bytes, replace_file, replace_link
from pyman.effects.interruption import Undisturbed
from pyman.effects.places import Places, cannot_write
from pyman.effects.venvs.records import forget, remember
from pyman.errors import NOT_YOURS, Changed, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from pyman.core.plan import Step


class Transaction:
    """Steps that are undone, last first, when the `with` block is left by an exception; ctrl-C is one."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._undo: list[Callable[[], object]] = []
        self._spares: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _where: object) -> None:
        with Undisturbed():
            if kind is not None:
                self._go_back(0, error)
            for spare in self._spares:
                _remove(spare)

    def _go_back(self, mark: int, error: BaseException | None) -> None:
        """Undo what was done since `mark`; a second ctrl-C does not cut the way back short."""
        failed: list[str] = []
        with Undisturbed():
            while len(self._undo) > mark:
                try:
                    self._undo.pop()()
                except OSError as trouble:
                    failed.append(str(trouble))
        if failed and isinstance(error, PymanError):
            error.message += f", and not everything could be put back: {'; '.join(failed)}"

    def do(self, act: Callable[[], object]) -> None:
        """Do something that is no step, and adds its own undo; no signal comes between the two."""
        with Undisturbed():
            act()

    def undo_with(self, undo: Callable[[], object]) -> None:
        """Add the undo of something that was done outside of steps."""
        self._undo.append(undo)

    def put_file(self, path: str, content: bytes) -> None:
        """Replace a file, or make it, and wait for the disk. Raises OSError."""
        self.do(lambda: self._put_file(path, content))

    def _put_file(self, path: str, content: bytes) -> None:
        if os.path.lexists(path):
            self._keep(path)
        else:
            self._undo.append(lambda: _remove(path))
        replace_file(path, content, durable=True)

    def _keep(self, path: str) -> None:
        """Give what is there a second name until the end, so that the way back takes no room on a full disk."""
        spare = keep_beside(path)
        self._spares.append(spare)
        self._undo.append(lambda: os.replace(spare, path))

    def attempt(self, plan: Plan) -> None:
        """Take a plan whole or not at all, while what was taken before stays. Raises PymanError where it cannot be."""
        mark = len(self._undo)
        try:
            self.take(plan)
        except PymanError as error:
            self._go_back(mark, error)
            raise

    def take(self, plan: Plan) -> None:
        """Take every step of a plan. Raises PymanError where one cannot be taken."""
        for step in plan.steps:
            self.take_step(step)

    def take_step(self, step: Step) -> None:
        """Take one step. Raises PymanError where the system refuses it, or what is there is not what was read."""
        if isinstance(step, Verify):
            from pyman.effects.venvs.verification import verify

            try:
                verify(step)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise PymanError(
                    f"{step.venv} cannot be read any more: {reason}", hint="see what happened to it"
                ) from error
            return
        try:
            self.do(lambda: self._take(step))
        except OSError as error:
            raise cannot_write(getattr(step, "path", "the store"), error) from error

    def _take(self, step: Step) -> None:
        match step:
            case ReplaceFile():
                self._replace_file(step)
            case ReplaceLink():
                self._replace_link(step)
            case RemoveLink():
                _expect_link(step.path, step.old)
                self._keep(step.path)
                os.unlink(step.path)
            case CopyProgram():
                self._copy_program(step)
            case Forget():
                forget(self._places.root, step.record)
            case Remember():
                remember(self._places.root, step.venv)
            case Verify():
                pass  # Starts a program, so it is taken where signals come through.

    def _replace_file(self, step: ReplaceFile) -> None:
        status = os.lstat(step.path)
        _expect_own(step.path, status)
        if read_bytes(step.path) != step.old:
            raise _changed(step.path)
        self._keep(step.path)
        replace_file(step.path, step.new, stat.S_IMODE(status.st_mode))

    def _replace_link(self, step: ReplaceLink) -> None:
        old = step.old
        if old is None:
            os.symlink(step.new, step.path)
            self._undo.append(lambda: os.unlink(step.path))
            return
        _expect_link(step.path, old)
        self._keep(step.path)
        replace_link(step.path, step.new)

    def _copy_program(self, step: CopyProgram) -> None:
        _expect_own(step.path, os.lstat(step.path))
        self._keep(step.path)
        replace_file(step.path, read_bytes(step.source, _LARGEST_PROGRAM), 0o755)


_LARGEST_PROGRAM = 128 << 20


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # It was put back, or stays until the next one that is put beside.


def _expect_link(path: str, target: str) -> None:
    status = os.lstat(path)
    _expect_own(path, status)
    if not stat.S_ISLNK(status.st_mode) or os.readlink(path) != target:
        raise _changed(path)


def _expect_own(path: str, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to another user", hint="let its owner run pyman", code=NOT_YOURS)


def _changed(path: str) -> PymanError:
    return Changed(f"{path} was changed by somebody else since it was read", hint="run the same command again")
