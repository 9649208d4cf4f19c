"""Shims follow what is installed, whichever command changed it: tried with real Pythons."""

from __future__ import annotations

import os
import subprocess
import sys

from stage.mirror import MINOR, NEW, OLD, OTHER, OTHER_MINOR

NAMES = ("3.{}", "idle3.{}", "pip3.{}", "pydoc3.{}", "python3.{}", "python3.{}-config")


def shims(home):
    """The minors that the names in the shims' folder carry; every name must be a shim that is whole."""
    folder = home.root / "shims"
    names = set(os.listdir(folder))
    for name in names - {"python"}:
        assert os.readlink(folder / name) == "python"
    assert os.access(folder / "python", os.X_OK)
    assert {"python", "python3", "pip", "pip3"} <= names
    minors = {name[8:] for name in names if name.startswith("python3.") and not name.endswith("-config")}
    releases = {minor for minor in minors if "." in minor}
    minors -= releases
    wanted = {name.format(minor) for minor in minors for name in NAMES} | {f"python3.{each}" for each in releases}
    assert {name for name in names if "3." in name} == wanted
    assert {name for name in names if name.startswith("py3")} == {f"py3{minor}" for minor in minors}
    assert {f"3.{release}" for release in releases} == {
        name for name in os.listdir(home.root / "runtimes") if name.count(".") == 2 and not name.startswith(".")
    }
    return minors


def version(home, program):
    """What runs where nothing but the shims is first on PATH."""
    path = f"{home.root}/shims:{home.environ['PATH']}"
    return home.run(
        home.root / "shims" / program, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])", PATH=path
    )


def test_every_command_that_changes_what_is_installed(home):
    other = f"{sys.version_info.minor}"
    older, newer = (minor.removeprefix("3.") for minor in (OTHER_MINOR, MINOR))
    home.pyman("install", OLD)
    assert shims(home) == {newer}
    assert version(home, "python3") == OLD
    assert version(home, f"python{MINOR}") == OLD

    home.pyman("adopt", os.path.realpath(sys.executable))
    assert shims(home) == {newer, other}
    assert version(home, f"python3.{other}") == ".".join(map(str, sys.version_info[:3]))
    adopted = ".".join(map(str, sys.version_info[:3]))
    home.pyman("forget", adopted)
    assert shims(home) == {newer}

    # What somebody spoilt is put right by the next change: here a name is gone, and the text is an older release's.
    os.unlink(home.root / f"shims/python{MINOR}")
    (home.root / "shims/python").write_text("#!/bin/sh\n# pyman shim: of old\nexit 9\n")
    (home.root / "shims/mine").write_text("#!/bin/sh\n")
    home.pyman("upgrade", MINOR)
    os.unlink(home.root / "shims/mine")
    assert shims(home) == {newer}
    assert version(home, f"python{MINOR}") == NEW

    os.unlink(home.root / f"shims/pip{MINOR}")
    os.symlink("python", home.root / "shims/python3.8")
    home.pyman("doctor", "--fix", status=None)
    assert shims(home) == {newer}

    home.pyman("uninstall", OLD)
    home.pyman("uninstall", NEW)
    assert shims(home) == set()
    nothing = subprocess.run([home.root / "shims/python"], env=home.environ, capture_output=True, check=False)
    assert nothing.returncode == 127
    home.pyman("install", OTHER_MINOR)
    assert shims(home) == {older}
    home.pyman("venv", "new", "-p", OLD)
    assert shims(home) == {older, newer}
    home.pyman("uninstall", OTHER)
    home.pyman("rebuild", "new", "-p", OTHER_MINOR)
    assert shims(home) == {older, newer}


def test_a_name_that_is_not_ours_in_the_folder_is_left_alone(home):
    folder = home.root / "shims"
    folder.mkdir(parents=True)
    (folder / f"pip{MINOR}").write_text("#!/bin/sh\necho mine\n")
    result = home.pyman("install", NEW)
    assert (folder / f"pip{MINOR}").read_text() == "#!/bin/sh\necho mine\n"
    assert f"pip{MINOR}" not in result.err
    assert f"pip{MINOR}" in home.pyman("shims").err
    # In the place of the one file itself: the Python is installed, and that is said.
    (folder / "python").unlink()
    (folder / "python").write_text("mine\n")
    result = home.pyman("install", OLD)
    assert "python is not a pyman shim" in result.err
    assert (folder / "python").read_text() == "mine\n"
    assert home.json("list")["runtimes"][1]["version"] == OLD
