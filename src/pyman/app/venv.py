"""`venv`: a venv that names a minor version, so that it gets the next patch release automatically. Import-light."""

from __future__ import annotations

import os
import sys

from pyman.app.console import Answer
from pyman.app.select import choose_interpreter, who_asks
from pyman.app.version_source_order import notes_of_source, version_sources
from pyman.core.choice import Choice, pinned
from pyman.core.escape import as_word
from pyman.core.immutable import record, replace
from pyman.core.new_venv import VenvSpec, plan_layout
from pyman.core.request import Request, how_to_get
from pyman.core.shell.activation import activation_line
from pyman.core.store import Store
from pyman.core.version import minor_alias, python_name, release_name, version_data
from pyman.core.version_source import NEWEST
from pyman.effects.architecture import of_another_machine
from pyman.effects.interpreters.standard_library import libraries_below, library_of
from pyman.effects.interruption import DeferredSignals
from pyman.effects.observer import SILENT, Observer
from pyman.effects.store import read_stores
from pyman.effects.venvs.journal import Journal, journal_path, read_entry
from pyman.effects.venvs.new_venv import NewVenv
from pyman.effects.venvs.own_folders import leads_elsewhere
from pyman.effects.venvs.place import only_of_finder, what_is_there
from pyman.effects.venvs.stores import remember_venv
from pyman.errors import (
    EXISTS,
    HOME,
    MOUNT,
    NOT_A_FOLDER,
    NOT_EMPTY,
    NOT_INSTALLED,
    PATH_SEPARATOR,
    BrokenRuntime,
    NotFound,
    PymanError,
    ReadOnly,
    Refused,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyman.effects.places import Places
    from pyman.effects.venvs.place import Occupant

_ATTEMPTS = 10
"""An alias that moves more often than that while one venv is made is no coincidence."""


@record
class VenvOptions:
    """The words of `pyman venv`."""

    folder: str = ".venv"
    python: str | None = None
    pin: bool = False
    with_pip: bool = True
    system_site_packages: bool = False
    prompt: str | None = None
    clear: bool = False
    yes: bool = False
    requirements: tuple[str, ...] = ()
    """Absolute paths of the files whose packages are installed into it."""


class Missing(NotFound):
    """Nothing installed satisfies the request; `request` could be installed."""

    def __init__(self, request: Request, source: str = "") -> None:
        super().__init__(
            "no Python is installed"
            if source == NEWEST
            else f"no installed Python satisfies {request}" + (f", which {source} requests" if source else ""),
            hint="run `pyman install`" if source == NEWEST else how_to_get(request),
            code=NOT_INSTALLED,
        )
        self.request = request


def choose_for_venv(
    places: Places, environ: Mapping[str, str], cwd: str, options: VenvOptions, store: Store | None = None
) -> tuple[Request, Choice]:
    """The interpreter of a new venv. Raises Missing where it would have to be installed first."""
    store = store or read_stores(places)
    _, selection = who_asks(store, environ, cwd, places, request=options.python)
    choice = choose_interpreter(store, selection.request, environ, cwd, places, named=True)
    if choice is None:
        raise Missing(selection.request, "" if options.python is not None else selection.source)
    _refuse_broken_alias(store, selection.request, choice)
    if options.pin and choice.runtime is not None:
        choice = pinned(store, choice.runtime)
    elif options.pin:
        choice = replace(choice, policy="pin")
    return selection.request, choice


def _with_system_aliases(store: Store) -> Store:
    """The store with the links to the aliases of the one beneath it."""
    if store.beneath is None:
        return store
    from pyman.core.aliases import with_links_beneath

    return with_links_beneath(store)


def _choose_and_link(
    places: Places, environ: Mapping[str, str], cwd: str, options: VenvOptions, observer: Observer
) -> tuple[Request, Choice]:
    """The interpreter of a new venv, through the user's own alias also where only the store for everybody has it.

    So the venv follows a Python of the user's own that comes later. An own store that cannot be written does without.
    """
    store = read_stores(places)
    both = _with_system_aliases(store)
    request, choice = choose_for_venv(places, environ, cwd, options, both)
    runtime = choice.runtime
    if runtime is None or choice.policy != "follow" or store.alias_target(runtime.alias) is not None:
        return request, choice
    from pyman.effects.system_aliases import link_to_system

    try:
        link_to_system(places, observer)
    except ReadOnly:
        return choose_for_venv(places, environ, cwd, options, store)
    return request, choice


def _refuse_broken_alias(store: Store, request: Request, choice: Choice) -> None:
    """A venv that is to follow must not be pinned because what it would follow is broken. Raises BrokenRuntime."""
    if request.pins or choice.policy == "follow" or choice.runtime is None:
        return
    alias = next((alias for alias in store.aliases if alias.name == choice.runtime.alias), None)
    target = store.linked(alias.target) if alias is not None else None
    if alias is None or (target is not None and target.whole):
        return
    hint = f"run `pyman install --force {alias.target}` to reinstall it, or `pyman doctor` to see what is wrong"
    raise BrokenRuntime(f"{python_name(alias.target)}, which {alias.name} points at, is broken", hint=hint)


def make_venv(
    places: Places,
    environ: Mapping[str, str],
    cwd: str,
    options: VenvOptions,
    install: Callable[[str], None] | None = None,
    observer: Observer = SILENT,
) -> Answer:
    """Make the venv and say what was done.

    `install` puts the packages that the user wants into it, at its place; if it fails nothing is left. Raises Missing
    where a Python would have to be installed first, Refused where something is in its place, and PymanError where it
    cannot be written.
    """
    path = place_of(options.folder, cwd, clear=options.clear)
    there = free_place(places, path, clear=options.clear, observer=observer)
    parts: tuple[str, ...] = ()
    if there == "venv":
        from pyman.effects.venvs.backup import parts_to_remove

        parts = parts_to_remove(path, f"pyman venv --clear {as_word(options.folder)}", yes=options.yes)

    def choose_again() -> Choice:
        return _choose_and_link(places, environ, cwd, options, observer)[1]

    for _ in range(_ATTEMPTS):
        request, choice = _choose_and_link(places, environ, cwd, options, observer)
        spec = _spec(path, cwd, options, request, choice)
        try:
            making = Making(places, spec, choice, observer)
            if there == "venv":
                from pyman.effects.venvs.backup import Backup

                # The old one is back if anything fails.
                with Backup(places, path, "clear", observer, names=parts) as old:
                    choice = making.make(old.journal, choose_again, install, old.commit)
            else:
                with Journal(
                    places, path, "venv", requirements=options.requirements, durable=install is not None
                ) as journal:
                    choice = making.make(journal, choose_again, install)
        except AliasMoved:
            continue
        shown, shell = _shown(path, cwd), os.path.basename(environ.get("SHELL", ""))
        notes: tuple[str, ...] = (f"activate it with: {activation_line(shown, shell)}",)
        notes = (*_notes_of_files(places, environ, cwd, options, choice), *notes)
        if making.recorded_in == places.own_root != places.root:
            notes = (f"it is recorded in {places.own_root}, because {places.root} cannot be written", *notes)
        return Answer(_data(spec, choice), _lines(shown, choice, replaced=there == "venv"), notes=notes)
    raise PymanError("other processes keep moving the alias", hint="run the same command again later")


def plan_venv(places: Places, environ: Mapping[str, str], cwd: str, options: VenvOptions, store: Store) -> Answer:
    """What `make_venv` would answer, in a store that may be another one than that on the disk: for a dry run.

    Raises what `make_venv` raises before it begins.
    """
    path = place_of(options.folder, cwd, clear=options.clear)
    there = place_for_venv(places, path, clear=options.clear)
    if there == "venv":
        from pyman.effects.venvs.backup import parts_to_remove, refuse_what_cannot_move

        refuse_what_cannot_move(path)
        parts_to_remove(path, f"pyman venv --clear {as_word(options.folder)}", yes=options.yes)
    request, choice = choose_for_venv(places, environ, cwd, options, _with_system_aliases(store))
    runtime = choice.runtime
    if runtime is None:
        _library(choice.executable, choice)
    elif os.path.lexists(runtime.path):
        _library(os.path.join(runtime.path, runtime.executable), choice)
    spec = _spec(path, cwd, options, request, choice)
    notes = _notes_of_files(places, environ, cwd, options, choice)
    lines = _lines(_shown(path, cwd), choice, replaced=there == "venv", planned=True)
    return Answer(_data(spec, choice), lines, notes=notes)


def _notes_of_files(
    places: Places, environ: Mapping[str, str], cwd: str, options: VenvOptions, choice: Choice
) -> tuple[str, ...]:
    """What is to be said of the files that have chosen the Python of a venv."""
    if options.python is not None:
        return ()
    asked = version_sources(environ, cwd, Store(places.root))
    used = next((source for source in asked if source.words), None)
    notes = notes_of_source(asked, environ)
    if used is None or not used.is_file or options.pin or choice.policy != "pin" or choice.runtime is None:
        return notes
    minor = minor_alias(choice.version, choice.variant)
    return (*notes, f"{used.name} pins it to {choice.release}; to follow {minor}, run `pyman use {minor}`")


def _spec(path: str, cwd: str, options: VenvOptions, request: Request, choice: Choice) -> VenvSpec:
    return VenvSpec(
        path,
        _kept_request(request, choice, options),
        options.with_pip,
        options.system_site_packages,
        os.path.basename(cwd) if options.prompt == "." else options.prompt,
    )


def _data(spec: VenvSpec, choice: Choice) -> dict[str, object]:
    """The keys of design.md 11."""
    return {
        "path": spec.path,
        **version_data(choice.version, "python"),
        "request": spec.request,
        "policy": choice.policy,
        "home": choice.home,
        "alias": choice.through if choice.policy == "follow" else None,
        "changed": [spec.path],
    }


def place_of(folder: str, cwd: str, *, clear: bool = False) -> str:
    """The absolute path of a new venv. Raises Refused for one that cannot work, and for a link to another folder."""
    if not os.path.isabs(folder):
        try:
            os.getcwd()
        except OSError:
            raise PymanError("the current folder no longer exists", hint="change to another folder first") from None
    path = os.path.abspath(os.path.join(cwd, folder))
    if os.path.islink(path) and os.path.isdir(path):
        if not os.path.samefile(path, "."):
            raise leads_elsewhere(path, os.path.realpath(path), "venv --clear" if clear else "venv")
        path = os.path.realpath(path)  # The folder that the user is in, reached through a link.
    if os.pathsep in path:
        raise Refused(
            f"{path} contains `{os.pathsep}`, which separates the folders of PATH: a venv there could not be activated",
            hint="choose a folder without it",
            code=PATH_SEPARATOR,
        )
    return path


def free_place(places: Places, path: str, *, clear: bool, observer: Observer) -> Occupant:
    """Say what is in the place of a new venv: `nothing`, `empty`, or with `clear` a `venv`.

    What a dead process left of this venv, as the journal tells it, is removed first, and an old one restored that it
    had backed up. Raises Refused unless a venv may be made there.
    """
    if os.path.lexists(journal_path(places, path)):
        from pyman.effects.venvs.recovery import recover_venv

        recover_venv(places, path, observer)
    return place_for_venv(places, path, clear=clear)


def place_for_venv(places: Places, path: str, *, clear: bool) -> Occupant:
    """The same as it is, whatever a dead process left. Raises Refused unless a venv may be made there."""
    there = what_is_there(path)
    if there not in ("root", "nothing") and os.path.realpath(path) == os.path.realpath(places.home):
        there = "home"
    if there in ("nothing", "empty") or (there == "venv" and clear):
        return there
    if there == "venv":
        entry = read_entry(journal_path(places, path))
        if entry is not None and entry.is_unfinished:
            raise Refused(
                f"{path} is already a venv, but its installation was interrupted",
                hint=f"run `pyman doctor --fix --yes {as_word(path)}` to recreate it with what is in it, "
                "or use `--clear` to replace it",
                code=EXISTS,
            )
        raise Refused(
            f"{path} is already a venv",
            hint="`pyman doctor --fix` repairs it, `pyman rebuild` recreates it with its packages, "
            "`--clear` deletes it first",
            code=EXISTS,
        )
    if there == "link":
        raise Refused(
            f"{path} is a link to {os.readlink(path)}, which does not exist",
            hint="remove the link, or choose another name",
            code=NOT_A_FOLDER,
        )
    if there == "folder" and (litter := only_of_finder(path)):
        raise Refused(
            f"{path} is not empty: the Finder left {litter} in it",
            hint=f"delete that with `rm {as_word(os.path.join(path, litter))}`, then run the same command again",
            code=NOT_EMPTY,
        )
    words, code = {
        "file": ("is not a folder", NOT_A_FOLDER),
        "mount": ("is a mount point", MOUNT),
        "home": ("is your home folder", HOME),
    }.get(there, ("is not empty and is not a venv; nothing was changed", NOT_EMPTY))
    raise Refused(f"{path} {words}", hint="choose another folder", code=code)


def _kept_request(request: Request, choice: Choice, options: VenvOptions) -> str:
    """The words to keep with the venv: what was asked for, a path as it is used, else the minor that it got."""
    if request.kind == "path":
        return choice.executable
    if request.kind == "latest" and options.python is None:
        return minor_alias(choice.version, choice.variant)
    return request.text


def _shown(path: str, cwd: str) -> str:
    """The path as the user would write it."""
    if not path.startswith(cwd.rstrip("/") + "/"):
        return path
    shown = os.path.relpath(path, cwd)
    return f"./{shown}" if shown.startswith("-") else shown


def _lines(shown: str, choice: Choice, *, replaced: bool, planned: bool = False) -> tuple[str, ...]:
    python = python_name(choice.release)
    if replaced:
        first = f"{'would replace' if planned else 'replaced'} {shown} with a new venv on {python}"
    else:
        first = f"{'would create' if planned else 'created'} {shown} with {python}"
    if choice.policy == "follow" and choice.through is not None:
        return (first, f"follows {choice.through} (now {choice.release})")
    if choice.policy == "follow":
        return (first, f"uses {choice.executable} and is upgraded with it")
    return (first, f"pinned to {choice.release}")


# Making one venv: layout, packages, record; and looking once more whether its alias is still the right one.

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class AliasMoved(PymanError):
    """The alias led to another release when the venv was made than when it was chosen; nothing is left of it."""


class Making:
    """One venv, decided: what it shall be, and its Python. Raises BrokenRuntime for one that cannot run."""

    def __init__(self, places: Places, spec: VenvSpec, choice: Choice, observer: Observer = SILENT) -> None:
        self._places = places
        self._observer = observer
        self._spec = spec
        self._choice = choice
        # The release itself, whose folder never changes: the alias may move while its wheels are read.
        runtime = choice.runtime
        self._executable = os.path.join(runtime.path, runtime.executable) if runtime is not None else choice.executable
        self._library = _library(self._executable, choice)
        self.recorded_in: str | None = None
        """The store that has its record, once it is made."""
        self._layout = plan_layout(
            spec,
            choice,
            lib64=sys.maxsize > 2**32 and sys.platform != "darwin",
            platlib=os.path.basename(os.path.dirname(self._library)),
        )

    def new(self, journal: Journal) -> NewVenv:
        """The venv, not yet begun. `journal` is of who backs up the old one, or of the venv alone."""
        return NewVenv(self._spec.path, self._layout, self._seed if self._spec.with_pip else None, journal)

    def make(
        self,
        journal: Journal,
        choose_again: Callable[[], Choice],
        install: Callable[[str], None] | None = None,
        before_keeping: Callable[[], None] | None = None,
    ) -> Choice:
        """Make the venv, record it, and return the Python that it has got; nothing is left of it where that fails.

        `choose_again` answers the request once more, where the alias has moved meanwhile. `before_keeping` is
        `Backup.commit`, where an old one was backed up. Raises PymanError, and AliasMoved where the answer is
        another path now.
        """
        with self.new(journal) as new:
            new.put(unfinished=install is not None or before_keeping is not None)
            if install is not None:
                install(self._spec.path)
            self.recorded_in = remember_venv(self._places, self._spec.path)
            # A move of an alias checks the recorded venvs. This one was not recorded until now.
            choice = choose_again() if self._has_moved() else self._choice
            if (choice.executable, choice.policy) != (self._choice.executable, self._choice.policy):
                raise AliasMoved(f"{self._choice.through} was moved in the meantime")
            if before_keeping is None:
                new.keep()
            else:
                # After the old one is discarded nothing may fail that would undo the new one.
                with DeferredSignals():
                    before_keeping()
                    new.leave()
        return choice

    def _has_moved(self) -> bool:
        runtime = self._choice.runtime
        if runtime is None or self._choice.policy != "follow":
            return False
        try:
            link = os.readlink(os.path.dirname(self._choice.home))
            # An alias may lead to the one of the store beneath.
            return (os.readlink(link) if os.path.isabs(link) else link) != runtime.name
        except OSError:
            return True

    def _seed(self, work: str, folder: int) -> None:
        """Put pip into the unfinished venv, whose scripts name the place that it will have."""
        site_packages = os.open(self._layout.site_packages, _FOLDER, dir_fd=folder)
        try:
            scripts = os.open("bin", _FOLDER, dir_fd=folder)
            try:
                self._seed_into(work, (site_packages, scripts))
            finally:
                os.close(scripts)
        finally:
            os.close(site_packages)

    def _seed_into(self, work: str, descriptors: tuple[int, int]) -> None:
        from pyman.core.seeding import SeedTarget
        from pyman.effects.seeds.seed import seed
        from pyman.effects.settings import read_link_mode

        target = SeedTarget(
            site_packages=os.path.join(work, self._layout.site_packages),
            scripts=os.path.join(work, "bin"),
            python=os.path.join(self._spec.path, "bin", "python"),
            version=self._choice.version,
            variant=self._choice.variant,
            executable=self._executable,
            libraries=(self._library, *self._donors()),
            descriptors=descriptors,
        )
        seed(target, self._places.cache, self._observer, read_link_mode(self._places))

    def _donors(self) -> list[str]:
        """The standard libraries that may lend their wheels, where the own one has none."""
        try:
            if any(name.startswith("pip-") for name in os.listdir(f"{self._library}/ensurepip/_bundled")):
                return []
        except OSError:
            pass  # Debian takes it out.
        runtimes = read_stores(self._places).runtimes
        prefixes = [os.path.dirname(os.path.dirname(self._executable))]
        prefixes += [runtime.path for runtime in runtimes if runtime.whole]
        found = [library for prefix in prefixes for library in libraries_below(prefix)]
        return [library for library in found if library != self._library]


def build_venv(places: Places, spec: VenvSpec, choice: Choice, journal: Journal, observer: Observer = SILENT) -> None:
    """Put a venv in a place that was backed up, marked as unfinished until `Backup.commit`.

    `journal` is that of `Backup`. Raises PymanError where it cannot be made; nothing is left then.
    """
    with Making(places, spec, choice, observer).new(journal) as new:
        new.put(unfinished=True)
        new.leave()


def _library(executable: str, choice: Choice) -> str:
    runtime = choice.runtime
    library = library_of(executable, choice.version, choice.variant)
    lacking = ""
    if library is None:
        lacking = "its standard library is missing"
    elif not os.access(executable, os.X_OK):
        lacking = f"its interpreter {executable} is missing"
    elif runtime is not None and runtime.is_managed:
        lacking = of_another_machine(executable)
    if library is not None and not lacking:
        return library
    release = release_name(choice.version, choice.variant)
    hint = "choose another Python"
    if runtime is not None and runtime.is_managed:
        hint = f"run `pyman install --force {release}` to put it back"
    elif runtime is not None:
        hint = f"repair it with the tool that it belongs to, or run `pyman forget {release}`"
    raise BrokenRuntime(f"{python_name(release)} is broken: {lacking}", hint=hint)
