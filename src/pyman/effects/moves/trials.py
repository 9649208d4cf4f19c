"""Running trials: a command of the user's, in a throwaway venv on either release, so that the user's own is untouched.

A throwaway venv has a real site-packages of its own that only adds the venv's, and the venv's scripts with another
first line. What a command installs goes into it, and what it runs is the Python that is tried.
"""

from __future__ import annotations

import functools
import os

from pyman.core.immutable import replace
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.script_header import with_interpreter
from pyman.core.trials import (
    ELSEWHERE,
    FAILED,
    IMPORTS,
    PASSED,
    TRIAL_SECONDS,
    Attempt,
    TrialVerdict,
    is_of_trial,
    judge,
    shortened,
    split_command,
    trial_for,
)
from pyman.effects.files import SMALL_FILE, read_bytes
from pyman.effects.interpreters.admission import (
    Admission,
    why_changeable,
    why_entry_changeable,
    why_named_changeable,
)
from pyman.effects.packages.dist_info import installed_paths, read_packages, top_levels
from pyman.effects.packages.loose import pointed_to
from pyman.effects.project_files import is_tracked
from pyman.effects.remove_tree import remove_tree
from pyman.effects.subprocesses import run_supervised
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

    from pyman.core.packages.package import Package
    from pyman.core.plans.move import AliasMove, Follower
    from pyman.core.store import Runtime, Store
    from pyman.core.trials import Trial
    from pyman.effects.observer import Observer
    from pyman.effects.places import Places

_MARK = "started"
_SITE = """\
import os, site
open({mark!r}, "a").close()
site.addsitedir({packages!r})
"""
_IMPORT = "import sys; sys.path = [*filter(None, sys.path)]; import importlib; importlib.import_module(sys.argv[1])"
"""Not from the working directory, which Python puts first: a project may have a folder of the same name."""
_NOT_INHERITED = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV_PROMPT", "__PYVENV_LAUNCHER__")
_SEEDS = ("pip", "setuptools", "wheel")
_MODULES = (".py", ".pyc", ".so")
_NOT_COPIED = ("python", "activate", "Activate", "deactivate")


def try_followers(
    places: Places,
    trials: tuple[Trial, ...],
    move: AliasMove,
    before: Store,
    trees: Mapping[str, str],
    observer: Observer,
) -> AliasMove:
    """Hold back the venvs in which a command of the user's passes on the old release and fails on the new one.

    Venvs of others are not tried: what runs is their code. Raises UsageError for a command that cannot be split.
    """
    old, new = move.old, move.new
    if old is None or new is None:
        return move
    room = _Trials(places, trials, new, trees, observer)
    updated, released = list(move.updated), list(move.released)
    newly_held, still_held, notes = list(move.newly_held), list(move.still_held), list(move.notes)
    for follower, stays in ((one, old) for one in move.updated):
        verdict = room.verdict(follower, stays)
        if verdict.reason:
            updated.remove(follower)
            newly_held.append((follower, verdict.reason))
        notes += [(follower.path, verdict.note)] if verdict.note else []
    for follower in move.released:
        runtime = before.runtime(follower.through)
        if runtime is None or not runtime.whole or runtime.name == new.name:
            continue
        verdict = room.verdict(follower, runtime)
        held_by = (follower.settings.held_back or ("", ""))[1]
        if not verdict.is_made and is_of_trial(held_by):
            # Only a trial that passes lets it go.
            verdict = TrialVerdict(reason=held_by)
        if verdict.reason:
            released.remove(follower)
            still_held.append((follower, verdict.reason))
        notes += [(follower.path, verdict.note)] if verdict.note else []
    return replace(
        move,
        updated=tuple(updated),
        released=tuple(released),
        newly_held=tuple(newly_held),
        still_held=tuple(still_held),
        notes=tuple(notes),
    )


class _Trials:
    """The trials of one move."""

    def __init__(
        self,
        places: Places,
        trials: tuple[Trial, ...],
        new: Runtime,
        trees: Mapping[str, str],
        observer: Observer,
    ) -> None:
        self._places = places
        self._trials = trials
        self._new = new
        self._trees = trees
        self._observer = observer
        self._admission = Admission(places)

    def verdict(self, follower: Follower, old: Runtime) -> TrialVerdict:
        """What a trial of this venv says; nothing where there is none for it."""
        project = os.path.dirname(follower.path)
        trial = trial_for(project, self._trials)
        if trial is None:
            return TrialVerdict()
        if not follower.is_own:
            return TrialVerdict(note="not tried: it belongs to another user")
        if not follower.is_recorded:
            return TrialVerdict(note="not tried: only a search found it")
        if is_tracked(os.path.join(follower.place, FILE_NAME)):
            return TrialVerdict(note="not tried: it came with its Git repository")
        folder = trial.folder or project
        try:
            why = _why_changeable(folder, f"{follower.place}/bin", _site_packages(follower, self._new.executable))
        except OSError as error:
            why = str(error)
        if why:
            return TrialVerdict(note=f"not tried: {why}")
        try:
            news, olds = self._started(self._new), self._started(old)
        except PymanError as error:
            return TrialVerdict(note=f"not tried: {error.message}")
        self._observer.noted(f"trying {follower.path}: {trial.command}")
        try:
            if trial.command == IMPORTS:
                return self._imports(follower, folder, news, olds)
            words = split_command(trial.command)

            def on(interpreter: str) -> Callable[[], Attempt]:
                return lambda: self._once(follower, folder, words, interpreter)

            return judge(trial.command, self._new.release, on(news), on(olds))
        except OSError as error:
            return TrialVerdict(note=f"not tried: {error}")

    def _started(self, runtime: Runtime) -> str:
        """The interpreter of a runtime, which may be started (design.md 6)."""
        return self._admission.check(os.path.join(self._trees.get(runtime.name, runtime.path), runtime.executable))

    def _once(self, follower: Follower, folder: str, words: tuple[str, ...], interpreter: str) -> Attempt:
        with _Throwaway(follower, interpreter, self._places.environ) as venv:
            return venv.run(words, folder)

    def _imports(self, follower: Follower, folder: str, new: str, old: str) -> TrialVerdict:
        packages = _site_packages(follower, new)
        each = (one for one in read_packages(packages)[0] if one.normalized not in _SEEDS)
        names = sorted({name for one in each for name in _modules(packages, one)})
        environ = self._places.environ
        with _Throwaway(follower, new, environ) as news, _Throwaway(follower, old, environ) as olds:
            for name in names:
                words = ("python", "-c", _IMPORT, name)
                verdict = judge(
                    f"import {name}",
                    self._new.release,
                    functools.partial(news.run, words, folder),
                    functools.partial(olds.run, words, folder),
                )
                if verdict.reason:
                    return verdict
        return TrialVerdict(is_made=True)


class _Throwaway:
    """A venv on an interpreter that has what another one has, while `with` lasts."""

    def __init__(self, follower: Follower, interpreter: str, environ: Mapping[str, str]) -> None:
        self._follower = follower
        self._interpreter = interpreter
        self._environ = environ

    def __enter__(self) -> Self:
        import tempfile

        self._top = os.path.realpath(tempfile.mkdtemp(prefix="pyman-trial-"))
        try:
            self._venv = _make(self._top, self._follower, self._interpreter)
        except BaseException:
            remove_tree(self._top)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        remove_tree(self._top)

    def run(self, words: tuple[str, ...], folder: str) -> Attempt:
        """Run a command in a folder, as if this venv were active."""
        environment = _environment(self._environ, self._venv)
        program = _found(words[0], environment["PATH"], folder)
        if program is None:
            return Attempt(FAILED, f"there is no {words[0]}")
        mark = os.path.join(self._top, _MARK)
        if os.path.exists(mark):
            os.unlink(mark)
        try:
            status, output = run_supervised([program, *words[1:]], environment, folder, seconds=TRIAL_SECONDS)
        except TimeoutError:
            status, output = -1, f"it took longer than {TRIAL_SECONDS:g} seconds"
        if not os.path.exists(mark):
            return Attempt(ELSEWHERE)
        return Attempt(PASSED) if status == 0 else Attempt(FAILED, shortened(output))


def _why_changeable(folder: str, scripts: str, packages: str) -> str:
    """Say why others could have put there what a trial runs (design.md 6); empty where they could not. Raises OSError.

    It runs what is in the folder, the scripts that are copied, and what is imported from the packages or from where
    these point. Each is looked at, and not what lies in it: what belongs to the user, only the user has filled.
    """
    return next(filter(None, _reasons(folder, scripts, packages)), "")


def _reasons(folder: str, scripts: str, packages: str) -> Iterator[str]:
    yield from map(why_changeable, (folder, scripts, packages))
    yield why_entry_changeable(scripts, lambda entry: _is_copied(entry.name, entry.path))
    yield why_entry_changeable(packages, lambda _: True)
    for path in dict.fromkeys(pointed_to(packages)):
        yield why_named_changeable(path)
        if os.path.isdir(path):
            yield why_entry_changeable(path, _is_importable)


def _is_importable(entry: os.DirEntry[str]) -> bool:
    """True for what is called like a package or a module: a folder that is pointed to is often a whole project."""
    return entry.name.partition(".")[0].isidentifier() if entry.name.endswith(_MODULES) else entry.name.isidentifier()


def _modules(packages: str, package: Package) -> set[str]:
    """The names by which a package can be imported."""
    paths = installed_paths(packages, package)
    if not paths:
        return set(top_levels(packages, package))
    firsts = {path.partition("/")[0] for path in paths if path.partition("/")[2] == "__init__.py"}
    firsts |= {path.partition(".")[0] for path in paths if "/" not in path and path.endswith((".py", ".so"))}
    return {name for name in firsts if name.isidentifier()}


def _site_packages(follower: Follower, interpreter: str) -> str:
    return f"{follower.place}/lib/{os.path.basename(interpreter)}/site-packages"


def _make(top: str, follower: Follower, interpreter: str) -> str:
    # In a folder of its own: it may be called like the mark beside it.
    venv, name = os.path.join(top, "venv", os.path.basename(follower.path)), os.path.basename(interpreter)
    packages = os.path.join(venv, "lib", name, "site-packages")
    os.makedirs(packages)
    os.mkdir(os.path.join(venv, "bin"))
    python = os.path.join(venv, "bin", "python")
    os.symlink(interpreter, python)
    for alias in ("python3", name):
        os.symlink("python", os.path.join(venv, "bin", alias))
    borrows = "true" if follower.settings.has_system_site_packages else "false"
    _write(
        os.path.join(venv, FILE_NAME),
        f"home = {os.path.dirname(interpreter)}\ninclude-system-site-packages = {borrows}\n",
    )
    site = _SITE.format(mark=os.path.join(top, _MARK), packages=_site_packages(follower, interpreter))
    _write(os.path.join(packages, "_pyman_trial.py"), site)
    _write(os.path.join(packages, "_pyman_trial.pth"), "import _pyman_trial\n")
    names = ("python", "python3", name)
    own = {f"{folder}/bin/{each}": python for folder in (follower.place, follower.path) for each in names}
    _copy_scripts(f"{follower.place}/bin", os.path.join(venv, "bin"), own)
    return venv


def _copy_scripts(source: str, target: str, interpreters: Mapping[str, str]) -> None:
    for name in sorted(os.listdir(source)):
        path = os.path.join(source, name)
        if not _is_copied(name, path):
            continue
        try:
            content = read_bytes(path, SMALL_FILE)
        except OSError:
            continue  # A program of megabytes, or no file: it is not a script.
        if content.startswith(b"#!"):
            text = with_interpreter(content.decode("utf-8", "surrogateescape"), interpreters)
            content = text.encode("utf-8", "surrogateescape")
        place = os.path.join(target, name)
        with open(place, "wb") as file:
            file.write(content)
        os.chmod(place, 0o700)


def _is_copied(name: str, path: str) -> bool:
    return not name.startswith(_NOT_COPIED) and not os.path.islink(path) and os.access(path, os.X_OK)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


def _environment(environ: Mapping[str, str], venv: str) -> dict[str, str]:
    found = {name: value for name, value in environ.items() if name not in _NOT_INHERITED}
    found["PATH"] = f"{venv}/bin:{environ.get('PATH', '/usr/bin:/bin')}"
    found["VIRTUAL_ENV"] = venv
    # What is imported is the user's venv: nothing is written there.
    found["PYTHONDONTWRITEBYTECODE"] = "1"
    # uv would bring the project's own venv up to date first.
    found["UV_NO_SYNC"] = "1"
    return found


def _found(name: str, path: str, folder: str) -> str | None:
    """A program of the user's own words: a path is one in the folder."""
    import shutil

    if "/" in name:
        return os.path.join(folder, name)
    return shutil.which(name, path=path)
