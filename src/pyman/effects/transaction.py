"""Taking steps, with an undo for each: a plan is taken whole, or everything is as it was."""

from __future__ import annotations

import os
import stat

from pyman.core.plans.steps import (
    CopyProgram,
    Forget,
    OwnCopy,
    Plan,
    Remember,
    RemoveBytecode,
    RemoveLink,
    ReplaceFile,
    ReplaceLink,
    Verify,
)
from pyman.effects.files import TEMPORARY, keep_beside, read_bytes, replace_file, replace_link, write_all
from pyman.effects.interruption import DeferredSignals, committed, defer_signals, failure_of
from pyman.effects.places import Places, cannot_write
from pyman.effects.staging import exchange
from pyman.effects.venvs.own_folders import OwnName, open_own, refuse_unless_own, within_own
from pyman.effects.venvs.stores import forget_venv, remember_venv
from pyman.errors import NOT_YOURS, Changed, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from pyman.core.plans.steps import Step
    from pyman.core.venv import VenvFolder

    Writing = ReplaceFile | ReplaceLink | RemoveLink | CopyProgram | OwnCopy | RemoveBytecode


class Transaction:
    """Steps that are undone, last first, when the `with` block is left by an exception; ctrl-C is one."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._undo: list[Callable[[], object]] = []
        self._spares: list[Callable[[], object]] = []
        self._venv: VenvFolder | None = None
        """The venv that the steps are about which are taken just now."""
        self._began = False

    def __enter__(self) -> Self:
        return self

    @defer_signals
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _where: object) -> None:
        told: PymanError | None = None
        if kind is not None:
            told = self._go_back(0, error)
        elif self._began:
            committed()
        for remove in self._spares:
            try:
                remove()
            except (OSError, PymanError):
                pass  # It was restored, or stays until the next one that is put beside.
        if told is not None and told is not failure_of(error):
            raise told from error

    def _go_back(self, mark: int, error: BaseException | None) -> PymanError | None:
        """Undo what was done since `mark`; a second ctrl-C does not cut the way back short.

        Returns the failure that tells what could not be undone; None where there is nothing to tell.
        """
        failed: list[str] = []
        hint = ""
        with DeferredSignals():
            while len(self._undo) > mark:
                try:
                    self._undo.pop()()
                except OSError as trouble:
                    failed.append(str(trouble))
                except PymanError as trouble:
                    failed.append(trouble.message)
                    hint = trouble.hint or hint
                except Exception as trouble:  # noqa: BLE001  # whatever it is, the rest is to be undone
                    failed.append(repr(trouble))
        told = failure_of(error)
        if told is None and isinstance(error, OSError):
            told = cannot_write(self._places.root, error)
        if not failed or told is None:
            return None
        told.message += f", and not everything could be put back: {'; '.join(failed)}"
        told.hint = hint or told.hint
        return told

    def do(self, act: Callable[[], object]) -> None:
        """Do something that is no step, and adds its own undo; no signal comes between the two."""
        with DeferredSignals():
            self._began = True
            act()

    def undo_with(self, undo: Callable[[], object]) -> None:
        """Add the undo of something that was done outside of steps."""
        self._undo.append(undo)

    def put_file(self, path: str, content: bytes) -> None:
        """Replace a file of the store, or make it, and wait for the disk. Raises OSError."""
        it = OwnName(path, None)
        self.do(lambda: it.within(lambda folder: self._put_file(it, folder, content)))

    def _put_file(self, it: OwnName, folder: int, content: bytes) -> None:
        is_new = not it.is_there(folder)
        if not is_new:
            self._keep(it, folder)
        replace_file(it.name, content, durable=True, folder=folder)
        if is_new:
            self._undo.append(lambda: it.within(lambda again: os.unlink(it.name, dir_fd=again)))

    def _keep(self, it: OwnName, folder: int) -> None:
        """Give what is there a second name until the end, so that the way back takes no room on a full disk."""
        spare = keep_beside(it.name, folder=folder)

        def remove() -> None:
            it.within(lambda again: os.unlink(spare, dir_fd=again))

        def put_back() -> None:
            try:
                it.within(lambda again: os.replace(spare, it.name, src_dir_fd=again, dst_dir_fd=again))
            except OSError as error:
                self._spares.remove(remove)
                raise _not_put_back(it, spare, error) from error

        self._spares.append(remove)
        self._undo.append(put_back)

    def attempt(self, plan: Plan) -> None:
        """Take a plan whole or not at all, while what was taken before stays. Raises PymanError where it cannot be."""
        mark = len(self._undo)
        try:
            self.take(plan)
        except PymanError as error:
            self._go_back(mark, error)
            raise

    def take(self, plan: Plan) -> None:
        """Take every step of a plan. Raises PymanError where one cannot be taken.

        Nothing is begun where the interpreter that is started in the end may not be: NotStarted.
        """
        for step in plan.steps:
            if isinstance(step, Verify):
                from pyman.effects.venvs.verification import refuse_unverifiable

                refuse_unverifiable(step, self._places)
        before, self._venv = self._venv, plan.venv
        try:
            if plan.venv is not None and any(isinstance(step, _WRITING) for step in plan.steps):
                _refuse_unless_own(plan.venv)
            for step in plan.steps:
                self.take_step(step)
        finally:
            self._venv = before
        if plan.also is not None:
            self.take(plan.also)

    def take_step(self, step: Step) -> None:
        """Take one step. Raises PymanError where the system refuses it, or what is there is not what was read."""
        if isinstance(step, Verify):
            from pyman.effects.venvs.verification import verify

            try:
                verify(step, self._places)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise PymanError(
                    f"{step.venv} can no longer be read: {reason}", hint="check what happened to it"
                ) from error
            return
        try:
            self.do(lambda: self._take(step))
        except OSError as error:
            raise cannot_write(getattr(step, "path", "the store"), error) from error

    def _take(self, step: Step) -> None:
        match step:
            case ReplaceFile() | ReplaceLink() | RemoveLink() | CopyProgram() | OwnCopy() | RemoveBytecode():
                if self._venv is None and not step.path.startswith(f"{self._places.root}/"):
                    raise ValueError(f"{step.path} lies in no store: the plan does not say which venv it is about")
                it = OwnName(step.path, self._venv)
                it.within(lambda folder: self._write(step, it, folder))
            case Forget():
                forget_venv(self._places, step.record)
            case Remember():
                remember_venv(self._places, step.venv)
            case Verify():
                pass  # Starts a program, so it is taken where signals come through.

    def _write(self, step: Writing, it: OwnName, folder: int) -> None:
        match step:
            case ReplaceFile():
                mode = _expect_own(step.path, it, folder)
                if read_bytes(it.name, folder=folder) != step.old:
                    raise _changed(step.path)
                self._keep(it, folder)
                may_execute = (mode & 0o444) >> 2 if step.executable else 0
                wanted = mode | may_execute if step.mode is None else step.mode
                replace_file(it.name, step.new, stat.S_IMODE(wanted), folder=folder)
            case ReplaceLink(old=None):
                os.symlink(step.new, it.name, dir_fd=folder)
                self._undo.append(lambda: it.within(lambda again: os.unlink(it.name, dir_fd=again)))
            case ReplaceLink():
                _expect_link(step.path, it, folder, step.old)
                self._keep(it, folder)
                replace_link(it.name, step.new, folder=folder)
            case RemoveLink():
                _expect_link(step.path, it, folder, step.old)
                self._keep(it, folder)
                os.unlink(it.name, dir_fd=folder)
            case CopyProgram():
                _expect_own(step.path, it, folder)
                self._keep(it, folder)
                replace_file(it.name, read_bytes(step.source, _LARGEST_PROGRAM), 0o755, folder=folder)
            case OwnCopy():
                self._give_own(step, it, folder, lambda work: copy_beside(step, it.name, folder, work))
            case RemoveBytecode():
                self._give_own(step, it, folder, lambda _: beside_nothing(it.name, folder))

    def _give_own(
        self, step: OwnCopy | RemoveBytecode, it: OwnName, folder: int, prepare: Callable[[int], tuple[str, int]]
    ) -> None:
        """Exchange a file that others may own for what `prepare` has put beside it; it is kept there until the end.

        It cannot be given a second name: only root may link to files of other users.
        """
        venv, work = self._venv, step.work
        assert venv is not None
        there = open_own(venv, work)
        try:
            kept, inode = prepare(there)
            self._spares.append(lambda: within_own(venv, work, lambda again: os.unlink(kept, dir_fd=again)))
            swap(kept, there, it.name, folder)
            if os.stat(kept, dir_fd=there, follow_symlinks=False).st_ino != inode:
                swap(kept, there, it.name, folder)
                raise _changed(step.path)
            self._undo.append(
                lambda: it.within(lambda back: within_own(venv, work, lambda again: swap(kept, again, it.name, back)))
            )
        finally:
            os.close(there)


_LARGEST_PROGRAM = 128 << 20


_WRITING = (ReplaceFile, ReplaceLink, RemoveLink, CopyProgram, OwnCopy, RemoveBytecode)


def _not_put_back(it: OwnName, spare: str, error: OSError) -> PymanError:
    """The failure to report for what lies under its second name alone, which nobody takes for work in progress now."""
    kept = f"{spare}.kept"
    try:
        it.within(lambda folder: os.rename(spare, kept, src_dir_fd=folder, dst_dir_fd=folder))
    except (OSError, PymanError):
        kept = spare
    place = os.path.join(os.path.dirname(it.path), kept)
    return PymanError(
        f"{it.path} could not be restored from {place}: {(error.strerror or str(error)).lower()}",
        hint=f"rename {place} to {it.path} yourself",
    )


def _refuse_unless_own(venv: VenvFolder) -> None:
    try:
        refuse_unless_own(venv)
    except OSError as error:
        raise cannot_write(venv.path, error) from error


def _expect_link(path: str, it: OwnName, folder: int, target: str | None) -> None:
    if not stat.S_ISLNK(_expect_own(path, it, folder)) or os.readlink(it.name, dir_fd=folder) != target:
        raise _changed(path)


def _expect_own(path: str, it: OwnName, folder: int) -> int:
    """The mode of what belongs to the user; Refused for what does not."""
    status = os.stat(it.name, dir_fd=folder, follow_symlinks=False)
    if status.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to another user", hint="ask its owner to run pyman", code=NOT_YOURS)
    return status.st_mode


def _changed(path: str) -> PymanError:
    return Changed(f"{path} was changed by another process since it was read", hint="run the same command again")


# Files of a venv's own, in the place of those that it shares with others by hard links.

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PIECE = 1 << 20


def _work_name(name: str) -> str:
    """A name that no other process uses, and that marks itself as work in progress."""
    return f".{name[:100]}{TEMPORARY}{os.getpid()}-{os.urandom(4).hex()}"


def beside_nothing(name: str, folder: int) -> tuple[str, int]:
    """A name for a file that is to be removed, and the number of the file. Raises OSError."""
    return _work_name(name), os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino


def copy_beside(step: OwnCopy, name: str, folder: int, work: int) -> tuple[str, int]:
    """Copy a file of an open folder into another; return the name of the copy, and the number of the file.

    It keeps the time, and the permissions but for what the folder allows nobody: others write to it only where they
    may exchange the whole file. Raises Changed where the content is not what the step says, and OSError; nothing is
    left then.
    """
    reading = os.open(name, _READ, dir_fd=folder)
    try:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            raise _changed(step.path)
        copy = _work_name(name)
        writing = os.open(copy, _WRITE, 0o600, dir_fd=work)
        try:
            if _copy(reading, writing, step.algorithm) != step.digest:
                raise _changed(step.path)
            closed = (stat.S_IWGRP | stat.S_IWOTH) & ~os.fstat(folder).st_mode
            os.fchmod(writing, status.st_mode & 0o777 & ~closed)
            os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
        except BaseException:
            os.unlink(copy, dir_fd=work)
            raise
        finally:
            os.close(writing)
    finally:
        os.close(reading)
    return copy, status.st_ino


def _copy(reading: int, writing: int, algorithm: str) -> str:
    """Copy what is left of an open file, and return its digest; empty where no algorithm is wanted."""
    if not algorithm:
        while piece := os.read(reading, _PIECE):
            write_all(writing, piece)
        return ""
    import hashlib

    digest = hashlib.new(algorithm)
    while piece := os.read(reading, _PIECE):
        digest.update(piece)
        write_all(writing, piece)
    return digest.hexdigest()


def swap(kept: str, work: int, name: str, folder: int) -> None:
    """Exchange a name in one open folder with one in another, of which either may be missing; in one step if possible.

    Raises OSError.
    """
    if not _is_there(kept, work):
        os.rename(name, kept, src_dir_fd=folder, dst_dir_fd=work)
    elif not _is_there(name, folder):
        os.rename(kept, name, src_dir_fd=work, dst_dir_fd=folder)
    elif not exchange(kept, name, one_in=work, other_in=folder):
        aside = _work_name(name)
        os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=work)
        try:
            os.rename(kept, name, src_dir_fd=work, dst_dir_fd=folder)
        except BaseException:
            os.rename(aside, name, src_dir_fd=work, dst_dir_fd=folder)
            raise
        os.rename(aside, kept, src_dir_fd=work, dst_dir_fd=work)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
