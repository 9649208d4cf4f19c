"""Every row of the budget, beside the peers, in one run: `python tests/benchmarks/run.py [--quick] [NAME…]`.

The Python that runs this is the one that pyman is installed on. Peers are taken from PYMAN_TEST_PEERS, from beside
that Python, and from PATH.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS.parent / "src")]

from benchmarks.bench import Bench, Row  # noqa: E402  # the path is made above

MODULES = ("shim", "venv", "install", "moves", "compatibility", "doctor", "listing", "starts", "memory", "growth")
GROUPS = ("Budget", "Growth", "Starting", "Peak memory")
_HEAD = ["work", "pyman", "against", "ratio", "at most", "", "note"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(MODULES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes, to check that it works")
    options = parser.parse_args()
    # Whoever has it set would measure a Python that compiles everything again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    rows: list[Row] = []
    with Bench(quick=options.quick) as bench:
        facts = _facts(bench)
        for name in options.names or MODULES:
            if not (_TESTS / "benchmarks" / f"{name}.py").exists():
                continue
            began = time.monotonic()
            rows += importlib.import_module(f"benchmarks.{name}").rows(bench)
            sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    sys.stdout.write(facts + "\n")
    for group in dict.fromkeys((*GROUPS, *(row.group for row in rows))):
        if not any(row.group == group for row in rows):
            continue
        sys.stdout.write(f"\n### {group}\n\n" + "\n".join(_table([row for row in rows if row.group == group])) + "\n")
    missed = [row.work for row in rows if row.holds is False]
    sys.stdout.write(f"\n{len(missed)} missed: {'; '.join(missed)}\n" if missed else "\nAll hold.\n")


def _table(rows: list[Row]) -> list[str]:
    lines = [_HEAD, *(row.cells() for row in rows)]
    used = [column for column in range(len(_HEAD)) if any(line[column] for line in lines[1:])]
    widths = {column: max(len(line[column]) for line in lines) for column in used}
    shown = ["| " + " | ".join(line[column].ljust(widths[column]) for column in used) + " |" for line in lines]
    shown.insert(1, "| " + " | ".join("-" * widths[column] for column in used) + " |")
    return shown


def _facts(bench: Bench) -> str:
    peers = []
    if bench.uv:
        peers.append(bench.call([bench.uv, "--version"]).split(" (")[0].strip())
    if bench.pyenv:
        peers.append(bench.call([bench.pyenv, "--version"]).strip())
    version = platform.python_version()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{time.strftime('%Y-%m-%d')}, {platform.system()} {platform.release()} on {platform.machine()}, "
        f"{os.cpu_count()} cores, CPython {version}, {'; '.join(peers) or 'no peers'}; medians, taken in turns, "
        f"files in memory; load when it began {load}"
    )


if __name__ == "__main__":
    main()
