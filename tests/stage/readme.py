"""The transcripts of README and docs, run for real: `python -m stage.readme` (src and tests on PYTHONPATH) writes them again.

A document is played in one home, block after block; what its reader has already is in WORLDS.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from stage.home import Home, installed_once, link_tree
from stage.mirror import mirror_folder
from stage.venvs import peer

TOP = Path(__file__).resolve().parents[2]
README = TOP / "README.md"
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_AGE = re.compile(r" \(\d+ days ago\)")
_HOME = "/home/you"


def documents() -> list[str]:
    """README and the pages that have transcripts."""
    pages = [README, *sorted((TOP / "docs").rglob("*.md"))]
    return [str(page.relative_to(TOP)) for page in pages if _BLOCK.search(page.read_text("utf-8"))]


def written(document: str) -> list[str]:
    """The console blocks as they stand in a document."""
    return _BLOCK.findall((TOP / document).read_text("utf-8"))


def commands(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def play(document: str, folder: Path) -> list[str]:
    """Run all blocks of a document in one home, one after the other, and return what a terminal would show."""
    home = Home(folder, str(mirror_folder()))
    program = home.path / "bin"
    program.mkdir()
    launcher = program / "pyman"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pyman "$@"\n')
    launcher.chmod(0o755)
    home.environ.update(PATH=f"{program}:/usr/bin:/bin", SHELL="/bin/bash")
    WORLDS.get(document, lambda _: None)(home)
    shown = []
    for block in written(document):
        text = ""
        for command in commands(block):
            answer = subprocess.run(
                ["/bin/sh", "-c", command],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                stdin=subprocess.DEVNULL,
                cwd=home.project,
                env=home.environ,
                timeout=120,
                check=False,
            )
            text += f"$ {command}\n{answer.stdout}"
        # The age of the table of advisories grows from day to day.
        shown.append(_AGE.sub("", text.replace(str(home.path), _HOME)))
    return shown


def _uv(home: Home) -> None:
    """uv, a Python that it installed, and a venv that it made of it by the name of the release."""
    (home.path / "bin/uv").symlink_to(peer("uv"))
    home.environ["UV_CACHE_DIR"] = str(home.path / ".cache/uv")
    place = home.path / ".local/share/uv/python/cpython-3.13.5-linux-x86_64-gnu"
    _install("3.13.5", place)
    home.run(peer("uv"), "venv", "-q", "-p", place / "bin/python3.13", home.path / "code/shop/.venv")


def _mise(home: Home) -> None:
    """A Python of mise, and the file of a project."""
    installs = home.path / ".local/share/mise/installs/python"
    _install("3.13.5", installs / "3.13.5")
    os.symlink("./3.13.5", installs / "3.13")
    (home.project / ".tool-versions").write_text("python 3.13.5\nnodejs 22.11.0\n")


def _install(release: str, place: Path) -> None:
    """A release as another tool has it."""
    place.parent.mkdir(parents=True)
    link_tree(installed_once(release), str(place))
    (place / "pyman-runtime.toml").unlink()


WORLDS = {"docs/from-uv.md": _uv, "docs/from-asdf-and-mise.md": _mise}


def main() -> None:
    for document in documents():
        with tempfile.TemporaryDirectory() as folder:
            played = iter(play(document, Path(folder)))
            text = (TOP / document).read_text("utf-8")
            (TOP / document).write_text(_BLOCK.sub(lambda _: f"```console\n{next(played)}```", text), encoding="utf-8")  # noqa: B023


if __name__ == "__main__":
    main()
