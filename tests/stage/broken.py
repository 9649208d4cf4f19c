"""Venvs that were broken in ways that a seed chooses, and what becomes of each when it is really started.

world = World(tmp_path)
venv = world.broken(7)                what seed 7 makes of a venv; `venv.told` says what was done to it
venv.failures()                       what does not work: its interpreters, its packages, its scripts, its activation
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from stage.machine import Machine
from stage.mirror import ABI, LIBRARY, MINOR, NEW, OLD, OTHER, OTHER_ABI, OTHER_MINOR, SITE
from stage.venvs import write

_MAKERS = ("pyman", "venv", "copies", "virtualenv", "uv")
_BASES = ("alias", "release", "private")
_PURE = "import sys\n\n\ndef main():\n    print('pure', sys.prefix)\n"
_SCRIPT = "#!{0}/bin/python\nimport sys\nfrom pure import main\nsys.exit(main())\n"
_LONG = (
    "#!/bin/sh\n'''exec' '{0}/bin/python' \"$0\" \"$@\"\n' '''\nimport sys\nfrom pure import main\nsys.exit(main())\n"
)
_SEES = """\
import os, sys, pure, fast
release = os.path.realpath(os.__file__).split("/lib/python")[0]
print(sys.prefix, sys.version.split()[0], os.path.dirname(pure.__file__), release, sep="|")
"""


class World(Machine):
    """A store with two patch releases and another minor, and private Pythons that may be broken as well."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, OLD, NEW)
        self.put(OTHER)
        self.alias(OTHER_MINOR, OTHER)
        self.sweep = self.path / "sweep"
        library = self.runtimes / NEW / f"{LIBRARY}/lib-dynload"
        self.extension = next(library.glob("_bisect.*.so"))

    def broken(self, seed: int) -> Broken:
        """Make a venv as this seed says, and break it."""
        chance = random.Random(seed)
        place = self.sweep / str(seed)
        venv = Broken(self, place, chance)
        first = DAMAGES[seed % len(DAMAGES)]
        for damage in (first, chance.choice(DAMAGES)) if chance.random() < 0.3 else (first,):
            if venv.path.exists() and (venv.path / "bin").is_dir():
                venv.told.append(damage.__name__)
                damage(venv)
        return venv


class Broken:
    """One venv, its base and its package."""

    def __init__(self, world: World, place: Path, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.place = place
        self.path = place / ".venv"
        maker, base = chance.choice(_MAKERS), chance.choice(_BASES)
        self.told = [maker, base]
        self.prefix = world.runtimes / MINOR
        if base == "release":
            self.prefix = world.runtimes / chance.choice((OLD, NEW))
        elif base == "private":
            self.prefix = world.put(NEW, place / "python")
        self._make(maker, self.prefix / f"bin/python{MINOR}")
        self.names = [each.name for each in (self.path / "bin").iterdir() if each.name.startswith("python")]
        self._give()

    def _make(self, maker: str, python: Path) -> None:
        if maker == "pyman":
            self.world.pyman("venv", self.path, "--without-pip", "-p", python)
        else:
            options = ["--copies"] if maker == "copies" else []
            self.world.venv(f"sweep/{self.place.name}", python, *options, tool="venv" if options else maker)

    def _give(self) -> None:
        """A package with a script, and one with a compiled module, as an installer leaves them."""
        site, library = self.path / SITE, self.world.extension.name
        write(f"{site}/pure.py", _PURE)
        write(f"{site}/fast/__init__.py", "from fast import _bisect\n")
        shutil.copy(self.world.extension, site / "fast" / library)
        write(f"{self.path}/bin/pure", _SCRIPT.format(self.path), 0o755)
        rows = {"pure": ["pure.py", "../../../bin/pure"], "fast": ["fast/__init__.py", f"fast/{library}"]}
        for name, files in rows.items():
            info = f"{name}-1.0.dist-info"
            write(f"{site}/{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            write(f"{site}/{info}/INSTALLER", "pip\n")
            listed = [*files, f"{info}/METADATA", f"{info}/INSTALLER", f"{info}/RECORD"]
            write(f"{site}/{info}/RECORD", "".join(f"{file},,\n" for file in listed))

    def file(self, name: str) -> Path:
        return self.path / name

    def module(self) -> Path:
        """The compiled module, wherever its name went."""
        return next((self.path / SITE / "fast").glob("_bisect.*"), self.path / SITE / "fast" / "_bisect.so")

    def unlink(self, *names: str) -> None:
        for name in names:
            self.file(name).unlink(missing_ok=True)

    def link(self, name: str, target: str | Path) -> None:
        self.unlink(name)
        self.file(name).symlink_to(target)

    def setting(self, key: str, value: str) -> None:
        cfg = self.file("pyvenv.cfg")
        lines = cfg.read_text().splitlines() if cfg.exists() else []
        cfg.write_text("".join(f"{line}\n" for line in lines if not line.startswith(f"{key} ")) + f"{key} = {value}\n")

    # --- what becomes of it when it is started

    def failures(self) -> list[str]:
        """Everything that does not work in this venv."""
        found = []
        seen = self._run(self.file("bin/python"), "-c", _SEES)
        words = seen.split("|") if seen is not None else []
        if len(words) != 4:
            found.append("bin/python does not start, or does not find the packages")
        elif words[0] != str(self.path) or not words[2].startswith(str(self.path)):
            found.append(f"bin/python is in {words[0]}, and its packages in {words[2]}")
        elif words[1] not in (os.path.basename(words[3]), NEW):
            found.append(f"bin/python is {words[1]}, and its library that of {words[3]}")
        for name in self.names:
            runs = self._run(self.file(f"bin/{name}"), "-c", "import sys; print(sys.version.split()[0], sys.prefix)")
            if runs != f"{words[1] if len(words) == 4 else '?'} {self.path}":
                found.append(f"bin/{name} runs {runs}")
        said = self._run(self.file("bin/pure"))
        if said is None or (
            said != f"pure {self.path}" and os.path.realpath(said.removeprefix("pure ")) != str(self.path)
        ):
            found.append(f"bin/pure says {said}")
        if self.file("bin/activate").exists():
            code = '. "$0/bin/activate" && command -v python'
            leads_to = self._run("/bin/sh", "-c", code, self.path)
            if leads_to != f"{self.path}/bin/python":
                found.append(f"activation leads to {leads_to}")
        return found

    def _run(self, *command: object) -> str | None:
        """What a program prints; None where it fails or cannot be started."""
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(self.world.path), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            process = subprocess.run(
                [*map(str, command)], env=environ, cwd="/", capture_output=True, text=True, timeout=60, check=False
            )
        except OSError:
            return None
        return process.stdout.strip() if process.returncode == 0 else None


# --- the interpreter and its names


def python_removed(venv: Broken) -> None:
    venv.unlink("bin/python")


def python3_removed(venv: Broken) -> None:
    venv.unlink("bin/python3")


def python_leads_nowhere(venv: Broken) -> None:
    venv.link("bin/python", f"/gone/bin/python{MINOR}")


def python3_leads_nowhere(venv: Broken) -> None:
    venv.link("bin/python3", "/gone/bin/python3")


def python_is_a_circle(venv: Broken) -> None:
    venv.link("bin/python", "python3")
    venv.link("bin/python3", "python")


def python3_is_another_minor(venv: Broken) -> None:
    venv.link("bin/python3", venv.world.runtimes / f"{OTHER_MINOR}/bin/python{OTHER_MINOR}")


def python_is_another_minor(venv: Broken) -> None:
    venv.link("bin/python", venv.world.runtimes / f"{OTHER_MINOR}/bin/python{OTHER_MINOR}")


def python_is_a_copy_of_another_minor(venv: Broken) -> None:
    venv.unlink("bin/python")
    shutil.copy(venv.world.runtimes / OTHER / f"bin/python{OTHER_MINOR}", venv.file("bin/python"))


def python3_is_a_copy_of_another_minor(venv: Broken) -> None:
    venv.unlink("bin/python3")
    shutil.copy(venv.world.runtimes / OTHER / f"bin/python{OTHER_MINOR}", venv.file("bin/python3"))


def python_is_a_part_of_a_copy(venv: Broken) -> None:
    content = (venv.world.runtimes / NEW / f"bin/python{MINOR}").read_bytes()
    venv.unlink("bin/python")
    write(f"{venv.path}/bin/python", content[: len(content) // 2], 0o755)


def programs_lost_their_modes(venv: Broken) -> None:
    for file in venv.file("bin").iterdir():
        if not file.is_symlink() and file.is_file():
            file.chmod(0o644)


# --- settings


def home_is_gone(venv: Broken) -> None:
    venv.setting("home", "/gone/bin")


def home_is_another_minor(venv: Broken) -> None:
    venv.setting("home", str(venv.world.runtimes / f"{OTHER_MINOR}/bin"))


def settings_are_empty(venv: Broken) -> None:
    venv.file("pyvenv.cfg").write_text("")


def settings_are_no_text(venv: Broken) -> None:
    venv.file("pyvenv.cfg").write_bytes(b"home = /\xff\xfe\n\0\0")


# --- folders


def library_removed(venv: Broken) -> None:
    shutil.rmtree(venv.file(LIBRARY), ignore_errors=True)


def packages_removed(venv: Broken) -> None:
    shutil.rmtree(venv.file(SITE), ignore_errors=True)


def library_is_of_another_minor(venv: Broken) -> None:
    if venv.file(LIBRARY).exists():
        venv.file(LIBRARY).rename(venv.file("lib/python3.12"))


def programs_removed(venv: Broken) -> None:
    shutil.rmtree(venv.file("bin"))


# --- packages


def a_package_removed(venv: Broken) -> None:
    venv.unlink(f"{SITE}/pure.py")


def a_package_folder_removed(venv: Broken) -> None:
    shutil.rmtree(venv.file(f"{SITE}/fast"), ignore_errors=True)


def _renamed(venv: Broken, tag: str) -> None:
    """The compiled module gets another name, in RECORD too."""
    module, record = venv.module(), venv.file(f"{SITE}/fast-1.0.dist-info/RECORD")
    if module.exists() and record.exists():
        record.write_text(record.read_text().replace(module.name, f"_bisect.{tag}.so"))
        module.rename(module.with_name(f"_bisect.{tag}.so"))


def module_of_another_minor(venv: Broken) -> None:
    _renamed(venv, f"{OTHER_ABI}-x86_64-linux-gnu")


def module_without_a_gil(venv: Broken) -> None:
    _renamed(venv, f"{ABI}t-x86_64-linux-gnu")


def module_of_another_c_library(venv: Broken) -> None:
    _renamed(venv, f"{ABI}-x86_64-linux-musl")


def module_of_another_machine(venv: Broken) -> None:
    _renamed(venv, "abi3")
    if venv.module().exists():
        content = bytearray(venv.module().read_bytes())
        content[18:20] = struct.pack("<H", 183)
        venv.module().write_bytes(content)


# --- scripts


def _script(venv: Broken, interpreter_of: object, text: str = _SCRIPT) -> None:
    write(f"{venv.path}/bin/pure", text.format(interpreter_of), 0o755)


def script_of_a_venv_that_is_gone(venv: Broken) -> None:
    _script(venv, "/gone/.venv")


def long_script_of_a_venv_that_is_gone(venv: Broken) -> None:
    _script(venv, "/gone/a folder/.venv", _LONG)


def script_of_another_venv(venv: Broken) -> None:
    other = venv.world.path / "sweep-other/.venv"
    if not other.exists():
        venv.world.pyman("venv", other, "--without-pip", "-p", MINOR)
        write(f"{other}/{SITE}/pure.py", _PURE)
    _script(venv, other)


def script_lost_its_mode(venv: Broken) -> None:
    venv.file("bin/pure").chmod(0o644)


# --- places


def _now_at(venv: Broken, place: Path) -> None:
    venv.place, venv.path = place, place / ".venv"


def moved(venv: Broken) -> None:
    place = venv.place.with_name(f"{venv.place.name}-moved")
    (place).mkdir()
    venv.path.rename(place / ".venv")
    _now_at(venv, place)


def copied(venv: Broken) -> None:
    place = venv.place.with_name(f"{venv.place.name}-copied")
    shutil.copytree(venv.path, place / ".venv", symlinks=True)
    _now_at(venv, place)


def activation_of_another_place(venv: Broken) -> None:
    script = venv.file("bin/activate")
    if script.exists():
        script.write_text(script.read_text().replace(str(venv.path), "/gone/.venv"))


# --- the base


def base_removed(venv: Broken) -> None:
    if venv.prefix.parent == venv.place:
        shutil.rmtree(venv.prefix)


def base_without_its_library(venv: Broken) -> None:
    if venv.prefix.parent == venv.place:
        shutil.rmtree(venv.prefix / LIBRARY)


def base_lost_its_mode(venv: Broken) -> None:
    if venv.prefix.parent == venv.place:
        program = venv.prefix / f"bin/python{MINOR}"
        content = program.read_bytes()
        program.unlink()
        program.write_bytes(content)


# --- what does no harm


def nothing(venv: Broken) -> None:
    del venv


def things_of_the_user(venv: Broken) -> None:
    write(f"{venv.path}/bin/own", "#!/gone/bin/python\n", 0o755)
    write(f"{venv.path}/notes.txt", "mine\n")
    venv.link("bin/python3.12", "/gone/bin/python3.12")


def modules_for_several_pythons(venv: Broken) -> None:
    module = venv.module()
    if module.exists():
        shutil.copy(module, module.with_name("_bisect.cpython-312-x86_64-linux-gnu.so"))
        shutil.copy(module, module.with_name("_bisect.abi3.so"))


def settings_written_by_hand(venv: Broken) -> None:
    cfg = venv.file("pyvenv.cfg")
    if cfg.exists():
        cfg.write_bytes(b"# mine\r\n\r\n" + cfg.read_bytes().replace(b"\n", b"\r\n"))


def without_activation(venv: Broken) -> None:
    for script in venv.file("bin").glob("*ctivate*"):
        script.unlink()


def reached_through_a_link(venv: Broken) -> None:
    link = venv.place.with_name(f"{venv.place.name}-link")
    link.symlink_to(venv.place.name)
    _script(venv, link / ".venv")


Damage = Callable[[Broken], None]
DAMAGES: tuple[Damage, ...] = (
    *(python_removed, python3_removed, python_leads_nowhere, python3_leads_nowhere, python_is_a_circle),
    *(python3_is_another_minor, python_is_another_minor, python_is_a_copy_of_another_minor),
    *(python3_is_a_copy_of_another_minor, python_is_a_part_of_a_copy, programs_lost_their_modes),
    *(home_is_gone, home_is_another_minor, settings_are_empty, settings_are_no_text),
    *(library_removed, packages_removed, library_is_of_another_minor, programs_removed),
    *(a_package_removed, a_package_folder_removed, module_of_another_minor, module_without_a_gil),
    *(module_of_another_c_library, module_of_another_machine),
    *(script_of_a_venv_that_is_gone, long_script_of_a_venv_that_is_gone, script_of_another_venv, script_lost_its_mode),
    *(moved, copied, activation_of_another_place, base_removed, base_without_its_library, base_lost_its_mode),
    *(nothing, things_of_the_user, modules_for_several_pythons, settings_written_by_hand, without_activation),
    reached_through_a_link,
)
