"""What a rebuild takes over from the old venv: all that no package and no maker put there (design.md 7)."""

from __future__ import annotations

import os
import stat

from pyman.core.names import minor_of_executable
from pyman.core.packages.package import is_compiled
from pyman.core.relocation import KERNEL
from pyman.core.script_header import with_interpreter
from pyman.core.shell.activation import read_virtual_env
from pyman.core.shell.kept_activation import Rebuilding, filled_templates, is_makers_script, kept_script
from pyman.core.user_files import (
    DATA_FOLDERS,
    inside,
    is_bookkeeping,
    is_born_with,
    is_runtime_folder,
    package_of_program,
    with_parents,
)
from pyman.effects.copying import RUNS_AS_OWNER, copy_content, open_source
from pyman.effects.files import NotReadable, is_folder, names_in, read_bytes, replace_file
from pyman.effects.packages.dist_info import installed_paths, read_packages, record_rows, top_levels
from pyman.effects.venvs.new_venv import activation_scripts
from pyman.effects.venvs.own_folders import within_own
from pyman.effects.venvs.user_files import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyman.core.packages.package import Package
    from pyman.core.venv import VenvFacts, VenvFolder

_BYTECODE = "__pycache__"
_LARGEST_SCRIPT = 1 << 20
"""Bytes."""


def copy_user_files(
    backup: str, venv: str, old_library: str, new_library: str, packages: Iterable[Package]
) -> tuple[str, ...]:
    """Copy what the new venv lacks and no package owned, and return where it lies, relative to the venv.

    The libraries are the folders `lib/python3.X/site-packages` of the two, relative; `packages` are those of the old
    one, which is read at `backup` and had the place of the new one. What is there already stays. Of a folder that is
    copied as a whole only its own name is returned. Raises OSError.
    """
    return _Takeover(backup, venv, old_library, new_library, tuple(packages)).take()


class _Takeover:
    """The way through one old venv, folder by folder."""

    def __init__(
        self, backup: str, venv: str, old_library: str, new_library: str, packages: tuple[Package, ...]
    ) -> None:
        self._backup = backup
        self._venv = venv
        self._old, self._new = os.path.dirname(old_library), os.path.dirname(new_library)
        self._names = frozenset(package.normalized for package in packages)
        self._libraries = [
            f"lib/{name}/site-packages" for name in names_in(os.path.join(backup, "lib")) if is_runtime_folder(name)
        ]
        owned: list[str] = []
        for library in self._libraries:
            path = os.path.join(backup, library)
            if is_folder(path):
                found = packages if library == old_library else read_packages(path)[0]
                owned += _owned(backup, venv, library, found)
        self._owned = with_parents([*owned, "bin", *self._libraries, *DATA_FOLDERS])
        self._taken: list[str] = []

    def take(self) -> tuple[str, ...]:
        for folder in ("bin", "lib", "lib64", *DATA_FOLDERS):
            if is_folder(os.path.join(self._backup, folder)):
                self._look_into(folder)
            elif folder in DATA_FOLDERS and os.path.islink(os.path.join(self._backup, folder)):
                self._take(folder)
        return tuple(self._taken)

    def _look_into(self, folder: str) -> None:
        for name in names_in(os.path.join(self._backup, folder)):
            path = f"{folder}/{name}"
            if name == _BYTECODE or self._is_makers(folder, name):
                continue
            if not is_folder(os.path.join(self._backup, path)):
                if path not in self._owned:
                    self._take(path)
            elif path in self._owned or is_folder(os.path.join(self._venv, self._place_of(path))):
                self._look_into(path)
            elif _is_worth_keeping(os.path.join(self._backup, path)):
                self._take(path)

    def _is_makers(self, folder: str, name: str) -> bool:
        """True for what makers of venvs and installers put there, and put there again."""
        path = f"{folder}/{name}"
        if folder == "bin":
            package = package_of_program(name)
            if package is not None:
                # Without that package it is somebody's own program of this name.
                return package in self._names or path in self._owned
            return is_born_with(name)
        if folder in self._libraries:
            return is_bookkeeping(name)
        if os.path.dirname(folder) == "lib" and is_runtime_folder(os.path.basename(folder)):
            # virtualenv before 20 links the whole standard library there.
            return name != "site-packages" and os.path.lexists(os.path.join(self._backup, folder, "os.py"))
        if folder in ("include", "lib64") and is_runtime_folder(name):
            # The folder for headers of a venv is empty, unless a package or somebody puts some there.
            whole = os.path.join(self._backup, path)
            return os.path.islink(whole) or (folder == "include" and not names_in(whole))
        # A second tree, where somebody copied the link as a folder.
        return folder.partition("/")[0] == "lib64" and self._is_twin(path)

    def _is_twin(self, path: str) -> bool:
        return os.path.isfile(os.path.join(self._backup, "lib", path.partition("/")[2]))

    def _place_of(self, path: str) -> str:
        """Where something of the old venv belongs in the new one."""
        if path.startswith("lib64/"):
            path = f"lib/{path.partition('/')[2]}"
        return self._new + path[len(self._old) :] if path.startswith(f"{self._old}/") else path

    def _take(self, path: str) -> None:
        place = self._place_of(path)
        target = os.path.join(self._venv, place)
        if os.path.lexists(target):
            return
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if self._copy(path, target):
            self._taken.append(place)

    def _copy(self, path: str, target: str) -> bool:
        """Copy a file, a link or a folder with its times; False for what is none of these."""
        source = os.path.join(self._backup, path)
        status = os.lstat(source)
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(target)
            for name in names_in(source):
                if name != _BYTECODE:
                    self._copy(f"{path}/{name}", os.path.join(target, name))
            os.chmod(target, stat.S_IMODE(status.st_mode) & ~RUNS_AS_OWNER)
        elif stat.S_ISLNK(status.st_mode):
            os.symlink(self._retargeted(path, os.readlink(source)), target)
        elif stat.S_ISREG(status.st_mode):
            copy_file(source, target)
            return True
        else:
            return False
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
        return True

    def _retargeted(self, path: str, text: str) -> str:
        """What a link says in the new venv: it leads into the library by its new name, and to the new interpreter."""
        led = os.path.normpath(os.path.join(self._venv, os.path.dirname(path), text))
        above, name = os.path.split(led)
        if above == f"{self._venv}/bin" and minor_of_executable(name) is not None and not os.path.lexists(led):
            return text[: -len(name)] + "python"
        if self._old == self._new or self._old not in text:
            return text
        if f"{led}/".startswith(f"{self._venv}/{self._old}/"):
            return text.replace(self._old, self._new, 1)
        return text


def _is_worth_keeping(folder: str) -> bool:
    """False for a folder that holds nothing but bytecode."""
    names = names_in(folder)
    inner = [name for name in names if name != _BYTECODE]
    return not names or any(
        not is_folder(path) or _is_worth_keeping(path) for path in (os.path.join(folder, name) for name in inner)
    )


def _owned(backup: str, venv: str, library: str, packages: Iterable[Package]) -> Iterator[str]:
    """Everything that packages put there, relative to the venv."""
    site_packages = os.path.join(backup, library)
    for package in packages:
        yield from (f"bin/{name}" for name in package.scripts)
        listed = _installed(site_packages, package)
        if listed is None:
            # Its files are put there again with it, but for what was compiled for the old Python.
            yield from _compiled(site_packages, library, package)
            continue
        yield from (path for one in listed if (path := inside(venv, library, one)) is not None)


def _installed(site_packages: str, package: Package) -> tuple[str, ...] | None:
    """The paths that a package installed, as RECORD has them; None where nothing tells.

    A row without a hash proves nothing: wheels may list files that they do not contain, which the user has made since.
    Installers leave it out for bytecode, and for what they write into `.dist-info`. Of anything else without one what
    the package has is there again once it is installed again.
    """
    if package.folder.endswith(".egg-info"):
        return installed_paths(site_packages, package)
    try:
        rows = record_rows(site_packages, package)
    except OSError:
        return None
    return tuple(
        path
        for path, hash_ in rows
        if hash_ or path.startswith(f"{package.folder}/") or path.endswith(".pyc") or is_compiled(path)
    )


def _compiled(site_packages: str, library: str, package: Package) -> Iterator[str]:
    for name in top_levels(site_packages, package):
        top = os.path.join(site_packages, name)
        for above, _, files in walk(top):
            yield from (
                f"{library}/{os.path.relpath(os.path.join(above, file), site_packages)}"
                for file in files
                if is_compiled(file)
            )
        yield from (
            f"{library}/{each}" for each in names_in(site_packages) if each.startswith(f"{name}.") and is_compiled(each)
        )


def copy_file(source: str, target: str) -> None:
    """Copy a file with its time and permissions, but never as a program that runs as its owner: that is who copies."""
    reading = open_source(source)
    try:
        status = os.fstat(reading)
        copy_content(reading, target)
    finally:
        os.close(reading)
    os.chmod(target, stat.S_IMODE(status.st_mode) & ~RUNS_AS_OWNER)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def copy_folder(source: str, target: str) -> None:
    """Copy a whole folder of the user's with its times and links. Raises OSError."""
    import shutil

    try:
        shutil.copytree(source, target, symlinks=True, copy_function=copy_file)
    except shutil.Error as error:
        # It tells of each file; one is enough to know why.
        first = error.args[0][0] if error.args and error.args[0] else (source, target, str(error))
        raise OSError(f"{first[0]}: {first[2]}") from error


# Scripts and kernels of the user that start the venv's own `bin/python3.13`, which the new one does not have.


def repoint_programs(made: VenvFolder, backup: str, places: Iterable[str], taken: Iterable[str]) -> tuple[str, ...]:
    """Let what the user kept be started by `bin/python` where it named an interpreter of the old venv that is gone.

    `places` are the paths by which the venv is called, `taken` what was copied into the new one, relative to it.
    Returns what was rewritten. Raises OSError, and as `within_own` does.
    """
    gone = [
        name
        for name in names_in(os.path.join(backup, "bin"))
        if minor_of_executable(name) is not None and not os.path.lexists(os.path.join(made.path, "bin", name))
    ]
    interpreters = {f"{place}/bin/{name}": f"{place}/bin/python" for place in places for name in gone}
    if not interpreters:
        return ()
    return tuple(path for path in _files(made.path, taken) if _repoint(made, path, interpreters))


def _files(venv: str, taken: Iterable[str]) -> Iterator[str]:
    """The scripts and kernels in what was taken over, relative to the venv."""
    for path in taken:
        whole = os.path.join(venv, path)
        paths = [path]
        if is_folder(whole):
            paths = [
                os.path.relpath(os.path.join(above, name), venv) for above, _, names in walk(whole) for name in names
            ]
        yield from (each for each in paths if each.startswith("bin/") or os.path.basename(each) == KERNEL)


def _repoint(made: VenvFolder, path: str, interpreters: Mapping[str, str]) -> bool:
    whole = os.path.join(made.path, path)
    status = os.lstat(whole)
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_SCRIPT:
        return False
    text = read_bytes(whole).decode("utf-8", "surrogateescape")
    after = text
    if os.path.basename(path) == KERNEL:
        for old, new in interpreters.items():
            after = after.replace(f'"{old}"', f'"{new}"')
    else:
        after = with_interpreter(text, interpreters)
    if after == text:
        return False
    content, name = after.encode("utf-8", "surrogateescape"), os.path.basename(path)
    mode = stat.S_IMODE(status.st_mode)
    within_own(made, os.path.dirname(path), lambda folder: replace_file(name, content, mode, folder=folder))
    return True


# The activation scripts of the old venv: what its user added to them, and those that pyman does not write.

_TEMPLATES = ("common", "posix")


def keep_activation(facts: VenvFacts, backup: str, new: VenvFacts, made: VenvFolder) -> tuple[str, ...]:
    """Give the new venv the activation scripts of the old one, as far as it has none or the user changed them.

    `facts` are those of the old venv, which lies in `backup` now. Returns the names in `bin`. Raises OSError, and as
    `within_own` does.
    """
    library = new.library.name if new.library is not None else ""
    old_library = facts.library.name if facts.library is not None else library
    change = Rebuilding(facts.moved_from or facts.folder, facts.folder, old_library, library)
    makers = [facts.home_library, new.home_library]
    makers += [runs.library for runs in (facts.running, facts.interpreter, facts.home_interpreter) if runs is not None]
    libraries = [each for each in dict.fromkeys(makers) if each is not None]
    places = _places(facts, backup)
    kept = []
    for name in filter(is_makers_script, names_in(os.path.join(backup, "bin"))):
        path = os.path.join(backup, "bin", name)
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            continue
        old, present = _text(path), _text(os.path.join(made.path, "bin", name))
        if old is None:
            continue
        text = kept_script(old, _made(name, places, facts, libraries), present, change)
        if text is None or text == present:
            continue
        if present is not None and not change.can_be_moved:
            name += ".before-rebuild"  # noqa: PLW2901  # the new one is right for its place, and the old one stays
        content, mode = text.encode("utf-8", "surrogateescape"), stat.S_IMODE(status.st_mode) & 0o777
        within_own(made, "bin", lambda folder: replace_file(name, content, mode, folder=folder))  # noqa: B023
        kept.append(name)
    return tuple(kept)


def _text(path: str) -> str | None:
    try:
        return read_bytes(path).decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotReadable):
        return None


def _places(facts: VenvFacts, backup: str) -> tuple[str, ...]:
    """The paths by which the old venv may have been called when it was made."""
    named = read_virtual_env(_text(os.path.join(backup, "bin", "activate")) or "")
    found = (facts.folder, facts.path, facts.moved_from, named)
    return tuple(dict.fromkeys(place for place in found if place is not None))


def _made(name: str, places: Iterable[str], facts: VenvFacts, libraries: Iterable[str]) -> Iterator[str]:
    """What pyman and the venv module of these standard libraries may have written into a script of this name."""
    found = [_text(f"{library}/venv/scripts/{part}/{name}") for library in libraries for part in _TEMPLATES]
    templates = [template for template in found if template is not None]
    for place in places:
        prompt = facts.settings.prompt or os.path.basename(place)
        own = activation_scripts(place, prompt).get(name)
        if own is not None:
            yield own.decode("utf-8", "surrogateescape")
        for template in templates:
            yield from filled_templates(name, template, place, prompt)
