"""Replacing pyman itself by a newer release, and removing it."""

from __future__ import annotations

import os
import sys

from pyman.core.escape import without_secrets
from pyman.effects.files import is_alive, is_folder, is_there, names_in, pid_of_temporary, read_text, replace_link
from pyman.effects.interruption import DeferredSignals, committed
from pyman.effects.observer import SILENT, Observer
from pyman.effects.own_installation import ARCHIVE
from pyman.effects.places import cannot_write
from pyman.effects.remove_tree import remove_tree
from pyman.effects.shims import read_shims
from pyman.effects.staging import exchange
from pyman.effects.venvs.records import is_record_name
from pyman.errors import BrokenRuntime, IntegrityError, Locked, NetworkError, PymanError, ReadOnly, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from pyman.core.catalogue import Build
    from pyman.core.own_release import OwnRelease
    from pyman.effects.own_installation import Installation
    from pyman.effects.places import Places
    from pyman.effects.web.http import Web

_LARGEST_SUMS = 1 << 20
_LARGEST = 64 << 20
_START_SECONDS = 120.0
_INNER = "pyman.zip"
"""What holds the packages in pyman.pyz (tools/build_pyz.py)."""
_LAUNCHER = "# pyman launcher, written by install.sh"
"""The second line of install.sh's launcher."""
_LARGEST_LAUNCHER = 1 << 14
_REMEMBERED = ("default", "holds", "searched", "mounts", "repairs", "links", "upkeep", "notice")
"""The files of the store that hold no Python and no venv (design.md 3)."""
_RECORDS = ("venvs", "found")
_LOCKS = ".lock"
"""How the names of lock files begin."""


def fetch_sums(web: Web, url: str) -> str:
    """Return the text of a SHA256SUMS. Raises NetworkError."""
    return web.transfer("the list of releases", [url], lambda each: _fetch(web, each, _LARGEST_SUMS)).decode(
        "utf-8", "replace"
    )


def fetch_release(web: Web, url: str, release: OwnRelease) -> bytes:
    """Return the file of a release. Raises NetworkError, and IntegrityError where it is not what SHA256SUMS says."""
    import hashlib

    content = web.transfer(f"pyman {release.version}", [url], lambda each: _fetch(web, each, _LARGEST))
    found = hashlib.sha256(content).hexdigest()
    if found != release.sha256:
        raise IntegrityError(
            f"{release.name} has the sha256 {found}, not {release.sha256}; nothing was changed", hint="try again later"
        )
    return content


def _fetch(web: Web, url: str, most: int) -> bytes:
    content = bytearray()
    with web.get(url) as answer:
        for piece in answer.pieces():
            content += piece
            if len(content) > most:
                raise NetworkError(f"{without_secrets(url)} is larger than {most >> 20} MiB", hint="check the address")
    return bytes(content)


def refuse_what_others_own(paths: Iterable[str], action: str) -> None:
    """Raise ReadOnly before anything is changed where this user may not replace what is installed."""
    for path in paths:
        folder = os.path.dirname(os.path.realpath(path))
        if not os.access(folder, os.W_OK):
            raise ReadOnly(
                f"pyman is installed in {folder}, where this user may not write; nothing was changed",
                hint=f"run `sudo pyman self {action}`",
            )


def replace_archive(archive: str, content: bytes, version: str) -> None:
    """Put a newer pyman.pyz in the place of one, after it has started.

    Raises PymanError where that is not possible; the old one stays then.
    """
    place = os.path.realpath(archive)
    new = f"{place}.new-{os.getpid()}"
    try:
        mode = os.stat(place).st_mode & 0o777
        try:
            _write(new, content, mode)
            _check_start([sys.executable, "-I", "-S", new, "--version"], version)
            with DeferredSignals():
                os.replace(new, place)
                committed()
        finally:
            _unlink(new)
    except OSError as error:
        raise cannot_write(place, error) from error


def replace_packages(installation: Installation, content: bytes, version: str) -> None:
    """Put the packages of a newer pyman.pyz in the place of those that install.sh installed, after they have started.

    Raises PymanError where that is not possible; the old ones stay then.
    """
    site = os.path.realpath(os.path.dirname(installation.package))
    new = f"{site}.new-{os.getpid()}"
    try:
        try:
            _unpack(content, new, installation.by)
            _compile(new)
            _open_to_all(new)
            start = "import sys; sys.path.append(sys.argv.pop(1)); from pyman.__main__ import main; sys.exit(main())"
            _check_start([sys.executable, "-I", "-S", "-c", start, new, "--version"], version)
            with DeferredSignals():
                if not exchange(new, site):
                    raise Refused(f"{site} cannot be replaced atomically on this file system", hint="run install.sh")
                committed()
        finally:
            remove_tree(new)
    except OSError as error:
        raise cannot_write(site, error) from error


# The Python that install.sh downloaded for pyman alone.

_APP = "app-"
_BUSY = ".installing"
"""The folder that install.sh holds while it is at work."""


def replace_python(
    installation: Installation, archive: str, build: Build, places: Places, observer: Observer = SILENT
) -> None:
    """Make pyman's environment once more, on the Python in a verified archive, and lead `app` to it.

    What runs now goes on in the old one, which the next update, install.sh or uninstall removes. Raises PymanError
    where it is not possible; pyman stays as it was then.
    """
    import shutil
    import time

    from pyman.core.store import executable_of
    from pyman.effects.archives.archive import unpack
    from pyman.effects.interpreters.admission import Admission
    from pyman.effects.interpreters.ask import ask

    old = os.path.realpath(installation.environment)
    root = os.path.dirname(old)
    new = os.path.join(root, f"{_APP}{time.strftime('%Y%m%d%H%M%S')}-{os.getpid()}")
    python, busy = os.path.join(new, "bin", "python"), os.path.join(root, _BUSY)
    try:
        _begin_work(busy)
        mask = os.umask(0o022)  # Every user of an installation for all has to be able to read it.
        try:
            tree = os.path.join(new, "python")
            os.makedirs(tree, 0o755)
            unpack(archive, tree, observer, f"Python {build.version}", sha256=build.sha256 or "")
            base = os.path.join(tree, executable_of(build.version, build.variant))
            # By its checksum it is what the user's own list of builds names.
            found = ask(base, Admission(places), named=True).version
            if found != build.version:
                raise BrokenRuntime(f"{base} reports that it is {found}, not {build.version}", hint=_STAY)
            _run([base, "-I", "-m", "venv", "--without-pip", "--", new])
            site = os.path.join(new, "lib", f"python{build.version.minor_name}", "site-packages")
            without = shutil.ignore_patterns("__pycache__")
            shutil.copytree(os.path.dirname(installation.package), site, ignore=without, dirs_exist_ok=True)
            for name in ("pyman.py", os.path.join("bin", "pyman")):
                shutil.copy2(os.path.join(old, name), os.path.join(new, name))
            _run([python, "-I", "-m", "compileall", "-q", "-x", "/pygments/|/rich/_unicode_data/", site])
            _check_start([python, "-I", "-S", os.path.join(new, "pyman.py"), "--version"], _version_in(site))
            with DeferredSignals():
                replace_link(os.path.join(root, "app"), os.path.basename(new))
                committed()
        except BaseException:
            remove_tree(new)
            raise
        finally:
            os.umask(mask)
            _unlink(os.path.join(busy, "process"))
            os.rmdir(busy)
    except OSError as error:
        raise cannot_write(new, error) from error


def _begin_work(busy: str) -> None:
    """Keep install.sh away. Raises Locked while it is at work."""
    process = os.path.join(busy, "process")
    try:
        os.mkdir(busy, 0o755)
    except FileExistsError:
        try:
            number = read_text(process).strip()
        except OSError:
            number = ""
        if not number or is_alive(number):
            raise Locked(
                f"install.sh is running in {os.path.dirname(busy)}", hint="wait until it has finished"
            ) from None
        _unlink(process)
    _write(process, f"{os.getpid()}\n".encode(), 0o644)


def _run(command: list[str]) -> None:
    """Run a program of the new environment. Raises BrokenRuntime where it fails."""
    import subprocess

    try:
        answer = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", env={},
            timeout=_START_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BrokenRuntime(f"{command[0]} did not answer within {_START_SECONDS:g} seconds", hint=_STAY) from None
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines() or [f"it ended with status {answer.returncode}"]
        raise BrokenRuntime(f"{command[0]} failed: {lines[-1]}", hint=_STAY)


_STAY = "pyman keeps its present Python; to use another one, run install.sh with --python"


def _version_in(site: str) -> str:
    """The release that is installed in a folder: an update may have replaced the one that runs."""
    names = [name for name in names_in(site) if name.startswith("pyman_cli-") and name.endswith(".dist-info")]
    return names[-1].removeprefix("pyman_cli-").removesuffix(".dist-info") if names else ""


def remove_older_environments(installation: Installation) -> None:
    """Remove what `replace_python` and a killed install.sh have left beside pyman's environment."""
    for path in _older_environments(installation):
        remove_tree(path)


def _older_environments(installation: Installation) -> list[str]:
    own = os.path.realpath(installation.environment)
    root = os.path.dirname(own)
    if os.path.realpath(os.path.join(root, "app")) != own:
        return []  # This process is itself in an older one, or `app` is not install.sh's.
    paths = [os.path.join(root, name) for name in names_in(root) if _is_environment_name(name)]
    return [path for path in paths if path != own and is_folder(path) and is_there(os.path.join(path, "pyman.py"))]


def _is_environment_name(name: str) -> bool:
    when, _, process = name.removeprefix(_APP).partition("-")
    return name.startswith(_APP) and when.isdigit() and process.isdigit()


def _unpack(content: bytes, folder: str, by: str) -> None:
    import io
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as outer, zipfile.ZipFile(io.BytesIO(outer.read(_INNER))) as inner:
            os.mkdir(folder, 0o755)
            inner.extractall(folder)
            [installer] = [
                name for name in inner.namelist() if name.startswith("pyman_cli-") and name.endswith("/INSTALLER")
            ]
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise IntegrityError("the release is not a pyman.pyz; nothing was changed", hint="try again later") from error
    with open(os.path.join(folder, installer), "w", encoding="utf-8") as file:
        file.write(f"{by}\n")


def _compile(folder: str) -> None:
    import subprocess

    subprocess.run(
        [sys.executable, "-I", "-S", "-m", "compileall", "-q", folder],
        check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={}, cwd="/", timeout=_START_SECONDS,
    )  # fmt: skip


def _open_to_all(folder: str) -> None:
    """Every user of an installation for all has to be able to read it, whatever this one's umask is."""
    for place, _, files in os.walk(folder):
        os.chmod(place, 0o755)  # noqa: S103
        for name in files:
            os.chmod(os.path.join(place, name), 0o644)


def start_pyman(start: str, *words: str) -> bool:
    """Start a pyman.pyz, or the entry that install.sh wrote, with this Python; True where it ends well."""
    import subprocess

    command = [sys.executable, "-I", "-S", start, *words]
    try:
        answer = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", timeout=_START_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def _check_start(command: list[str], version: str) -> None:
    import subprocess

    try:
        answer = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/",
            timeout=_START_SECONDS,
        )  # fmt: skip
        said, complaint = answer.stdout.strip(), answer.stderr.strip()
    except subprocess.TimeoutExpired:
        said, complaint = "", f"it took longer than {_START_SECONDS:.0f} seconds"
    if said != f"pyman {version}":
        raise PymanError(
            f"pyman {version} does not start; nothing was changed: {complaint or said}",
            hint="stay on this release, and report it",
        )


def _write(path: str, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


# Removing it.


def installed_files(installation: Installation, places: Places, search_path: str) -> tuple[str, ...]:
    """Return what install.sh or pyman.pyz put there: launchers, the environment and the link to it, the file."""
    folder = os.path.dirname(installation.package)
    if installation.by == ARCHIVE:
        is_unpacked = os.path.dirname(folder) == os.path.join(places.cache, "pyz")
        return (*([folder] if is_unpacked else []), installation.path)
    app = os.path.join(os.path.dirname(installation.environment), "app")
    real = os.path.realpath(app)
    if not os.path.islink(app) or os.path.realpath(installation.environment) != real:
        return ()
    if os.path.dirname(real) != os.path.realpath(os.path.dirname(app)) or not is_there(os.path.join(real, "pyman.py")):
        return ()
    older = _older_environments(installation)
    return (*_launchers(app, places.home, search_path), app, *older, real)


def is_store(root: str) -> bool:
    """True for a folder with runtimes or shims: any other that PYMAN_ROOT names may be anything of the user's.

    Raises PymanError and OSError where it cannot be looked into.
    """
    return is_folder(os.path.join(root, "runtimes")) or read_shims(root).text is not None


def bookkeeping(root: str, going: Collection[str]) -> tuple[str, ...]:
    """Return what a store remembers, and its folders that are empty without it; nothing while there are Pythons in it.

    A folder without `runtimes` is nobody's store, whatever in it has the name of something of pyman's: of that only
    what is empty without its shims and locks goes, as after a removal that was cut off. `going` are paths that are
    removed as well.
    """
    runtimes, shims = os.path.join(root, "runtimes"), os.path.join(root, "shims")
    if names_in(runtimes):
        return ()
    found: list[str] = []
    folders = [root]
    if is_folder(runtimes):
        records = [path for path in (os.path.join(root, name) for name in _RECORDS) if is_folder(path)]
        remembered = [os.path.join(root, name) for name in names_in(root) if name in _REMEMBERED]
        found = [path for path in remembered if path not in going and not is_folder(path)]
        for folder in records:
            paths = [os.path.join(folder, name) for name in names_in(folder) if _is_record(name)]
            found += [path for path in paths if os.path.islink(path)]
        folders = [*records, runtimes, root]
    elif shims not in going and not all(name.startswith(_LOCKS) for name in names_in(root)):
        return ()
    for folder in folders:
        names = [name for name in names_in(folder) if folder != root or not name.startswith(_LOCKS)]
        if {os.path.join(folder, name) for name in names} <= {*found, *going}:
            found.append(folder)
    return tuple(found)


def _is_record(name: str) -> bool:
    return is_record_name(name) or bool(pid_of_temporary(name))


def _launchers(app: str, home: str, search_path: str) -> Iterator[str]:
    from pyman.core.escape import quote

    folders = [os.path.join(home, ".local", "bin"), "/usr/local/bin", *search_path.split(os.pathsep)]
    for folder in dict.fromkeys(folder for folder in folders if os.path.isabs(folder)):
        path = os.path.join(folder, "pyman")
        try:
            lines = [] if os.path.islink(path) else read_text(path, _LARGEST_LAUNCHER).split("\n")
        except OSError:
            continue
        if lines[1:2] == [_LAUNCHER] and f"app={quote(app)}" in lines:
            yield path


def remove_files(paths: tuple[str, ...], removed: list[str]) -> None:
    """Remove files, links, trees of pyman's own and folders that are empty by then, and say so in `removed`.

    Raises PymanError where one cannot be removed.
    """
    for path in paths:
        try:
            with DeferredSignals():
                if not is_folder(path):
                    _unlink(path)
                elif is_there(os.path.join(path, "pyman.py")) or is_there(os.path.join(path, "pyman", "__main__.py")):
                    remove_tree(path)
                else:
                    for name in names_in(path):
                        if name.startswith(_LOCKS):
                            _unlink(os.path.join(path, name))
                    os.rmdir(path)
                removed.append(path)
        except OSError as error:
            raise cannot_write(path, error) from error


def remove_if_empty(*folders: str) -> None:
    """Remove folders that nothing is in any more."""
    for folder in folders:
        try:
            os.rmdir(folder)
        except OSError:
            pass  # Not empty, or not there.
