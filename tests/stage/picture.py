"""The picture of the README: a real `pyman doctor` on a terminal, drawn by rich.

`python -m stage.picture` (src and tests on PYTHONPATH) writes docs/doctor.svg again.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from stage.home import Home
from stage.mirror import mirror_folder

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "doctor.svg"
_WIDTH = 84


def make_story(folder: Path) -> Home:
    """A home after a year: venvs of two tools, one moved, one left behind, one whose Python is gone."""
    home = Home(folder, str(mirror_folder()))
    home.pyman("install", "3.13.5", "3.11")
    old = home.runtimes / "3.13.5/bin/python3"
    for name in ("shop", "blog", "notes", "api"):
        (home.path / name).mkdir()
    home.pyman("venv", "--without-pip", home.path / "api/.venv")
    home.run(old, "-m", "venv", "--without-pip", home.path / "shop/.venv")
    home.run(old, "-m", "venv", home.path / "blog/.venv")
    gone = home.path / "python-3.13.2"
    shutil.copytree(home.runtimes / "3.13.5", gone, symlinks=True)
    home.run(gone / "bin/python3", "-m", "venv", "--without-pip", home.path / "notes/.venv")
    shutil.rmtree(gone)
    (home.path / "blog").rename(home.path / "weblog")
    home.pyman("install", "3.13")
    home.pyman("register", home.path)
    return home


def on_terminal(home: Home, *words: str) -> str:
    """What a terminal shows, colours included."""
    leader, follower = pty.openpty()
    environ = {**home.environ, "TERM": "xterm-256color", "COLUMNS": str(_WIDTH), "COLORTERM": "truecolor"}
    with subprocess.Popen(
        [sys.executable, "-m", "pyman", *words], stdout=follower, stderr=follower, env=environ, cwd=home.path
    ):
        os.close(follower)
        shown = b""
        try:
            while piece := os.read(leader, 1 << 16):
                shown += piece
        except OSError:
            pass  # how Linux says that the other end is closed
    os.close(leader)
    return shown.decode().replace("\r\n", "\n").replace(str(home.path), "/home/you")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = make_story(Path(folder))
        console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
        for words in (("doctor",), ("doctor", "--fix")):
            console.print(Text(f"$ pyman {' '.join(words)}", style="bold"))
            console.print(Text.from_ansi(on_terminal(home, *words)))
        PICTURE.parent.mkdir(exist_ok=True)
        # Without the fonts that rich would have a browser fetch: whoever looks at the README asks nobody else.
        svg = re.sub(r"@font-face \{.*?\}|<!--.*?-->", "", console.export_svg(title="pyman"), flags=re.DOTALL)
        PICTURE.write_text(svg.replace("Fira Code", "ui-monospace"))


if __name__ == "__main__":
    main()
