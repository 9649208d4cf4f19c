"""`pyman hold`, `unhold`, `rollback`: an alias where the user wants it, and nobody broken on the way."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from stage.followers import add_package, contents, library_of, make_venv, setting, site_packages, version_of
from stage.home import Home, link_tree
from stage.mirror import ABI, MINOR, NEW, OLD, OTHER, OTHER_MINOR, added_symbols, mirror_folder

EXTENSION = """\
#include <Python.h>
extern void ADDED(void);
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "needs_new", NULL, -1, NULL};
void *needed = (void *) ADDED;
PyMODINIT_FUNC PyInit_needs_new(void) { return PyModule_Create(&module); }
"""


@pytest.fixture
def user(home):
    """Both releases are there; the alias leads to the newer."""
    return home.with_runtimes(OLD, NEW)


def alias(user, name=MINOR):
    return os.readlink(user.runtimes / name)


def holds(user):
    path = user.root / "holds"
    return path.read_text() if path.exists() else ""


def test_hold_where_it_is_and_elsewhere(user):
    venv = make_venv(user, "pyman", "v")
    assert user.json("hold", MINOR) == {"schema": "pyman/1", "changed": [MINOR], "moved": []}
    assert holds(user) == f"{MINOR} {NEW}\n"
    answer = user.json("hold", MINOR, OLD)
    assert [(one["alias"], one["from"], one["to"]) for one in answer["moved"]] == [(MINOR, NEW, OLD)]
    assert answer["moved"][0]["venvs"] == {"followed": 1, "pinned": 0, "held_back": 0}
    assert (holds(user), alias(user), version_of(venv)) == (f"{MINOR} {OLD}\n", OLD, OLD)
    listed = user.pyman("list").out
    assert f"{MINOR} (held)" in listed
    answer = user.json("unhold", MINOR)
    assert (answer["changed"], [one["to"] for one in answer["moved"]]) == ([MINOR], [NEW])
    assert (holds(user), alias(user), version_of(venv)) == ("", NEW, NEW)
    assert user.json("unhold", MINOR) == {"schema": "pyman/1", "changed": [], "moved": []}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("hold", "3"), 2, "is not a minor version"),
        (("hold", OLD), 2, "is not a minor version"),
        (("hold", "3.12"), 1, "Python 3.12 is not installed"),
        (("hold", MINOR, f"{MINOR}.9"), 1, f"{MINOR}.9 is not installed"),
        (("hold", MINOR, OTHER), 1, f"is not a release of {MINOR}"),
        (("hold", MINOR, MINOR), 1, "is not installed"),
        (("unhold", "3.12"), 1, "Python 3.12 is not installed"),
        (("rollback", OTHER_MINOR), 1, f"no release older than {OTHER}"),
    ],
)
def test_what_cannot_be_held(user, words, status, said):
    user.with_runtimes(OTHER)
    before = contents(user)
    answer = user.json(*words, status=status)
    assert said in answer["error"]["message"]
    assert answer["error"]["hint"]
    assert contents(user) == before


def test_rollback_goes_one_lower_each_time(user):
    build = f"{NEW}+20261101"
    link_tree(str(user.runtimes / NEW), str(user.runtimes / build))
    venv = make_venv(user, "pyman", "v")
    user.pyman("unhold", MINOR)
    assert user.json("upgrade", "--offline", status=None)["moved"][0]["to"] == build
    for target in (NEW, OLD):
        answer = user.json("rollback", MINOR)
        assert (answer["changed"], [one["to"] for one in answer["moved"]]) == ([MINOR], [target])
        assert (holds(user), library_of(venv)) == (f"{MINOR} {target}\n", target)
    before = contents(user)
    assert user.json("rollback", MINOR, status=1)["error"]["code"] == "not-found"
    assert contents(user) == before
    assert user.json("unhold", MINOR)["moved"][0]["to"] == build


@pytest.mark.real_archives("symbols that a patch release adds")
def test_an_extension_that_needs_what_the_older_release_lacks_is_held_back(user, tmp_path):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    symbol = added_symbols()[0]
    source = tmp_path / "needs_new.c"
    source.write_text(EXTENSION.replace("ADDED", symbol))
    venv, other = make_venv(user, "pyman", "v"), make_venv(user, "venv", "other")
    command = [compiler, "-shared", "-fPIC", f"-I{user.runtimes}/{NEW}/include/python{MINOR}", source, "-o"]
    subprocess.run([*command, tmp_path / "needs_new.so"], check=True)
    compiled = (tmp_path / "needs_new.so").read_bytes()
    add_package(venv, "needs-new", files={f"needs_new.{ABI}-x86_64-linux-gnu.so": compiled})
    imports = [venv / "bin/python", "-c", "import needs_new"]
    assert subprocess.run(imports, check=False, capture_output=True).returncode == 0
    # so it is: without the check the venv breaks
    user.pyman("rollback", MINOR, "--no-check")
    assert symbol.encode() in subprocess.run(imports, check=False, capture_output=True).stderr
    user.pyman("unhold", MINOR)

    answer = user.json("rollback", MINOR)
    [moved] = answer["moved"]
    assert moved["venvs"] == {"followed": 1, "pinned": 0, "held_back": 1}
    [one] = moved["held_back"]
    assert one["path"] == str(venv)
    assert f"needs-new 1.0 needs {symbol}" in one["reason"]
    assert f"{OLD} lacks" in one["reason"]
    assert setting(venv, "pyman-held-back").startswith(f"{NEW} needs-new 1.0")
    assert subprocess.run(imports, check=False, capture_output=True).returncode == 0
    assert (version_of(venv), version_of(other)) == (NEW, OLD)
    # forward again it comes home without a word
    [moved] = user.json("unhold", MINOR)["moved"]
    assert moved["venvs"] == {"followed": 2, "pinned": 0, "held_back": 0}
    assert setting(venv, "home") == f"{user.runtimes}/{MINOR}/bin"


def test_without_followers_it_is_the_swap_alone(user):
    result = user.json("rollback", MINOR)
    assert result["moved"][0]["venvs"] == {"followed": 0, "pinned": 0, "held_back": 0}
    assert alias(user) == OLD


def test_a_venv_of_three_stays_in_its_minor(user):
    """What was made through `3` by hand follows its minor, and gets the alias of it before `3` leads elsewhere."""
    user.with_runtimes(OTHER)
    os.unlink(user.runtimes / "3")
    os.symlink(OTHER_MINOR, user.runtimes / "3")
    (user.root / "default").write_text(f"{OTHER_MINOR}\n")
    venv = user.project / "v"
    user.run(user.runtimes / "3/bin/python3", "-m", "venv", "--without-pip", venv)
    user.pyman("register", venv)
    assert version_of(venv) == OTHER
    user.pyman("use", MINOR, "--global")
    assert alias(user, "3") == MINOR
    assert version_of(venv) == OTHER
    assert setting(venv, "home") == f"{user.runtimes}/{OTHER_MINOR}/bin"
    # and one that goes through the `3` that stays is checked and moved with the minor
    other = user.project / "w"
    user.run(user.runtimes / "3/bin/python3", "-m", "venv", "--without-pip", other)
    user.pyman("register", other)
    add_package(other, "picky", requires_python=f">{OLD}")
    [moved] = user.json("rollback", MINOR)["moved"]
    assert [one["path"] for one in moved["held_back"]] == [str(other)]
    assert version_of(other) == NEW


def test_a_venv_known_by_two_names_is_changed_once(user):
    venv = make_venv(user, "venv", "v")
    os.symlink(venv, user.project / ".venv")
    user.pyman("register", user.project / ".venv")
    os.symlink(user.project / ".venv", user.root / "venvs" / "again-0123456789abcdef")
    add_package(venv, "picky", requires_python=f">{OLD}")
    [moved] = user.json("rollback", MINOR)["moved"]
    assert [one["path"] for one in moved["held_back"]] == [str(venv)]
    assert version_of(venv) == NEW
    user.pyman("unhold", MINOR)
    assert setting(venv, "home") == f"{user.runtimes}/{MINOR}/bin"


def test_a_text_file_in_the_place_of_a_venv(user):
    """uv keeps environments elsewhere, and leaves a file that names them."""
    venv = make_venv(user, "venv", "../v").resolve()
    for record in (user.root / "venvs").iterdir():
        record.unlink()
    (user.project / ".venv").write_text(f"{venv}\n")
    os.symlink(user.project / ".venv", user.root / "venvs" / "project-0123456789abcdef")
    add_package(venv, "picky", requires_python=f">{OLD}")
    [moved] = user.json("rollback", MINOR)["moved"]
    assert [one["path"] for one in moved["held_back"]] == [str(user.project / ".venv")]
    assert version_of(venv) == NEW


def test_a_store_that_is_reached_by_another_path(user, tmp_path):
    """Some tools write paths down with all links in them resolved."""
    link = tmp_path / "link"
    os.symlink(user.path, link)
    venv = make_venv(user, "pyman", "v")
    add_package(venv, "picky", requires_python=f">{OLD}")
    user.environ |= {"HOME": str(link), "PYMAN_ROOT": f"{link}/.local/share/pyman"}
    [moved] = user.json("rollback", MINOR)["moved"]
    assert [one["path"] for one in moved["held_back"]] == [str(venv)]
    assert (version_of(venv), alias(user)) == (NEW, OLD)


def test_no_venv_is_started_unless_it_is_linked_anew(user):
    """A check that ran what it finds would run whatever lies there."""
    venv, misfit = make_venv(user, "pyman", "v"), make_venv(user, "pyman", "misfit")
    add_package(misfit, "picky", requires_python=f">{OLD}")
    for each in (venv, misfit):
        marks = f"import os; open({str(each)!r} + '/started', 'w').close()\n"
        (site_packages(each) / "evil.pth").write_text(marks)
    answer = user.json("rollback", MINOR)
    assert answer["moved"][0]["venvs"]["held_back"] == 1
    # even then without its site-packages
    assert not (venv / "started").exists()
    assert not (misfit / "started").exists()


def test_what_a_hold_keeps_back_is_not_called_up_to_date(home):
    home.with_runtimes(OLD, NEW)
    home.pyman("hold", MINOR, OLD)
    told = home.pyman("list", "--outdated", "--offline").err
    assert f"{MINOR} is held at {OLD}, and {NEW} is installed: `pyman unhold {MINOR}` moves it" in told
    assert "up to date" not in told


def test_an_upgrade_alone_does_not_move_what_is_held(tmp_path):
    home = Home(tmp_path, mirror_folder()).with_runtimes(OLD)
    home.pyman("hold", MINOR, OLD)
    told = home.pyman("list", "--outdated").err
    assert f"run `pyman unhold {MINOR}`, then `pyman upgrade {MINOR}`: it is held at {OLD}" in told
    assert "run `pyman upgrade` to install them" not in told
    [found] = [
        one for one in home.pyman("doctor", "--json", status=None).json["findings"] if one["code"] == "update-available"
    ]
    assert found["repair"] == f"`pyman unhold {MINOR}`, then `pyman upgrade {MINOR}`"


def test_several_releases_of_one_minor_say_where_the_alias_went_once(tmp_path):
    home = Home(tmp_path, mirror_folder())
    told = home.pyman("install", OLD, NEW).out
    assert "stays at" not in told
    assert f"{MINOR}: {OLD} -> {NEW}" in told or f"{MINOR} -> {NEW}" in told
