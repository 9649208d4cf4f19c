"""doctor and venvs that lost a part, or got one of another Python: what it says of them, and that `--fix` repairs it."""

from __future__ import annotations

import os
import shutil
import struct

import pytest

from stage.machine import Machine
from stage.mirror import ABI, LIBRARY, MINOR, NEW, OLD, OTHER_ABI, OTHER_MINOR, SITE
from stage.venvs import call, need_copies_that_start
from stage.wheels import install_distribution

X86_64, AARCH64 = 62, 183


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    return Machine(tmp_path_factory.mktemp("whole"), OLD, NEW)


@pytest.fixture
def machine(stage, tmp_path):
    """A home of one's own in the one store, for venvs of this test."""
    stage.here = stage.path / tmp_path.name
    stage.here.mkdir()
    return stage


def make(machine, name="app", *options):
    """A venv with a package that has a script, by CPython's own module."""
    venv = machine.here / name / ".venv"
    call(machine.python(), "-B", "-m", "venv", "--without-pip", *options, venv, HOME=str(machine.path))
    if options:
        need_copies_that_start(venv)
    machine.give(venv)
    cfg = venv / "pyvenv.cfg"
    cfg.write_text(cfg.read_text().replace(f"version = {NEW}", f"version = {MINOR}"))
    return venv


def findings(machine, venv, *words):
    status = None if words else 1
    return [
        (one["code"], one["message"], one["status"])
        for one in machine.json("doctor", venv, *words, status=status)["findings"]
    ]


def codes(machine, venv):
    return [one["code"] for one in machine.json("doctor", venv, status=None)["findings"]]


def mended(machine, venv, *words):
    """`--fix` says that it was repaired, and it is."""
    assert {status for *_, status in findings(machine, venv, "--fix", *words)} == {"fixed"}
    assert codes(machine, venv) == []
    assert findings(machine, venv, "--fix") == []


def elf(machine):
    """The beginning of a library for 64-bit processors."""
    return b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHI", 3, machine, 1) + bytes(40)


def compiled(venv, name, *files, machine=X86_64):
    """A package with compiled modules, each a file by that name."""
    dist_info = install_distribution(str(venv / SITE), name, "1.0")
    with open(f"{dist_info}/RECORD", "a", encoding="utf-8") as record:
        for file in files:
            (venv / SITE / file).parent.mkdir(exist_ok=True)
            (venv / SITE / file).write_bytes(elf(machine))
            record.write(f"{file},,\n")


# --- scripts that run another Python


def test_a_copy_whose_activation_was_written_anew(machine):
    original = make(machine, "original")
    copy = machine.here / "copy/.venv"
    shutil.copytree(original, copy, symlinks=True)
    call(machine.python(), "-B", "-m", "venv", "--without-pip", copy, HOME=str(machine.path))
    (copy / "pyvenv.cfg").write_bytes((original / "pyvenv.cfg").read_bytes().replace(b"original", b"copy"))
    [(code, message, _)] = findings(machine, copy)
    assert (code, message) == ("moved", f"bin/spam runs {original}/bin/python, the Python of another venv")
    before = machine.exact(original)
    mended(machine, copy)
    machine.works(copy)
    assert machine.exact(original) == before
    assert codes(machine, original) == []


@pytest.mark.parametrize("place", ["/gone/venv", "/gone/a folder/venv", f"/gone/{'long/' * 40}venv"])
def test_scripts_whose_interpreter_is_gone(machine, place):
    venv = make(machine)
    script = venv / "bin/spam"
    body = script.read_text().partition("\n")[2]
    header = f"#!{place}/bin/python\n"
    if " " in place or len(header) > 127:
        header = f"#!/bin/sh\n'''exec' '{place}/bin/python' \"$0\" \"$@\"\n' '''\n"
    script.write_text(header + body)
    assert findings(machine, venv) == [("moved", f"bin/spam runs {place}/bin/python, which does not exist", "open")]
    mended(machine, venv)
    machine.works(venv)


def test_scripts_that_name_an_interpreter_of_the_venv_that_is_gone(machine):
    venv = make(machine)
    script = venv / "bin/spam"
    script.write_text(f"#!{venv}/bin/python3.12\n" + script.read_text().partition("\n")[2])
    assert [code for code, *_ in findings(machine, venv)] == ["moved"]
    mended(machine, venv)
    machine.works(venv)


def test_a_script_that_no_package_made_is_the_users(machine):
    venv = make(machine)
    (venv / "bin/own").write_text("#!/gone/bin/python\nprint()\n")
    (venv / "bin/fine").write_text("#!/usr/bin/env python3\n")
    (venv / "bin/other").write_text(f"#!{machine.python()}\n")
    assert codes(machine, venv) == []
    (venv / "bin/old").write_text("#!/gone/bin/python\n# EASY-INSTALL-DEV-SCRIPT: 'mine==1','old'\n")
    assert [code for code, *_ in findings(machine, venv)] == ["not-executable", "moved"]


def test_a_venv_reached_through_a_link_is_no_copy(machine):
    venv = make(machine, "real")
    (machine.here / "link").symlink_to("real")
    script = venv / "bin/spam"
    script.write_text(script.read_text().replace("/real/", "/link/"))
    assert codes(machine, venv) == []


# --- modes


@pytest.mark.parametrize("options", [(), ("--copies",)])
def test_modes_that_an_artifact_lost(machine, options):
    venv = make(machine, "app", *options)
    for file in (venv / "bin").iterdir():
        if not file.is_symlink():
            file.chmod(0o644)
    found = findings(machine, venv)
    assert [code for code, *_ in found] == ["not-executable"]
    assert ("bin/python and 2 more" if options else "bin/spam") in found[0][1]
    mended(machine, venv)
    machine.works(venv)


def test_modes_that_are_lost_later_are_seen_too(machine):
    venv = make(machine)
    for path in (venv / "bin", venv / SITE):
        os.utime(path, (1, 1))
    machine.pyman("register", venv)
    assert machine.found().get(str((venv).relative_to(machine.path))) is None
    (venv / "bin/spam").chmod(0o644)
    assert machine.found()[str(venv.relative_to(machine.path))] == ["not-executable open"]
    machine.pyman("forget", venv)


def test_what_is_put_right_without_another_time_is_seen_too(machine):
    venv = make(machine)
    compiled(venv, "fast", f"deep/_fast.{OTHER_ABI}-x86_64-linux-gnu.so")
    (venv / "bin/spam").chmod(0o644)
    for path in (venv / "bin", venv / SITE):
        os.utime(path, (1, 1))
    assert codes(machine, venv) == ["not-executable", "wrong-abi"]
    (venv / "bin/spam").chmod(0o755)
    (venv / SITE / "deep/_fast.abi3.so").write_bytes(elf(X86_64))
    assert codes(machine, venv) == []


def test_a_base_that_may_not_be_executed(machine):
    base = machine.put(OLD, machine.here / "python")
    shutil.copy(base / f"bin/python{MINOR}", base / "bin/new")
    os.replace(base / "bin/new", base / f"bin/python{MINOR}")
    venv = machine.here / "app/.venv"
    call(base / f"bin/python{MINOR}", "-B", "-m", "venv", "--without-pip", venv, HOME=str(machine.path))
    (base / f"bin/python{MINOR}").chmod(0o644)
    [(code, message, _), *_] = findings(machine, venv)
    assert (code, message) == ("not-executable", f"{base}/bin/python{MINOR} is not executable")
    assert (
        machine.run(venv / "bin/python", "-c", "print(1)") == "1" if os.access(venv / "bin/python", os.X_OK) else True
    )
    mended(machine, venv)


# --- what is missing


@pytest.mark.parametrize("what", ["lib", LIBRARY, SITE])
def test_the_folder_for_packages_was_deleted(machine, what):
    venv = make(machine)
    shutil.rmtree(venv / what)
    [(code, message, _)] = findings(machine, venv)
    assert code == "minor-mismatch"
    assert message == f"{SITE} does not exist, so nothing that was installed can be imported"
    # What was in it is not known, so nothing is done without a yes.
    assert [status for *_, status in findings(machine, venv, "--fix")] == ["open"]


def test_the_folder_of_programs_was_deleted(machine):
    venv = make(machine)
    shutil.rmtree(venv / "bin")
    assert findings(machine, venv) == [("dangling", "its bin folder does not exist", "open")]
    assert findings(machine, venv, "--dry-run", "--fix") == [("dangling", "its bin folder does not exist", "planned")]


def test_the_files_of_a_package_were_deleted(machine):
    venv = make(machine)
    (venv / SITE / "spam.py").unlink()
    assert findings(machine, venv) == [("unreadable", "the files of spam-1.0 are missing", "open")]


# --- names of the interpreter


def lead_elsewhere(machine, python3):
    python3.unlink()
    python3.symlink_to(machine.python(OLD))


def lead_nowhere(machine, python3):
    python3.unlink()
    python3.symlink_to("/gone/python3")


def copy_another(machine, python3):
    python3.unlink()
    shutil.copy(machine.python(OLD), python3)


def remove(machine, python3):
    python3.unlink()


@pytest.mark.parametrize("options", [(), ("--copies",)])
@pytest.mark.parametrize("spoil", [lead_elsewhere, lead_nowhere, copy_another, remove])
def test_another_name_runs_another_python(machine, spoil, options):
    venv = make(machine, "app", *options)
    spoil(machine, venv / "bin/python3")
    [(code, message, _)] = findings(machine, venv)
    assert code == "mixed"
    assert message.startswith("bin/python3 ")
    mended(machine, venv)
    machine.works(venv)
    assert machine.run(venv / "bin/python3", "-V") == f"Python {NEW}"


def test_a_name_of_another_minor_says_what_it_runs(machine):
    venv = make(machine)
    (venv / f"bin/python{OTHER_MINOR}").symlink_to(f"/usr/bin/python{OTHER_MINOR}")
    (venv / "bin/python3").unlink()
    (venv / "bin/python3").symlink_to(venv / "bin/python")
    assert codes(machine, venv) == []


# --- compiled modules


@pytest.mark.parametrize(
    ("files", "built_for"),
    [
        ([f"_fast.{OTHER_ABI}-x86_64-linux-gnu.so"], f"{OTHER_ABI} x86_64-linux-gnu"),
        ([f"_fast.{ABI}t-x86_64-linux-gnu.so"], f"{ABI}t x86_64-linux-gnu"),
        ([f"_fast.{ABI}-x86_64-linux-musl.so"], f"{ABI} x86_64-linux-musl"),
        ([f"_fast.{ABI}-aarch64-linux-gnu.so"], f"{ABI} aarch64-linux-gnu"),
        (["_fast.pypy311-pp73-x86_64-linux-gnu.so"], "pypy311-pp73 x86_64-linux-gnu"),
        ([f"_fast.{ABI}-x86_64-linux-gnu.so"], None),
        (["_fast.abi3.so"], None),
        (["_fast.so", "libfast.1.2.so"], None),
        ([f"_fast.{OTHER_ABI}-x86_64-linux-gnu.so", f"_fast.{ABI}-x86_64-linux-gnu.so"], None),
    ],
)
def test_modules_for_another_python(machine, files, built_for):
    venv = make(machine)
    compiled(venv, "fast", *files)
    if built_for is None:
        assert codes(machine, venv) == []
    else:
        message = f"{files[0]} is compiled for {built_for}, which {MINOR} cannot load"
        assert findings(machine, venv) == [("wrong-abi", message, "open")]
        assert findings(machine, venv, "--fix")[0][::2] == ("wrong-abi", "open")


def test_modules_whose_names_do_not_say_it_are_for_another_processor(machine):
    venv = make(machine)
    compiled(venv, "fast", "_fast.abi3.so", "_other.so", machine=AARCH64)
    message = f"_fast.abi3.so and 1 more module are compiled for aarch64, which {MINOR} cannot load"
    assert findings(machine, venv) == [("wrong-abi", message, "open")]


def test_the_right_module_beside_the_one_that_a_package_lists(machine):
    venv = make(machine)
    compiled(venv, "fast", f"_fast.{OTHER_ABI}-x86_64-linux-gnu.so")
    (venv / SITE / "_fast.abi3.so").write_bytes(elf(X86_64))
    assert codes(machine, venv) == []


def test_a_module_that_no_package_lists(machine):
    venv = make(machine)
    (venv / SITE / "loose.cpython-312-x86_64-linux-gnu.so").write_bytes(elf(X86_64))
    assert [code for code, *_ in findings(machine, venv)] == ["wrong-abi"]


def test_a_venv_that_is_pinned_or_held_back_is_not_thought_whole_for_that(machine):
    venv = make(machine)
    compiled(venv, "fast", f"_fast.{OTHER_ABI}-x86_64-linux-gnu.so")
    machine.pyman("pin", venv, OLD, "--yes")
    assert sorted(codes(machine, venv)) == ["pinned", "wrong-abi"]
