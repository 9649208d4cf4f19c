"""Installing one archive that lies on the disk, beside `uv python install` of the same archive."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.bench import Bench, Row, in_turns

_NOTE = "the aim is 1.3; pyman also starts what it unpacked"


class _Archive(NamedTuple):
    """One release of a mirror, by itself in a folder that is a mirror too."""

    line: dict[str, Any]
    mirror: Path
    file: Path

    @property
    def artifact(self) -> dict[str, Any]:
        only: dict[str, Any] = self.line["artifacts"][0]
        return only

    @property
    def release(self) -> str:
        return str(self.line["version"].partition("+")[0])


def rows(bench: Bench) -> list[Row]:
    """Both begin without store and cache, and verify the hash."""
    found = _measure(bench, _copy(bench, bench.mirror, "3.13.15"), "cpython", "3.13.15")
    shown = [Row("`install`, local mirror", found["pyman"], "ms", "`uv python install`", found.get("uv"), 1.6, _NOTE)]
    others = f"{bench.mirror}-other"
    if Path(others, "index.ndjson").is_file():
        archive = _copy(bench, others, "3.11.17")
        found = _measure(bench, archive, "pypy", "pypy3.11")
        what = f"`install pypy3.11` ({archive.line['implementation_version']})"
        shown.append(Row(what, found["pyman"], "ms", "`uv python install`", found.get("uv"), None, "not in the budget"))
    return shown


def _copy(bench: Bench, mirror: str, release: str) -> _Archive:
    """From memory, as everything else here."""
    lines = map(json.loads, Path(mirror, "index.ndjson").read_text().splitlines())
    [line] = [each for each in lines if each["version"].startswith(f"{release}+")]
    folder = bench.folder / f"mirror-{release}"
    name = line["artifacts"][0]["url"].replace("%2B", "+")
    (folder / name).parent.mkdir(parents=True)
    shutil.copyfile(Path(mirror, name), folder / name)
    (folder / "index.ndjson").write_text(json.dumps(line) + "\n")
    return _Archive(line, folder, folder / name)


def _measure(bench: Bench, archive: _Archive, implementation: str, asked: str) -> dict[str, float]:
    root, cache = bench.folder / "installed", bench.folder / "installed-cache"

    def pyman() -> float:
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(cache, ignore_errors=True)
        places = {"PYMAN_ROOT": str(root), "PYMAN_CACHE_DIR": str(cache), "PYMAN_MIRROR": str(archive.mirror)}
        return bench.seconds([bench.pyman, "install", asked], **places)

    works: dict[str, Callable[[], float]] = {"pyman": pyman}
    if bench.uv is not None:
        works["uv"] = _by_uv(bench, archive, implementation, asked)
    return in_turns(bench.rounds(20), **works)


def _by_uv(bench: Bench, archive: _Archive, implementation: str, asked: str) -> Callable[[], float]:
    processor = archive.artifact["platform"].partition("-")[0]
    major, minor, patch = map(int, archive.release.split("."))
    listed = {
        f"{implementation}-{archive.release}-linux-{processor}-gnu": {
            "name": implementation, "arch": {"family": processor, "variant": None}, "os": "linux", "libc": "gnu",
            "major": major, "minor": minor, "patch": patch, "prerelease": "", "url": archive.file.as_uri(),
            "sha256": archive.artifact["sha256"], "variant": None, "build": archive.file.parent.name,
        }
    }  # fmt: skip
    table = bench.folder / f"uv-{implementation}.json"
    table.write_text(json.dumps(listed))
    there = bench.folder / "uv-installed"
    environ = {
        "UV_PYTHON_DOWNLOADS_JSON_URL": table.as_uri(),
        "UV_PYTHON_INSTALL_DIR": str(there),
        "UV_NO_CONFIG": "1",
    }

    def uv() -> float:
        shutil.rmtree(there, ignore_errors=True)
        return bench.seconds([str(bench.uv), "python", "install", "--no-bin", asked], **environ)

    return uv
