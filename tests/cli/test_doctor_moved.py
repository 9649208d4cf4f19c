"""Venvs that were moved, renamed or copied: what generated files say is rewritten, and nothing that a person wrote."""

from __future__ import annotations

import base64
import csv
import hashlib
import shutil
from pathlib import Path

import pytest

from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD, SITE
from stage.venvs import write
from stage.wheels import build_wheel, install_distribution

CASES = [
    ("venv", "plain"),
    ("venv", "with space"),
    ("uv", "naïve-ü"),
    ("uv", "it's $HOME"),
    ("pyman", "plain"),
    ("pyman", "it's $HOME"),
]


def records_are_right(venv) -> int:
    """Every hash and size that a RECORD tells is that of the file; returns how many were compared."""
    compared = 0
    for record in (venv / SITE).glob("*.dist-info/RECORD"):
        for path, digest, size in csv.reader(record.read_text().splitlines()):
            if digest:
                content = (venv / SITE / path).read_bytes()
                kind, _, value = digest.partition("=")
                found = base64.urlsafe_b64encode(hashlib.new(kind, content).digest()).rstrip(b"=").decode()
                assert (value, int(size)) == (found, len(content)), path
                compared += 1
    return compared


@pytest.mark.parametrize(("tool", "place"), CASES)
def test_everything_that_was_generated_works_at_the_new_place(tmp_path, tool, place):
    machine = Machine(tmp_path, NEW)
    venv = machine.venv("before", tool=tool)
    machine.give(venv)
    mine = write(f"{venv}/bin/mine", f"#!/bin/sh\necho my own script, made in {venv}\n", 0o755)
    listed = write(f"{venv}/notes.txt", f"made in {venv}\n")
    after = machine.path / place / ".venv"
    shutil.move(machine.path / "before", machine.path / place)
    if tool == "pyman":
        assert machine.found(machine.path, status=1)[f"{place}/.venv"] == ["moved open"]
    assert "moved fixed" in machine.found(machine.path, "--fix", status=0)[f"{place}/.venv"]
    machine.works(after)
    for shell in ("bash", "dash"):
        code = '. "$1"; printf "%s|" "$VIRTUAL_ENV"; command -v spam'
        assert machine.run(shell, "-c", code, "-", after / "bin/activate") == f"{after}|{after}/bin/spam"
    assert records_are_right(after) > 2
    for path in (mine, listed):
        assert "/before/" in (after / path.removeprefix(f"{venv}/")).read_text()
    assert machine.found(machine.path, "--fix", status=0) == {}


def test_a_path_too_long_for_a_shebang(tmp_path):
    """What begins with `#!/bin/sh` and hands itself to Python stays one file that works."""
    machine = Machine(tmp_path, NEW)
    venv = machine.venv("before")
    machine.give(venv)
    long = machine.path / ("a long name " * 12).strip() / "x"
    long.parent.mkdir()
    shutil.move(machine.path / "before", long)
    assert machine.found(machine.path, "--fix", status=0)[f"{long.relative_to(machine.path)}/.venv"]
    assert (long / ".venv/bin/spam").read_text().startswith("#!/bin/sh\n")
    machine.works(long / ".venv")
    shutil.move(long, machine.path / "s")
    machine.found(machine.path, "--fix", status=0)
    machine.works(machine.path / "s/.venv")
    assert records_are_right(machine.path / "s/.venv") > 2


def test_the_project_moved_along_with_its_editable_install(tmp_path):
    machine = Machine(tmp_path, NEW)
    venv = machine.venv("before")
    source = write(f"{machine.path}/before/src/shop.py", "print('the shop')\n").rpartition("/")[0]
    stays = write(f"{machine.path}/library/tool.py", "").rpartition("/")[0]
    finder = f"MAPPING = {{'shop': '{source}/shop.py'}}\n"
    install_distribution(
        f"{venv}/{SITE}",
        "shop-dist",
        "1.0",
        files={"__editable__.shop.pth": f"{source}\n{stays}\n", "__editable___shop_finder.py": finder},
        direct_url={"url": f"file://{machine.path}/before", "dir_info": {"editable": True}},
    )
    (machine.path / "before").rename(machine.path / "after")
    machine.found(machine.path, "--fix", status=0)
    after = machine.path / "after/.venv"
    assert machine.run(after / "bin/python", "-c", "import shop, tool") == "the shop"
    assert (after / SITE / "__editable__.shop.pth").read_text() == f"{machine.path}/after/src\n{stays}\n"
    assert f"{machine.path}/after/src/shop.py" in (after / SITE / "__editable___shop_finder.py").read_text()
    assert f"file://{machine.path}/after" in (after / SITE / "shop_dist-1.0.dist-info/direct_url.json").read_text()
    assert records_are_right(after) > 2


def test_a_folder_above_the_project_was_renamed(tmp_path):
    """The library beside the project, kernels and links moved along; what the user wrote is named, not changed."""
    machine = Machine(tmp_path, NEW)
    venv = machine.venv("old/app")
    old = machine.path / "old"
    write(f"{old}/lib/lib.py", "print('the library')\n")
    write(f"{old}/linked/__init__.py", "")
    install_distribution(
        f"{venv}/{SITE}",
        "lib-dist",
        "1.0",
        files={
            "__editable__.lib.pth": "import __editable___lib_finder\n",
            "__editable___lib_finder.py": f"import sys\nPLACE = '{old}/lib'\nsys.path.append(PLACE)\n",
        },
        direct_url={"url": f"file://{old}/lib", "dir_info": {"editable": True}},
    )
    (venv / SITE / "linked").symlink_to(old / "linked")
    kernels = "share/jupyter/kernels"
    write(
        f"{venv}/{kernels}/mine/kernel.json", f'{{\n "argv": ["{venv}/bin/python", "-f", "{{connection_file}}"]\n}}\n'
    )
    other = write(f"{venv}/{kernels}/other/kernel.json", '{\n "argv": ["/usr/bin/python3"]\n}\n')
    mine = write(f"{venv}/bin/mine", f"#!{venv}/bin/python\n", 0o755)
    write(f"{machine.path}/.local/share/jupyter/kernels/user/kernel.json", f'{{"argv": ["{venv}/bin/python"]}}')
    assert machine.run(venv / "bin/python", "-c", "import lib, linked") == "the library"
    new, after = machine.path / "new", machine.path / "new/app/.venv"
    old.rename(new)
    # Of the same size and second: Python would take its bytecode for up to date.
    module = next(after.glob(f"{SITE}/__pycache__/__editable___lib_finder.*.pyc"))
    (finding,) = machine.json("doctor", new, "--fix", status=0)["findings"]
    assert (finding["code"], finding["status"]) == ("moved", "fixed")
    for name in ("bin/mine", f"{machine.path}/.local/share/jupyter/kernels/user/kernel.json", str(venv)):
        assert name in finding["repair"]
    assert not module.exists()
    assert machine.run(after / "bin/python", "-c", "import lib, linked") == "the library"
    assert f'"{after}/bin/python"' in (after / kernels / "mine/kernel.json").read_text()
    for path in (mine, other):
        assert str(after) not in (after / path.removeprefix(f"{venv}/")).read_text()
    assert machine.found(new, "--fix", status=0) == {}


def test_what_a_link_leads_to_is_not_rewritten(tmp_path):
    """Kernels and bytecode behind links lie elsewhere, and are somebody else's."""
    machine = Machine(tmp_path, NEW)
    venv = machine.venv("before")
    kernel = write(f"{machine.path}/shared/kernels/mine/kernel.json", f'{{"argv": ["{venv}/bin/python"]}}')
    write(f"{venv}/share/keep", "")
    (venv / "share/jupyter").symlink_to(machine.path / "shared")
    before = kernel, Path(kernel).read_text()
    (machine.path / "before").rename(machine.path / "after")
    assert machine.found(machine.path / "after", "--fix", status=0) == {"after/.venv": ["moved fixed"]}
    assert Path(kernel).read_text() == before[1]


def test_a_deploy_through_a_link_did_not_move(tmp_path):
    """`current` leads to another release, and back after a rollback: the venv is right for its place there."""
    machine = Machine(tmp_path, NEW)
    for release in ("1", "2"):
        (machine.path / "releases" / release).mkdir(parents=True)
        (machine.path / "current").unlink(missing_ok=True)
        (machine.path / "current").symlink_to(f"releases/{release}")
        machine.give(machine.venv("current"))
    assert machine.found(machine.path / "releases", status=0) == {}
    shutil.rmtree(machine.path / "releases/2")
    machine.pyman("forget", machine.path / "releases/2/.venv")
    assert machine.found(machine.path / "releases", status=0) == {}
    # Without the link it is a venv that was moved.
    (machine.path / "current").unlink()
    assert machine.found(machine.path / "releases", status=1) == {"releases/1/.venv": ["moved open"]}


def test_a_copy_keeps_what_it_shares_with_the_original(tmp_path):
    """The source that an editable install names is still there: both venvs use it."""
    machine = Machine(tmp_path, NEW)
    venv = machine.venv("original")
    source = write(f"{machine.path}/original/src/shop.py", "print('the shop')\n").rpartition("/")[0]
    write(f"{venv}/{SITE}/shop.pth", f"{source}\n")
    machine.give(venv)
    machine.pyman("register", venv)
    shutil.copytree(machine.path / "original", machine.path / "copy", symlinks=True)
    before = machine.exact(venv)
    assert machine.found(machine.path, "--fix", status=0).keys() == {"copy/.venv"}
    assert machine.exact(venv) == before
    assert (machine.path / "copy/.venv" / SITE / "shop.pth").read_text() == f"{source}\n"
    machine.works(machine.path / "copy/.venv")
    machine.works(venv)


def test_it_moved_and_its_python_is_gone(tmp_path):
    machine = Machine(tmp_path, NEW)
    gone = machine.put(OLD, machine.path / "versions" / OLD)
    venv = machine.venv("before", gone / f"bin/python{MINOR}")
    machine.give(venv)
    machine.pyman("register", venv)
    shutil.rmtree(machine.path / "versions")
    (machine.path / "before").rename(machine.path / "after")
    # Nobody has told where it went; the disk that it was on is there.
    assert machine.found(status=0) == {"before/.venv": ["gone open"]}
    assert machine.found(machine.path / "after", "--fix", status=0) == {
        "after/.venv": ["dangling fixed", "moved fixed"]
    }
    machine.works(machine.path / "after/.venv")
    # It is one venv: where it was is forgotten.
    assert machine.found(status=0) == {}


def test_scripts_of_pip_and_what_pip_says_of_them(tmp_path):
    machine = Machine(tmp_path, NEW)
    venv = machine.path / "before/.venv"
    machine.pyman("venv", venv)
    machine.run(
        venv / "bin/pip",
        "install",
        "-q",
        "--no-index",
        build_wheel(f"{tmp_path}/w", "spam", "1.0", scripts={"spam": "spam:main"}),
    )
    (machine.path / "before").rename(machine.path / "after")
    machine.found(machine.path, "--fix", status=0)
    after = machine.path / "after/.venv"
    machine.works(after)
    assert machine.run(after / "bin/pip", "check") == "No broken requirements found."
    assert machine.run(after / "bin/pip", "uninstall", "-q", "-y", "spam") == ""
    assert not (after / "bin/spam").exists()
    assert machine.found(machine.path, status=0) == {}
