"""Reading what a moved venv's generated files say, for core/relocation.py to decide what they must say."""

from __future__ import annotations

import os
import stat
import sys
from itertools import chain

from pyman.core.immutable import replace
from pyman.core.packages.package import paths_in_record
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.relocation import (
    KERNEL,
    MovedFiles,
    is_activation,
    is_easy_install,
    is_pointer,
    named_paths,
    where_they_would_be,
)
from pyman.core.script_header import SHEBANG_LIMITS, is_plain
from pyman.effects.files import SMALL_FILE, names_seen, open_to_read, pid_of_temporary, read_bytes
from pyman.effects.packages.dist_info import LARGEST_RECORD
from pyman.effects.venvs.new_venv import activation_scripts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyman.core.scripts_and_modules import Named
    from pyman.core.venv import VenvFacts

_KERNELS = ("share", "jupyter", "kernels")


def read_moved(facts: VenvFacts) -> tuple[MovedFiles, dict[str, str]]:
    """Read the generated files of a venv whose facts name an old place, and find what has moved along with it.

    What cannot be read, or is not a regular file, is left out: it is not rewritten either.
    """
    folder = facts.folder
    old = facts.old_place or folder
    bin_folder = f"{folder}/bin"
    scripts: dict[str, bytes] = {}
    pointers: dict[str, bytes] = {}
    records: dict[str, bytes] = {}
    for library in facts.libraries:
        site_packages = f"{folder}/lib/{library.name}/site-packages"
        for name in _names(site_packages):
            path = f"{site_packages}/{name}"
            if is_pointer(name):
                _keep(pointers, path)
            elif os.path.islink(path):
                continue  # What it holds lies elsewhere, and is somebody else's.
            elif name.endswith(".dist-info"):
                _keep(pointers, f"{path}/direct_url.json")
                if _keep(records, f"{path}/RECORD", LARGEST_RECORD):
                    _read_scripts(scripts, records[f"{path}/RECORD"], site_packages, facts)
            elif name.endswith(".egg-info") and os.path.isdir(path):
                listed: dict[str, bytes] = {}
                if _keep(listed, f"{path}/installed-files.txt", LARGEST_RECORD):
                    _read_scripts(scripts, listed[f"{path}/installed-files.txt"], path, facts)
    activation: dict[str, bytes] = {}
    others: dict[str, bytes] = {}
    for name in _names(bin_folder):
        path = f"{bin_folder}/{name}"
        if is_activation(name):
            _keep(activation, path)
        elif path not in scripts and _begins_a_script(path):
            _keep(others, path)
    scripts |= {path: others.pop(path) for path in [*others] if _is_easy_install(others[path])}
    for path in _kernels(folder):
        _keep(pointers, path)
    for name in _names(folder):
        if name != FILE_NAME:
            _keep(others, f"{folder}/{name}")
    settings: dict[str, bytes] = {}
    _keep(settings, f"{folder}/{FILE_NAME}")
    rendered: dict[str, bytes] = {}
    if not (is_plain(old) and is_plain(folder)):
        prompt = facts.settings.prompt or os.path.basename(folder)
        rendered = {f"{bin_folder}/{name}": text for name, text in activation_scripts(folder, prompt).items()}
    files = MovedFiles(
        old=old,
        new=folder,
        settings=next(iter(settings.items()), None),
        activation=activation,
        rendered=rendered,
        scripts=scripts,
        pointers=pointers,
        records=records,
        shebang_limit=SHEBANG_LIMITS.get(sys.platform, SHEBANG_LIMITS["linux"]),
        links=tuple(_absolute_links(facts)),
        others=tuple(others.items()),
        interpreters={one.interpreter: _own_interpreter(facts, one) for one in facts.contents.named},
    )
    relocated, gone = _relocated(files)
    return replace(files, gone=gone), relocated


def bytecode_of(modules: Iterable[str], folder: str) -> tuple[tuple[str, str], ...]:
    """The bytecode of the files in a venv that are replaced, each with the folder of its package folder in the venv.

    Python takes it for up to date where the module has the same size and second: `/old` became `/new`.
    """
    found: list[tuple[str, str]] = []
    for path in modules:
        above, name = os.path.split(path)
        if name.endswith(".py") and not os.path.islink(f"{above}/__pycache__"):
            stem = f"{name.removesuffix('.py')}."
            found += [
                (f"{above}/__pycache__/{each}", above.removeprefix(f"{folder}/"))
                for each in _names(f"{above}/__pycache__")
                if each.startswith(stem) and each.endswith(".pyc")
            ]
    return tuple(found)


def kernels_elsewhere(facts: VenvFacts, environ: Mapping[str, str], home: str) -> tuple[str, ...]:
    """The user's own kernels of Jupyter that start the Python of the old place: they lie outside of the venv."""
    data = environ.get("JUPYTER_DATA_DIR") or f"{environ.get('XDG_DATA_HOME') or f'{home}/.local/share'}/jupyter"
    found: dict[str, bytes] = {}
    for name in _names(f"{data}/kernels"):
        _keep(found, f"{data}/kernels/{name}/{KERNEL}")
    old = os.fsencode(f"{facts.old_place}/bin/")
    return tuple(path for path, content in found.items() if old in content)


def _kernels(folder: str) -> Iterator[str]:
    """The kernels in a venv, and nothing that a link leads to: that lies elsewhere."""
    for name in _KERNELS:
        folder = f"{folder}/{name}"
        if os.path.islink(folder):
            return
    for name in _names(folder):
        if not os.path.islink(f"{folder}/{name}"):
            yield f"{folder}/{name}/{KERNEL}"


def _absolute_links(facts: VenvFacts) -> Iterator[tuple[str, str]]:
    """Links that lead to an absolute path, where tools put such: `lib64`, programs, sources of flit."""
    places = ["", "/bin", *(f"/lib/{library.name}/site-packages" for library in facts.libraries)]
    for path in chain.from_iterable(
        [f"{facts.folder}{place}/{name}" for name in _names(f"{facts.folder}{place}")] for place in places
    ):
        try:
            target = os.readlink(path)
        except OSError:
            continue
        if target.startswith("/"):
            yield path, target


def _own_interpreter(facts: VenvFacts, named: Named) -> str:
    """The name in a venv's `bin` that its scripts are to call instead of another Python."""
    name = os.path.basename(named.interpreter)
    return f"{facts.folder}/bin/{name if any(entry.name == name for entry in facts.entries) else 'python'}"


def folders_of_moved(facts: VenvFacts) -> Iterator[str]:
    """The folders of the files that the repair of a move may write, whether or not it still has to; in the venv."""
    yield from (os.path.dirname(path)[len(facts.folder) + 1 :] for path in _kernels(facts.folder))
    for library in facts.libraries:
        site_packages = f"lib/{library.name}/site-packages"
        yield site_packages
        names = _names(f"{facts.folder}/{site_packages}")
        yield from (f"{site_packages}/{name}" for name in names if name.endswith("-info"))


def _names(folder: str) -> list[str]:
    """What is in a folder, without what a repair that was killed was about to put in place: that is cleaned up."""
    return [name for name in names_seen(folder) if not pid_of_temporary(name)]


def _keep(found: dict[str, bytes], path: str, limit: int = SMALL_FILE) -> bool:
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
        found[path] = read_bytes(path, limit)
    except OSError:
        return False
    return True


def _read_scripts(scripts: dict[str, bytes], record: bytes, base: str, facts: VenvFacts) -> None:
    bin_folder = f"{facts.folder}/bin"
    old = f"{facts.old_place or facts.folder}/"
    for listed in paths_in_record(record):
        path = facts.folder + listed[len(old) - 1 :] if listed.startswith(old) else os.path.join(base, listed)
        path = os.path.normpath(path)
        if os.path.dirname(path) == bin_folder and path not in scripts and _begins_a_script(path):
            _keep(scripts, path)


def _begins_a_script(path: str) -> bool:
    """True for a regular file that starts with `#!`: a compiled program in `bin` is not read whole for nothing."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
        descriptor = open_to_read(path)
        try:
            return os.read(descriptor, 2) == b"#!"
        finally:
            os.close(descriptor)
    except OSError:
        return False


def _relocated(files: MovedFiles) -> tuple[dict[str, str], frozenset[str]]:
    """Of the paths that packages name: those that are gone and are now at the new place, and those that are nowhere.

    What lay in the venv itself belongs to the copy, whether or not the original is still there.
    """
    sources = {path: content for path, content in files.scripts.items() if _is_easy_install(content)}
    named = [
        *named_paths({**files.pointers, **sources}, files.old, files.new),
        *where_they_would_be((target for _, target in files.links), files.old, files.new),
    ]
    relocated: dict[str, str] = {}
    gone: set[str] = set()
    for old, new in named:
        is_own, is_there = old.startswith(f"{files.old}/"), os.path.lexists(old)
        if os.path.lexists(new) and (is_own or not is_there):
            relocated[old] = new
        elif not is_there:
            gone.add(old)
    return relocated, frozenset(gone)


def _is_easy_install(content: bytes) -> bool:
    return is_easy_install(content.decode("utf-8", "surrogateescape"))
