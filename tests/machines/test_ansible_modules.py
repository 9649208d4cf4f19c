"""The modules of the collection on this machine, without a connection, in a home of their own."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stage.home import PACKAGE, Home, installed_once
from stage.mirror import MINOR, NEW, OLD, OTHER, OTHER_MINOR, mirror_folder

COLLECTION = Path(__file__).parents[2] / "integrations/ansible"
ANSIBLE = os.environ.get("PYMAN_TEST_ANSIBLE", "")

OLDEST = (3, 7)
"""The oldest Python on hosts that the oldest ansible-core of meta/runtime.yml supports."""

pytestmark = [
    pytest.mark.real_archives("real Pythons"),
    pytest.mark.skipif(
        not os.path.exists(f"{ANSIBLE}/ansible"), reason="needs ansible-core: `tests/run --machines` installs it"
    ),
]


def collection(folder):
    """A copy of the collection where Ansible finds it."""
    place = folder / "ansible_collections/pyman/pyman"
    shutil.copytree(COLLECTION, place, ignore=shutil.ignore_patterns("__pycache__"))
    return place


class Host:
    """A user of this machine as a host."""

    def __init__(self, folder):
        self.home = Home(folder, mirror_folder())
        collection(folder)
        command = self.home.path / ".local/bin/pyman"
        command.parent.mkdir(parents=True)
        command.write_text(f'#!/bin/sh\nPYTHONPATH={PACKAGE} exec {sys.executable} -m pyman "$@"\n')
        command.chmod(0o755)
        self.environ = self.home.environ | {"PYTHONPATH": str(folder)}

    def module(self, module, *, check=False, fails=False, **options):
        """The result of one module, as a host runs it."""
        more = {"_ansible_check_mode": check, "_ansible_diff": True}
        result = subprocess.run(
            [f"{ANSIBLE}/python", "-m", f"ansible_collections.pyman.pyman.plugins.modules.{module}"],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": options | more}), env=self.environ, cwd=self.home.project,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (result.returncode != 0) == fails, result.stdout + result.stderr
        return json.loads(result.stdout)

    def planned_and_done(self, module, **options):
        """What check mode said, what the run said, and that once more changes nothing."""
        before = self.home.tree()
        planned = self.module(module, check=True, **options)
        assert self.home.tree() == before
        done = self.module(module, **options)
        assert planned["changed"] is done["changed"] is True
        assert planned["diff"] == done["diff"]
        assert self.module(module, **options)["changed"] is False
        return done


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_pythons_are_present_latest_held_and_absent(host):
    done = host.planned_and_done("pyman_python", name=OLD)
    assert done["installed"] == [OLD]
    assert done["version"] == OLD
    assert done["diff"]["before"] == ""
    assert f"{MINOR} -> {OLD}\n" in done["diff"]["after"]
    # What is there is enough, though a newer one exists.
    assert host.module("pyman_python", name=MINOR)["changed"] is False

    done = host.planned_and_done("pyman_python", name=MINOR, state="latest")
    assert (done["version"], done["moved"][0]["from"]) == (NEW, OLD)
    assert done["interpreter"] == f"{host.home.runtimes}/{MINOR}/bin/python{MINOR}"

    done = host.planned_and_done("pyman_python", name=MINOR, state="held", version=OLD)
    assert done["held"] is True
    assert f"{MINOR} -> {OLD} (held)\n" in done["diff"]["after"]
    assert host.module("pyman_python", name=MINOR, state="latest")["changed"] is False
    done = host.planned_and_done("pyman_python", name=MINOR, state="latest", unhold=True)
    assert (done["held"], done["version"]) == (False, NEW)

    host.home.pyman("venv", "-p", OLD, "pinned")
    failed = host.module("pyman_python", name=OLD, state="absent", fails=True)
    assert failed["error"]["code"] == "in-use"
    assert "pinned to it" in failed["msg"]
    done = host.planned_and_done("pyman_python", name=OLD, state="absent", relink=True)
    assert done["removed"] == [OLD]


def test_what_pyman_refuses_fails_with_its_words(host):
    failed = host.module("pyman_python", name="3.99", fails=True)
    assert failed["error"]["code"] == "not-found"
    assert failed["changed"] is False
    assert "missing: name" in host.module("pyman_python", fails=True)["msg"]
    failed = host.module("pyman_python", name=MINOR, executable="/bin/echo", fails=True)
    assert "did not answer as pyman does" in failed["msg"]


def test_a_host_without_pyman(host):
    os.unlink(host.home.path / ".local/bin/pyman")
    assert host.module("pyman_python", check=True, name=MINOR)["changed"] is True
    assert host.module("pyman_venv", check=True, path="/nowhere/.venv", state="absent")["changed"] is False
    assert "pyman.pyman.pyman installs it" in host.module("pyman_doctor", fails=True)["msg"]


def test_a_venv_is_created_pinned_and_removed(host):
    host.home.with_runtimes(OLD, NEW)
    path = str(host.home.project / ".venv")
    done = host.planned_and_done("pyman_venv", path=path, python=MINOR)
    assert done["venv"] == {"path": path, "python": NEW, "policy": "follow", "state": "healthy"}
    done = host.planned_and_done("pyman_venv", path=path, policy="pin")
    assert done["venv"]["policy"] == "pin"
    failed = host.module("pyman_venv", path=path, python=OLD, fails=True)
    assert failed["error"]["code"] == "older-release"
    done = host.planned_and_done("pyman_venv", path=path, python=OLD, confirm=True)
    assert done["venv"]["python"] == OLD
    failed = host.module("pyman_venv", path=path, python=OTHER_MINOR, fails=True)
    assert failed["error"]["code"] == "not-found"
    assert host.planned_and_done("pyman_venv", path=path, state="absent")["venv"]["state"] == "absent"
    (host.home.project / "folder").mkdir()
    failed = host.module("pyman_venv", path=str(host.home.project / "folder"), state="absent", fails=True)
    assert "not a virtual environment" in failed["msg"]


def test_a_broken_venv_is_repaired_and_one_of_another_minor_version_recreated(host):
    host.home.with_runtimes(NEW, OTHER)
    broken = str(host.home.project / "broken")
    subprocess.run([f"{installed_once(OLD)}/bin/python3", "-m", "venv", "--without-pip", broken], check=True)
    for name in ("python", "python3", f"python{MINOR}"):
        path = f"{broken}/bin/{name}"
        if os.path.isabs(os.readlink(path)):
            os.unlink(path)
            os.symlink(f"/nowhere/bin/python{MINOR}", path)
    done = host.planned_and_done("pyman_venv", path=broken, python=MINOR)
    assert (done["venv"]["python"], done["venv"]["state"]) == (NEW, "healthy")
    failed = host.module("pyman_venv", path=broken, python=OTHER_MINOR, fails=True)
    assert "rebuild: true" in failed["msg"]
    done = host.planned_and_done("pyman_venv", path=broken, python=OTHER_MINOR, rebuild=True)
    assert done["venv"]["python"] == OTHER


def test_doctor_tells_repairs_and_reports(host):
    host.home.with_runtimes(OLD, NEW)
    stale = str(host.home.project / "stale")
    subprocess.run([f"{host.home.runtimes}/{OLD}/bin/python3", "-m", "venv", "--without-pip", stale], check=True)
    found = host.module("pyman_doctor", paths=[str(host.home.project)])
    assert found["changed"] is False
    assert [(one["code"], one["path"]) for one in found["findings"]] == [("stale-patch", stale)]
    failed = host.module("pyman_doctor", paths=[str(host.home.project)], fail_on="warning", fails=True)
    assert "stale-patch" in failed["msg"]
    done = host.planned_and_done("pyman_doctor", paths=[str(host.home.project)], fix=True)
    assert done["repaired"] == [stale]
    assert done["diff"] == {"before": f"{stale}: stale-patch\n", "after": ""}
    report = host.module("pyman_doctor", report=True)["report"]
    assert [venv["state"] for venv in report["venvs"]] == ["healthy"]
    (host.home.project / "one.json").write_text(json.dumps(report))
    assert len(host.home.json("report", "--merge", "one.json")["hosts"]) == 1


def test_doctor_of_all_users_is_root_s_and_takes_no_paths(host):
    failed = host.module("pyman_doctor", all_users=True, paths=["/srv"], fails=True)
    assert "all_users takes no paths" in failed["msg"]


def test_what_runs_on_hosts_is_read_by_the_oldest_python():
    files = sorted((COLLECTION / "plugins").rglob("*.py"))
    assert len(files) == 5
    for file in files:
        ast.parse(file.read_text(), feature_version=OLDEST)
    words = [f"{ANSIBLE}/vermin", "--target={}.{}-".format(*OLDEST), "--no-tips", "--violations", *map(str, files)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_ansible_lint_has_nothing_to_say(tmp_path):
    result = subprocess.run(
        [f"{ANSIBLE}/ansible-lint", "--offline", "--strict", "--nocolor"],
        cwd=collection(tmp_path), capture_output=True, text=True, check=False, env=environ(tmp_path),
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


def environ(folder):
    """As a developer of collections has it."""
    return {
        "PATH": f"{ANSIBLE}:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder),
        "ANSIBLE_COLLECTIONS_PATH": str(folder), "ANSIBLE_HOME": str(folder / ".ansible"),
    }  # fmt: skip


# It would fetch pip's bootstrap script from elsewhere.
_GET_PIP = """\
import ensurepip, os, runpy, sys
ensurepip.bootstrap()
os.environ.pop("PIP_CONFIG_FILE", None)
sys.argv = ["pip", "install", *(word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel"))]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def test_ansible_test_finds_nothing(tmp_path):
    """All that runs here: PowerShell is not there, and of Pythons that which runs the tests."""
    # Its environments are kept: making them takes longer than everything else.
    home = Path(ANSIBLE).parent / "sanity"
    own = environ(tmp_path) | {"HOME": str(home)}
    place = collection(tmp_path)
    (home / ".config/pip").mkdir(parents=True, exist_ok=True)
    (home / ".config/pip/pip.conf").write_text("[global]\n" + pip_settings())
    cache = home / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    for script in bootstrap_scripts():
        (cache / script).write_text(_GET_PIP)
    result = subprocess.run(
        [f"{ANSIBLE}/ansible-test", "sanity", "--color", "no", "--python", "{}.{}".format(*sys.version_info)],
        cwd=place, env=own, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


def bootstrap_scripts():
    """The names under which ansible-test looks for it."""
    import re

    [source] = Path(ANSIBLE).parent.glob("lib/python3.*/site-packages/ansible_test/_internal/python_requirements.py")
    return [f"get_pip_{version.replace('.', '_')}.py" for version in re.findall(r"pip='([\d.]+)'", source.read_text())]


def pip_settings():
    """The machine's own settings of pip, which ansible-test would not pass on."""
    words = [f"{ANSIBLE}/python", "-m", "pip", "config", "list"]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    pairs = [line.partition("=") for line in lines]
    # The same setting may be in several files and in the environment: pip names the one that counts last.
    found = {name.rpartition(".")[2]: ast.literal_eval(value) for name, _, value in pairs}
    return "".join(f"{name} = {value}\n" for name, value in found.items())
