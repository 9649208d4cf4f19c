"""Running python-build: in a folder of the store's work in progress, in a process group of its own, with a log."""

from __future__ import annotations

import glob
import os
import stat

from pyman.core.catalogue import Build
from pyman.core.immutable import record
from pyman.core.manifest import BuiltFromSource
from pyman.core.script_header import header_beside, read_header
from pyman.core.source_build import (
    PREFIX,
    SOURCE,
    TOOL,
    WORK,
    SourceTarball,
    build_environment,
    first_error,
    step_of,
    without_work_folder,
)
from pyman.effects.files import NotReadable, read_bytes, read_text, replace_file
from pyman.effects.observer import Observer
from pyman.effects.places import Places, make_folder
from pyman.effects.remove_tree import remove_tree
from pyman.effects.source_builds.engine import Engine
from pyman.effects.source_builds.linked import linked_libraries
from pyman.effects.subprocesses import find_on_path, run_supervised
from pyman.effects.web.download import fetch
from pyman.errors import BUILD_FAILED, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER = "build"
_STATIC = "--with-static-libpython"
"""The option of who wants the static library, which is as large as all the rest and which few do."""
_NICENESS = "10"
_UMASK = 0o022
_LARGEST = 4 << 20
_LARGEST_LOG = 64 << 20


@record
class SourceBuild:
    """What is to be built, and with what."""

    engine: Engine
    source: SourceTarball
    tarball: str
    """Where it lies; empty in a dry run."""
    options: tuple[str, ...] = ()
    compiler: str = ""
    """As it calls itself."""
    offline: bool = False


def fetch_source(source: SourceTarball, places: Places, *, offline: bool, observer: Observer) -> str:
    """Return the path of a tarball in the cache, checked. Raises as `fetch` does."""
    archive = Build(
        source.version, source.variant, SOURCE, SOURCE, source.url, source.sha256, source.size, source.archive_format
    )
    return fetch(archive, places.cache, offline=offline, observer=observer)


def how_built(what: SourceBuild, tree: str) -> BuiltFromSource:
    """What the manifest of a build is to tell."""
    return BuiltFromSource(what.options, what.compiler, linked_libraries(tree))


def build(what: SourceBuild, name: str, work: str, tree: str, places: Places, observer: Observer) -> None:
    """Build into `tree`, an empty folder. All that is needed for that lies in the folder `work`, and goes again.

    However it ends, no process of it is left. Raises PymanError with the first error of the log, which is kept in the
    cache; OSError where something cannot be written.
    """
    folder = os.path.join(work, _FOLDER)
    if any(letter.isspace() for letter in folder):
        raise Refused(
            f"{TOOL} cannot build in {work}: it splits paths at spaces",
            hint="choose a store without a space in its path: `PYMAN_ROOT=/srv/pyman`",
        )
    for below in ("", f"/{WORK}", "/sources", "/definitions"):
        os.mkdir(folder + below, 0o700)
    os.symlink(what.tarball, f"{folder}/sources/{what.source.file_name}")
    status, output = _run(what, folder, places, observer)
    made = folder + PREFIX
    if status != 0 or not os.path.isdir(made):
        raise _failure(what, name, folder, output, places)
    _settle(made, folder)
    if _STATIC not in what.options:
        for path in glob.glob(f"{glob.escape(made)}/lib/**/libpython*.a", recursive=True):
            os.unlink(path)
    os.rename(made, tree)
    remove_tree(folder)


def _run(what: SourceBuild, folder: str, places: Places, observer: Observer) -> tuple[int, str]:
    source, search_path = what.source, what.engine.search_path
    environment = build_environment(places.environ, search_path, folder, source, what.options, offline=what.offline)
    nice = find_on_path("nice", search_path)
    command = [nice, "-n", _NICENESS] if nice is not None else []
    name = f"{source.version}{'t' if source.variant == 'freethreaded' else ''}"
    if not source.is_defined:
        name = f"{folder}/definitions/{source.version}"
        replace_file(name, source.definition.encode())
    steps = _Steps(source.release, observer)
    try:
        return run_supervised(
            [*command, what.engine.program, "-v", name, folder + PREFIX], environment, folder, steps.hear, umask=_UMASK
        )
    finally:
        steps.end()


class _Steps:
    """Tells the observer what a build is doing."""

    def __init__(self, release: str, observer: Observer) -> None:
        self._release = release
        self._observer = observer
        self._task = ""
        self._begin("preparing")

    def hear(self, line: str) -> None:
        """Take note of a line of the log."""
        step = step_of(line)
        if step:
            self._begin(step)

    def _begin(self, step: str) -> None:
        task = f"Python {self._release}: {step}"
        if task != self._task:
            self.end()
            self._task = task
            self._observer.began(task, None)

    def end(self) -> None:
        """The last step is over."""
        if self._task:
            self._observer.finished(self._task)


def _failure(what: SourceBuild, name: str, folder: str, output: str, places: Places) -> PymanError:
    log = "".join(_read(path) for path in sorted(glob.glob(f"{glob.escape(folder)}/{WORK}/*.log"))) or output
    kept = os.path.join(places.cache, "logs", f"build-{name}.log")
    make_folder(os.path.dirname(kept))
    replace_file(kept, log.encode("utf-8", "surrogateescape"))
    reason = first_error(log) or "it printed nothing"
    return PymanError(
        f"Python {what.source.release} could not be built: {reason.replace(folder, '…')}",
        hint=f"the log is {kept}",
        code=BUILD_FAILED,
    )


def _read(path: str) -> str:
    try:
        return read_text(path, _LARGEST_LOG)
    except OSError:
        return ""


# The result, in which its own folder is written, and which is to lie anywhere.


def _settle(made: str, folder: str) -> None:
    """Make a build what a downloaded one is: `/install` is its prefix, and its scripts find their interpreter."""
    for path in _texts(made):
        try:
            source = read_bytes(path, _LARGEST)
        except (NotReadable, FileNotFoundError):
            continue
        text = source.decode("utf-8", "surrogateescape")
        _write(path, text, without_work_folder(text, folder))
    for entry in os.scandir(f"{made}/bin"):
        if entry.is_file(follow_symlinks=False):
            _settle_script(entry.path, folder)
    _settle_modes(made)


def _texts(made: str) -> Iterator[str]:
    base = glob.escape(made)
    for pattern in (
        "lib/python3.*/_sysconfigdata*.py",
        "lib/python3.*/_sysconfig_vars*.json",
        "lib/python3.*/build-details.json",
        "lib/python3.*/config*/*",
        "lib/pkgconfig/*.pc",
        "bin/*-config",
    ):
        for path in glob.glob(f"{base}/{pattern}"):
            if os.path.isfile(path) and not os.path.islink(path) and not path.endswith((".a", ".o")):
                yield path


def _settle_script(path: str, folder: str) -> None:
    """A script that names the interpreter of the build by its path finds it beside itself from now on."""
    try:
        text = read_bytes(path, _LARGEST).decode("utf-8", "surrogateescape")
    except NotReadable:
        return
    header = read_header(text)
    if header is None:
        return
    executable, arguments, rest = header
    place, _, program = executable.rpartition("/")
    if place in (f"{PREFIX}/bin", f"{folder}{PREFIX}/bin"):
        _write(path, text, header_beside(program, arguments) + rest)


def _write(path: str, before: str, after: str) -> None:
    if after != before:
        replace_file(path, after.encode("utf-8", "surrogateescape"), mode=os.stat(path).st_mode & 0o777)


def _settle_modes(made: str) -> None:
    """Give everything the modes that unpacked files have, whatever `make install` and a mask made of them."""
    for folder, _, names in os.walk(made):
        os.chmod(folder, 0o755)  # noqa: S103  # as every runtime has it
        for name in names:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            wanted = 0o755 if mode & stat.S_IXUSR else 0o644
            if stat.S_ISREG(mode) and stat.S_IMODE(mode) != wanted:
                os.chmod(path, wanted)
