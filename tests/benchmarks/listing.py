"""Words that people and shells say all day: list, find, which, completion."""

from __future__ import annotations

import shutil

from benchmarks.bench import CHECKOUT, Bench, Row, in_turns

_TYPER = """\
import os, typer
from typing import Annotated

app = typer.Typer()

def releases(incomplete: str):
    return [name for name in os.listdir(os.environ["RUNTIMES"]) if name.startswith(incomplete)]

@app.command()
def hold(alias: str, release: Annotated[str, typer.Argument(autocompletion=releases)]): ...

@app.command()
def unhold(alias: str): ...

app()
"""
# Times the function that completes a word in a running shell, as TAB calls it; prints microseconds.
_TIMED = """\
measure() {
    local began=$EPOCHREALTIME
    "$@"
    local ended=$EPOCHREALTIME
    [ "${#COMPREPLY[@]}" -ge 1 ] || exit 3
    echo $(( ${ended/[.,]/} - ${began/[.,]/} ))
}
"""


def rows(bench: Bench) -> list[Row]:
    """The table's rows, and what fast commands cost."""
    return [*_listing(bench), *_fast_words(bench), *_completion(bench)]


def _listing(bench: Bench) -> list[Row]:
    works = {"pyman": lambda: bench.seconds([bench.pyman, "list"])}
    if bench.pyenv is not None:
        pyenv = bench.folder / "pyenv-versions"
        (pyenv / "versions").mkdir(parents=True)
        for version in ("3.11.2", "3.13.5", "3.13.15"):
            (pyenv / f"versions/{version}").symlink_to(bench.root / f"runtimes/{version}")
        works["pyenv"] = lambda: bench.seconds([bench.pyenv, "versions"], PYENV_ROOT=str(pyenv))
    found = in_turns(bench.rounds(40), **works)
    return [Row("`list`, three Pythons", found["pyman"], "ms", "`pyenv versions`", found.get("pyenv"), 1.3)]


def _fast_words(bench: Bench) -> list[Row]:
    words = {
        "`--version`": ["--version"], "`find 3.13`": ["find", "3.13"], "`which`": ["which"],
        "`init bash`": ["init", "bash"],
    }  # fmt: skip
    found = in_turns(
        bench.rounds(60),
        bare=lambda: bench.seconds([bench.python, "-c", "pass"]),
        **{name: lambda line=line: bench.seconds([bench.pyman, *line]) for name, line in words.items()},
    )
    note = "with its launcher"
    return [Row(name, found[name], "ms", "`python -c pass`", found["bare"], 1.5, note) for name in words]


def _completion(bench: Bench) -> list[Row]:
    bash = shutil.which("bash")
    if bash is None:
        return []
    folder = bench.folder / "completion"
    folder.mkdir()
    program = folder / "typer-program"
    program.write_text(f"#!{bench.python}\n{_TYPER}")
    program.chmod(0o755)
    script = bench.call([str(program)], _TYPER_PROGRAM_COMPLETE="source_bash")
    name = next(line.split("(")[0] for line in script.splitlines() if line.endswith("() {"))
    (folder / "typer.bash").write_text(script)
    parts = {
        "pyman": f"source {CHECKOUT}/completions/pyman.bash\nCOMP_WORDS=(pyman hold 3.13 3.13.)\nCOMP_CWORD=3\n"
        "measure _pyman\n",
        "typer": f"source {folder}/typer.bash\nCOMP_WORDS=({program} hold 3.13 3.13.)\nCOMP_CWORD=3\n"
        f"measure {name} {program}\n",
    }

    def timed(part: str) -> float:
        answer = bench.call([bash, "--norc", "-c", _TIMED + part], RUNTIMES=str(bench.root / "runtimes"))
        return float(answer) / 1e6

    found = in_turns(bench.rounds(30), **{name: lambda part=part: timed(part) for name, part in parts.items()})
    return [Row("completing a version", found["pyman"], "ms", "a Typer program's own", found["typer"], 1 / 10)]
