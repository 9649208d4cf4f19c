"""A release rehearsed: from an annotated tag of a clone to each way of installing it, used, updated to a second release, and
uninstalled without a trace. Nothing is asked but loopback and the package index."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from stage.mirror import MINOR, mirror_folder
from stage.package_index import PackageIndex
from stage.pyz import CHECKOUT, builder
from stage.server import Server
from stage.venvs import peer

SECOND = "9.9.0"
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_AUTHOR_NAME": "a", "GIT_COMMITTER_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": "2026-11-27T00:00Z",
    "GIT_AUTHOR_DATE": "2026-11-27T00:00Z",
}  # fmt: skip


def call(*words, **more):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-3000:])
    return done.stdout.strip()


class Release:
    """What the workflow makes of a tag, made twice."""

    def __init__(self, clone, tag, folder):
        git = {"cwd": clone, "env": os.environ | GIT}
        call("git", "checkout", "--quiet", "--detach", tag, **git)
        assert call("git", "cat-file", "-t", tag, **git) == "tag"
        self.version = tag.removeprefix("v")
        with open(f"{clone}/src/pyman/__init__.py", encoding="utf-8") as file:
            assert f'__version__ = "{self.version}"\n' in file.read()
        self.source, self.folder = folder / "source", folder / "dist"
        again = folder / "again"
        epoch = os.environ | {"SOURCE_DATE_EPOCH": call("git", "log", "-1", "--format=%ct", **git)}
        for place, zone in ((self.folder, "UTC"), (again, "Asia/Tokyo")):
            for kind in ("sdist", "wheel"):
                command = (sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", place)
                call(*command, cwd=clone, env=epoch | {"TZ": zone})
            [wheel] = place.glob("*.whl")
            call(sys.executable, "tools/build_pyz.py", wheel, place / f"pyman-{self.version}.pyz", cwd=clone)
        names = sorted(path.name for path in self.folder.iterdir())
        assert names == sorted(path.name for path in again.iterdir())
        assert len(names) == 3
        for name in names:
            assert (self.folder / name).read_bytes() == (again / name).read_bytes(), name
        [self.wheel] = self.folder.glob("*.whl")
        self.pyz = self.folder / f"pyman-{self.version}.pyz"
        # install.sh runs from a copy of the repository, as it is at that tag.
        self.source.mkdir()
        call("sh", "-c", f"git archive {tag} | tar -x -C '{self.source}'", **git)


class Releases:
    """Two releases, an index with the first of them, and the folder of downloads."""

    def __init__(self, folder):
        clone = folder / "clone"
        call("git", "clone", "--quiet", "--no-hardlinks", CHECKOUT, clone, env=os.environ | GIT)
        git = {"cwd": clone, "env": os.environ | GIT}
        init = clone / "src/pyman/__init__.py"
        version = re.search('__version__ = "(.*)"', init.read_text())[1]
        call("git", "tag", "--annotate", "--force", f"v{version}", "--message", "the first", **git)
        init.write_text(init.read_text().replace(version, SECOND))
        call("git", "commit", "--quiet", "--all", "--message", "the second", **git)
        call("git", "tag", "--annotate", f"v{SECOND}", "--message", "the second", **git)
        self.first = Release(clone, f"v{version}", folder / "first")
        self.second = Release(clone, f"v{SECOND}", folder / "second")
        self.house = folder / "house"
        builder().download_requirements(str(self.house))
        os.unlink(self.house / "requirements.txt")
        self.downloads = folder / "downloads"
        self.downloads.mkdir()

    def publish(self, release):
        """Put a release where installers look."""
        shutil.copy(release.wheel, self.house)
        shutil.copy(release.pyz, self.downloads)
        lines = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in self.downloads.glob("*.pyz")
        ]
        (self.downloads / "SHA256SUMS").write_text("".join(lines))

    def withdraw(self, release):
        (self.house / release.wheel.name).unlink(missing_ok=True)
        (self.downloads / release.pyz.name).unlink(missing_ok=True)


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    if subprocess.run(["git", "-C", CHECKOUT, "rev-parse"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this is no clone")
    made = Releases(tmp_path_factory.mktemp("release"))
    made.publish(made.first)
    with PackageIndex(str(made.house)) as index, Server(str(made.downloads)) as downloads:
        made.index, made.address = index.url, downloads.url
        yield made


class Person:
    """Somebody with an empty home, who has the index and the downloads of the rehearsal."""

    def __init__(self, folder, releases):
        self.folder, self.releases = folder, releases
        self.home, self.work = folder / "home", folder / "work"
        self.home.mkdir()
        self.work.mkdir()
        # What every home has.
        for name in (".local/bin", ".local/share/man/man1", ".local/state", ".cache"):
            (self.home / name).mkdir(parents=True)
        url = f"{releases.index}/"
        self.environ = {
            "HOME": str(self.home), "PATH": f"{self.home}/.local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "SHELL": "/bin/bash",
            "PIP_INDEX_URL": url, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_DEFAULT_INDEX": url, "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_CACHE_DIR": str(folder / "uv"),
            "PIPX_DEFAULT_PYTHON": sys.executable, "PYMAN_DOWNLOADS": releases.address, "PYMAN_MIRROR": mirror_folder(),
        }  # fmt: skip

    def run(self, *words, **more):
        return call(*words, env=self.environ | more, cwd=self.home)

    def tree(self):
        """What there is in the home, but for what installers keep of their own."""
        theirs = (".cache/pipx", ".local/share/pipx", ".local/state/pipx", ".local/share/uv")
        found = {}
        for folder, folders, files in os.walk(self.home):
            for name in (*folders, *files):
                path = os.path.relpath(f"{folder}/{name}", self.home)
                if not path.startswith(theirs) or {"pyman", "pyman-cli"}.intersection(path.split("/")):
                    found[path] = os.readlink(f"{folder}/{name}") if os.path.islink(f"{folder}/{name}") else ""
        return found


def by_pip(person):
    person.run(sys.executable, "-m", "venv", person.folder / "env")
    pip = person.folder / "env/bin/pip"
    person.run(pip, "install", "--quiet", "pyman-cli")
    return str(person.folder / "env/bin/pyman"), [pip, "install", "--quiet", "--upgrade", "pyman-cli"], [
        pip, "uninstall", "--quiet", "--yes", "pyman-cli",
    ]  # fmt: skip


def by_wheelhouse(person):
    person.environ |= {
        "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(person.releases.house), "PIP_INDEX_URL": "http://127.0.0.1:9/",
    }  # fmt: skip
    return by_pip(person)


def by_pipx(person):
    pipx = peer("pipx")
    person.run(pipx, "install", "--quiet", "pyman-cli")
    return "pyman", [pipx, "upgrade", "--quiet", "pyman-cli"], [pipx, "uninstall", "--quiet", "pyman-cli"]


def by_uv(person):
    uv = peer("uv")
    person.run(uv, "tool", "install", "--quiet", "--python", sys.executable, "pyman-cli")
    return "pyman", [uv, "tool", "upgrade", "--quiet", "pyman-cli"], [uv, "tool", "uninstall", "--quiet", "pyman-cli"]


def by_pyz(person):
    pyman = person.home / ".local/bin/pyman"
    shutil.copy(person.releases.first.pyz, pyman)
    person.environ["PATH"] = f"{os.path.dirname(sys.executable)}:{person.environ['PATH']}"
    return str(pyman), None, None


def by_script(person):
    person.run("/bin/sh", person.releases.first.source / "install.sh", "--python", sys.executable)
    return "pyman", None, None


def by_script_without_a_network(person):
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}
    words = ("--python", sys.executable, "--wheelhouse", person.releases.house)
    person.run("/bin/sh", person.releases.first.source / "install.sh", *words, **nowhere)
    return "pyman", None, None


WAYS = [by_pip, by_wheelhouse, by_pipx, by_uv, by_pyz, by_script, by_script_without_a_network]


def use(person, pyman):
    """Install a Python, make a venv, look at it, run what shims run, complete a word; then remove both again."""
    run = person.run
    run(pyman, "install", MINOR, "--quiet")
    run(pyman, "venv", person.work / ".venv", "-p", MINOR, "--quiet")
    assert json.loads(run(pyman, "doctor", person.work, "--json"))["findings"] == []
    run(pyman, "use", "--global", MINOR)
    shims = person.home / ".local/share/pyman/shims"
    assert run(shims / "python", "-c", "import sys; print(sys.version_info[1])") == "13"
    init = f'eval "$({pyman} init bash)"; command -v python; complete -p pyman'
    assert run("/bin/bash", "--norc", "-euc", init).splitlines()[0] == f"{shims}/python"
    [release] = [one["version"] for one in json.loads(run(pyman, "list", "--json"))["runtimes"]]
    run(pyman, "venvs", "--remove", person.work / ".venv", "--yes")
    run(pyman, "use", "--global", "--unset")
    run(pyman, "uninstall", release, "--no-search")


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_installed_used_updated_and_uninstalled_without_a_trace(tmp_path, releases, way):
    releases.withdraw(releases.second)
    person = Person(tmp_path, releases)
    before = person.tree()
    pyman, update, remove = way(person)
    assert person.run(pyman, "--version") == f"pyman {releases.first.version}"
    use(person, pyman)
    releases.publish(releases.second)
    if update is not None:
        assert "this pyman was installed by" in subprocess.run(
            [shutil.which(pyman, path=person.environ["PATH"]), "self", "update"],
            env=person.environ, capture_output=True, text=True, check=False,
        ).stderr  # fmt: skip
        person.run(*update)
    else:
        assert json.loads(person.run(pyman, "self", "update", "--json"))["version"] == SECOND
    assert person.run(pyman, "--version") == f"pyman {SECOND}"
    use(person, pyman)
    person.run(pyman, "self", "uninstall")
    if remove is not None:
        person.run(*remove)
    assert person.tree() == before


def test_for_every_user_by_root(tmp_path, releases):
    """In a namespace where /opt and /usr/local/bin are folders of the test."""
    if os.geteuid() != 0:
        pytest.skip("only root installs for every user")
    for name in ("opt", "local", "home"):
        (tmp_path / name).mkdir()
    (tmp_path / "home").chmod(0o755)
    mounts = f"mount --bind '{tmp_path}/opt' /opt && mount --bind '{tmp_path}/local' /usr/local/bin"
    mounts += f" && mount --bind '{tmp_path}/home' /mnt"
    environ = {
        "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/bin", "HOME": "/mnt", "LANG": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{releases.index}/", "PIP_NO_CACHE_DIR": "1", "PYMAN_DOWNLOADS": releases.address,
    }  # fmt: skip

    def run(script, status=0):
        command = ["unshare", "-m", "/bin/sh", "-c", f"{mounts} && {script}"]
        done = subprocess.run(command, env=environ, cwd="/", capture_output=True, text=True, check=False)
        if "no suitable Python was found" in done.stderr:
            pytest.skip("there is no Python of root's here")
        assert done.returncode == status, (script, done.stdout, done.stderr)
        return done.stdout.strip()

    if subprocess.run(["unshare", "-m", "/bin/sh", "-c", mounts], capture_output=True, check=False).returncode != 0:
        pytest.skip("no namespace for mounts can be had here")
    releases.withdraw(releases.second)
    run(f"/bin/sh {releases.first.source}/install.sh --system")
    other = "setpriv --reuid 12345 --regid 12345 --clear-groups env HOME=/nowhere PYMAN_CACHE_DIR=/nowhere pyman"
    assert run(f"{other} --version") == f"pyman {releases.first.version}"
    releases.publish(releases.second)
    run(f"{other} self update", status=1)
    assert json.loads(run("pyman self update --json"))["version"] == SECOND
    assert run(f"{other} --version") == f"pyman {SECOND}"
    run("pyman self uninstall")
    left = [f"{folder}/{name}" for folder, folders, files in os.walk(tmp_path) for name in (*folders, *files)]
    assert sorted(os.path.relpath(path, tmp_path) for path in left if ".cache" not in path) == ["home", "local", "opt"]
    assert [path for path in left if ".cache/" in path] == []
