"""Making one venv: layout, packages, record; and looking once more whether its alias is still the right one."""

from __future__ import annotations

import os
import sys

from pyman.core.layout import VenvWish, plan_layout
from pyman.core.version import release_name
from pyman.effects.interpreters.standard_library import libraries_below, library_of
from pyman.effects.interruption import Undisturbed
from pyman.effects.observer import SILENT, Observer
from pyman.effects.store import read_store
from pyman.effects.venvs.records import remember
from pyman.effects.venvs.writer import NewVenv
from pyman.errors import BrokenRuntime, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyman.core.store import Choice
    from pyman.effects.places import Places
    from pyman.effects.venvs.journal import Journal


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class AliasMoved(PymanError):
    """The alias led to another release when the venv was made than when it was chosen; nothing is left of it."""


class Making:
    """One venv, decided: the wish, and the Python that answers it. Raises BrokenRuntime for one that cannot run."""

    def __init__(self, places: Places, wish: VenvWish, choice: Choice, observer: Observer = SILENT) -> None:
        self._places = places
        self._observer = observer
        self._wish = wish
        self._choice = choice
        # The release itself, whose folder never changes: the alias may move while its wheels are read.
        runtime = choice.runtime
        self._executable = os.path.join(runtime.path, runtime.executable) if runtime is not None else choice.executable
        self._library = _library(self._executable, choice)
        self._layout = plan_layout(
            wish,
            choice,
            lib64=sys.maxsize > 2**32 and sys.platform != "darwin",
            platlib=os.path.basename(os.path.dirname(self._library)),
        )

    def new(self, journal: Journal) -> NewVenv:
        """The venv, not yet begun. `journal` is of who sets the old one aside, or of the venv alone."""
        return NewVenv(self._wish.path, self._layout, self._seed if self._wish.with_pip else None, journal)

    def make(
        self,
        journal: Journal,
        choose_again: Callable[[], Choice],
        install: Callable[[str], None] | None = None,
        before_keeping: Callable[[], None] | None = None,
    ) -> Choice:
        """Make the venv, record it, and return the Python that it has got; nothing is left of it where that fails.

        `choose_again` answers the request once more, where the alias has moved meanwhile. `before_keeping` is
        `SetAside.keep_new`, where an old one was set aside. Raises PymanError, and AliasMoved where the answer is
        another path now.
        """
        with self.new(journal) as new:
            new.put(unfinished=install is not None or before_keeping is not None)
            if install is not None:
                install(self._wish.path)
            remember(self._places.root, self._wish.path)
            # Who moves an alias asks the recorded venvs whether they can follow. This one was none of them until now.
            choice = choose_again() if self._has_moved() else self._choice
            if (choice.executable, choice.policy) != (self._choice.executable, self._choice.policy):
                raise AliasMoved(f"{self._choice.through} was moved meanwhile")
            if before_keeping is None:
                new.keep()
            else:
                # Once the old one is given up nothing may fail that would take the new one back.
                with Undisturbed():
                    before_keeping()
                    new.leave()
        return choice

    def _has_moved(self) -> bool:
        runtime = self._choice.runtime
        if runtime is None or self._choice.policy != "follow":
            return False
        try:
            return os.readlink(os.path.join(self._places.runtimes, runtime.alias)) != runtime.name
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
            python=os.path.join(self._wish.path, "bin", "python"),
            version=self._choice.version,
            variant=self._choice.variant,
            executable=self._executable,
            libraries=(self._library, *self._lenders()),
            descriptors=descriptors,
        )
        seed(target, self._places.cache, self._observer, read_link_mode(self._places.config))

    def _lenders(self) -> list[str]:
        """The standard libraries that may lend their wheels, where the own one has none."""
        try:
            if any(name.startswith("pip-") for name in os.listdir(f"{self._library}/ensurepip/_bundled")):
                return []
        except OSError:
            pass  # Debian takes it out.
        runtimes = read_store(self._places.root).runtimes
        prefixes = [os.path.dirname(os.path.dirname(self._executable))]
        prefixes += [runtime.path for runtime in runtimes if runtime.whole]
        found = [library for prefix in prefixes for library in libraries_below(prefix)]
        return [library for library in found if library != self._library]


def build_venv(places: Places, wish: VenvWish, choice: Choice, journal: Journal, observer: Observer = SILENT) -> None:
    """Put a venv in a place that was set aside, marked as unfinished until `SetAside.keep_new`.

    `journal` is that of `SetAside`. Raises PymanError where it cannot be made; nothing is left then.
    """
    with Making(places, wish, choice, observer).new(journal) as new:
        new.put(unfinished=True)
        new.leave()


def _library(executable: str, choice: Choice) -> str:
    runtime = choice.runtime
    library = library_of(executable, choice.version.minor_name, choice.variant)
    if library is not None and os.access(executable, os.X_OK):
        return library
    lacking = "its standard library" if library is None else f"its interpreter {executable}"
    release = release_name(choice.version, choice.variant)
    hint = "name another Python"
    if runtime is not None and runtime.is_managed:
        hint = f"run `pyman install --force {release}` to put it back"
    elif runtime is not None:
        hint = f"mend it with the tool that it belongs to, or run `pyman forget {release}`"
    raise BrokenRuntime(f"Python {release} is broken: {lacking} is missing", hint=hint)
