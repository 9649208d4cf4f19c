"""The collection pyman.pyman on three hosts: real sshd, own users and homes, no network but each other."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stage.home import installed_once
from stage.hosts import Hosts, why_not
from stage.mirror import MINOR, NEW, OLD, mirror_of
from stage.pyz import build_pyz, build_wheel, builder

COLLECTION = Path(__file__).parents[2] / "integrations/ansible"
ANSIBLE = os.environ.get("PYMAN_TEST_ANSIBLE", "")
"""The folder of ansible-playbook; `tests/run --machines` makes its environment."""

HOSTS = {"web1": ["ann"], "web2": ["bob"], "db1": ["cat", "root"]}
USERS = {"web1": ("web1", "ann"), "web2": ("web2", "bob"), "db1": ("db1", "cat")}
"""What the inventory calls them, but for root."""

pytestmark = [
    pytest.mark.real_archives("real Pythons"),
    pytest.mark.skipif(
        not os.path.exists(f"{ANSIBLE}/ansible-playbook"),
        reason="needs ansible-core: `tests/run --machines` installs it",
    ),
]


class Played:
    """What one run of a playbook said."""

    def __init__(self, process):
        self.out = process.stdout + process.stderr
        self.status = process.returncode
        self.changed_of = {}
        self.changed = []
        task = None
        for line in process.stdout.splitlines():
            if found := re.match(r"TASK \[(?:pyman\.pyman\.pyman : )?(.*)\] \*", line):
                task = found[1]
            elif found := re.match(r"changed: \[(\S+?)(?: -> \S+)?\]", line):
                self.changed.append((task, found[1]))
            elif found := re.match(r"(\S+) +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0", line):
                self.changed_of[found[1]] = int(found[2])


class Site:
    """A controller's folder with the collection, and the hosts."""

    def __init__(self, folder, hosts, mirror, pyz, sockets):
        self.folder, self.hosts, self.mirror = folder, hosts, mirror
        (folder / "ansible_collections/pyman").mkdir(parents=True)
        (folder / "ansible_collections/pyman/pyman").symlink_to(COLLECTION)
        inventory = hosts.inventory(pyman_pyz=pyz, pyman_mirror=hosts.serve(mirror))
        (folder / "inventory.json").write_text(json.dumps(inventory))
        self.environ = {
            "HOME": str(folder), "PATH": f"{ANSIBLE}:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(folder), "ANSIBLE_HOME": f"{folder}/.ansible", "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1", "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets,
        }  # fmt: skip

    def play(self, playbook, *words, status=0):
        result = self.hosts.run(
            f"{ANSIBLE}/ansible-playbook", "-i", self.folder / "inventory.json", playbook, *words,
            cwd=self.folder, env=self.environ,
        )  # fmt: skip
        assert result.returncode == status, result.stdout + result.stderr
        return Played(result)

    def tasks(self, host, text, *words):
        """Play these tasks on one host."""
        file = self.folder / "tasks.yml"
        head = f"- hosts: {host}\n  gather_facts: false\n  tasks:\n"
        file.write_text(head + textwrap.indent(textwrap.dedent(text), "    "))
        return self.play(file, *words)

    def release(self, name, place="app/.venv"):
        host, user = USERS[name]
        return self.hosts.ssh(host, user, f"{place}/bin/python -V")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def site(tmp_path, wheel):
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    pyz = build_pyz(tmp_path / "pyman.pyz", wheel)
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    mirror_of(str(mirror), OLD)
    (tmp_path / "hosts").mkdir()
    (tmp_path / "site").mkdir()
    with Hosts(tmp_path / "hosts", HOSTS) as hosts:
        for host, user in USERS.values():
            broken_venv(f"{hosts.home(host, user)}/app/.venv")
            hosts.give(host, user)
        # The path of a socket has at most 107 characters, and that of a test has more with several workers.
        with TemporaryDirectory(prefix="ssh-") as sockets:
            yield Site(tmp_path / "site", hosts, mirror, pyz, sockets)


def broken_venv(place):
    """A venv as `python -m venv` made it, whose Python is gone: it lay in a folder that the hosts do not have."""
    python = f"{installed_once(OLD)}/bin/python3"
    subprocess.run([python, "-m", "venv", "--without-pip", place], check=True, env={"PATH": "/usr/bin:/bin"})


def test_a_playbook_of_twelve_lines_installs_upgrades_repairs_and_reports(site):
    example = COLLECTION / "playbooks/site.yml"
    assert len(example.read_text().splitlines()) <= 12
    playbook = shutil.copy(example, site.folder)

    checked = site.play(playbook, "--check", "--diff")
    assert all(checked.changed_of[name] for name in USERS)
    for host, user in USERS.values():
        assert site.hosts.ssh(host, user, "ls -A").split() == [".ansible", "app"]

    first = site.play(playbook)
    assert all(first.changed_of[name] for name in USERS), first.out
    assert {site.release(name) for name in USERS} == {f"Python {OLD}"}
    merged = json.loads((site.folder / "pyman-report/report.json").read_text())
    assert sorted((one["host"], one["user"]) for one in merged["hosts"]) == [
        ("db1", "cat"), ("db1", "root"), ("web1", "ann"), ("web2", "bob")]  # fmt: skip
    page = (site.folder / "pyman-report/report.html").read_text()
    assert all(host in page for host in HOSTS)

    second = site.play(playbook)
    assert set(second.changed_of.values()) == {0}, second.out

    held = site.tasks("db1", f"""
        - name: Hold
          pyman.pyman.pyman_python: {{name: "{MINOR}", state: held, version: {OLD}}}
    """)  # fmt: skip
    assert held.changed == [("Hold", "db1")]
    mirror_of(str(site.mirror), NEW, OLD)

    planned = site.play(playbook, "--check", "--diff")
    assert sorted(planned.changed) == [("Upgrade Python", name) for name in ("db1-root", "web1", "web2")]
    assert f"-{MINOR} -> {OLD}\n+{MINOR} -> {NEW}\n" in planned.out
    assert {site.release(name) for name in USERS} == {f"Python {OLD}"}

    upgraded = site.play(playbook)
    assert sorted(upgraded.changed) == sorted(planned.changed), upgraded.out
    assert f"{MINOR} is held and was not upgraded" in upgraded.out
    assert {name: site.release(name) for name in USERS} == {
        "web1": f"Python {NEW}", "web2": f"Python {NEW}", "db1": f"Python {OLD}"}  # fmt: skip
    assert set(site.play(playbook).changed_of.values()) == {0}


def test_root_installs_from_a_wheelhouse_for_every_user(site, wheel, tmp_path):
    house = tmp_path / "house"
    builder().download_requirements(str(house))
    os.unlink(house / "requirements.txt")
    shutil.copy(wheel, house)
    (site.folder / "root.yml").write_text(textwrap.dedent("""
        - hosts: db1-root
          gather_facts: false
          roles: [pyman.pyman.pyman]
          vars:
            pyman_pyz: ""
            pyman_bin: /usr/local/bin
            pyman_environment: "/usr/local/lib/one pyman"
            pyman_settings: /etc/ssh/pyman.toml
    """))  # fmt: skip
    words = ("-e", f"pyman_wheelhouse={house}")
    site.hosts.ssh(
        "db1",
        "root",
        "mkdir /usr/local/lib; printf 'offline = false\\n' > /etc/ssh/pyman.toml; chmod 600 /etc/ssh/pyman.toml",
    )
    assert site.play(site.folder / "root.yml", *words, "--check").changed_of["db1-root"] > 0
    assert site.play(site.folder / "root.yml", *words).changed_of["db1-root"] > 0
    assert site.play(site.folder / "root.yml", *words).changed_of["db1-root"] == 0
    assert site.play(site.folder / "root.yml", *words, "--check").changed_of["db1-root"] == 0
    assert site.hosts.ssh("db1", "cat", "pyman --version").startswith("pyman ")
    site.hosts.ssh("db1", "cat", "pyman register app/.venv")
    looked = site.tasks("db1-root", """
        - pyman.pyman.pyman_doctor: {all_users: true}
          register: looked
        - ansible.builtin.debug: {msg: "{{ looked.findings | selectattr('owner', 'eq', 'cat') | map(attribute='path') }}"}
    """)  # fmt: skip
    assert '"/home/cat/app/.venv"' in looked.out
    settings = site.hosts.ssh("db1", "root", "cat /etc/ssh/pyman.toml").splitlines()
    assert site.hosts.ssh("db1", "root", "stat -c %a /etc/ssh/pyman.toml").strip() == "600"
    assert settings == ['mirror = "http://10.213.0.1:8000"', "offline = false"]
