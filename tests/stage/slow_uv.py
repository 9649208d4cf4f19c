"""An uv that never ends, so that pyman can be ended while it installs."""

from __future__ import annotations

import os
from pathlib import Path


def write_slow_uv(folder: Path) -> tuple[str, Path]:
    """Returns a PATH with it, and a fifo in which it tells its number once it has left something in the venv's `lib`."""
    programs, pipe = folder / "programs", folder / "pipe"
    programs.mkdir()
    os.mkfifo(pipe)
    (programs / "uv").write_text(
        '#!/bin/sh\nfor folder in "${4%/bin/python}"/lib/python3*; do touch "$folder/half-made"; done\n'
        f"echo $$ >'{pipe}'\nexec sleep 1000\n"
    )
    (programs / "uv").chmod(0o755)
    return f"{programs}:/usr/bin:/bin", pipe
