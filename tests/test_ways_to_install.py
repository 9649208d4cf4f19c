"""Each way to install pyman, from the wheel of this checkout and an index on loopback: it runs, knows who installed it,
and goes again. install.sh and pyman.pyz have files of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from stage.package_index import PackageIndex
from stage.pyz import build_wheel, builder
from stage.venvs import peer


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An index with pyman, and what it needs."""
    folder = tmp_path_factory.mktemp("index")
    builder().download_requirements(str(folder))
    os.unlink(folder / "requirements.txt")
    wheel = build_wheel(tmp_path_factory.mktemp("wheel"))
    shutil.copy(wheel, folder)
    with PackageIndex(str(folder)) as served:
        yield served


@pytest.fixture
def environ(tmp_path, index):
    (tmp_path / "home").mkdir()
    url = f"{index.url}/"
    return {
        "HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
        "PIP_INDEX_URL": url, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_DEFAULT_INDEX": url, "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_CACHE_DIR": str(tmp_path / "uv"),
    }  # fmt: skip


def run(environ, *words, status=0):
    result = subprocess.run([*map(str, words)], env=environ, cwd="/", capture_output=True, text=True, check=False)
    assert result.returncode == status, (result.stdout, result.stderr)
    return result


def by_pip(environ, folder):
    run(environ, sys.executable, "-m", "venv", folder / "env")
    run(environ, folder / "env/bin/pip", "install", "--quiet", "pyman-cli")
    return folder / "env/bin/pyman", "pip", "-m pip install --upgrade pyman-cli"


def by_wheelhouse(environ, folder):
    """As a user of pip does it where there is no network."""
    run(environ, sys.executable, "-m", "venv", folder / "env")
    house = folder / "house"
    run(environ, folder / "env/bin/pip", "download", "--quiet", "--dest", house, "pyman-cli")
    offline = environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(house), "PIP_INDEX_URL": "http://127.0.0.1:9/"}
    run(offline, folder / "env/bin/pip", "install", "--quiet", "pyman-cli")
    return folder / "env/bin/pyman", "pip", "-m pip install --upgrade pyman-cli"


def by_pipx(environ, folder):
    run(environ, peer("pipx"), "install", "--quiet", "--python", sys.executable, "pyman-cli")
    return f"{environ['HOME']}/.local/bin/pyman", "pipx", "pipx upgrade pyman-cli"


def by_uv(environ, folder):
    run(environ, peer("uv"), "tool", "install", "--quiet", "--python", sys.executable, "pyman-cli")
    return f"{environ['HOME']}/.local/bin/pyman", "uv tool", "uv tool upgrade pyman-cli"


@pytest.mark.parametrize("way", [by_pip, by_wheelhouse, by_pipx, by_uv])
def test_it_runs_and_knows_who_installed_it(environ, tmp_path, way):
    pyman, by, command = way(environ, tmp_path)
    said = json.loads(run(environ, pyman, "self", "--json").stdout)
    assert (said["installed_by"], said["changed"]) == (by, [])
    run(environ, pyman, "shims")
    shim = f"{environ['HOME']}/.local/share/pyman/shims/python"
    with open(shim, encoding="utf-8") as file:
        written = next(line for line in file if line.startswith("pyman_written_command="))
    assert os.path.samefile(written.partition("=")[2].strip().strip("'"), os.path.realpath(pyman))
    refused = run(environ, pyman, "self", "update", status=1)
    assert refused.stderr.startswith(f"error: this pyman was installed by {by}, which also updates it\nhint: run `")
    assert command in refused.stderr
    gone = run(environ, pyman, "self", "uninstall")
    assert f"pyman was installed by {by}: to remove it, run `" in gone.stderr
    assert not os.path.exists(shim)
    assert run(environ, pyman, "--version").stdout.startswith("pyman ")


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_the_same_source_gives_the_same_bytes(tmp_path, kind):
    built = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = build_wheel(folder, kind, SOURCE_DATE_EPOCH="1700000000", TZ=("UTC", "Asia/Tokyo")[number - 1])
        with open(path, "rb") as file:
            built.append(file.read())
    assert built[0] == built[1]


def test_the_sdist_builds_the_same_wheel(tmp_path):
    (tmp_path / "sdist").mkdir()
    (tmp_path / "wheel").mkdir()
    sdist = build_wheel(tmp_path / "sdist", "sdist", SOURCE_DATE_EPOCH="1700000000")
    wheel = build_wheel(tmp_path / "wheel", SOURCE_DATE_EPOCH="1700000000")
    shutil.unpack_archive(sdist, tmp_path / "source", filter="data")
    [source] = (tmp_path / "source").iterdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "again")],
        cwd=source, check=True, capture_output=True, env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"},
    )  # fmt: skip
    [again] = (tmp_path / "again").iterdir()
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert {each.filename: each.CRC for each in one.infolist()} == {
            each.filename: each.CRC for each in other.infolist()
        }
