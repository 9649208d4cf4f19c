"""What people keep in a venv beside its packages is there after `pyman rebuild`, and what they changed stops it."""

from __future__ import annotations

import json
import os

import pytest

from stage.mirror import LIBRARY, MINOR, NEW, OTHER, OTHER_LIBRARY, OTHER_MINOR, OTHER_SITE, SITE
from stage.rebuilding import Bench, left_beside, picture
from stage.venvs import call, peer, write
from stage.wheels import build_wheel


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"), runtimes=(NEW, OTHER))


def contents(venv, names):
    found = {}
    for name in names:
        path = venv / name
        found[name] = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else None
    return found


def test_what_record_only_lists_stays(bench):
    """A wheel may list, without a hash, files that it does not contain and that the user has made since."""
    venv = bench.venv("spam==1.0")
    names = ("etc/my.conf", f"{SITE}/mydata.txt", "bin/run.sh", "share/d.csv")
    for name in names:
        write(f"{venv}/{name}", "mine")
    with (venv / SITE / "spam-1.0.dist-info/RECORD").open("a") as record:
        record.writelines(f"{os.path.relpath(venv / name, venv / SITE)},,\n" for name in names)
    bench.home.pyman("rebuild", venv, "--yes")
    assert contents(venv, names) == dict.fromkeys(names, "mine")


def test_all_that_no_package_put_there_stays(bench):
    venv = bench.venv("spam==1.0", "eggs==1.0")
    files = {
        "lib/node_modules/npm/bin/npm-cli.js": "js",
        "lib/libfoo.so.1": "ELF",
        "lib/pkgconfig/foo.pc": "pc",
        f"{LIBRARY}/own.txt": "beside the packages",
        f"{SITE}/spam-1.0.dist-info.txt": "a name that looks like one",
        f"{SITE}/spam.local/data.bin": "in a folder of one's own",
        "lib/python3.9/site-packages/rest.py": "of another minor",
        "include/foo.h": "header",
        "share/jupyter/kernels/mine/kernel.json": "{}",
        "etc/conda/activate.d/env.sh": "export X=1",
        "bin/python-gdb": "#!/bin/sh",
    }
    for name, text in files.items():
        write(f"{venv}/{name}", text)
    links = {
        "bin/npm": "../lib/node_modules/npm/bin/npm-cli.js",
        "bin/mine": f"../{SITE}/spam.local/data.bin",
        "lib/libfoo.so": "libfoo.so.1",
        "share/elsewhere": "/usr/share",
        f"{SITE}/linked": "/nonexistent",
    }
    for name, target in links.items():
        (venv / name).symlink_to(target)
    (venv / "share/empty").mkdir()
    (venv / "lib/bytecode/__pycache__").mkdir(parents=True)
    with (venv / "pyvenv.cfg").open("a") as file:
        file.write("my-own-key = 1\n")
    result = bench.home.pyman("rebuild", venv, "-p", OTHER_MINOR)
    after = {
        name.replace(SITE, OTHER_SITE).replace(f"python{MINOR}/own", f"python{OTHER_MINOR}/own"): text
        for name, text in files.items()
    }
    assert contents(venv, after) == after
    assert contents(venv, links.keys() - {f"{SITE}/linked", "bin/mine"}) == {
        name: target for name, target in links.items() if name.startswith(("bin/npm", "lib/lib", "share"))
    }
    assert os.readlink(venv / OTHER_SITE / "linked") == "/nonexistent"
    assert os.readlink(venv / "bin/mine") == f"../{OTHER_SITE}/spam.local/data.bin"
    assert (venv / "share/empty").is_dir()
    assert not (venv / "lib/bytecode").exists() and not (venv / LIBRARY).exists()
    assert "my-own-key = 1\n" in (venv / "pyvenv.cfg").read_text()
    assert "kept files that belong to no package: " in result.err
    assert left_beside(venv) == []


def test_what_names_the_old_minors_interpreter_starts_the_new_one(bench):
    """Scripts, links and kernels of the user; whatever names another interpreter stays as it is."""
    venv = bench.venv("spam==1.0")
    code = "import sys; print(sys.version_info[:2], sys.argv[1:])\n"
    own = f"{venv}/bin/python{MINOR}"
    scripts = {
        "bin/mine": f"#!{own}\n{code}",
        "bin/with-options": f"#!{own} -I\n{code}",
        "bin/long": f"#!/bin/sh\n'''exec' '{own}' \"$0\" \"$@\"\n' '''\n{code}",
        "bin/tools/inner": f"#!{own}\n{code}",
    }
    for name, text in scripts.items():
        write(f"{venv}/{name}", text, 0o755)
    others = {
        "bin/plain": f"#!{venv}/bin/python\n{code}",
        "bin/system": f"#!/usr/bin/python{MINOR}\n{code}",
        "bin/env": f"#!/usr/bin/env python{MINOR}\n{code}",
        "bin/text": f"{own} is named here\n",
        "bin/notes.txt": f"#! {own}\n",
    }
    for name, text in others.items():
        write(f"{venv}/{name}", text, 0o755)
    kernel = {"argv": [own, "-m", "ipykernel_launcher"], "display_name": "mine"}
    write(f"{venv}/share/jupyter/kernels/mine/kernel.json", json.dumps(kernel))
    (venv / "bin/py").symlink_to(f"python{MINOR}")
    (venv / "bin/absolute").symlink_to(own)
    (venv / "bin/away").symlink_to(f"/usr/bin/python{MINOR}")
    result = bench.home.pyman("rebuild", venv, "-p", OTHER_MINOR)
    for name in scripts:
        assert bench.home.run(venv / name, "a", "b c") == f"({OTHER_MINOR.replace('.', ', ')}) ['a', 'b c']", name
        assert os.stat(venv / name).st_mode & 0o777 == 0o755
    assert {name: (venv / name).read_text() for name in others} == others
    told = json.loads((venv / "share/jupyter/kernels/mine/kernel.json").read_text())
    assert told["argv"] == [f"{venv}/bin/python", "-m", "ipykernel_launcher"]
    assert [os.readlink(venv / f"bin/{name}") for name in ("py", "absolute", "away")] == [
        "python",
        f"{venv}/bin/python",
        f"/usr/bin/python{MINOR}",
    ]
    assert "so bin/python now runs them: " in result.err
    assert "bin/mine" in result.err


def test_files_in_folders_of_packages_stay_and_changed_ones_stop_it(bench):
    wheels = bench.project()
    build_wheel(str(wheels), "pack", "1.0", files={"pack_data/__init__.py": "", "pack_data/table.ini": "a = 1\n"})
    bench.also(str(wheels))
    venv = bench.venv("pack==1.0")
    table = venv / SITE / "pack_data/table.ini"
    write(f"{venv}/{SITE}/pack_data/local/own.ini", "mine")
    table.unlink()  # It may be a hard link into the cache of uv.
    table.write_text("a = 2\n")
    before = picture(venv)
    for words in (("-p", OTHER_MINOR), ("-p", OTHER_MINOR, "--yes"), ("-p", OTHER_MINOR, "--dry-run")):
        error = bench.rebuild(venv, *words, status=1)["error"]
        assert error["code"] == "changed-files"
        assert "pack_data/table.ini (pack)" in error["message"]
    assert picture(venv) == before
    bench.rebuild(venv, "-p", OTHER_MINOR, "--force")
    assert (venv / OTHER_SITE / "pack_data/table.ini").read_text() == "a = 1\n"
    assert (venv / OTHER_SITE / "pack_data/local/own.ini").read_text() == "mine"


def test_a_program_called_pip_in_a_venv_without_pip_is_the_users(bench):
    venv = bench.venv()
    write(f"{venv}/bin/pip", '#!/bin/sh\nexec uv pip "$@"\n', 0o755)
    bench.rebuild(venv, "-p", OTHER_MINOR)
    assert (venv / "bin/pip").read_text() == '#!/bin/sh\nexec uv pip "$@"\n'


ADDED = ("activate", "activate.fish", "activate.csh")


@pytest.mark.parametrize("tool", ["venv", "uv", "pyman"])
def test_lines_that_were_added_to_activation_stay(bench, tool):
    folder = bench.project()
    venv = folder / ".venv"
    python = bench.home.runtimes / f"{MINOR}/bin/python{MINOR}"
    if tool == "venv":
        call(python, "-m", "venv", "--without-pip", "--prompt", "shop", venv)
    elif tool == "uv":
        call(peer("uv"), "venv", "-q", "--offline", "-p", python, venv, UV_CACHE_DIR=str(folder / "cache"))
    else:
        bench.home.pyman("venv", venv, "--without-pip", "-q", cwd=folder)
    for name in ADDED:
        with (venv / "bin" / name).open("a") as file:
            file.write(f"# export MY_SETTING=$VIRTUAL_ENV/{LIBRARY}/x\n")
    bench.rebuild(venv, "-p", OTHER_MINOR)
    for name in ADDED:
        assert (venv / "bin" / name).read_text().endswith(f"# export MY_SETTING=$VIRTUAL_ENV/{OTHER_LIBRARY}/x\n")
    shown = bench.home.run("bash", "-c", f". '{venv}/bin/activate'; echo $VIRTUAL_ENV; python -V")
    assert shown.split("\n") == [str(venv), f"Python {OTHER}"]
    if tool == "uv":
        assert f"python{OTHER_MINOR}" in (venv / "bin/activate_this.py").read_text()
        assert (venv / "bin/activate.nu").exists()
    else:
        # Written again as pyman writes it, not kept as it was.
        assert (venv / "bin/activate").read_text().startswith("# Makes this virtual environment")


@pytest.mark.real_archives("packages that fit one release")
def test_a_failure_leaves_the_old_scripts(bench):
    venv = bench.venv("broken")
    with (venv / "bin/activate").open("a") as file:
        file.write("# mine\n")
    before = picture(venv)
    bench.rebuild(venv, "-p", OTHER_MINOR, status=1)
    assert picture(venv) == before
