"""Venvs that go through a name of the store in every way that somebody has made one: links and text, nothing is started."""

from __future__ import annotations

import os

from stage.venvs import write

ELF = b"\x7fELF"


class Uses:
    """Makes venvs below `folder` for the store in `root`, whose runtimes need not be there."""

    def __init__(self, folder: str, root: str) -> None:
        self.folder = folder
        self.runtimes = f"{root}/runtimes"
        self._number = 0

    def make(self, way: str, name: str, path: str) -> str:
        """A venv at `path` that goes through `name` by one of WAYS."""
        self._number += 1
        getattr(self, f"_{way}")(name, path)
        return path

    def aside(self, what: str) -> str:
        """A place for something that a venv needs, with a name of its own."""
        return f"{self.folder}/aside/{self._number}-{what}"

    def bin(self, name: str) -> str:
        return f"{self.runtimes}/{name}/bin"

    def python(self, name: str) -> str:
        return f"{self.bin(name)}/python{minor(name)}"

    def venv(self, path: str, name: str, home: str, links: dict[str, str]) -> None:
        """What every venv has; `links` are those of its `bin`, an empty one is a copy of the interpreter."""
        for link, target in links.items():
            os.makedirs(f"{path}/bin", exist_ok=True)
            if target:
                os.symlink(target, f"{path}/bin/{link}")
            else:
                write(f"{path}/bin/{link}", ELF, 0o755)
        os.makedirs(f"{path}/lib/python{minor(name)}/site-packages")
        write(f"{path}/pyvenv.cfg", f"home = {home}\ninclude-system-site-packages = false\n")

    def _link(self, name: str, path: str) -> None:
        self.venv(path, name, self.bin(name), {"python": self.python(name), "python3": "python"})

    def _links_in_bin(self, name: str, path: str) -> None:
        """As the standard library makes them where it was started as `python3`, and one link more."""
        links = {"python": "python3", "python3": "./real", "real": f"{path}/bin/more", "more": self.python(name)}
        self.venv(path, name, self.bin(name), links)

    def _python3_alone(self, name: str, path: str) -> None:
        self.venv(path, name, self.bin(name), {"python3": self.python(name)})

    def _relative(self, name: str, path: str) -> None:
        self.venv(
            path, name, self.bin(name), {"python": os.path.relpath(self.python(name), os.path.realpath(path) + "/bin")}
        )

    def _real_path(self, name: str, path: str) -> None:
        """Some tools write paths down with the links before them resolved, but not the name itself."""
        real = f"{os.path.realpath(self.runtimes)}/{name}/bin"
        self.venv(path, name, real, {"python": f"{real}/python{minor(name)}"})

    def _folder_link(self, name: str, path: str) -> None:
        """Through the user's own link to a folder of the store."""
        link = self.aside("folder")
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(f"{self.runtimes}/{name}", link)
        self.venv(path, name, f"{link}/bin", {"python": f"{link}/bin/python{minor(name)}"})

    def _lone_link(self, name: str, path: str) -> None:
        """Through links to the executable, one after the other, as in `~/.local/bin`."""
        first, second = self.aside("first"), self.aside("second")
        os.makedirs(os.path.dirname(first), exist_ok=True)
        os.symlink(os.path.basename(second), first)
        os.symlink(self.python(name), second)
        self.venv(path, name, os.path.dirname(first), {"python": first})

    def _home_by_another_name(self, name: str, path: str) -> None:
        """What runs is what the link says."""
        other = {"3.13": "3.13.5", "3.13.5": "3.13"}.get(name, name)
        self.venv(path, name, self.bin(other), {"python": self.python(name)})

    def _copy(self, name: str, path: str) -> None:
        self.venv(path, name, self.bin(name) + "/", {"python": "python3", "python3": ""})

    def _copy_by_folder_link(self, name: str, path: str) -> None:
        link = self.aside("bin")
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(self.bin(name), link)
        self.venv(path, name, link, {"python": ""})

    def _circle(self, name: str, path: str) -> None:
        self.venv(path, name, self.bin(name), {"python": "python3", "python3": "python"})

    def _without_python(self, name: str, path: str) -> None:
        self.venv(path, name, self.bin(name), {"activate": ""})

    def _link_in_venv(self, name: str, path: str) -> None:
        outer = self.aside("outer")
        self._link(name, outer)
        self.venv(path, name, f"{outer}/bin", {"python": f"{outer}/bin/python"})

    def _copy_in_venv(self, name: str, path: str) -> None:
        """A copy whose `home` is a venv whose `home` is a venv."""
        outer, outermost = self.aside("outer"), self.aside("outermost")
        self._link(name, outermost)
        self.venv(outer, name, f"{outermost}/bin", {"python": ""})
        self.venv(path, name, f"{outer}/bin", {"python": ""})

    def _link_to_a_copy(self, name: str, path: str) -> None:
        outer = self.aside("outer")
        self._copy(name, outer)
        self.venv(path, name, f"{outer}/bin", {"python": f"{outer}/bin/python"})


def minor(name: str) -> str:
    """The minor of a name of the store; `3` leads to 3.13."""
    return ".".join(name.split(".")[:2]) if name != "3" else "3.13"


WAYS = tuple(name[1:] for name in vars(Uses) if name[0] == "_" and name[1] != "_")


def elsewhere(way: str, path: str) -> str:
    """A venv that does not go through the store."""
    link, home = {
        "system": ("/usr/bin/python3", "/usr/bin"),
        "gone": ("/nowhere/bin/python3.13", "/nowhere/bin"),
        "circle": (f"{path}/bin/python", "/usr/bin"),
        "no home": ("", "bin"),
    }[way]
    os.makedirs(f"{path}/bin")
    if link:
        os.symlink(link, f"{path}/bin/python")
    os.makedirs(f"{path}/lib/python3.13/site-packages")
    write(f"{path}/pyvenv.cfg", f"home = {home}\n")
    return path


ELSEWHERE = ("system", "gone", "circle", "no home")
