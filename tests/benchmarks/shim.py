"""What a shim adds to the start of an interpreter, beside pyenv's shim of the same interpreter."""

from __future__ import annotations

from benchmarks.bench import Bench, Row, in_turns

_NOTHING = ["-I", "-S", "-c", "pass"]


def rows(bench: Bench) -> list[Row]:
    """Both find a version file three folders up."""
    project = bench.home / "a/project/with/folders"
    project.mkdir(parents=True)
    (bench.home / "a/.python-version").write_text("3.13\n")
    works = {
        "direct": [str(bench.root / "runtimes/3.13/bin/python"), *_NOTHING],
        "shim": [str(bench.root / "shims/python"), *_NOTHING],
    }
    environ = {}
    if bench.pyenv is not None:
        pyenv = bench.folder / "pyenv"
        (pyenv / "versions").mkdir(parents=True)
        (pyenv / "versions/3.13").symlink_to(bench.root / "runtimes/3.13.15")
        environ["PYENV_ROOT"] = str(pyenv)
        bench.call([bench.pyenv, "rehash"], **environ)
        works["pyenv"] = [str(pyenv / "shims/python"), *_NOTHING]
    found = in_turns(
        bench.rounds(60),
        **{name: lambda words=words: bench.seconds(words, project, **environ) for name, words in works.items()},
    )
    (project / "mise.toml").write_text('[tools]\nnode = "22"\n' + '[tasks.build]\nrun = "make"\n' * 15)
    words = {name: works[name] for name in ("direct", "shim")}
    beside = in_turns(
        bench.rounds(60),
        **{name: lambda words=words: bench.seconds(words, project, **environ) for name, words in words.items()},
    )
    added = found["shim"] - found["direct"]
    theirs = found["pyenv"] - found["direct"] if "pyenv" in found else None
    return [
        Row("shim, over a direct start", added, "ms", "pyenv's shim", theirs, 1 / 20),
        Row("shim, over a direct start", added, "ms", at_most=0.002),
        Row("shim, with a mise.toml of other tools on the way", beside["shim"] - beside["direct"], "ms", at_most=0.004),
    ]
