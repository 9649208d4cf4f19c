"""Compiled modules that no package lists: where they are looked for, and that a move holds back who needs them."""

from __future__ import annotations

import shutil

import pytest

from pyman.core.version import parse_version
from pyman.effects.moves.check import Base, Fitness, Question
from pyman.effects.packages import loose
from pyman.effects.packages.loose import LooseFiles
from stage.machine import Machine
from stage.mirror import ABI, MINOR, NEW, OLD, OTHER_ABI, SITE, added_symbols
from stage.venvs import call, write

FAST = f"_fast.{ABI}-x86_64-linux-gnu.so"


@pytest.fixture
def place(tmp_path):
    """A site-packages folder, and a project beside the venv."""
    site = tmp_path / f"project/.venv/{SITE}"
    site.mkdir(parents=True)
    write(f"{tmp_path}/project/.venv/pyvenv.cfg", "home = /usr/bin\n")
    return site


def found(site, *listed):
    look = LooseFiles(str(site), listed)
    assert look.notes == []
    return sorted(look.files)


def put(folder, *names):
    return [write(f"{folder}/{name}") for name in names]


def test_what_was_copied_into_site_packages(place):
    inside = put(place, FAST, f"mine/{FAST}", "mine/deep/er/x.abi3.so", "mine/y.so")
    put(place, f"listed/{FAST}", f"mine/__pycache__/{FAST}", f"mine/node_modules/{FAST}", f"not-importable/{FAST}")
    put(place, f"mine/z.{OTHER_ABI}-x86_64-linux-gnu.so", f"mine/z.{ABI}t-x86_64-linux-gnu.so", "mine/z.py")
    assert found(place, f"listed/{FAST}") == sorted(inside)


FINDER = "MAPPING: dict[str, str] = {{'mine': '{0}/src/mine'}}\nNAMESPACES: dict[str, list[str]] = {{}}\n"
MESON = "install(\n    'mine',\n    {{'mine'}},\n    '{0}/src',\n    ['/usr/bin/ninja'],\n    False,\n)\n"
SCIKIT = "install({{'mine': '{0}/src/mine/__init__.py'}}, {{'mine._fast': '{0}/src/mine/" + FAST + "'}}, None, False)\n"

LAYOUTS = {
    "setuptools-finder": ("__editable___mine_1_finder.py", FINDER),
    "setuptools-pth": ("__editable__.mine-1.pth", "{0}/src\n"),
    "setuptools-develop": ("easy-install.pth", "{0}/src\n"),
    "egg-link": ("mine.egg-link", "{0}/src\n."),
    "hatchling": ("_mine.pth", "{0}/src"),
    "maturin": ("mine.pth", "{0}/src\n"),
    "meson-python": ("_mine_editable_loader.py", MESON),
    "scikit-build-core": ("_mine_editable.py", SCIKIT),
    "relative": ("own.pth", "../../../../src\n"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_source_folders_of_editable_installs(place, layout):
    project = place.parents[3]
    [module] = put(project, f"src/mine/{FAST}")
    put(project, f"src/tests-of-mine/{FAST}", f"src/node_modules/mine/{FAST}", f"src/env/lib/{FAST}")
    write(f"{project}/src/env/pyvenv.cfg", "home = /usr/bin\n")
    name, text = LAYOUTS[layout]
    write(f"{place}/{name}", text.format(project))
    assert found(place) == [module]


def test_a_package_that_is_a_link_is_no_reason_to_leave_it_and_no_circle(place, tmp_path):
    [module] = put(tmp_path, f"elsewhere/mine/{FAST}")
    write(f"{place}/mine.pth", f"{tmp_path}/elsewhere\n{tmp_path}/elsewhere\n{tmp_path}/gone\n")
    (tmp_path / "elsewhere/mine/again").symlink_to(tmp_path / "elsewhere")
    assert found(place) == [module]


def test_there_is_a_bound(place, tmp_path, monkeypatch):
    monkeypatch.setattr(loose, "MOST_ENTRIES", 50)
    put(tmp_path, *(f"big/package/module{number}.py" for number in range(100)))
    write(f"{place}/big.pth", f"{tmp_path}/big\n")
    look = LooseFiles(str(place), ())
    assert look.notes == [f"{tmp_path}/big was only partly checked: it has more than 50 files and folders"]


# --- a real one: NEW exports a symbol that OLD does not

SOURCE = """\
#include <Python.h>
extern void ADDED(void);
void (*volatile needs)(void) = ADDED;
static struct PyModuleDef it = {PyModuleDef_HEAD_INIT, "_fast", 0, -1, 0};
PyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&it); }
"""


@pytest.mark.real_archives("a symbol that one patch release has and another does not")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
@pytest.mark.parametrize("words", [["rollback", MINOR], ["hold", MINOR, OLD], ["uninstall", NEW, "--relink"]])
def test_a_move_holds_back_who_needs_what_it_takes_away(tmp_path, words):
    machine = Machine(tmp_path, OLD, NEW)
    venvs = {name: machine.path / name / ".venv" for name in ("loose", "editable", "other")}
    for venv in venvs.values():
        machine.pyman("venv", venv, "--without-pip")
    source = write(f"{tmp_path}/fast.c", SOURCE.replace("ADDED", added_symbols()[0]))
    module = f"{venvs['loose']}/{SITE}/{FAST}"
    include = machine.runtimes / f"{MINOR}/include/python{MINOR}"
    call("gcc", "-shared", "-fPIC", f"-I{include}", "-o", module, source, TMPDIR=str(tmp_path))
    (machine.path / "editable/src/mine").mkdir(parents=True)
    shutil.copy(module, machine.path / "editable/src/mine" / FAST)
    write(f"{venvs['editable']}/{SITE}/_mine.pth", f"{machine.path}/editable/src")
    answer = machine.json(*words, status=None)
    if words[0] == "uninstall":
        # Nobody is left behind without its Python: it is refused, and says whom it needs.
        assert answer["error"]["code"] == "cannot-hold-back"
        assert f"needs {added_symbols()[0]}" in answer["error"]["message"]
        assert answer["moved"] == []
        return
    [moved] = [one for one in answer["moved"] if one["alias"] == MINOR]
    reasons = {one["path"]: one["reason"] for one in moved["held_back"]}
    assert set(reasons) == {str(venvs["loose"]), str(venvs["editable"])}
    assert reasons[str(venvs["loose"])] == f"{FAST} needs {added_symbols()[0]}, which {OLD} lacks"
    assert machine.run(venvs["loose"] / "bin/python", "-c", "import _fast; print(1)") == "1"
    assert machine.run(venvs["editable"] / "bin/python", "-c", "import mine._fast; print(1)") == "1"
    assert machine.run(venvs["other"] / "bin/python", "-V") == f"Python {OLD}"


@pytest.mark.real_archives("a symbol that one patch release has and another does not")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
@pytest.mark.parametrize("inside", [False, True], ids=["in a source folder", "built again in the venv"])
def test_what_no_time_tells_of_is_asked_again(tmp_path, inside):
    """doctor keeps answers by the time of site-packages, which does not tell of modules built elsewhere or below it."""
    machine = Machine(tmp_path, OLD, NEW)
    site = tmp_path / "site-packages"
    write(f"{site}/_mine.pth", f"{tmp_path}/src")
    package = f"{site if inside else tmp_path / 'src'}/mine"
    module = f"{package}/{FAST}"
    write(f"{package}/__init__.py")
    if inside:
        (site / "_mine.pth").unlink()
        call("gcc", "-shared", "-o", module, "-x", "c", "/dev/null", TMPDIR=str(tmp_path))
    old, new = (Base(str(machine.python(each)), parse_version(each), "default") for each in (NEW, OLD))
    question = Question("app", str(site), old, new)

    def reasons():
        asked = Fitness(str(tmp_path / "cache"))
        found = asked.reasons([question])
        asked.store(all_asked=True)
        return found

    assert reasons() == {}
    source = write(f"{tmp_path}/fast.c", SOURCE.replace("ADDED", added_symbols()[0]))
    include = machine.runtimes / f"{MINOR}/include/python{MINOR}"
    call("gcc", "-shared", "-fPIC", f"-I{include}", "-o", module, source, TMPDIR=str(tmp_path))
    named = f"mine/{FAST}" if inside else module
    assert reasons() == {"app": f"{named} needs {added_symbols()[0]}, which {OLD} lacks"}
