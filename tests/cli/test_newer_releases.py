"""Real releases of 3.14 and 3.15, where the mirror of newer ones is at hand: moves, rebuilds, what compiles with them."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess

import pytest

from stage.home import Home
from stage.mirror import archive_path
from stage.upstream import LEFT_BY_UPSTREAM

RELEASES = {"3.14": ("3.14.8", "3.14.10"), "3.15": ("3.15.0", "3.15.2")}


@pytest.fixture
def home(tmp_path):
    mirror = os.path.dirname(os.path.dirname(archive_path("3.15.2")))
    return Home(tmp_path, mirror)


@pytest.mark.parametrize("minor", RELEASES)
def test_a_venv_follows_to_the_next_patch_release(home, minor):
    old, new = RELEASES[minor]
    home.with_runtimes(old)
    home.pyman("venv", "v", "-p", minor)
    assert home.run(home.project / "v/bin/python", "-V") == f"Python {old}"
    answer = home.json("upgrade", minor)
    assert [(one["from"], one["to"], one["venvs"]["followed"]) for one in answer["moved"]] == [(old, new, 1)]
    assert home.run(home.project / "v/bin/python", "-V") == f"Python {new}"
    home.run(home.project / "v/bin/pip", "--version")
    assert home.json("doctor", "v", status=0)["findings"] == []


@pytest.mark.parametrize(("old", "new"), [("3.14", "3.15"), ("3.15", "3.14")])
@pytest.mark.parametrize("maker", ["pyman", "venv"])
def test_a_rebuild_across_minors_leaves_what_the_new_one_makes(home, old, new, maker):
    home.with_runtimes("3.14.10", "3.15.2")
    if maker == "pyman":
        home.pyman("venv", "v", "-p", old)
    else:
        home.run(home.runtimes / old / f"bin/python{old}", "-B", "-m", "venv", home.project / "v")
        home.pyman("register", "v")
    home.pyman("venv", "fresh", "-p", new)
    (home.project / "v/bin/mine").symlink_to("python")
    answer = home.pyman("rebuild", "v", "-p", new, "--yes")
    names = set(os.listdir(home.project / "v/bin"))
    assert names == {*os.listdir(home.project / "fresh/bin"), "mine"}, answer
    assert ("𝜋thon" in names) == (new == "3.14")
    assert home.run(home.project / "v/bin/python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])") == new


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("minor", RELEASES)
def test_what_compiles_with_it_finds_the_alias_and_the_compiler_of_the_machine(home, minor, tmp_path):
    home.pyman("install", minor)
    prefix = home.runtimes / minor
    told = "import json, sysconfig; print(json.dumps(sysconfig.get_config_vars()))"
    variables = json.loads(home.run(prefix / f"bin/python{minor}", "-B", "-c", told))
    assert (variables["CC"].split()[0], variables["LDSHARED"].split()[0]) == ("cc", "cc")
    assert variables["INCLUDEPY"] == f"{prefix}/include/python{minor}"
    [listed] = glob.glob(f"{prefix}/lib/python{minor}/_sysconfig_vars*.json")
    with open(listed, encoding="utf-8") as file:
        static = json.load(file)
    assert static["CC"].split()[0] == "cc"
    assert static["INCLUDEPY"] == f"{os.path.realpath(prefix)}/include/python{minor}"
    paths = [
        value for name, value in static.items() if isinstance(value, str) and name not in ("CONFIG_ARGS", "TZPATH")
    ]
    assert not [value for value in paths if LEFT_BY_UPSTREAM.search(value)]
    (tmp_path / "m.c").write_text("#include <Python.h>\nint x = PY_MINOR_VERSION;\n")
    flags = home.run(prefix / f"bin/python{minor}-config", "--includes").split()
    subprocess.run(["cc", *flags, "-c", tmp_path / "m.c", "-o", tmp_path / "m.o"], check=True)
