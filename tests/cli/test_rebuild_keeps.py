"""What `pyman rebuild` keeps of a venv besides its packages, which venvs it takes, and which it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stage.mirror import ABI, LIBRARY, MINOR, NEW, OLD, OTHER, OTHER_LIBRARY, OTHER_MINOR, OTHER_SITE, SITE
from stage.rebuilding import Bench, left_beside, picture, write_project
from stage.wheels import build_wheel


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"), runtimes=(NEW, OLD, OTHER))


@pytest.fixture(autouse=True)
def _nothing_is_left(bench):
    bench.with_uv(True)
    yield
    assert bench.journals() == []
    # That of the list of repairs stays, as that of the store does.
    assert {path.name for path in bench.home.root.iterdir() if path.name.startswith(".lock-")} <= {".lock-repairs"}


def unchanged(venv):
    before = picture(venv)

    def check():
        assert picture(venv) == before
        assert left_beside(venv) == []

    return check


def settings(venv):
    lines = (line.partition(" = ") for line in (venv / "pyvenv.cfg").read_text().splitlines())
    return {key: value for key, _, value in lines}


# --- how it was made --------------------------------------------------------------------------------------------------


def test_prompt_seed_and_sight_of_the_system_stay(bench):
    venv = bench.venv("eggs==1.0", options=("--system-site-packages", "--prompt", "my 'shop'"), pip=True)
    assert bench.rebuild(venv, "-p", OTHER_MINOR)["rebuilt"][0]["to"] == OTHER
    kept = settings(venv)
    assert kept["include-system-site-packages"] == "true"
    assert kept["prompt"] == repr("my 'shop'")
    assert "my 'shop'" in bench.home.run("bash", "-c", f". '{venv}/bin/activate'; echo $PS1")
    assert (venv / "bin/pip").exists()
    plain = bench.venv("eggs==1.0")
    bench.rebuild(plain, "-p", OTHER_MINOR)
    assert settings(plain)["include-system-site-packages"] == "false"
    assert "prompt" not in settings(plain)
    assert not (plain / "bin/pip").exists()


def test_what_the_system_has_too_is_installed_all_the_same(bench):
    venv = bench.venv("eggs==1.0", options=("--system-site-packages",), pip=True)
    base = bench.home.path / "base"
    subprocess.run(["cp", "-a", bench.home.runtimes / OTHER, base], check=True)
    bench.home.run(
        bench.uv,
        "pip",
        "install",
        "-q",
        "--python",
        base / f"bin/python{OTHER_MINOR}",
        "--break-system-packages",
        "eggs==1.0",
    )
    bench.with_uv(False)
    bench.rebuild(venv, "-p", base / f"bin/python{OTHER_MINOR}")
    assert (venv / f"{OTHER_SITE}/eggs.py").exists()


@pytest.mark.parametrize(
    ("made", "asked", "request_", "policy", "release"),
    [
        ((MINOR,), OTHER_MINOR, OTHER_MINOR, "follow", OTHER),
        ((f">={OTHER_MINOR}",), OTHER_MINOR, OTHER_MINOR, "follow", OTHER),
        ((f">={OTHER_MINOR}",), None, f">={OTHER_MINOR}", "follow", NEW),
        ((MINOR,), None, MINOR, "follow", NEW),
        ((OLD,), None, OLD, "pin", OLD),
        ((OLD,), OTHER_MINOR, OTHER_MINOR, "pin", OTHER),
        ((MINOR, "--pin"), None, MINOR, "pin", NEW),
        ((MINOR, "--pin"), OTHER_MINOR, OTHER_MINOR, "pin", OTHER),
        ((MINOR,), OTHER, OTHER, "pin", OTHER),
        ((MINOR,), f"<{MINOR}", f"<{MINOR}", "follow", OTHER),
    ],
)
def test_policy_stays_and_the_request_too_unless_another_is_made(bench, made, asked, request_, policy, release):
    venv = bench.venv(python=made[0], options=made[1:])
    words = ("-p", asked) if asked else ("--force",)
    (element,) = bench.rebuild(venv, *words)["rebuilt"]
    assert (element["to"], element["status"]) == (release, "rebuilt")
    kept = settings(venv)
    assert (kept["pyman-request"], kept["pyman-policy"]) == (request_, policy)
    minor = release.rpartition(".")[0]
    assert kept["home"] == str(bench.home.runtimes / (release if policy == "pin" else minor) / "bin")


def test_a_path_that_was_asked_for_is_used_again_while_it_is_there(bench, tmp_path):
    there = tmp_path / f"python{MINOR}"
    there.symlink_to(bench.home.runtimes / NEW)
    venv = bench.venv(python=str(there / f"bin/python{MINOR}"))
    (element,) = bench.rebuild(venv, "--force")["rebuilt"]
    assert element["status"] == "rebuilt"
    assert settings(venv)["home"] == str(there / "bin")
    there.unlink()
    bench.rebuild(venv, "--force")
    assert settings(venv)["home"] == str(bench.home.runtimes / f"{MINOR}/bin")


def test_a_pinned_release_that_is_nowhere_lets_the_venv_follow_and_says_so(bench):
    venv = bench.venv(python=OLD)
    text = (venv / "pyvenv.cfg").read_text().replace(OLD, f"{MINOR}.1")
    (venv / "pyvenv.cfg").write_text(text)
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to(bench.home.runtimes / f"{MINOR}.1/bin/python{MINOR}")
    result = bench.home.pyman("rebuild", venv, "--force")
    assert f"{MINOR}.1 is no longer available" in result.err
    assert (settings(venv)["pyman-policy"], settings(venv)["pyman-request"]) == ("follow", MINOR)


# --- the user's own ---------------------------------------------------------------------------------------------------


def test_what_the_user_put_into_the_venv_goes_over(bench):
    venv = bench.venv("spam==1.0", "eggs==1.0")
    files = {
        "bin/deploy": "#!/bin/sh\necho deployed\n",
        "bin/pipeline": f"#!{venv}/bin/python\nprint('piped')\n",
        "bin/activate_db": "",
        f"{SITE}/mine.py": "VALUE = 1\n",
        f"{SITE}/own_package/data.txt": "data\n",
        f"{SITE}/mine.pth": "/somewhere\n",
        "share/settings/shop.ini": "[shop]\n",
        "etc/shop.toml": "",
        ".gitignore": "*\n!src\n",
        "src/work.py": "print('work')\n",
        ".project": "/home/shop\n",
    }
    for name, text in files.items():
        path = venv / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, ns=(10**18, 10**18))
    (venv / "bin/deploy").chmod(0o755)
    (venv / "bin/tool").symlink_to("/usr/bin/true")
    (venv / f"{SITE}/own_package/__pycache__").mkdir()
    inode = (venv / "src").stat().st_ino
    before = {name: (venv / name).read_text() for name in files}
    result = bench.home.pyman("rebuild", venv, "-p", OTHER_MINOR)
    assert "kept as it is: .project, src, .gitignore" in result.err
    for name, text in before.items():
        path = venv / name.replace(f"python{MINOR}", f"python{OTHER_MINOR}")
        assert path.read_text() == text, name
        assert path.stat().st_mtime_ns == 10**18
    assert (venv / "bin/deploy").stat().st_mode & 0o777 == 0o755
    assert os.readlink(venv / "bin/tool") == "/usr/bin/true"
    assert (venv / "src").stat().st_ino == inode
    assert bench.packages(venv) == {"eggs": "1.0", "spam": "1.0"}
    assert left_beside(venv) == []
    # What belongs to packages and to the old minor is not the user's.
    assert not (venv / f"bin/python{MINOR}").is_symlink()
    assert not (venv / LIBRARY).exists()


def test_sources_inside_the_venv_are_installed_from_again(bench):
    venv = bench.venv("eggs==1.0")
    write_project(f"{venv}/src/edited", "edited")
    bench.install(venv, "-e", f"{venv}/src/edited")
    (venv / "src/edited/notes.txt").write_text("not committed yet")
    assert bench.rebuild(venv, "-p", OTHER_MINOR)["failed"] == []
    assert bench.home.run(venv / "bin/edited") == "edited"
    assert (venv / "src/edited/notes.txt").read_text() == "not committed yet"


def test_a_failure_leaves_the_users_files_where_they_were(bench):
    venv = bench.venv("broken")
    write_project(f"{venv}/src/edited", "edited")
    bench.install(venv, "-e", f"{venv}/src/edited")
    (venv / "work").mkdir()
    check = unchanged(venv)
    bench.rebuild(venv, "-p", OTHER_MINOR, status=1)
    check()


# --- the same minor ---------------------------------------------------------------------------------------------------


def test_the_same_minor_is_relinked_and_nothing_is_made_anew(bench):
    venv = bench.venv("eggs==1.0", python=OLD)
    text = (venv / "pyvenv.cfg").read_text()
    (venv / "pyvenv.cfg").write_text(
        text.replace("pyman-policy = pin", "pyman-policy = follow").replace(f"request = {OLD}", f"request = {MINOR}")
    )
    inode = (venv / "lib").stat().st_ino
    dry = bench.rebuild(venv, "--dry-run")["rebuilt"][0]
    assert (dry["status"], dry["from"]) == ("planned", OLD)
    (element,) = bench.rebuild(venv)["rebuilt"]
    assert element == {
        "path": str(venv),
        "from": OLD,
        "to": NEW,
        "packages": 1,
        "added": [],
        "removed": [],
        "changed": [],
        "status": "relinked",
    }
    assert (venv / "lib").stat().st_ino == inode
    assert bench.rebuild(venv)["rebuilt"][0]["status"] == "unchanged"
    assert bench.rebuild(venv, "-p", MINOR)["rebuilt"][0]["status"] == "unchanged"
    (element,) = bench.rebuild(venv, "-p", OLD)["rebuilt"]
    assert (element["to"], element["status"]) == (OLD, "relinked")
    assert settings(venv)["pyman-policy"] == "pin"
    assert (venv / "lib").stat().st_ino == inode
    assert bench.rebuild(venv, "--force")["rebuilt"][0]["status"] == "rebuilt"
    assert (venv / "lib").stat().st_ino != inode


def test_a_python_that_is_not_there_any_more_is_installed_and_the_venv_linked_to_it(tmp_path):
    bench = Bench(tmp_path)
    venv = bench.venv("eggs==1.0", python=OTHER_MINOR)
    bench.home.pyman("uninstall", OTHER_MINOR, "--force")
    inode = (venv / "lib").stat().st_ino
    (element,) = bench.rebuild(venv)["rebuilt"]
    assert (element["to"], element["status"]) == (OTHER, "relinked")
    assert (venv / "lib").stat().st_ino == inode
    assert bench.packages(venv) == {"eggs": "1.0"}


def test_a_python_that_cannot_be_had_is_no_success(bench):
    venv = bench.venv("eggs==1.0", python=OTHER_MINOR)
    (venv / OTHER_LIBRARY).rename(venv / "lib/python3.19")
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to(bench.home.root / "runtimes/3.19/bin/python3.19")
    (venv / "pyvenv.cfg").write_text((venv / "pyvenv.cfg").read_text().replace(OTHER_MINOR, "3.19"))
    check = unchanged(venv)
    answer = bench.rebuild(venv, status=1)
    assert (answer["rebuilt"], answer["failed"][0]["path"]) == ([], str(venv))
    assert "could not be repaired" in answer["error"]["message"]
    check()


# --- which venvs ------------------------------------------------------------------------------------------------------


def mismatched(bench, *packages):
    """A venv whose packages are for 3.12, which is nowhere, and whose interpreter is of MINOR."""
    venv = bench.venv(*packages)
    (venv / LIBRARY).rename(venv / "lib/python3.12")
    return venv


def test_all_takes_what_doctor_would_rebuild_and_goes_on_after_a_failure(tmp_path):
    bench = Bench(tmp_path)
    healthy = bench.venv("eggs==1.0")
    sick = mismatched(bench, "eggs==1.0", "spam==1.0")
    hopeless = mismatched(bench, "eggs==1.0")
    info = next((hopeless / "lib/python3.12/site-packages").glob("eggs-*"))
    (info / "METADATA").unlink()  # It may be a hard link into the cache of uv.
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: eggs\nVersion: 7.7\n")
    also_sick = mismatched(bench)
    check = unchanged(healthy)
    answer = bench.home.json("rebuild", "--all", status=1)
    assert [one["path"] for one in answer["rebuilt"]] == [str(sick), str(also_sick)]
    assert [one["to"] for one in answer["rebuilt"]] == [NEW, NEW]
    assert [(one["path"], one["restored"]) for one in answer["failed"]] == [(str(hopeless), True)]
    assert "eggs" in answer["error"]["message"]
    assert bench.packages(sick) == {"eggs": "1.0", "spam": "1.0"}
    assert settings(sick)["pyman-request"] == MINOR
    check()
    assert bench.home.json("rebuild", "--all", ".", status=2)["error"]["code"] == "usage"


def test_doctor_rebuilds_only_after_a_yes(tmp_path):
    bench = Bench(tmp_path)
    venv = mismatched(bench, "eggs==1.0")
    check = unchanged(venv)
    answer = bench.home.json("doctor", "--fix", status=1)
    (finding,) = [one for one in answer["findings"] if one["path"] == str(venv)]
    assert (finding["code"], finding["status"]) == ("minor-mismatch", "open")
    check()
    answer = bench.home.json("doctor", "--fix", "--yes")
    (finding,) = [one for one in answer["findings"] if one["path"] == str(venv)]
    assert (finding["code"], finding["status"]) == ("minor-mismatch", "fixed")
    assert bench.packages(venv) == {"eggs": "1.0"}
    # Compiled for a pre-release: the same.
    (venv / f"{SITE}/fast.{ABI}-x86_64-linux-gnu.so").touch()
    with (venv / "pyvenv.cfg").open("a") as file:
        file.write(f"version_info = {MINOR}.0.candidate.2\n")
    assert bench.home.json("doctor", status=1)["findings"][0]["code"] == "wrong-abi"
    inode = (venv / "lib").stat().st_ino
    bench.home.json("doctor", "--fix", "--yes")
    assert (venv / "lib").stat().st_ino != inode


def test_several_are_named_and_all_are_looked_for_first(bench):
    one, other = bench.venv(), bench.venv()
    check = unchanged(one)
    bench.home.pyman("rebuild", one, "/nonexistent", "-p", OTHER_MINOR, status=1)
    check()
    answer = bench.home.json("rebuild", one, other, one, "-p", OTHER_MINOR)
    assert [element["path"] for element in answer["rebuilt"]] == [str(one), str(other)]


def test_the_active_venv_is_meant_else_the_one_here(bench):
    venv, active = bench.venv(), bench.venv()
    result = bench.home.pyman("rebuild", "-p", OTHER_MINOR, "--dry-run", "--json", cwd=venv.parent)
    assert result.json["rebuilt"][0]["path"] == str(venv)
    result = bench.home.pyman(
        "rebuild", "-p", OTHER_MINOR, "--dry-run", "--json", cwd=venv.parent, VIRTUAL_ENV=str(active)
    )
    assert result.json["rebuilt"][0]["path"] == str(active)


def test_a_link_to_a_venv_stays_one(bench):
    venv = bench.venv("eggs==1.0")
    link = bench.project() / ".venv"
    link.symlink_to(venv)
    refused = bench.rebuild(link, "-p", OTHER_MINOR, status=1)["error"]
    assert (refused["code"], f"`pyman rebuild {venv}`" in refused["hint"]) == ("leads-elsewhere", True)
    bench.home.pyman("register", link)
    (element,) = bench.rebuild(link, "-p", OTHER_MINOR)["rebuilt"]
    assert element["path"] == str(link)
    assert link.is_symlink()
    assert bench.packages(link) == {"eggs": "1.0"}


@pytest.mark.parametrize(
    "owner",
    ["pipx", "uv", "poetry"],
)
def test_what_another_tool_owns_is_left_to_it_unless_forced(bench, owner):
    venv = bench.venv("eggs==1.0")
    if owner == "poetry":
        place = bench.home.path / f"shop-AbCd1_-2-py{MINOR}"
        venv.rename(place)
        venv = place
    else:
        name = {"pipx": "pipx_metadata.json", "uv": "uv-receipt.toml"}[owner]
        told = {"python_version": f"Python {NEW}", "source_interpreter": {"__type__": "Path", "__Path__": "/old"}}
        (venv / name).write_text(json.dumps(told))
    check = unchanged(venv)
    # Also where a relink would do.
    for words in (("-p", OTHER_MINOR), ("-p", OLD), ()):
        answer = bench.rebuild(venv, *words, status=1)
        assert answer["error"]["code"] == "foreign"
        assert f"pyman rebuild {venv} --force" in answer["error"]["hint"]
        check()
    assert bench.rebuild(venv, "-p", OTHER_MINOR, "--force")["failed"] == []
    assert bench.packages(venv) == {"eggs": "1.0"}
    if owner == "pipx":
        told = json.loads((venv / "pipx_metadata.json").read_text())
        assert told["python_version"] == f"Python {OTHER}"
        assert told["source_interpreter"]["__Path__"].endswith(f"{OTHER_MINOR}/bin/python{OTHER_MINOR}")
    elif owner == "uv":
        assert (venv / "uv-receipt.toml").exists()


def test_precommits_venvs_are_never_touched(bench):
    venv = bench.venv()
    place = venv.with_name(f"py_env-python{MINOR}")
    venv.rename(place)
    assert bench.rebuild(place, "-p", OTHER_MINOR, "--force", status=1)["error"]["code"] == "foreign"


# --- nothing is touched -----------------------------------------------------------------------------------------------


def test_a_dry_run_touches_nothing_and_shows_the_plan(tmp_path):
    bench = Bench(tmp_path, runtimes=(NEW,))
    write_project(f"{tmp_path}/source", "edited")
    venv = bench.venv("eggs==1.0", "spam==1.0", pip=True)
    bench.install(venv, "-e", f"{tmp_path}/source")
    check, store = unchanged(venv), picture(bench.home.root)
    result = bench.home.pyman("rebuild", "-p", OTHER_MINOR, "--dry-run", cwd=venv.parent)
    assert result.out.splitlines() == [
        f"~/{venv.parent.name}/.venv: Python {NEW} → {OTHER}, packages by uv ({bench.uv})",
        "  2 from the index: eggs 1.0, spam 1.0",
        f"  edited 0.1 editable, from {tmp_path}/source",
        "  pip in the version bundled with that Python",
        f"  Python {OTHER} would be installed first",
    ]
    (element,) = bench.rebuild(venv, "-p", OTHER_MINOR, "--dry-run")["rebuilt"]
    assert (element["status"], element["from"], element["to"], element["packages"]) == ("planned", NEW, OTHER, 3)
    check()
    assert picture(bench.home.root) == store
    # And without it the Python is installed.
    assert bench.rebuild(venv, "-p", OTHER_MINOR)["rebuilt"][0]["to"] == OTHER
    assert bench.minor(venv) == OTHER_MINOR


def test_the_plan_is_told_before_anything_is_touched(bench):
    venv = bench.venv("eggs==1.0", "broken")
    result = bench.home.pyman("rebuild", "-p", OTHER_MINOR, cwd=venv.parent, status=1)
    assert result.err.splitlines()[:2] == [
        f"~/{venv.parent.name}/.venv: Python {NEW} → {OTHER}, packages by uv ({bench.uv})",
        "  2 from the index: broken 1.0, eggs 1.0",
    ]
    assert bench.home.pyman("rebuild", "-q", "-p", OTHER_MINOR, cwd=venv.parent, status=1).err.startswith("error: ")


def test_who_runs_in_the_venv_is_told(bench):
    venv = bench.venv()
    sleeping = "import sys; print('.', flush=True); sys.stdin.read()"
    ways = [
        ([f"{venv}/bin/python", "-c", sleeping], {}),
        (["python", "-c", sleeping], {"VIRTUAL_ENV": str(venv), "PATH": f"{venv}/bin:/usr/bin:/bin"}),
        ([".venv/bin/python", "-c", sleeping], {}),
    ]
    others = [([sys.executable, "-c", sleeping], {"VIRTUAL_ENV": str(venv)})]
    running = [
        subprocess.Popen(command, env=environ, cwd=venv.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for command, environ in ways + others
    ]
    try:
        for process in running:
            assert process.stdout.read(1) == b"."
        result = bench.home.pyman("rebuild", "-p", OTHER_MINOR, cwd=venv.parent)
        told = [line for line in result.err.splitlines() if line.startswith("process ")]
        assert [int(line.split()[1]) for line in told] == sorted(process.pid for process in running[:3])
    finally:
        for process in running:
            process.communicate(b"")


@pytest.mark.skipif(os.stat(sys.prefix).st_uid != os.geteuid(), reason="what pyman runs in is another user's here")
def test_pyman_does_not_saw_off_its_own_branch(bench):
    venv = Path(sys.prefix)
    result = bench.home.pyman("rebuild", venv, "--force", "-p", MINOR, status=1)
    assert "is the environment that pyman itself runs in" in result.err


# --- other file systems -----------------------------------------------------------------------------------------------


def mounted(folder, size="64m"):
    """Mount an empty file system there; skips the test where that is not allowed."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", folder], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("mounting is not allowed here")


def test_a_venv_that_is_a_mount_point_is_refused_before_anything_is_touched(bench):
    venv = bench.project() / ".venv"
    venv.mkdir()
    mounted(venv)
    try:
        python = bench.home.runtimes / f"{MINOR}/bin/python{MINOR}"
        bench.home.run(python, "-m", "venv", "--without-pip", venv)
        check = unchanged(venv)
        for words in (("-p", OTHER_MINOR), ("-p", OTHER_MINOR, "--dry-run")):
            assert bench.rebuild(venv, *words, status=1)["error"]["code"] == "mount"
        check()
    finally:
        subprocess.run(["umount", venv], check=True)


def test_something_mounted_inside_is_refused_too(bench):
    venv = bench.venv()
    (venv / "data").mkdir()
    mounted(venv / "data")
    try:
        assert bench.rebuild(venv, "-p", OTHER_MINOR, status=1)["error"]["code"] == "mount"
    finally:
        subprocess.run(["umount", venv / "data"], check=True)


def test_too_little_room_for_two_is_told_before_anything_is_touched(bench):
    folder = bench.project()
    mounted(folder, "12m")
    try:
        venv = folder / ".venv"
        bench.home.pyman("venv", venv, "-p", MINOR, "--without-pip", "-q")
        (venv / f"{SITE}/large.bin").write_bytes(bytes(7 << 20))
        check = unchanged(venv)
        for words in (("-p", OTHER_MINOR), ("-p", OTHER_MINOR, "--dry-run")):
            answer = bench.rebuild(venv, *words, status=1)
            assert answer["error"]["code"] == "disk-full"
            assert "not enough space for a second copy" in answer["error"]["message"]
        check()
        (venv / f"{SITE}/large.bin").unlink()
        assert bench.rebuild(venv, "-p", OTHER_MINOR)["failed"] == []
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_fills_up_meanwhile_brings_the_old_one_back(bench):
    folder = bench.project()
    mounted(folder, "2m")
    try:
        venv = folder / ".venv"
        bench.home.pyman("venv", venv, "-p", MINOR, "--without-pip", "-q")
        check = unchanged(venv)
        (folder / "requirements.txt").write_text("large\n")
        wheels = build_wheel(bench.project(), "large", "1.0", files={"large.bin": bytes(5 << 20)})
        places = {"UV_FIND_LINKS": os.path.dirname(wheels), "UV_LINK_MODE": "copy"}
        answer = bench.rebuild(venv, "-p", OTHER_MINOR, "--from", "requirements.txt", status=1, **places)
        assert "No space left" in answer["error"]["message"]
        check()
    finally:
        subprocess.run(["umount", folder], check=True)
