"""Running pip or uv: found where only the user can have put them, started, read from, and stopped in time."""

from __future__ import annotations

import contextlib
import os

from pyman.core.immutable import replace
from pyman.core.packages.installer import (
    Batch,
    Installer,
    blocking_packages,
    chosen_installer,
    failure_reason,
    install_command,
    installer_environment,
    is_network_failure,
    sync_command,
)
from pyman.core.packages.pip_conf import OF_UV, PipConf, pip_variables, uv_settings
from pyman.core.seeding import AUTO, LINKED, SeedTarget, allowed_ways
from pyman.effects.interpreters.standard_library import libraries_below, library_of
from pyman.effects.observer import SILENT, Observer
from pyman.effects.remove_tree import remove_tree
from pyman.effects.seeds.seed import find_wheels
from pyman.effects.seeds.sharing import write_new
from pyman.effects.subprocesses import find_on_path, run_supervised
from pyman.errors import CANNOT_INSTALL, Code, NetworkError, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyman.core.choice import Choice
    from pyman.core.store import Store

_MOST_ATTEMPTS = 30
_LONGEST_WORDS = 120


class CannotInstall(PymanError):
    """pip or uv failed. `packages` are the normalized names of those that stopped it, empty where it does not say."""

    code = CANNOT_INSTALL

    def __init__(self, message: str, *, hint: str, packages: tuple[str, ...] = (), code: Code | None = None) -> None:
        super().__init__(message, hint=hint, code=code)
        self.packages = packages


def find_installer(choice: str, search_path: str, python: str, *, pip_wheel: str | None = None) -> Installer:
    """Find the program that is to install packages into the venv whose interpreter is (or will be) `python`.

    `choice` is `auto`, `uv` or `pip`; `search_path` the usable part of a PATH (effects/subprocesses.py), on which it
    will find its own helpers too, such as git. Raises NotFound where uv is asked for and not there.
    """
    uv = find_on_path("uv", search_path) if choice != "pip" else None
    return chosen_installer(choice, uv, search_path, python, pip_wheel=pip_wheel)


def install(
    installer: Installer,
    batch: Batch,
    python: str,
    *,
    environ: Mapping[str, str],
    folder: str,
    offline: bool = False,
    link_mode: str = AUTO,
    observer: Observer = SILENT,
) -> None:
    """Install a batch into the venv of the interpreter `python`.

    `folder` is where settings of the project are looked for, `link_mode` one of LINK_MODES. Raises CannotInstall with
    the packages that stopped it: all that can be found out by asking again without them.
    """
    if not batch.lines and not batch.file:
        return
    import tempfile

    temporary = tempfile.mkdtemp(prefix="pyman-install-")
    try:
        environment = _environment(
            installer, environ, temporary, folder, offline=offline, may_link=_may_link(link_mode)
        )
        command = _command(installer, batch, python, temporary)
        status, output = _run(installer, command, environment, folder, observer)
        if status == 0:
            return
        blocking = () if is_network_failure(output) else blocking_packages(output, batch.names, batch.lines)
        if blocking:
            blocking += _further(installer, batch, python, blocking, environment, folder, temporary)
        exact = tuple(name for name, line in zip(batch.names, batch.lines, strict=True) if "==" in line)
        raise _failure(installer, status, output, blocking, exact)
    finally:
        _remove(temporary)


def _environment(
    installer: Installer, environ: Mapping[str, str], temporary: str, folder: str, *, offline: bool, may_link: bool
) -> dict[str, str]:
    """The environment of an installation; what the venv's own `pip.conf` says goes before all else in it."""
    conf = installer.pip_conf
    extra: dict[str, str] = {}
    if conf is None or (installer.kind == "uv" and not conf.names_sources):
        pass  # The user's own settings count, as for any other installation.
    elif installer.kind == "pip":
        extra = pip_variables(conf, temporary)
    else:
        environ = {name: value for name, value in environ.items() if name not in OF_UV}
        extra = {"UV_CONFIG_FILE": _write_uv_settings(conf, temporary, folder)}
    return installer_environment(
        environ,
        temporary=temporary,
        offline=offline,
        may_link=may_link,
        search_path=installer.search_path,
        extra=extra,
    )


def _write_uv_settings(conf: PipConf, temporary: str, folder: str) -> str:
    # Passwords stand in it: it lies in a folder of the user's alone, and goes with that.
    path = os.path.join(temporary, "uv.toml")
    write_new(path, uv_settings(conf, folder).encode("utf-8", "surrogateescape"), 0o600)
    return path


def _without_secrets(installer: Installer, text: str) -> str:
    """What pip or uv said, without what the addresses in the venv's `pip.conf` keep secret."""
    for secret in installer.pip_conf.secrets if installer.pip_conf is not None else ():
        text = text.replace(secret, "****")
    return text


def sync(
    installer: Installer,
    project: str,
    venv: str,
    python: str,
    *,
    environ: Mapping[str, str],
    offline: bool = False,
    link_mode: str = AUTO,
    observer: Observer = SILENT,
) -> None:
    """Install what `uv.lock` of a project names into a venv, with uv. Raises CannotInstall."""
    import tempfile

    temporary = tempfile.mkdtemp(prefix="pyman-install-")
    try:
        extra = {"UV_PROJECT_ENVIRONMENT": venv}
        environment = installer_environment(
            environ,
            temporary=temporary,
            offline=offline,
            may_link=_may_link(link_mode),
            search_path=installer.search_path,
            extra=extra,
        )
        status, output = _run(installer, sync_command(installer, project, python), environment, project, observer)
        if status != 0:
            raise _failure(installer, status, output, ())
    finally:
        _remove(temporary)


def _may_link(link_mode: str) -> bool:
    return LINKED in allowed_ways(link_mode, is_root=os.geteuid() == 0)


def _command(installer: Installer, batch: Batch, python: str, temporary: str, *, dry_run: bool = False) -> list[str]:
    files = []
    for name, lines in (("requirements.txt", batch.lines), ("constraints.txt", batch.constraints)):
        files.append(os.path.join(temporary, name) if lines else "")
        if lines:
            with open(files[-1], "w", encoding="utf-8", errors="surrogateescape") as file:
                file.writelines(f"{line}\n" for line in lines)
    return install_command(installer, batch, python, *files, dry_run=dry_run)


def _run(
    installer: Installer, command: list[str], environment: dict[str, str], folder: str, observer: Observer
) -> tuple[int, str]:
    """Run it; every line that it says is the task that is under way."""
    task = f"{installer.kind}: starting"
    observer.began(task, None)

    def listen(line: str) -> None:
        nonlocal task
        words = _without_secrets(installer, line).strip()[:_LONGEST_WORDS]
        if words:
            following = f"{installer.kind}: {words}"
            if following != task:
                observer.began(following, None)
                observer.finished(task)
                task = following

    try:
        status, output = run_supervised(command, environment, folder, listen)
        return status, _without_secrets(installer, output)
    finally:
        observer.finished(task)


def _further(
    installer: Installer,
    batch: Batch,
    python: str,
    blocking: tuple[str, ...],
    environment: dict[str, str],
    folder: str,
    temporary: str,
) -> tuple[str, ...]:
    """Ask again without those that stopped it, until nobody else does: both tools stop at the first they meet."""
    found: tuple[str, ...] = ()
    for _ in range(_MOST_ATTEMPTS):
        apart = (*blocking, *found)
        left = [pair for pair in zip(batch.lines, batch.names, strict=True) if pair[1] not in apart]
        if not left:
            break
        lines, names = zip(*left, strict=True)
        command = _command(installer, replace(batch, lines=lines, names=names), python, temporary, dry_run=True)
        status, output = run_supervised(command, environment, folder)
        more = blocking_packages(output, names, lines)
        if status == 0 or not more:
            break
        found += more
    return found


def _failure(
    installer: Installer, status: int, output: str, blocking: tuple[str, ...], exact: tuple[str, ...] = ()
) -> CannotInstall:
    """What to say of an installer that failed; `exact` are those of which one version alone was allowed."""
    if status < 0:
        return CannotInstall(f"{installer} was killed by signal {-status}", hint="run the same command again")
    reason = failure_reason(output)
    if is_network_failure(output):
        return CannotInstall(
            f"{installer} could not reach what it installs from: {reason}",
            hint="check whether the index in its settings can be reached, then run the same command again",
            code=NetworkError.code,
        )
    relaxable = [name for name in blocking if name in exact]
    hint = "put back what is missing, or uninstall these packages first"
    if relaxable:
        hint = f"`--allow-newer {' '.join(relaxable)}` allows newer versions of {' and '.join(relaxable)}"
    if not blocking:
        return CannotInstall(f"{installer} failed: {reason}", hint="run the same command again with `-v` to see it all")
    return CannotInstall(f"{installer} cannot install {', '.join(blocking)}: {reason}", hint=hint, packages=blocking)


def _remove(temporary: str) -> None:
    with contextlib.suppress(OSError):
        remove_tree(temporary)


# pip for a venv that has none: the wheel that its runtime bundles, run as it is.


def find_pip_wheel(choice: Choice, store: Store, cache: str) -> str:
    """Return the newest pip that the runtime bundles, else one that another runtime of the store has and that fits.

    Raises NotFound where there is none.
    """
    own = library_of(choice.executable, choice.version, choice.variant)
    prefixes = [os.path.dirname(choice.home), *(runtime.path for runtime in store.runtimes if runtime.whole)]
    libraries = [*([own] if own is not None else []), *(one for prefix in prefixes for one in libraries_below(prefix))]
    target = SeedTarget(
        site_packages="",
        scripts="",
        python="",
        version=choice.version,
        variant=choice.variant,
        executable=choice.executable,
        libraries=tuple(dict.fromkeys(libraries)),
    )
    return find_wheels(target, os.path.join(cache, "seeds"))[0].path
