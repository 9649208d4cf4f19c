"""The completion scripts as the commands are now: `PYTHONPATH=src:tests python -m stage.command_table` writes them.

It writes the reference and the man page too.
"""

from __future__ import annotations

import os

from pyman.cli.completion_table import describe
from pyman.core.shell.completion import completion_scripts

FOLDER = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "completions"))
TABLE = describe()


def frames() -> dict[str, str]:
    """The shell text around what is generated, by shell."""
    found = {}
    for shell in ("bash", "fish", "zsh"):
        with open(os.path.join(FOLDER, f"{shell}.in"), encoding="utf-8") as file:
            found[shell] = file.read()
    return found


if __name__ == "__main__":
    for name, text in completion_scripts(TABLE, frames()).items():
        with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as file:
            file.write(text)
    # The reference shows the same options.
    from stage import reference

    reference.write()
