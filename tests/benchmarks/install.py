"""Installing one archive that lies on the disk, beside `uv python install` of the same archive."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.bench import Bench, Row, in_turns

VERSION = "3.13.15"


def rows(bench: Bench) -> list[Row]:
    """Both begin without store and cache, and verify the hash."""
    [line] = [
        release
        for release in map(json.loads, Path(bench.mirror, "index.ndjson").read_text().splitlines())
        if release["version"].startswith(f"{VERSION}+")
    ]
    artifact = line["artifacts"][0]
    # From memory, as everything else here.
    archives = bench.folder / "mirror"
    archive = archives / artifact["url"].replace("%2B", "+")
    archive.parent.mkdir(parents=True)
    shutil.copyfile(f"{bench.mirror}/{artifact['url'].replace('%2B', '+')}", archive)
    (archives / "index.ndjson").write_text(json.dumps(line) + "\n")
    root, cache = bench.folder / "installed", bench.folder / "installed-cache"

    def pyman() -> float:
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(cache, ignore_errors=True)
        places = {"PYMAN_ROOT": str(root), "PYMAN_CACHE_DIR": str(cache), "PYMAN_MIRROR": str(archives)}
        return bench.seconds([bench.pyman, "install", VERSION], **places)

    works = {"pyman": pyman}
    if bench.uv is not None:
        system, processor = artifact["platform"].partition("-")[::2]
        del processor
        listed = {
            f"cpython-{VERSION}-linux-{system}-gnu": {
                "name": "cpython", "arch": {"family": system, "variant": None}, "os": "linux", "libc": "gnu",
                "major": 3, "minor": 13, "patch": 15, "prerelease": "", "url": archive.as_uri(),
                "sha256": artifact["sha256"], "variant": None, "build": archive.parent.name,
            }
        }  # fmt: skip
        (bench.folder / "uv.json").write_text(json.dumps(listed))
        there = bench.folder / "uv-installed"
        environ = {
            "UV_PYTHON_DOWNLOADS_JSON_URL": (bench.folder / "uv.json").as_uri(),
            "UV_PYTHON_INSTALL_DIR": str(there),
            "UV_NO_CONFIG": "1",
        }

        def uv() -> float:
            shutil.rmtree(there, ignore_errors=True)
            return bench.seconds([bench.uv, "python", "install", "--no-bin", VERSION], **environ)

        works["uv"] = uv
    found = in_turns(bench.rounds(20), **works)
    return [
        Row("`install`, local mirror", found["pyman"], "ms", "`uv python install`", found.get("uv"), 2.0,
            "the aim is 1.4; pyman also starts what it unpacked"),
    ]  # fmt: skip
