"""Reading what a moved venv's generated files say, for core/moved.py to decide what they must say."""

from __future__ import annotations

import os
import stat
import sys

from pyman.core.moved import MovedFiles, is_activation, is_pointer, named_paths
from pyman.core.packages.package import paths_in_record
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.script_header import SHEBANG_LIMITS, is_plain
from pyman.effects.files import SMALL_FILE, open_to_read, read_bytes
from pyman.effects.venvs.writer import activation_scripts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyman.core.venv import VenvFacts

_LARGEST_RECORD = 16 * SMALL_FILE


def read_moved(facts: VenvFacts) -> tuple[MovedFiles, dict[str, str]]:
    """Read the generated files of a venv whose facts name an old place, and find which source folders moved along.

    What cannot be read, or is no regular file, is left out: it is not rewritten either.
    """
    assert facts.moved_from is not None
    folder = facts.folder
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
                if _keep(records, f"{path}/RECORD", _LARGEST_RECORD):
                    _read_scripts(scripts, records[f"{path}/RECORD"], site_packages, facts)
            elif name.endswith(".egg-info") and os.path.isdir(path):
                listed: dict[str, bytes] = {}
                if _keep(listed, f"{path}/installed-files.txt", _LARGEST_RECORD):
                    _read_scripts(scripts, listed[f"{path}/installed-files.txt"], path, facts)
    activation: dict[str, bytes] = {}
    for name in _names(bin_folder):
        if is_activation(name):
            _keep(activation, f"{bin_folder}/{name}")
    settings: dict[str, bytes] = {}
    _keep(settings, f"{folder}/{FILE_NAME}")
    rendered: dict[str, bytes] = {}
    if not (is_plain(facts.moved_from) and is_plain(folder)):
        prompt = facts.settings.prompt or os.path.basename(folder)
        rendered = {f"{bin_folder}/{name}": text for name, text in activation_scripts(folder, prompt).items()}
    files = MovedFiles(
        old=facts.moved_from,
        new=folder,
        settings=next(iter(settings.items()), None),
        activation=activation,
        rendered=rendered,
        scripts=scripts,
        pointers=pointers,
        records=records,
        shebang_limit=SHEBANG_LIMITS.get(sys.platform, SHEBANG_LIMITS["linux"]),
    )
    return files, _relocated(files)


def folders_of_moved(facts: VenvFacts) -> Iterator[str]:
    """The folders of the files that the repair of a move may write, whether or not it still has to; in the venv."""
    for library in facts.libraries:
        site_packages = f"lib/{library.name}/site-packages"
        yield site_packages
        names = _names(f"{facts.folder}/{site_packages}")
        yield from (f"{site_packages}/{name}" for name in names if name.endswith("-info"))


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


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
    old = f"{facts.moved_from}/"
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


def _relocated(files: MovedFiles) -> dict[str, str]:
    """Of the paths that packages name: those that are gone and are now at the new place.

    What lay in the venv itself belongs to the copy, whether or not the original is still there.
    """
    return {
        old: new
        for old, new in named_paths(files.pointers, files.old, files.new)
        if os.path.lexists(new) and (old.startswith(f"{files.old}/") or not os.path.lexists(old))
    }
