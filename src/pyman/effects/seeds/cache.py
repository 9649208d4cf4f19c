"""Bundled wheels, unpacked and compiled once for each kind of bytecode, so that every venv can share them.

Whoever needs one first makes it, in a folder of its own that gets its name when it is whole.
"""

from __future__ import annotations

import contextlib
import os
import stat

from pyman.core.seeding import INSTALLER, OWN, PACK, TREE, Seed, Wheel, format_seed, script_names
from pyman.core.version import Version
from pyman.effects.files import read_bytes, replace_file
from pyman.effects.lock import hold
from pyman.effects.observer import Observer
from pyman.effects.places import cannot_write, make_folder
from pyman.effects.remove_tree import remove_tree
from pyman.effects.seeds.sharing import MANIFEST, read_manifest, read_prepared, write_new
from pyman.errors import BrokenRuntime, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator

    from installer.records import RecordEntry
    from installer.scripts import ScriptSection
    from installer.utils import Scheme

    from pyman.effects.seeds.sharing import Files

    Row = tuple[str, str, str]

_LARGEST = 1 << 30
"""Bytes, of one file of a wheel. It was unpacked by us."""


def prepare(wheel: Wheel, folder: str, executable: str, version: Version, observer: Observer) -> None:
    """Unpack and compile a wheel into `folder`, in place of what lies there if that is not what was unpacked.

    `executable` is the interpreter that compiles, of the release `version`. Processes that want the same wait for the
    first. Raises BrokenRuntime where wheel or interpreter are no good, PymanError where the cache cannot be written.
    """
    above, key = os.path.split(folder)
    make_folder(above)
    with hold(os.path.join(above, f".{key}.lock"), observer, what=f"{wheel.name} {wheel.version} in the cache"):
        if read_prepared(folder) is not None:
            return
        task = f"unpacking {wheel.name} {wheel.version} for Python {version.minor_name}"
        observer.began(task, None)
        try:
            _prepare(wheel, folder, executable, version, observer)
        except OSError as error:
            raise cannot_write(above, error) from error
        finally:
            observer.finished(task)


def _prepare(wheel: Wheel, folder: str, executable: str, version: Version, observer: Observer) -> None:
    above, key = os.path.split(folder)
    beginning = f".{key}.work-"
    for name in os.listdir(above):
        if name.startswith(beginning):
            # Interrupted: no pyman uses it while we hold the lock, but an interpreter may still be compiling in it.
            with contextlib.suppress(OSError):
                remove_tree(os.path.join(above, name))
    work = os.path.join(above, f"{beginning}{os.getpid()}-{os.urandom(3).hex()}")
    os.mkdir(work, 0o755)
    try:
        dist_info, rows = _unpack(wheel, work, version)
        tree = os.path.join(work, TREE)
        compile_tree(executable, tree, work)
        _set_modes(work)
        rows += [(path, "", "") for path in bytecode_of(tree)]
        # What each venv has of its own.
        rows += [(f"{dist_info}/RECORD", "", ""), _row(f"{dist_info}/INSTALLER", INSTALLER)]
        rows.append(_row(f"{dist_info}/REQUESTED", b""))
        write_new(os.path.join(work, OWN, "RECORD"), _record(rows), 0o644)
        folders, files = _look_at(tree)
        own = _look_at(os.path.join(work, OWN))[1]
        seed = Seed(wheel.name, wheel.version, dist_info, folders, files, own, _write_pack(work, files))
        replace_file(os.path.join(work, MANIFEST), os.fsencode(format_seed(seed)))
        if os.path.lexists(folder):
            if read_manifest(folder) is not None:
                observer.noted(f"{folder} was changed after it was unpacked, so it is unpacked again")
            remove_tree(folder)
        os.rename(work, folder)
    except BaseException:
        remove_tree(work)
        raise


def _unpack(wheel: Wheel, work: str, version: Version) -> tuple[str, list[Row]]:
    """Unpack a wheel; return the name of its `dist-info` and the rows of RECORD for what went into the tree.

    Scripts go beside the tree, without their first line.
    """
    import zipfile

    from installer import install
    from installer.destinations import SchemeDictionaryDestination
    from installer.records import RecordEntry
    from installer.scripts import Script
    from installer.sources import WheelFile

    tree, own = os.path.join(work, TREE), os.path.join(work, OWN)
    os.mkdir(tree)
    os.mkdir(own)
    rows: list[Row] = []

    class Destination(SchemeDictionaryDestination):
        def write_script(self, name: str, module: str, attr: str, section: ScriptSection) -> RecordEntry:
            _, content = Script(name, module, attr, section).generate("/", "posix")
            for script in script_names(name, version) or (name,):
                path = os.path.join(own, script)
                if not os.path.exists(path):
                    write_new(path, content.partition(b"\n")[2], 0o644)
            return RecordEntry(name, None, None)

        def finalize_installation(
            self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
        ) -> None:
            del scheme, record_file_path  # RECORD is written for each venv.
            rows.extend(entry.to_row() for _, entry in records if entry.size is not None)

    try:
        with zipfile.ZipFile(wheel.path) as archive:
            source = WheelFile(archive)
            # A wheel with files for other places (headers, data) is none that `ensurepip` bundles: a KeyError here.
            install(source, Destination({"purelib": tree, "platlib": tree}, "/", "posix"), {})
            return source.dist_info_dir, rows
    except OSError:
        raise
    except Exception as error:  # what a damaged file makes of a library is anybody's guess
        raise BrokenRuntime(
            f"the wheel {wheel.path} cannot be unpacked: {error}", hint="install that Python again"
        ) from error


def _set_modes(work: str) -> None:
    """Give every file 644, or 755 where it is a program, whatever the umask of who came first."""
    for folder, _, names in walk_whole(work):
        for name in names:
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if os.stat(path).st_mode & stat.S_IXUSR else 0o644)


def _row(path: str, content: bytes) -> Row:
    import base64
    import hashlib

    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode("ascii")
    return path, f"sha256={digest}", str(len(content))


def _record(rows: list[Row]) -> bytes:
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(sorted(rows))
    return text.getvalue().encode()


def _write_pack(work: str, files: Files) -> tuple[int, int, int]:
    """Write the content of all files of the tree into one; return its size, time and mode."""
    path = os.path.join(work, PACK)
    with open(path, "xb") as pack:
        pack.writelines(read_bytes(os.path.join(work, TREE, name), _LARGEST) for name, *_ in files)
    os.chmod(path, 0o644)
    status = os.lstat(path)
    return status.st_size, status.st_mtime_ns, status.st_mode


def _look_at(top: str) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int, int, int], ...]]:
    """Look at every folder and file below one, as the manifest is to describe them."""
    folders, files = [], []
    for folder, below, names in walk_whole(top):
        below.sort()
        folders.append((os.path.relpath(folder, top) if folder != top else "", len(names)))
        for name in sorted(names):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            files.append((os.path.relpath(path, top), status.st_size, status.st_mtime_ns, status.st_mode))
    return tuple(folders), tuple(files)


def fits(wheel: Wheel, version: Version) -> bool:
    """Say whether a wheel's `Requires-Python` admits a Python; a damaged one fits nothing.

    Raises OSError where the system refuses to read it.
    """
    import zipfile

    from installer.sources import WheelFile
    from installer.utils import parse_metadata_file
    from packaging.specifiers import SpecifierSet

    try:
        with zipfile.ZipFile(wheel.path) as archive:
            required = parse_metadata_file(WheelFile(archive).read_dist_info("METADATA"))["Requires-Python"]
        return required is None or SpecifierSet(required).contains(str(version), prereleases=True)
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - what a damaged file makes of a library is anybody's guess
        return False


def record_unfit(folder: str) -> None:
    """Note beside the place of an unpacked wheel that it does not fit, so that nobody needs to look inside again."""
    try:
        make_folder(os.path.dirname(folder))
        replace_file(folder + ".unfit", b"")
    except (OSError, PymanError):
        pass  # A cache that cannot be written costs a look at the wheel each time.


# Bytecode, written by the interpreter that is to read it.

# Seconds. pip and setuptools take two on a slow machine.
_COMPILE_SECONDS = 300.0
_MOST_PROCESSES = 4
_MODULES_WORTH_A_PROCESS = 50


def compile_tree(executable: str, tree: str, work: str) -> None:
    """Let an interpreter put its bytecode beside every module of a folder, valid by time and size of the source.

    `work` is a folder for notes. A module that it cannot compile has none, as after an installation by pip. The
    interpreter runs isolated (no environment, no site, no input) and writes nowhere else; the paths in the bytecode
    are relative, and every import replaces them. Raises BrokenRuntime where it cannot be started, fails, or hangs, and
    NotStarted where it may not be started.
    """
    processes: list[subprocess.Popen[bytes]] = []
    notes: list[str] = []
    try:
        for number, names in enumerate(_shares(tree)):
            notes.append(os.path.join(work, f"modules-{number}"))
            write_new(notes[-1], "".join(f"{name}\n" for name in names).encode())
            processes.append(_start(executable, tree, notes[-1]))
        for process in processes:
            _wait(executable, process, tree)
        for note in notes:
            os.unlink(note)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


def bytecode_of(tree: str) -> Iterator[str]:
    """Name the files of bytecode below a folder, relative to it."""
    for folder, _, names in walk_whole(tree):
        if os.path.basename(folder) == "__pycache__":
            yield from (os.path.relpath(os.path.join(folder, name), tree) for name in names)


def walk_whole(tree: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk as `os.walk` does. Raises OSError for a folder that cannot be read, where that would leave it out."""

    def stop(error: OSError) -> None:
        raise error

    return os.walk(tree, onerror=stop)


def _shares(tree: str) -> list[list[str]]:
    """Divide the modules among as many processes as the machine can run, each with about as much to read."""
    paths = [os.path.join(folder, name) for folder, _, names in walk_whole(tree) for name in names]
    modules = [(os.path.getsize(path), os.path.relpath(path, tree)) for path in paths if path.endswith(".py")]
    if not modules:
        return []  # Told of none, an interpreter compiles whatever it can import.
    modules.sort(reverse=True)
    count = min(os.cpu_count() or 1, _MOST_PROCESSES, len(modules) // _MODULES_WORTH_A_PROCESS + 1)
    return [[name for _, name in modules[number::count]] for number in range(count)]


def _start(executable: str, tree: str, note: str) -> subprocess.Popen[bytes]:
    import subprocess

    from pyman.effects.interpreters.admission import Admission

    arguments = ["-I", "-S", "-B", "-m", "compileall", "-q", "-f", "-i", note]
    # It is of the store, or was admitted when it was chosen for the venv: what it depends on is looked at again.
    return Admission().start(
        executable, arguments, named=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=tree
    )


def _wait(executable: str, process: subprocess.Popen[bytes], tree: str) -> None:
    import subprocess

    try:
        _, error_output = process.communicate(timeout=_COMPILE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise BrokenRuntime(f"{executable} did not finish compiling within {_COMPILE_SECONDS:g} seconds") from error
    # 1 is also how it says that one of the modules cannot be compiled.
    if process.returncode == 0 or (process.returncode == 1 and any(bytecode_of(tree))):
        return
    last = error_output.decode("utf-8", "backslashreplace").strip().rpartition("\n")[2]
    raise BrokenRuntime(
        f"{executable} cannot compile: {last[:300] or f'it ended with status {process.returncode}'}",
        hint="check whether it starts",
    )
