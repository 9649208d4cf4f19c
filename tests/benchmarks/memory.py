"""The largest process of each command, at its largest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.bench import Bench, Row

_AT_MOST = 60.0
_LONG = 12 << 20
"""Bytes. As long as upstream's list."""


def rows(bench: Bench) -> list[Row]:
    """One row for each command that has something to hold in memory."""
    root, cache = bench.folder / "memory", bench.folder / "memory-cache"
    places = {"PYMAN_ROOT": str(root), "PYMAN_CACHE_DIR": str(cache)}
    listed = _long_list(bench)
    project = bench.home / "memory-project"
    project.mkdir()
    commands = {
        "install": (["install", "3.13.5"], {}),
        "install, nothing left to do": (["install", "3.13.5"], {}),
        "upgrade": (["upgrade"], {}),
        "list --available, a list of 12 MB": (["list", "--available", "--all"], {"PYMAN_MIRROR": listed}),
        "venv": (["venv", "env", "--clear"], {}),
        "rebuild": (["rebuild", "env", "--force"], {}),
        "mirror": (["mirror", str(bench.folder / "memory-mirror"), "3.13"], {}),
        "doctor": (["doctor"], {}),
        "cache clean": (["cache", "clean"], {}),
    }
    found = []
    for name, (words, environ) in commands.items():
        statuses = (0, 1) if name == "doctor" else (0,)
        peak = bench.peak([bench.pyman, *words], project, statuses, **places, **environ)
        found.append(Row(f"`{name}`", peak, "MiB", at_most=_AT_MOST, group="Peak memory"))
    shutil.rmtree(root, ignore_errors=True)
    return found


def _long_list(bench: Bench) -> str:
    """A mirror's list as long as upstream's, newest first."""
    folder = bench.folder / "long-list"
    folder.mkdir()
    [line, *_] = Path(bench.mirror, "index.ndjson").read_text().splitlines()
    release = json.loads(line)
    [artifact] = release["artifacts"]
    others = [
        {**artifact, "platform": platform, "variant": variant, "url": f"20260101/{platform}-{variant}.tar.gz"}
        for platform in ("aarch64-apple-darwin", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl")
        for variant in ("install_only", "install_only_stripped", "debug+full", "freethreaded+pgo+lto+full")
    ]
    size = number = 0
    with open(folder / "index.ndjson", "w", encoding="utf-8") as file:
        while size < _LONG:
            day = 99990000 - number
            text = json.dumps({**release, "version": f"3.{7 + number % 8}.{number % 20}+{day}",
                               "artifacts": [artifact, *others]})  # fmt: skip
            size += file.write(text + "\n")
            number += 1
    return str(folder)
