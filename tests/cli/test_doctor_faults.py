"""What is hostile, broken, somebody else's, cut off or going on at the same time."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from stage.machine import Machine
from stage.mirror import LIBRARY, MINOR, NEW, OLD, SITE
from stage.venvs import make_venv, peer, write
from stage.wheels import build_wheel

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD, NEW)


def start(machine, *words):
    """pyman, and nobody waits for it yet."""
    command = [sys.executable, "-m", "pyman", *map(str, words)]
    return subprocess.Popen(
        command, env=machine.environ, cwd=machine.project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


# What a venv must not do to who looks at it


def trap(folder, name="sprung") -> str:
    """A line of Python that leaves a trace where it runs."""
    return f"import os; open({os.path.join(folder, name)!r}, 'a').close()\n"


def test_nothing_of_a_venv_is_executed(machine):
    traces = machine.path / "traces"
    traces.mkdir()
    old = str(machine.python(OLD))
    venvs = {
        # stale: looked at, relinked, and its interpreter started to verify that
        "pth": old,
        "sitecustomize": old,
        # healthy and broken ones are looked at as well
        "healthy": str(machine.python()),
        "dangling": f"{machine.path}/gone/{OLD}/bin/python{MINOR}",
    }
    for name, python in venvs.items():
        venv = make_venv(f"{machine.path}/{name}/.venv", python, extra=f"version = {MINOR}\n")
        write(f"{venv}/{SITE}/trap.pth", trap(traces, f"{name}-pth"))
        for module in ("sitecustomize", "usercustomize", "os", "encodings/__init__"):
            write(f"{venv}/{SITE}/{module}.py", trap(traces, f"{name}-{module.replace('/', '-')}"))
    for name in ("script", "inside"):
        venv = make_venv(f"{machine.path}/{name}/.venv", str(machine.python()))
        program = f'#!/bin/sh\ntouch {traces}/{name}\nexec {machine.python()} "$@"\n'
        (machine.path / name / ".venv/bin/python").unlink()
        if name == "script":
            write(f"{venv}/bin/python", program, 0o755)
        else:
            folder = f"{venv}/evil"
            write(f"{folder}/bin/python{MINOR}", program, 0o755)
            write(f"{folder}/{LIBRARY}/os.py")
            os.symlink(f"{folder}/bin/python{MINOR}", f"{venv}/bin/python")
            write(f"{venv}/pyvenv.cfg", f"home = {folder}/bin\n")
    # A folder that is searched while it is the working directory
    write(f"{machine.project}/sitecustomize.py", trap(traces, "cwd"))
    write(f"{machine.project}/python", f"#!/bin/sh\ntouch {traces}/python\n", 0o755)
    for words in (
        ("doctor", machine.path),
        ("venvs", machine.path, "--size"),
        *(("info", machine.path / name / ".venv") for name in (*venvs, "script", "inside")),
        ("doctor", "--dry-run"),
        ("doctor", "--fix"),
        ("doctor",),
    ):
        machine.pyman(*words, status=None, PATH=f"/usr/bin:/bin:{machine.project}")
    assert os.listdir(traces) == []
    assert machine.found(machine.path / "script", status=1) == {"script/.venv": ["copied-binary open"]}
    # The traps are real: the venv's own start springs them.
    subprocess.run([machine.path / "pth/.venv/bin/python", "-c", ""], env=machine.environ, check=False)
    assert "pth-pth" in os.listdir(traces)


def test_files_that_belong_to_uvs_cache_are_never_written_through(machine):
    """Scripts and modules that uv hard-linked into the venv are links to one file in its cache."""
    venv = machine.venv("before", tool="uv")
    wheel = build_wheel(
        f"{machine.path}/w",
        "spam",
        "1.0",
        scripts={"spam": "spam:main"},
        files={"spam.pth": f"{venv}/mine\n", "eggs/x.py": ""},
    )
    machine.run(peer("uv"), "pip", "install", "-q", "--link-mode", "hardlink", "-p", venv / "bin/python", wheel)
    shared = {path: path.stat().st_ino for path in venv.rglob("*") if path.is_file() and path.stat().st_nlink > 1}
    assert any(path.name == "spam.pth" for path in shared)
    # whatever a repair may write is made such a link
    for path in [
        venv / "pyvenv.cfg",
        venv / "bin/activate",
        venv / "bin/spam",
        *venv.glob(f"{SITE}/*.dist-info/RECORD"),
    ]:
        os.link(path, machine.path / f"cached-{path.name}")
    cached = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in machine.path.glob("cached-*")}
    cached |= {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in (machine.path / "uv-cache").rglob("*")
        if path.is_file()
    }
    (machine.path / "before").rename(machine.path / "after")
    after = machine.path / "after/.venv"
    text = (after / "pyvenv.cfg").read_text().replace(f"/{MINOR}/", f"/{OLD}/")
    (after / "pyvenv.cfg").unlink()
    write(str(after / "pyvenv.cfg"), text)
    (after / "bin/python").unlink()
    (after / "bin/python").symlink_to(machine.python(OLD))
    assert machine.found(machine.path / "after", "--fix", status=0) == {
        "after/.venv": ["moved fixed", "stale-patch fixed"]
    }
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in cached} == cached
    machine.works(after)


# pyvenv.cfg and folders of every kind


def replaced_by_folder(path):
    os.mkdir(path)


def replaced_by_fifo(path):
    os.mkfifo(path)


def replaced_by_gigabyte(path):
    with open(path, "wb") as file:
        file.truncate(1 << 30)


def replaced_by_random_bytes(path):
    write(path, random.Random(7).randbytes(5000))


def replaced_by_device(path):
    os.symlink("/dev/zero", path)


def replaced_by_loop(path):
    os.symlink("pyvenv.cfg", path)


@pytest.mark.parametrize(
    "replace",
    [
        replaced_by_folder,
        replaced_by_fifo,
        replaced_by_gigabyte,
        replaced_by_random_bytes,
        replaced_by_device,
        replaced_by_loop,
    ],
)
def test_a_file_that_is_none(machine, replace):
    venv = make_venv(f"{machine.path}/a/.venv", str(machine.python()))
    os.unlink(f"{venv}/pyvenv.cfg")
    replace(f"{venv}/pyvenv.cfg")
    before = machine.exact(machine.path / "a")
    for words in (("doctor", machine.path / "a"), ("doctor", machine.path / "a", "--fix")):
        answer = machine.json(*words, status=1)
        assert [(one["code"], one["severity"], one["status"]) for one in answer["findings"]][:1] in (
            [("unreadable", "warning", "open")],
            [("dangling", "error", "open")],
        )
    assert machine.exact(machine.path / "a") == before
    assert machine.json("venvs", machine.path)["venvs"][0]["path"] == venv
    assert machine.pyman("info", venv).out


def test_settings_that_are_no_utf_8(machine):
    """No Python starts with such a file, so no link makes the venv whole."""
    venv = machine.venv("a", machine.python(OLD))
    with open(venv / "pyvenv.cfg", "ab") as file:
        file.write(b"prompt = caf\xe9\n")
    before = machine.exact(venv)
    for words in ((), ("--fix",)):
        assert machine.found(venv, *words, status=1) == {"a/.venv": ["unreadable open"]}
    assert machine.exact(venv) == before


def test_links_that_go_round_in_circles(machine):
    venv = make_venv(f"{machine.path}/a/.venv", str(machine.python()))
    os.unlink(f"{venv}/bin/python")
    os.symlink("python3", f"{venv}/bin/python")
    os.symlink("loop", machine.path / "loop")
    os.symlink(machine.path, machine.path / "a/above")
    make_venv(f"{machine.path}/b/.venv", f"{machine.path}/loop/bin/python{MINOR}")
    (machine.path / "c").mkdir()
    os.symlink(".venv", machine.path / "c/.venv")
    found = machine.found(machine.path, status=1)
    assert found == {"a/.venv": ["dangling open"], "b/.venv": ["dangling open"]}
    assert machine.found(machine.path, "--fix", status=0) == {
        "a/.venv": ["dangling fixed"],
        "b/.venv": ["dangling fixed"],
    }
    assert "is not a folder" in machine.pyman("doctor", machine.path / "c/.venv", status=2).err


def test_folders_that_cannot_be_read(machine):
    """What root may read all the same is read by a root without that right."""
    make_venv(f"{machine.path}/open/.venv", str(machine.python(OLD)))
    make_venv(f"{machine.path}/shut/.venv", str(machine.python(OLD)))
    half = make_venv(f"{machine.path}/half/.venv", str(machine.python(OLD)))
    machine.pyman("register", machine.path)
    os.chmod(f"{half}/bin", 0)
    os.chmod(machine.path / "shut", 0)
    command = [sys.executable, "-m", "pyman"]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not there, and root reads everything")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]

    def pyman(*words):
        return subprocess.run(
            [*command, *words], env=machine.environ, cwd=machine.project, capture_output=True, text=True, check=False
        )

    try:
        answer = pyman("doctor", "--fix")
        assert answer.returncode == 1, answer
        assert "warning unreadable" in answer.stdout
        assert "fixed stale-patch" in answer.stdout
        assert "1 of 2 venvs" in answer.stdout
        searched = pyman("venvs", str(machine.path))
        assert "~/shut could not be searched" in searched.stderr
        refused = pyman("doctor", str(machine.path / "shut"))
        assert (refused.returncode, refused.stdout) == (2, "")
    finally:
        os.chmod(f"{half}/bin", 0o755)
        os.chmod(machine.path / "shut", 0o755)
    assert machine.found("--fix", status=0).keys() == {"half/.venv", "shut/.venv"}


# What belongs to somebody else


@AS_ROOT
def test_venvs_of_other_users_are_looked_at_and_never_touched(machine):
    stale = machine.venv("stale", machine.python(OLD))
    moved = machine.venv("before")
    machine.give(stale, moved)
    (machine.path / "before").rename(machine.path / "moved")
    theirs = (stale, machine.path / "moved/.venv")
    # What a process of theirs left when it was killed is theirs, too.
    (stale / ".pyvenv.cfg.pyman-99999999-abcd").touch()
    for venv in theirs:
        for path in [venv, *venv.rglob("*")]:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    before = [machine.exact(venv) for venv in theirs]
    for words in (("doctor", machine.path, "--fix"), ("doctor", "--fix", "--foreign", "--yes")):
        answer = machine.json(*words, status=1)
        assert {one["code"] for one in answer["findings"]} == {"stale-patch", "moved"}
        assert {one["status"] for one in answer["findings"]} == {"open"}
        assert all("another user" in one["repair"] for one in answer["findings"])
    for word in (("pin",), ("follow",), ("venvs", "--remove")):
        assert "another user" in machine.pyman(*word, stale, status=1).err
    assert [machine.exact(venv) for venv in theirs] == before


@AS_ROOT
def test_a_file_of_another_user_in_ones_own_venv_stops_the_repair(machine):
    venv = machine.venv("a", machine.python(OLD))
    os.chown(venv / "pyvenv.cfg", NOBODY, NOBODY)
    before = {name: what for name, what in machine.exact(venv).items() if "bin" not in name and name != "."}
    answer = machine.json("doctor", machine.path, "--fix", status=1)
    assert [one["status"] for one in answer["findings"]] == ["failed"]
    assert "another user" in answer["findings"][0]["message"]
    assert {name: what for name, what in machine.exact(venv).items() if name in before} == before
    assert os.readlink(venv / f"bin/python{MINOR}") == str(machine.python(OLD))


@AS_ROOT
def test_an_interpreter_of_another_user_is_not_started(machine):
    """Neither to ask what it is, nor to verify what was written."""
    prefix = machine.put(NEW, machine.path / "theirs")
    shutil.rmtree(prefix / "include")
    program = prefix / f"bin/python{MINOR}"
    program.unlink()
    write(str(program), f"#!/bin/sh\ntouch {machine.path}/started\n", 0o755)
    os.chown(program, NOBODY, NOBODY)
    make_venv(f"{machine.path}/a/.venv", str(program))
    machine.pyman("doctor", machine.path / "a", "--fix", status=None)
    machine.pyman("info", machine.path / "a/.venv", status=None)
    assert not (machine.path / "started").exists()


def test_a_script_in_the_place_of_an_interpreter_is_somebodys_own(machine):
    """A wrapper is not replaced by a program, and not started, whatever else is wrong or wanted."""
    trace = machine.path / "started"
    lost = make_venv(f"{machine.path}/lost/.venv", f"{machine.path}/gone/{OLD}/bin/python{MINOR}")
    old = make_venv(f"{machine.path}/old/.venv", str(machine.python(OLD)))
    os.unlink(f"{lost}/bin/python")
    os.unlink(f"{old}/bin/python3")
    text = f'#!/bin/sh\ntouch {trace}\nexec {machine.python()} "$@"\n'
    wrappers = [write(f"{lost}/bin/python", text, 0o755), write(f"{old}/bin/python3", text, 0o755)]
    answer = machine.json("doctor", machine.path, "--fix", "--yes", status=1)
    told = {os.path.relpath(one["path"], machine.path): (one["code"], one["status"]) for one in answer["findings"]}
    assert told == {"lost/.venv": ("dangling", "open"), "old/.venv": ("stale-patch", "fixed")}
    assert machine.pyman("pin", lost, NEW, status=1).err
    assert machine.pyman("follow", lost, status=1).err
    for wrapper in wrappers:
        with open(wrapper, encoding="utf-8") as file:
            assert file.read() == text
    assert not trace.exists()


# A repair that fails


def test_a_repair_that_fails_is_undone_and_says_why(machine):
    """NEW answers, and says that it is something else: what was written is taken back."""
    venv = machine.venv("a", machine.python(OLD))
    machine.give(venv)
    other = machine.venv("b", machine.python(OLD))
    program = machine.python(NEW)
    machine.pyman("doctor")  # the runtime has passed its trial
    status = program.stat()
    program.unlink()
    shutil.copy2(machine.python(OLD), program)
    before = {name: what[2:] for name, what in machine.exact(venv).items()}
    answer = machine.json("doctor", machine.path / "a", "--fix", status=1)
    (finding,) = answer["findings"]
    assert (finding["code"], finding["status"]) == ("stale-patch", "failed")
    assert f"is Python {OLD}, not Python {NEW}" in finding["message"]
    assert {name: what[2:] for name, what in machine.exact(venv).items()} == before
    machine.works(venv, OLD)
    text = machine.pyman("doctor", machine.path / "b", "--fix", status=1).out
    assert "failed stale-patch" in text
    assert other.exists()
    assert status.st_size > 0


def test_one_failure_does_not_stop_the_others(machine):
    good = machine.venv("good", machine.python(OLD))
    bad = machine.venv("bad", machine.python(OLD))
    machine.give(good)
    (bad / f"bin/python{MINOR}").unlink()
    (bad / f"bin/python{MINOR}").mkdir()
    found = machine.found(machine.path, "--fix", status=1)
    assert found["good/.venv"] == ["stale-patch fixed"]
    machine.works(good)


# At the same time, and cut off


def test_two_doctors_at_once(machine):
    venvs = [make_venv(f"{machine.path}/p{number}/.venv", str(machine.python(OLD))) for number in range(12)]
    machine.pyman("register", machine.path)
    doctors = [start(machine, "doctor", "--fix", "--json") for _ in range(3)]
    for doctor in doctors:
        out, err = doctor.communicate(timeout=120)
        assert doctor.returncode == 0, out + err
        assert "Traceback" not in err
    assert machine.found(status=0) == {}
    for venv in venvs:
        assert os.readlink(f"{venv}/bin/python") == str(machine.python())
        assert not [name for name in (*os.listdir(venv), *os.listdir(f"{venv}/bin")) if ".pyman-" in name]


def test_killed_while_it_mends(machine):
    """Each venv is as before or repaired; what is half is found by the next, and nothing is left lying about."""
    number = 14
    venvs = []
    for index in range(number):
        venv = make_venv(f"{machine.path}/p{index:02}/.venv", str(machine.python(OLD)), extra=f"version = {OLD}\n")
        venvs.append(venv)
    machine.pyman("register", machine.path)
    before = {venv: state_of(venv) for venv in venvs}
    chance = random.Random(11)
    mixed = 0
    for _ in range(6):
        doctor = start(machine, "doctor", "--fix")
        # As soon as one venv more is repaired, and a moment later: somewhere in the middle of another.
        done = count_mended(machine, venvs)
        while doctor.poll() is None and count_mended(machine, venvs) == done:
            pass
        time.sleep(chance.random() * 0.02)
        doctor.send_signal(signal.SIGKILL)
        doctor.communicate(timeout=60)
        for venv in venvs:
            link, home, version = state_of(venv)
            if (link, home, version) != before[venv]:
                assert link == str(machine.python()), venv
                if home != str(machine.python().parent):
                    mixed += 1
                    assert home == str(machine.python(OLD).parent)
        if count_mended(machine, venvs) == number:
            break
    assert mixed <= 6
    machine.found("--fix", status=0)
    assert machine.found("--fix", status=0) == {}
    for venv in venvs:
        assert state_of(venv) == (str(machine.python()), str(machine.python().parent), MINOR)
        assert not [name for name in (*os.listdir(venv), *os.listdir(f"{venv}/bin")) if ".pyman-" in name]


def state_of(venv):
    with open(f"{venv}/pyvenv.cfg", encoding="utf-8") as file:
        settings = dict(line.split(" = ", 1) for line in file.read().splitlines())
    return os.readlink(f"{venv}/bin/python"), settings["home"], settings["version"]


def count_mended(machine, venvs):
    new = str(machine.python())
    return sum(os.readlink(f"{venv}/bin/python") == new for venv in venvs)


def test_an_install_that_was_killed_is_found_and_undone(tmp_path):
    machine = Machine(tmp_path, OLD)
    before = {name for name in machine.tree(machine.runtimes) if name.startswith(OLD)}
    for _ in range(20):
        install = start(machine, "install", NEW)
        while install.poll() is None and not any(".install-" in name for name in os.listdir(machine.runtimes)):
            pass
        install.send_signal(signal.SIGKILL)
        install.communicate(timeout=60)
        left = [name for name in os.listdir(machine.runtimes) if name.startswith(".")]
        if left:
            break
        shutil.rmtree(machine.runtimes / NEW, ignore_errors=True)
    else:
        pytest.skip("the install was always faster than the signal")
    (finding,) = [one for one in machine.json("doctor", status=1)["findings"] if one["code"] == "interrupted"]
    assert (finding["severity"], finding["kind"], finding["repair"]) == ("error", "store", "finish or undo it")
    assert NEW in finding["message"]
    assert os.path.dirname(finding["path"]) == str(machine.runtimes)
    fixed = [one for one in machine.json("doctor", "--fix", status=0)["findings"] if one["code"] == "interrupted"]
    assert [one["status"] for one in fixed] == ["fixed"]
    assert not [name for name in os.listdir(machine.runtimes) if name.startswith(".")]
    assert {name for name in machine.tree(machine.runtimes) if name.startswith(OLD)} == before
    assert "interrupted" not in str(machine.found("--fix", status=0))


def test_the_only_whole_copy_of_a_runtime_is_named_and_put_back_when_its_place_is_free(machine):
    """As an uninstall leaves it that could neither remove the original to the end nor put the copy in its place."""
    place = machine.runtimes / OLD
    whole = sorted(os.listdir(place))
    work = machine.runtimes / f".remove-{OLD}-999999999-abcdef"
    work.mkdir()
    (work / "note").write_text(f"operation remove\nsubject {OLD}\npid 999999999\nhost {os.uname().nodename}\n")
    (work / "removing").write_text("0\n")
    os.rename(place, work / "old")
    shutil.copytree(work / "old", place, symlinks=True)
    write(f"{place}/theirs")
    (finding,) = [one for one in machine.json("doctor", status=1)["findings"] if one["code"] == "interrupted"]
    assert f"what was there before is in {work}/old" in finding["message"]
    (failed,) = [one for one in machine.json("doctor", "--fix", status=1)["findings"] if one["code"] == "interrupted"]
    assert failed["status"] == "failed"
    assert failed["message"].endswith(f"it could not be repaired: {place}: something else is in its place")
    assert (place / "theirs").exists()
    shutil.rmtree(place)
    (fixed,) = [one for one in machine.json("doctor", "--fix", status=0)["findings"] if one["code"] == "interrupted"]
    assert fixed["status"] == "fixed"
    assert sorted(os.listdir(place)) == whole
    assert not work.exists()
