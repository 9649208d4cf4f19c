"""Tools find pyman's Pythons with no shim on PATH: by the links of `shims --link`, or by one line of their own.

docs/other-tools.md has this as a table; the lines there are those of TOOLS.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cli.test_owners_keep import PY
from stage.machine import Machine, wheels
from stage.mirror import MINOR, NEW, OLD, as_here
from stage.venvs import peer, write

PROJECT = '[project]\nname = "p"\nversion = "0"\nrequires-python = ">=3.12"\n'
POETRY = f"{PROJECT}[tool.poetry]\npackage-mode = false\n"
HATCH = f"{PROJECT}[tool.hatch.envs.default]\nskip-install = true\n"
TOX = "[tox]\nskipsdist = true\n[testenv]\nskip_install = true\ncommands = python -V\n"
NOX = 'import nox\n\n@nox.session(python="{python}")\ndef tests(session):\n    session.run("python", "-V")\n'

# files of the project; with links: what is run; without: what is run, and variables; where the environment lies.
# {found} is what `pyman find 3.13` prints.
TOOLS = {
    "virtualenv": ({}, f"virtualenv -q --no-seed -p {MINOR} v", "virtualenv -q --no-seed -p {found} v", {}, "project/v"),
    "uv": ({}, f"uv venv -q -p {MINOR} v", "uv venv -q -p {found} v", {}, "project/v"),
    "tox": ({"tox.ini": TOX}, f"tox run -q -e {PY}", f"tox run -q -e {PY} --discover {{found}}", {}, f"project/.tox/{PY}"),
    "nox": ({"noxfile.py": NOX.format(python=MINOR)}, "nox -s tests", "nox --force-python {found}", {},
            "project/.nox/*"),
    "pdm": ({"pyproject.toml": PROJECT}, f"pdm use -f {MINOR}", "pdm use -f {found}", {}, "project/.venv"),
    "poetry": ({"pyproject.toml": POETRY}, f"poetry -n env use {MINOR}", "poetry -n env use {found}", {},
               f".cache/pypoetry/virtualenvs/*-py{MINOR}"),
    "pipenv": ({}, f"pipenv --python {MINOR} install", "pipenv --python {found} install", {"PIPENV_VENV_IN_PROJECT": "1"},
               "project/.venv"),
    "hatch": ({"pyproject.toml": HATCH}, "hatch env create", "hatch env create", {"HATCH_PYTHON": "{found}"},
              ".local/share/hatch/env/virtual/p/*/p"),
    "pipx": ({}, f"pipx install --backend uv --python {MINOR} spam", "pipx install --backend uv --python {found} spam", {},
             ".local/share/pipx/venvs/spam"),
}  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("how", ["links", "line"])
def test_it_finds_them_and_what_it_makes_follows(tmp_path, tool, how):
    files, linked, line, variables, place = TOOLS[tool]
    machine = Machine(tmp_path, OLD)
    found = machine.pyman("find", MINOR).out.strip()
    bin_folder = f"{machine.path}/.local/bin"
    if how == "links":
        machine.pyman("shims", "--link")
    machine.environ |= {
        "PIP_FIND_LINKS": f"{wheels()} {os.environ.get('PIP_FIND_LINKS', '')}".strip(),
        "UV_FIND_LINKS": str(wheels()),
        "UV_NO_INDEX": "1",
        "PATH": f"{bin_folder}:{os.path.dirname(peer('pipx'))}:/usr/bin:/bin",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "CI": "1",  # pipenv draws no progress then
    }
    for name, text in files.items():
        python = f'python = "{MINOR}"\n' if tool == "hatch" and how == "links" else ""
        write(f"{machine.project}/{name}", text + python)
    if how == "line" or tool == "pipenv":
        machine.environ |= {key: value.format(found=found) for key, value in variables.items()}
    words = (linked if how == "links" else line.format(found=found)).split()
    done = subprocess.run([peer(words[0]), *words[1:]], cwd=machine.project, env=machine.environ, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, check=False, timeout=300)  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    [venv] = (path for path in machine.path.glob(place) if path.is_dir())
    code = "import sys; print(sys.version.split()[0])"
    assert machine.run(venv / "bin/python", "-c", code) == OLD
    # A patch release comes: what runs through the alias runs it. poetry resolves every link, and so pins.
    machine.pyman("install", NEW)
    if tool == "poetry":
        machine.pyman("doctor", venv, "--fix", "--foreign")
    assert machine.run(venv / "bin/python", "-c", code) == NEW
    # What a tool asked a link or a shim for never becomes the Python of a venv.
    for name in ("python", "python3", f"python{MINOR}"):
        path = venv / "bin" / name
        if path.is_symlink():
            assert not os.readlink(path).startswith((bin_folder, f"{machine.root}/shims"))


def test_the_table_of_the_documents_has_these_lines():
    rows = as_here((Path(__file__).parents[2] / "docs/other-tools.md").read_text()).replace("py313", PY).splitlines()

    def shown(line):
        for plain in (" -q", " -n", " --no-seed", " --backend uv"):
            line = line.replace(plain, "")
        return f"`{line}`".replace("{found}", f'"$(pyman find {MINOR})"')

    for tool, (_, linked, line, variables, _) in TOOLS.items():
        (row,) = (row for row in rows if row.startswith(f"| {tool} |"))
        assert shown(linked) in row
        assert shown(line if "{found}" in line else f"HATCH_PYTHON={variables['HATCH_PYTHON']}") in row
