"""pyman itself: how it was installed, updating it, removing it."""

from __future__ import annotations

import os
import sys

from pyman import __version__
from pyman.app.schedule import turn_all_off
from pyman.app.session import Session
from pyman.app.shims import unlink_shims
from pyman.core.escape import as_word, without_secrets
from pyman.core.immutable import record
from pyman.core.own_release import SUMS, OwnRelease, installer_commands, is_safe_address, newest_release, python_command
from pyman.core.plans.install import wanted_builds
from pyman.core.project import DOWNLOADS
from pyman.core.request import parse_request
from pyman.effects.cache_folder import Cleaned, clean_cache, plan_cleaning
from pyman.effects.interruption import Part
from pyman.effects.lock import hold_store
from pyman.effects.machine import platform
from pyman.effects.own_installation import (
    ARCHIVE,
    INSTALL_SCRIPT,
    SOURCE,
    Installation,
    own_python,
    read_installation,
    runs_fetched_python,
)
from pyman.effects.own_release import (
    bookkeeping,
    fetch_release,
    fetch_sums,
    installed_files,
    is_store,
    refuse_what_others_own,
    remove_files,
    remove_if_empty,
    remove_older_environments,
    replace_archive,
    replace_packages,
    replace_python,
    start_pyman,
)
from pyman.effects.runtimes.own_python import holds_pyman
from pyman.effects.shims import pyman_command, remove_shims
from pyman.effects.web.download import fetch
from pyman.errors import FOREIGN, NO_DOWNLOADS, NetworkError, NotFound, PymanError, Refused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.catalogue import Build
    from pyman.core.store import Runtime, Store
    from pyman.core.version import Version

ADDRESS = "PYMAN_DOWNLOADS"
"""The variable with the folder of releases, in the place of the project's own."""


def own_installation() -> Installation:
    """How the pyman that runs was installed."""
    return read_installation(__version__, pyman_command())


def notes_of_own_python(session: Session, store: Store, forgotten: Iterable[Runtime]) -> list[str]:
    """Say of adopted runtimes that pyman itself runs on what to do before their folders are deleted.

    `store` is as it was before their links were removed.
    """
    notes = []
    for runtime in forgotten:
        if holds_pyman(session.places, runtime):
            has_another = any(one.alias == runtime.alias and one.name != runtime.name for one in store.runtimes)
            command = python_command(own_installation().by, runtime.alias if has_another else "3")
            notes.append(f"pyman itself runs on {runtime.target}; before you delete it: {command}")
    return notes


@record
class Update:
    """An update of pyman itself."""

    installation: Installation
    release: OwnRelease | None
    """The newer release; None where there is none."""
    python: Version | None = None
    """The newer Python that pyman runs on from the next start on; None where it stays."""
    notes: tuple[str, ...] = ()


def update_pyman(session: Session, changed: list[str]) -> Update:
    """Put the newest release in the place of this one, and say so in `changed`.

    Where install.sh downloaded the Python that pyman runs on, and that is outdated, it is replaced as well. Raises
    Refused where another installer does that, and PymanError where it is not possible; nothing is changed then.
    """
    installation = own_installation()
    if installation.by not in (INSTALL_SCRIPT, ARCHIVE):
        raise _not_ours(installation, "updates", 0)
    place = installation.path if installation.by == ARCHIVE else os.path.dirname(installation.package)
    refuse_what_others_own([place], "update")
    build = _newer_python(session, installation)
    address = (session.environ.get(ADDRESS) or DOWNLOADS or "").rstrip("/")
    if not address and build is not None:
        newer = _replace_python(session, installation, build, changed)
        return Update(installation, None, newer, ("the address of pyman's releases is not set",))
    if not address:
        raise PymanError(
            "the address of pyman's releases is not set, so pyman cannot update itself",
            hint=_by_hand(installation),
            code=NO_DOWNLOADS,
        )
    if not is_safe_address(address):
        raise UsageError(f"{ADDRESS} must begin with https://", hint=f"it is `{without_secrets(address)}`")
    from pyman.effects.web.http import Web

    with Web(offline=session.offline, observer=session.observer) as web:
        release = newest_release(fetch_sums(web, f"{address}/{SUMS}"), __version__)
        if release is not None and not session.dry_run:
            content = fetch_release(web, f"{address}/{release.name}", release)
            with Part():
                if installation.by == ARCHIVE:
                    replace_archive(installation.path, content, release.version)
                else:
                    replace_packages(installation, content, release.version)
                changed.append(place)
        elif release is not None:
            changed.append(place)
    python = _replace_python(session, installation, build, changed) if build is not None else None
    notes = () if session.dry_run or release is None else _new_shims(session, installation)
    return Update(installation, release, python, notes)


def _newer_python(session: Session, installation: Installation) -> Build | None:
    """The build to replace the Python with that install.sh downloaded for pyman alone; None where it is to stay."""
    from pyman.app.catalogue import known_builds
    from pyman.app.examine import ended_minors

    if not runs_fetched_python(installation):
        return None
    if not session.dry_run:
        remove_older_environments(installation)
    own, _ = own_python()
    request = parse_request("3" if ended_minors(session, [own.minor_name]) else own.minor_name)
    try:
        builds = known_builds(session, [request.text], max_age=0)
        [build] = wanted_builds([request], builds, (), platform())
    except (NetworkError, NotFound) as error:
        session.observer.noted(f"pyman keeps running on Python {own}: {error.message}")
        return None
    return build if build.version > own else None


def _replace_python(session: Session, installation: Installation, build: Build, changed: list[str]) -> Version:
    """Make pyman's environment on another Python, and say so in `changed`. Raises PymanError: it stays then."""
    if not session.dry_run:
        archive = fetch(build, session.places.cache, offline=session.offline, observer=session.observer)
        with Part():
            replace_python(installation, archive, build, session.places, session.observer)
    changed.append(os.path.join(os.path.dirname(installation.environment), "app"))
    return build.version


def _new_shims(session: Session, installation: Installation) -> tuple[str, ...]:
    """Have the new release bring its shims up to date, where this user has some; returns what is to be said of it."""
    root = session.places.root
    start = installation.path if installation.by == ARCHIVE else os.path.join(installation.environment, "pyman.py")
    if not os.path.isdir(session.places.shims) or start_pyman(start, "--root", root, "--quiet", "shims"):
        return ()
    return ("the shims were not updated: run `pyman shims`",)


def _by_hand(installation: Installation) -> str:
    if installation.by == ARCHIVE:
        return f"replace {installation.path} with a newer pyman.pyz, or set {ADDRESS} to the address of the releases"
    return f"run install.sh of a newer release, or set {ADDRESS} to the address of the releases"


def _not_ours(installation: Installation, does: str, number: int) -> Refused:
    commands = installer_commands(installation.by, sys.executable)
    if installation.by == SOURCE:
        folder = os.path.dirname(installation.package)
        message, hint = f"this pyman runs from its source, {folder}", f"run `git -C {as_word(folder)} pull`"
    elif commands is not None:
        message, hint = (
            f"this pyman was installed by {installation.by}, which also {does} it",
            f"run `{commands[number]}`",
        )
    else:
        message = f"this pyman was installed by {installation.by}, which also {does} it"
        hint = f"see the documentation of {installation.by}"
    return Refused(message, hint=hint, code=FOREIGN)


@record
class Removal:
    """What is removed with pyman, and what is left to somebody else."""

    installation: Installation
    command: str = ""
    """What removes the rest of it; empty where pyman does."""
    is_whole: bool = True
    """False where pyman's own files stay, and no command for them is known."""


def uninstall_pyman(session: Session, removed: list[str]) -> Removal:
    """Remove pyman, its shims and the links to them, and say so in `removed`; Pythons and venvs stay.

    Where another installer put it there, that removes pyman's own files.

    Raises PymanError where something cannot be removed.
    """
    installation = own_installation()
    root = session.places.root
    if installation.by in (INSTALL_SCRIPT, ARCHIVE):
        files = installed_files(installation, session.places, session.environ.get("PATH", ""))
        refuse_what_others_own(files, "uninstall")
    turn_all_off(session, removed)
    if is_store(root):
        for changes in unlink_shims(session):
            removed.extend(changes.paths)
        if session.dry_run:
            removed.extend(remove_shims(root, dry_run=True))
        else:
            with hold_store(session.places, session.observer):
                removed.extend(remove_shims(root))
    cleaned = Cleaned()
    cleaned.removed = removed
    if session.dry_run:
        plan_cleaning(session.places.cache, cleaned)
    else:
        clean_cache(session.places.cache, cleaned)
    is_own = installation.by in (INSTALL_SCRIPT, ARCHIVE)
    files = installed_files(installation, session.places, session.environ.get("PATH", "")) if is_own else ()
    commands = None if is_own else installer_commands(installation.by, sys.executable)
    removal = Removal(installation, commands[1] if commands is not None else "", bool(files or commands))
    files += bookkeeping(root, (*removed, *files))
    if session.dry_run:
        removed.extend(files)
    else:
        remove_files(files, removed)
        # Of an installation for every user, the folder as well.
        above = os.path.dirname(installation.environment) if installation.by == INSTALL_SCRIPT else ""
        remove_if_empty(os.path.join(session.places.cache, "pyz"), session.places.cache, above)
    return removal
