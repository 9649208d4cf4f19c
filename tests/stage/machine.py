"""A user's machine for doctor: a store with real Pythons, made once by pyman itself and copied by hard links.

machine = Machine(tmp_path, OLD, NEW)              both installed, the alias of their minor leads to the higher one
venv = machine.venv("shop", machine.python(OLD))     ~/shop/.venv, by that Python's own venv module
machine.give(venv)                                   the package spam, with a script
machine.works(venv)                                  its script and its import do, in NEW
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

from stage.home import Home, installed_once, link_tree
from stage.mirror import NEW, mirror_folder
from stage.venvs import call, peer
from stage.wheels import build_wheel


@functools.cache
def wheels() -> Path:
    """A wheelhouse: spam has a script and a module, each tells name and version."""
    folder = tempfile.mkdtemp(prefix="pyman-test-wheels-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    build_wheel(folder, "spam", "1.0", scripts={"spam": "spam:main"})
    return Path(folder)


class Machine(Home):
    """One user's home, a store in it, and venvs."""

    def __init__(self, folder: Path, *releases: str) -> None:
        super().__init__(Path(os.path.realpath(folder)), mirror_folder())
        self.environ["UV_CACHE_DIR"] = str(self.path / "uv-cache")
        self.environ["UV_OFFLINE"] = "1"
        self.environ["UV_PYTHON_DOWNLOADS"] = "never"
        self.minor = (releases or (NEW,))[0].rpartition(".")[0]
        for release in releases:
            self.put(release)
        if releases:
            (self.root / "venvs").mkdir()
            self.alias(self.minor, max(releases, key=lambda release: int(release.split(".")[2])))
            self.alias("3", self.minor)

    def put(self, release: str, place: Path | None = None) -> Path:
        """A release in the store, or at another place, where it is somebody else's."""
        target = place or self.runtimes / release
        target.parent.mkdir(parents=True, exist_ok=True)
        link_tree(installed_once(release), str(target))
        if place is not None:
            (place / "pyman-runtime.toml").unlink()
        return target

    def alias(self, name: str, target: str) -> None:
        """Point an alias, as `ln -sfn` does."""
        (self.runtimes / name).unlink(missing_ok=True)
        (self.runtimes / name).symlink_to(target)

    def python(self, name: str | None = None) -> Path:
        """The interpreter of an alias or a release of the store."""
        return self.runtimes / (name or self.minor) / f"bin/python{self.minor}"

    def venv(self, name: str, python: Path | None = None, *options: str, tool: str = "venv") -> Path:
        """A venv in `~/name/.venv`, by the tool named; without pip, and with the package spam."""
        venv = self.path / name / ".venv"
        python = python or self.python()
        if tool == "venv":
            call(python, "-B", "-m", "venv", "--without-pip", *options, venv, HOME=str(self.path))
        elif tool == "virtualenv":
            self.run(peer("virtualenv"), "-q", "--no-pip", "--no-seed", *options, "-p", python, venv)
        elif tool == "uv":
            self.run(peer("uv"), "venv", "-q", *options, "-p", python, venv)
        else:
            self.pyman("venv", venv, "--without-pip", "-p", python, *options)
        return venv

    def give(self, *venvs: Path) -> None:
        """Install the package spam."""
        for venv in venvs:
            python = venv / "bin/python"
            self.run(peer("uv"), "pip", "install", "-q", "--no-index", "-f", wheels(), "-p", python, "spam")

    def works(self, venv: Path, release: str = NEW) -> None:
        """The script runs, the module is found, and the interpreter is that release, and this venv."""
        assert self.run(venv / "bin/spam") == "spam 1.0"
        code = "import spam, sys; print(sys.version.split()[0], sys.prefix, spam.__file__, sep='|')"
        version, prefix, file = self.run(venv / "bin/python", "-c", code).split("|")
        assert (version, prefix) == (release, str(venv))
        assert file.startswith(str(venv))

    def found(self, *words: object, status: int | None = None, **environ: str) -> dict[str, list[str]]:
        """What doctor finds, by path below the home: `code status`."""
        findings: dict[str, list[str]] = {}
        for finding in self.json("doctor", *words, status=status, **environ)["findings"]:
            place = os.path.relpath(finding["path"], self.path)
            findings.setdefault(place, []).append(f"{finding['code']} {finding['status']}")
        return findings
