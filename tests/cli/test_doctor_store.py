"""What doctor says of the store and the machine: aliases, runtimes, adopted Pythons, releases, PATH, networks."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
from pathlib import Path

import pytest

from stage.machine import Machine
from stage.mirror import LIBRARY, MINOR, NEW, OLD, OTHER, copy_of_tree, mirror_folder
from stage.venvs import make_prefix, make_venv, write


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD, NEW)


def only(answer, code):
    (finding,) = [one for one in answer["findings"] if one["code"] == code]
    return finding


def about(machine, code, *words, status=1, **environ):
    """Severity, kind, path below the home, repair, status of the one finding of that code."""
    finding = only(machine.json("doctor", *words, status=status, **environ), code)
    place = os.path.relpath(finding["path"], machine.path)
    return finding["severity"], finding["kind"], place, finding["repair"], finding["status"]


RUNTIMES = ".local/share/pyman/runtimes"


# Aliases


def test_an_alias_that_lags(machine):
    machine.alias(MINOR, OLD)
    venv = machine.venv("a", tool="pyman")
    machine.give(venv)
    place = f"{RUNTIMES}/{MINOR}"
    told = "error", "alias", place, f"point it at {NEW}"
    assert about(machine, "alias-stale") == (*told, "open")
    assert about(machine, "alias-stale", "--dry-run") == (*told, "planned")
    assert os.readlink(machine.runtimes / MINOR) == OLD
    assert about(machine, "alias-stale", "--fix", status=0) == (*told, "fixed")
    assert os.readlink(machine.runtimes / MINOR) == NEW
    machine.works(venv)
    assert machine.found("--fix", status=0) == {}


def test_a_held_alias_is_where_the_rules_say(machine):
    machine.pyman("hold", MINOR, OLD)
    assert machine.found(status=0) == {}


@pytest.mark.parametrize("harm", ["dangling", "missing", "nothing left"])
def test_an_alias_that_leads_nowhere(machine, harm):
    venv = machine.venv("a", tool="pyman")
    if harm == "dangling":
        machine.alias(MINOR, f"{MINOR}.7")
    elif harm == "missing":
        (machine.runtimes / MINOR).unlink()
    else:
        machine.alias("3.12", "3.12.4")
    name = "3.12" if harm == "nothing left" else MINOR
    repair = "remove it" if harm == "nothing left" else f"point it at {NEW}"
    assert about(machine, "alias-dangling") == ("error", "alias", f"{RUNTIMES}/{name}", repair, "open")
    assert about(machine, "alias-dangling", "--fix", status=0)[-1] == "fixed"
    assert os.path.lexists(machine.runtimes / "3.12") is False
    assert machine.run(venv / "bin/python", "-c", "import sys; print(sys.version.split()[0])") == NEW
    assert machine.found("--fix", status=0) == {}


def test_the_alias_of_a_venv_comes_back_also_where_only_the_venv_is_looked_at(machine):
    """Its release is installed, so nothing has to be asked for."""
    venv = machine.venv("a", tool="pyman")
    (machine.runtimes / MINOR).unlink()
    told = "error", "venv", "a/.venv", f"point {MINOR} at {NEW}"
    assert about(machine, "dangling", venv) == (*told, "open")
    assert (
        about(machine, "dangling", venv, "--dry-run") == about(machine, "dangling", "--dry-run") == (*told, "planned")
    )
    assert about(machine, "dangling", venv, "--fix", status=0) == (*told, "fixed")
    assert machine.run(venv / "bin/python", "-c", "import sys; print(sys.version.split()[0])") == NEW
    assert machine.found("--fix", status=0) == {}


def test_a_folder_in_the_place_of_an_alias_is_not_touched(machine):
    (machine.runtimes / MINOR).unlink()
    (machine.runtimes / MINOR).mkdir()
    mine = machine.runtimes / f"{MINOR}/mine"
    mine.touch()
    told = ("error", "alias", f"{RUNTIMES}/{MINOR}", "move it away", "open")
    assert about(machine, "alias-blocked") == about(machine, "alias-blocked", "--fix") == told
    assert mine.exists()


# Runtimes


def break_interpreter(runtime):
    (runtime / f"bin/python{MINOR}").unlink()


def break_library(runtime):
    (runtime / f"{LIBRARY}/os.py").unlink()


def break_encodings(runtime):
    shutil.rmtree(runtime / f"{LIBRARY}/encodings")


def break_ssl(runtime):
    for path in (runtime / f"{LIBRARY}/lib-dynload").glob("_ssl.*"):
        path.unlink()


@pytest.mark.parametrize("harm", [break_interpreter, break_library, break_encodings, break_ssl])
def test_a_broken_runtime_is_installed_again(machine, harm):
    venv = machine.venv("a", tool="pyman")
    machine.give(venv)
    assert machine.found(status=0) == {}  # its trial is cached
    harm(machine.runtimes / NEW)
    found = about(machine, "runtime-broken")
    assert found == ("error", "runtime", f"{RUNTIMES}/{NEW}", "install it again", "open")
    fixed = machine.json("doctor", "--fix", status=0)
    assert only(fixed, "runtime-broken")["status"] == "fixed"
    machine.works(venv)
    assert machine.found("--fix", status=0) == {}


def test_a_broken_runtime_that_cannot_be_had_again(machine):
    """Without the list of builds the runtime stays as it is, and what followed it gets the next best."""
    venv = machine.venv("a", tool="pyman")
    machine.give(venv)
    break_interpreter(machine.runtimes / NEW)
    answer = machine.json("doctor", "--fix", "--offline", status=1, PYMAN_MIRROR="https://127.0.0.1:9/none")
    failed = only(answer, "runtime-broken")
    assert failed["status"] == "failed"
    assert "could not be repaired" in failed["message"]
    machine.works(venv, OLD)


def test_what_was_kept_because_nothing_could_be_asked_is_not_repaired(machine):
    """It looks whole, so it would do where there is no network; it still is what it was."""
    break_ssl(machine.runtimes / NEW)
    answer = machine.json("doctor", "--fix", "--offline", status=1, PYMAN_MIRROR="https://127.0.0.1:9/none")
    assert answer["summary"]["fixed"] == 0
    failed = only(answer, "runtime-broken")
    assert failed["status"] == "failed"
    assert "could not be repaired: the list of builds of https://127.0.0.1:9/none is not cached" in failed["message"]


def test_a_runtime_that_passed_its_trial_is_not_started_again(machine):
    """Its program fails from then on; only a change of what it consists of is a reason to start it."""
    machine.pyman("doctor")
    memory = {path: path.stat().st_mtime_ns for path in (machine.cache / "trials").iterdir()}
    assert {path.name for path in memory} == {OLD, NEW}
    program = machine.python(NEW)
    status = program.stat()
    folder = program.parent.stat()
    # The same inode, size and time: only whoever starts it notices.
    content = Path("/bin/false").read_bytes()
    os.link(program, machine.path / "kept")
    shutil.copy2(program, machine.path / "own")
    os.replace(machine.path / "own", program)
    machine.pyman("doctor")
    descriptor = os.open(program, os.O_WRONLY)
    os.pwrite(descriptor, content, 0)
    os.close(descriptor)
    changed = program.stat()
    os.utime(program, ns=(status.st_atime_ns, status.st_mtime_ns))
    machine.pyman("doctor", status=0)
    os.utime(program, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    assert about(machine, "runtime-broken")[-1] == "open"
    assert folder.st_ino == program.parent.stat().st_ino


# Adopted ones


def test_an_adopted_python_that_became_another_release(machine):
    """As a distribution's does when it is upgraded, and no name tells: it is asked."""
    shutil.rmtree(machine.root)
    usr = machine.put(OLD, machine.path / "usr")
    shutil.rmtree(usr / "include")
    machine.pyman("adopt", usr)
    venv = machine.venv("a", tool="pyman")
    machine.give(venv)
    shutil.rmtree(usr)
    machine.put(NEW, usr)
    shutil.rmtree(usr / "include")
    found = machine.json("doctor", "--offline", status=1)
    changed = only(found, "adopted-changed")
    assert (changed["severity"], changed["kind"], changed["repair"]) == ("error", "runtime", "adopt it again")
    assert changed["message"] == f"{usr} is {NEW} now"
    assert only(machine.json("doctor", "--offline", "--fix", status=0), "adopted-changed")["status"] == "fixed"
    assert sorted(os.listdir(machine.runtimes)) == ["3", MINOR, NEW]
    assert os.readlink(machine.runtimes / NEW) == str(usr)
    machine.works(venv)
    assert machine.found("--offline", "--fix", status=0) == {}


def test_an_adopted_python_that_became_another_minor(machine):
    """As a distribution's does when the distribution is upgraded: the interpreter of old is gone."""
    usr = Path(copy_of_tree(OTHER, str(machine.path / "usr")))
    machine.pyman("adopt", usr)
    shutil.rmtree(usr)
    machine.put(NEW, usr)
    shutil.rmtree(machine.runtimes / NEW)
    machine.alias(MINOR, OLD)
    changed = only(machine.json("doctor", "--offline", status=1), "adopted-changed")
    assert changed["message"] == f"{usr} is {NEW} now"
    assert only(machine.json("doctor", "--offline", "--fix", status=0), "adopted-changed")["status"] == "fixed"
    assert sorted(os.listdir(machine.runtimes)) == sorted(["3", MINOR, OLD, NEW])
    assert machine.found("--offline", "--fix", status=0) == {}


def test_an_adopted_python_that_its_owner_removed(machine):
    other = machine.put(OLD, machine.path / f".pyenv/versions/{OLD}")
    machine.pyman("uninstall", OLD)
    machine.pyman("adopt", other)
    assert machine.found(status=0) == {}
    shutil.rmtree(other)
    assert about(machine, "adopted-gone") == ("error", "runtime", f"{RUNTIMES}/{OLD}", "forget it", "open")
    assert about(machine, "adopted-gone", "--fix", status=0)[-1] == "fixed"
    assert not os.path.lexists(machine.runtimes / OLD)
    assert machine.found("--fix", status=0) == {}


def test_an_adopted_python_that_is_broken_is_its_owners_to_mend(machine):
    other = machine.put(OLD, machine.path / f".pyenv/versions/{OLD}")
    machine.pyman("uninstall", OLD)
    machine.pyman("adopt", other)
    (other / f"{LIBRARY}/os.py").unlink()
    before = machine.exact(other)
    _, kind, _, repair, status = about(machine, "runtime-broken", "--fix")
    assert (kind, repair, status) == ("runtime", f"repair {other} with the tool it belongs to", "open")
    assert machine.exact(other) == before


# A machine where pyman installed nothing


@pytest.mark.parametrize("owner", ["pyenv", "uv"])
def test_a_venv_is_relinked_to_the_link_that_its_owner_keeps(tmp_path, owner):
    machine = Machine(tmp_path)
    parent = machine.path / {"pyenv": ".pyenv/versions", "uv": ".local/share/uv/python"}[owner]
    name = {"pyenv": "{}", "uv": "cpython-{}-linux-x86_64-gnu"}[owner]
    old = machine.put(OLD, parent / name.format(OLD))
    machine.put(NEW, parent / name.format(NEW))
    link = parent / name.format(MINOR)
    link.symlink_to(name.format(OLD))
    stale = machine.venv("stale", old / f"bin/python{MINOR}")
    lost = machine.venv("lost", old / f"bin/python{MINOR}")
    follows = machine.venv("follows", link / f"bin/python{MINOR}")
    machine.give(stale, lost, follows)
    # What the owner does: it moves its link, and removes the old release.
    link.unlink()
    link.symlink_to(name.format(NEW))
    found = machine.found(machine.path, status=1)
    assert found["stale/.venv"] == ["stale-patch open"]
    assert set(found) == {"stale/.venv", "lost/.venv", "follows/.venv"}
    assert found["follows/.venv"] == ["stale-metadata open"]
    shutil.rmtree(old)
    machine.found(machine.path, "--fix", status=0)
    for venv in (stale, lost, follows):
        machine.works(venv)
        assert os.readlink(
            venv / f"bin/python{MINOR}" if (venv / f"bin/python{MINOR}").is_symlink() else venv / "bin/python"
        )
        assert f"home = {link}/bin" in (venv / "pyvenv.cfg").read_text()
    assert {one["link"] for one in machine.json("venvs")["venvs"]} == {"alias"}
    assert machine.found(machine.path, "--fix", status=0) == {}


@pytest.mark.parametrize("maker", ["venv", "uv", "pyman"])
def test_a_venv_from_the_cache_of_a_ci_whose_patch_release_is_gone(tmp_path, maker):
    """Restored onto a machine with no records, another store's place, and another patch release."""
    machine = Machine(tmp_path, OLD)
    venv = machine.venv("project", machine.python(OLD) if maker != "pyman" else None, tool=maker)
    machine.give(venv)
    shutil.rmtree(machine.root)
    shutil.rmtree(machine.cache, ignore_errors=True)
    root = machine.path / "opt/pyman"
    machine.put(NEW, root / "runtimes" / NEW)
    machine.root = root
    machine.environ["PYMAN_ROOT"] = str(root)
    (root / "runtimes" / NEW / "pyman-runtime.toml").write_text(
        f'version = "{NEW}"\nvariant = "default"\nsha256 = ""\ninstalled_at = ""\n'
        f'library = "{LIBRARY}"\nexecutable = "bin/python{MINOR}"\n'
    )
    machine.alias(MINOR, NEW)
    machine.alias("3", MINOR)
    answer = machine.pyman("doctor", "--fix", ".venv", "--json").json
    assert [(one["code"], one["status"]) for one in answer["findings"]] == [("dangling", "fixed")]
    machine.works(venv)
    assert machine.found("--fix", status=0) == {}


def test_a_pinned_release_that_is_gone_is_installed_again(machine):
    venv = machine.venv("a", machine.python(OLD), tool="pyman")
    machine.give(venv)
    machine.pyman("register", venv)
    shutil.rmtree(machine.runtimes / OLD)
    answer = machine.json("doctor", "--fix", status=0)
    assert only(answer, "dangling")["repair"] == f"install {OLD} again"
    machine.works(venv, OLD)
    assert machine.found("--fix", status=0) == {"a/.venv": ["pinned open"]}


def test_a_pinned_release_that_nobody_has_any_more(machine):
    """It follows from then on, and that is said."""
    venv = machine.venv("a", machine.python(OLD), tool="pyman")
    machine.give(venv)
    machine.pyman("register", venv)
    shutil.rmtree(machine.runtimes / OLD)
    fixed = only(
        machine.json("doctor", "--fix", "--offline", status=0, PYMAN_MIRROR="https://127.0.0.1:9/none"), "dangling"
    )
    assert fixed["status"] == "fixed"
    assert "now follows its minor version" in fixed["repair"]
    machine.works(venv)
    (one,) = machine.json("venvs")["venvs"]
    assert (one["policy"], one["link"], one["python"]) == ("follow", "alias", NEW)


# The system's own


def test_a_release_that_no_file_tells_is_asked_of_the_base_once(tmp_path):
    """`/usr` has no release in its name, and often no headers: a base that may be started is asked, and remembered."""
    machine = Machine(tmp_path)
    usr = machine.put(NEW, machine.path / ".pyenv/versions/mine")
    shutil.rmtree(usr / "include")
    (usr / LIBRARY / "build-details.json").unlink(missing_ok=True)
    venv = machine.venv("a", usr / f"bin/python{MINOR}")
    answer = machine.json("venvs", machine.path)
    assert answer["venvs"] == [
        {
            "path": str(venv),
            "creator": "venv",
            "owner": pwd.getpwuid(os.geteuid()).pw_name,
            "known": "place",
            "implementation": "cpython",
            "request": None,
            "policy": None,
            "python": NEW,
            "link": "external",
            "state": "healthy",
        }
    ]
    assert machine.json("info", venv)["python"] == NEW
    memory = list((machine.cache / "interpreters").iterdir())
    assert len(memory) == 1
    written = memory[0].stat().st_mtime_ns
    machine.json("doctor", status=0)
    assert memory[0].stat().st_mtime_ns == written
    shutil.rmtree(usr)
    machine.put(OLD, usr)
    shutil.rmtree(usr / "include")
    assert machine.found(status=1) == {"a/.venv": ["stale-metadata open"]}
    assert machine.found("--fix", status=0) == {"a/.venv": ["stale-metadata fixed"]}
    assert machine.json("venvs")["venvs"][0]["python"] == OLD


# Releases


def test_a_newer_release_exists(tmp_path):
    machine = Machine(tmp_path, OLD)
    told = ("info", "alias", f"{RUNTIMES}/{MINOR}", f"`pyman upgrade {MINOR}`", "open")
    assert about(machine, "update-available", status=0) == told
    # `--fix` does not install what nobody asked for.
    assert about(machine, "update-available", "--fix", status=0) == told
    assert about(machine, "update-available", "--dry-run", status=0) == told
    assert not (machine.runtimes / NEW).exists()
    assert machine.pyman("doctor").out.endswith("no venvs found; no other problems\n")


def test_a_minor_that_gets_no_more_fixes(machine):
    prefix = make_prefix(f"{machine.path}/.pyenv/versions/3.8.18", "3.8.18")
    for name in ("a", "b"):
        make_venv(f"{machine.path}/{name}/.venv", f"{prefix}/bin/python3.8", library="python3.8")
    machine.pyman("register", machine.path / "a", machine.path / "b")
    expected = [("warning", "venv", f"{machine.path}/{name}/.venv", None, "open") for name in ("a", "b")]
    for folders in ((), (machine.path / "a", machine.path / "b")):
        answer = machine.json("doctor", *folders, status=1)
        found = [one for one in answer["findings"] if one["code"] == "end-of-life"]
        assert [(one["severity"], one["kind"], one["path"], one["repair"], one["status"]) for one in found] == expected
        assert {one["message"] for one in found} == {"Python 3.8 reached end of life on 2024-10-07"}
    # One row for the minor, and what it says is no state of a venv.
    shown = machine.pyman("doctor", status=1).out.splitlines()
    assert [line.split()[:4] for line in shown if "end-of-life" in line] == [["2", "venvs", "warning", "end-of-life"]]
    assert {one["state"] for one in machine.json("venvs")["venvs"]} == {"healthy"}


def test_a_runtime_that_gets_no_more_fixes(machine):
    make_prefix(str(machine.runtimes / "3.8.18"), "3.8.18", manifest=True)
    found = [one for one in machine.json("doctor", status=1)["findings"] if one["code"] == "end-of-life"]
    assert [(one["kind"], one["path"]) for one in found] == [("runtime", f"{machine.runtimes}/3.8.18")]


# Networks


@pytest.mark.parametrize("how", ["offline", "nobody answers", "no such host"])
def test_a_machine_without_network(tmp_path, how):
    machine = Machine(tmp_path, OLD, NEW)
    venv = machine.venv("a", machine.python(OLD))
    machine.give(venv)
    machine.pyman("register", venv)
    del machine.environ["PYMAN_MIRROR"]
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = {
            "offline": "https://127.0.0.1:9/none",
            "nobody answers": f"http://127.0.0.1:{deaf.getsockname()[1]}/",
            "no such host": "https://mirror.invalid/",
        }[how]
        words = ("--offline",) if how == "offline" else ()
        found = machine.found("--fix", *words, status=0, PYMAN_MIRROR=address, PYMAN_HTTP_TIMEOUT="0.5")
        assert found == {"a/.venv": ["stale-patch fixed"]}
        deaf.settimeout(0.0)
        asked = 0
        while how == "nobody answers" and accepts(deaf):
            asked += 1
        assert asked == (how == "nobody answers")
        # Once was enough: it is not asked again for a while.
        assert machine.found(*words, status=0, PYMAN_MIRROR=address) == {}
        assert not accepts(deaf)
    machine.works(venv)


def accepts(server) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


# PATH


def test_another_python_comes_before_the_shims(machine):
    machine.pyman("shims")
    shims = str(machine.root / "shims")
    first = f"{machine.path}/other/bin"
    write(f"{first}/python3", "#!/bin/sh\n", 0o755)
    assert about(machine, "path-order", status=1, PATH=f"{first}:{shims}:/usr/bin:/bin") == (
        "warning",
        "machine",
        ".local/share/pyman/shims",
        "put the shims first, as `pyman init` says",
        "open",
    )
    finding = only(machine.json("doctor", PATH=f"{first}:{shims}", status=1), "path-order")
    assert finding["message"] == f"{first}/python3 comes before the shims on PATH"
    assert machine.found(status=0, PATH=f"{shims}:{first}:/usr/bin:/bin") == {}
    assert machine.found(status=0, PATH=f"{first}:/usr/bin:/bin") == {}
    # An environment that is switched on comes first by right.
    venv = make_venv(f"{machine.path}/on/.venv", str(machine.python()), extra=f"version = {MINOR}\n")
    assert machine.found(status=0, PATH=f"{venv}/bin:{shims}:/usr/bin:/bin") == {}


def test_a_runtime_that_finds_no_certificates(machine):
    """What its own OpenSSL looks for is not there: said with the system's file."""
    machine.pyman("doctor")
    for release in (OLD, NEW):
        memory = machine.cache / "trials" / release
        identity = memory.read_bytes().split(b"\0")[0]
        memory.write_bytes(identity + b"\0/nowhere/cert.pem\0/nowhere/certs")
    findings = machine.json("doctor", status=1)["findings"]
    assert [(one["code"], one["severity"], one["kind"]) for one in findings] == [
        ("no-certificates", "warning", "runtime")
    ] * 2
    assert "/nowhere/cert.pem" in findings[0]["message"]
    assert findings[0]["repair"].startswith(("set SSL_CERT_FILE=", "install the system's"))
    assert machine.found(status=0, SSL_CERT_FILE="/somewhere") == {}


def test_the_objects_that_programs_get(machine):
    """Every finding has the same keys, whatever it is about."""
    machine.alias(MINOR, OLD)
    answer = machine.json("doctor", status=1)
    assert list(answer) == ["schema", "changed", "findings", "summary", "fixes"]
    assert [list(one) for one in answer["findings"]] == [
        ["code", "severity", "kind", "path", "message", "repair", "status"] for _ in answer["findings"]
    ]
    assert json.dumps(answer)
    assert mirror_folder()
