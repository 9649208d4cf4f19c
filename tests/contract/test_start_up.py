"""What each command imports: a clock would measure the machine, this list measures us."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from stage.home import PACKAGE, Home
from stage.mirror import MINOR, NEW, OLD, OTHER_MINOR, mirror_folder

_REPORT = """
import os, sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
from pyman.cli.fastpath import answer
status = answer(sys.argv[2:], os.environ)
fast = status is not None
if not fast:
    from pyman.cli.app import run
    status = run(sys.argv[2:])
loaded = sorted(set(sys.modules) - before)
import json
print("@@" + json.dumps([fast, status, loaded]))
"""

# Built into every interpreter, or so small that their import cannot be measured.
_FREE = {"__future__", "errno", "fcntl", "gc", "time", "_sha256", "_sha2"}

FAST = [
    ["--version"],
    ["find"],
    ["find", MINOR],
    ["find", OLD],
    ["find", f"python{MINOR}"],
    ["find", "--resolve", "latest"],
    ["find", "3.12"],
    ["which"],
    ["which", "--explain"],
    ["which", f"pip{MINOR}"],
    ["venv", "--without-pip", "v1"],
    ["venv", "--without-pip", "-p", OLD, "-q", "v2"],
    ["venv", "v3"],
    ["init", "bash"],
    ["shim"],
]

# Whatever costs more than a millisecond and is not needed for every answer.
_HEAVY = {
    "pydantic", "httpx", "httpcore", "anyio", "rich", "truststore", "ssl", "packaging", "installer", "platformdirs",
    "tomli_w", "tomllib", "tarfile", "zipfile", "asyncio", "concurrent", "logging", "hashlib", "tempfile", "sysconfig", "venv",
    "email", "http", "xml", "ctypes", "dataclasses", "pdb", "unittest", "numpy",
}  # fmt: skip

COLD = [
    # words, what of the above it may load
    (["list"], set()),
    (["list", "--json"], set()),
    (["versions"], set()),
    (["use", MINOR], set()),
    (["use", "--global", MINOR], set()),
    (["hold", MINOR], set()),
    (["unhold", MINOR], set()),
    (["rollback", MINOR], set()),
    (["prune", "--dry-run"], set()),
    (["forget", "3.12"], set()),
    (["uninstall", "3.12"], set()),
    (["cache"], set()),
    (["self"], set()),
    (["shims"], set()),
    (["--help"], set()),
    (["list", "--help"], set()),
    (["install", NEW], set()),
    (["install", MINOR], {"hashlib"}),
    (["install", NEW, "--force"], {"hashlib", "tomli_w", "ctypes"}),
    (["list", "--available", "--offline"], {"hashlib"}),
    (["upgrade", "--dry-run"], {"hashlib"}),
    (["adopt", "/usr/bin/python3"], {"hashlib"}),
    (["info", MINOR], {"tomllib"}),
    (["doctor"], {"hashlib", "tomllib"}),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = Home(tmp_path_factory.mktemp("start"), mirror_folder()).with_runtimes(OLD, NEW)
    # what is cached is there: it is the usual case
    made.pyman("venv", "warm")
    made.pyman("list", "--available", "--offline")
    made.pyman("forget", "./warm")
    return made


def imports(home, words, folder):
    """What a command line loads of others; whether the fast path answered it, and its exit status."""
    fast, status, loaded = loaded_by(home, words, folder)
    return fast, status, {name for name in loaded if not is_ours(name)}


def is_ours(name):
    return name.partition(".")[0] == "pyman"


def is_import_light(name):
    """True for a module that says so, and for a package."""
    path = Path(PACKAGE, *name.split("."))
    text = path.with_suffix(".py").read_text() if not path.is_dir() else ""
    return path.is_dir() or "import-light" in ast.get_docstring(ast.parse(text)).lower()


def loaded_by(home, words, folder):
    for record in (home.root / "venvs").iterdir():
        # Who has venvs has them looked at, which takes more.
        record.unlink()
    # isolated, so that nothing of whoever runs the tests is loaded either
    process = subprocess.run(
        [sys.executable, "-I", "-c", _REPORT, PACKAGE, *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=home.environ,
        cwd=folder,
        check=False,
    )
    assert "@@" in process.stdout, process
    fast, status, loaded = json.loads(process.stdout.rpartition("@@")[2])
    return fast, status, set(loaded)


@pytest.mark.parametrize("words", FAST, ids=" ".join)
def test_a_fast_command_imports_next_to_nothing(home, tmp_path, words):
    fast, status, loaded = loaded_by(home, words, tmp_path)
    assert fast
    assert status in (0, 1, 2)
    ours = set(filter(is_ours, loaded))
    assert loaded - ours <= _FREE
    assert {name for name in ours if name.startswith("pyman.cli.")} == {"pyman.cli.fastpath"}
    assert set(filter(is_import_light, ours)) == ours


def test_what_says_that_it_is_import_light_is():
    sources = [path.relative_to(PACKAGE).with_suffix("") for path in Path(PACKAGE, "pyman").rglob("*.py")]
    light = [
        name for name in (".".join(path.parts).removesuffix(".__init__") for path in sources) if is_import_light(name)
    ]
    assert "pyman.app.select" in light
    code = "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); "
    code += "[__import__(name) for name in sys.argv[2:]]; print(*set(sys.modules) - before)"
    command = [sys.executable, "-I", "-c", code, PACKAGE, *light]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in told if not is_ours(name)} <= _FREE


@pytest.mark.parametrize(
    ("name", "text"),
    [(".python-version", f"{OLD}\n"), (".python-version", f"# why\n3.9 {MINOR}\n"), (".python-version", f">={OTHER_MINOR}, <3.99\n"),
     ("pyproject.toml", f'[project]\nname = "x"\nrequires-python = "~={MINOR}"\n'), ("pyproject.toml", "[tool.x]\n")],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["find", "which"])
def test_what_a_folder_asks_for_stays_on_the_fast_path(home, tmp_path, verb, name, text):
    (tmp_path / name).write_text(text)
    fast, status, loaded = imports(home, [verb], tmp_path)
    assert (fast, status) == (True, 0)
    assert loaded <= _FREE


@pytest.mark.parametrize(
    ("words", "allowed"), COLD, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_command_imports_what_it_needs(home, tmp_path, words, allowed):
    fast, _, loaded = imports(home, words, tmp_path)
    assert not fast
    # On Python 3.14 traceback, which typer imports, colours its words by way of dataclasses, and ctypes asks sysconfig.
    unavoidable = {"dataclasses"} if "_colorize" in loaded else set()
    if "ctypes" in loaded:
        unavoidable.add("sysconfig")
    assert {name.partition(".")[0] for name in loaded} & _HEAVY <= allowed | unavoidable


@pytest.mark.parametrize(
    ("words", "spared"), [(["install", MINOR], set()), (["list"], {"re", "enum", "subprocess", "pathlib"})]
)
def test_a_plain_command_line_does_without_typer(home, tmp_path, words, spared):
    loaded = imports(home, words, tmp_path)[2]
    assert not {name.partition(".")[0] for name in loaded} & {"typer", "click", "inspect", *spared}


def test_nothing_of_pydantic_comes_with_typer():
    """From 0.29 typer imports it at every start, 80 ms of it."""
    code = "import typer, sys; print(any(name.startswith('pydantic') for name in sys.modules))"
    told = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


def test_nothing_of_pythonpath_or_of_the_working_directory_takes_the_place_of_what_pyman_imports(home, tmp_path):
    others = tmp_path / "others"
    others.mkdir()
    for folder in (others, tmp_path):
        for name in ("typer", "typing", "rich", "tomllib"):
            (folder / f"{name}.py").write_text(f"raise SystemExit('{folder} has a {name}')\n")
    environ = {**home.environ, "PYTHONPATH": f"{others}:{PACKAGE}"}
    told = subprocess.run(
        [sys.executable, "-m", "pyman", "list", "--json"], env=environ, cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")
    assert json.loads(told.stdout)["runtimes"]


def test_it_starts_in_a_folder_that_was_deleted(home, tmp_path):
    command = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" -m pyman --version'
    environ = {**home.environ, "PYTHONPATH": PACKAGE}
    told = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, "")
