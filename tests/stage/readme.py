"""The transcripts of the README, run for real: `python -m stage.readme` (src and tests on PYTHONPATH) writes them again."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from stage.home import Home
from stage.mirror import mirror_folder

README = Path(__file__).resolve().parents[2] / "README.md"
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_HOME = "/home/you"


def written() -> list[str]:
    """The console blocks as they stand in the README."""
    return _BLOCK.findall(README.read_text())


def commands(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def play(folder: Path) -> list[str]:
    """Run all blocks in one home, one after the other, and return what a terminal would show."""
    home = Home(folder, str(mirror_folder()))
    program = home.path / "bin"
    program.mkdir()
    launcher = program / "pyman"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pyman "$@"\n')
    launcher.chmod(0o755)
    environ = {**home.environ, "PATH": f"{program}:/usr/bin:/bin", "SHELL": "/bin/bash"}
    shown = []
    for block in written():
        text = ""
        for command in commands(block):
            answer = subprocess.run(
                ["/bin/sh", "-c", command],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                stdin=subprocess.DEVNULL,
                cwd=home.project,
                env=environ,
                timeout=120,
                check=False,
            )
            text += f"$ {command}\n{answer.stdout}"
        shown.append(text.replace(str(home.path), _HOME))
    return shown


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        played = iter(play(Path(folder)))
        README.write_text(_BLOCK.sub(lambda _: f"```console\n{next(played)}```", README.read_text()))


if __name__ == "__main__":
    main()
