"""`pyman install`: the main job on real archives, every way to ask for it, and what it answers."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess

import pytest

from pyman.effects.archives.local import verified_archive
from pyman.effects.places import read_places
from pyman.effects.runtimes.install import Archive, unpack_runtime
from pyman.effects.runtimes.managed import prepare_folders
from pyman.errors import IntegrityError
from stage.home import Home
from stage.mirror import LIBRARY, MINOR, NEW, OLD, archive_path, runtime_tree
from stage.mirrors import Mirror, stand_in


@pytest.fixture
def mirror(tmp_path):
    """A mirror of stand-ins, which cost nothing."""
    made = Mirror(tmp_path / "mirror")
    for release in ("3.15.0b2", "3.14.2", "3.14.2t", "3.13.9", "3.12.7"):
        made.add(release)
    for release in ("3.14.1", "3.13.8", "3.14.0rc3"):
        made.add(release, tag="20260901")
    return made


@pytest.fixture
def user(tmp_path, mirror):
    """A home whose mirror is that of the stand-ins."""
    return Home(tmp_path, mirror.path)


def names(home):
    """Everything in `runtimes/`, dot files too."""
    return sorted(os.listdir(home.runtimes)) if home.runtimes.exists() else []


# --- the main job ---


def test_a_venv_moves_to_the_next_patch_release_by_itself(home):
    home.pyman("install", OLD)
    home.pyman("venv")
    python = home.project / ".venv/bin/python"
    assert home.run(python, "-V") == f"Python {OLD}"
    answer = home.pyman("install", MINOR)
    lines = answer.out.splitlines()
    assert lines[:2] + lines[-1:] == [
        f"Python {NEW} is installed",
        f"{MINOR}: {OLD} -> {NEW}",
        f"  1 venv now on {NEW}",
    ]
    assert home.run(python, "-V") == f"Python {NEW}"
    assert home.run(python, "-m", "pip", "--version").endswith(f"(python {MINOR})")
    assert names(home) == sorted(["3", MINOR, OLD, NEW])
    assert os.readlink(home.runtimes / MINOR) == NEW
    assert os.readlink(home.runtimes / "3") == MINOR


def test_what_is_installed_is_whole_and_says_so(home):
    home.pyman("install", NEW)
    with open(archive_path(NEW), "rb") as archive:
        digest = hashlib.file_digest(archive, "sha256").hexdigest()
    runtime = home.runtimes / NEW
    manifest = (runtime / "pyman-runtime.toml").read_text()
    for line in (
        f'version = "{NEW}"',
        'variant = "default"',
        f'build = "{os.path.basename(os.path.dirname(archive_path(NEW)))}"',
        f'sha256 = "{digest}"',
        f'library = "{LIBRARY}"',
        f'executable = "bin/python{MINOR}"',
    ):
        assert line in manifest.splitlines()
    assert (runtime / f"{LIBRARY}/EXTERNALLY-MANAGED").exists()
    for path in runtime.rglob("*"):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o7777 in (0o755, 0o644), path
    wanted = {name for name in os.listdir(runtime_tree(NEW)) if not name.startswith(".")}
    assert set(os.listdir(runtime)) == wanted | {"pyman-runtime.toml"}
    told = home.run(runtime / "bin/python3", "-c", "import sysconfig; print(sysconfig.get_config_var('prefix'))")
    assert told == str(runtime)
    refused = subprocess.run(
        [runtime / "bin/python3", "-m", "pip", "install", "x"],
        capture_output=True,
        text=True,
        check=False,
        env=home.environ,
    )
    assert refused.returncode != 0
    assert "pyman venv" in refused.stderr


@pytest.mark.parametrize("tool", ["uv", "virtualenv", "venv"])
def test_venvs_of_other_tools_made_through_find_follow_too(tool, home):
    """Issue 3's last line, on the real tools."""
    from stage.venvs import call, peer

    home.with_runtimes(OLD)
    python = home.pyman("find", MINOR).out.strip()
    venv = home.project / ".venv"
    command = {
        "uv": lambda: (peer("uv"), "venv", "--quiet", "-p", python, venv),
        "virtualenv": lambda: (peer("virtualenv"), "--quiet", "--without-pip", "-p", python, venv),
        "venv": lambda: (python, "-m", "venv", "--without-pip", venv),
    }[tool]()
    call(*command, HOME=str(home.path))
    assert home.run(venv / "bin/python", "-V") == f"Python {OLD}"
    home.pyman("install", MINOR)
    assert home.run(venv / "bin/python", "-V") == f"Python {NEW}"
    home.run(venv / "bin/python", "-c", "import ssl, sqlite3, json, asyncio")


# --- requests ---


def test_several_requests_at_once_each_with_its_newest_patch_release(user):
    answer = user.json("install", "3.13", "3.14t", "3.12.7", "3.13")
    assert [(one["request"], one["version"]) for one in answer["installed"]] == [
        ("3.13", "3.13.9"),
        ("3.14t", "3.14.2"),
        ("3.12.7", "3.12.7"),
    ]
    assert names(user) == ["3", "3.12", "3.12.7", "3.13", "3.13.9", "3.14.2t", "3.14t"]


@pytest.mark.parametrize(
    ("request_", "name"),
    [("latest", "3.14.2"), ("3", "3.14.2"), (">=3.12,<3.14", "3.13.9"), ("==3.13.8", "3.13.8"), ("cpython-3.12", "3.12.7"),
     ("3.15", "3.15.0b2"), ("3.15-dev", "3.15.0b2"), ("3.14.0rc3", "3.14.0rc3"), ("3.14+freethreaded", "3.14.2t"),
     ("~=3.13.8", "3.13.9")],
)  # fmt: skip
def test_every_way_to_name_a_release(user, request_, name):
    user.pyman("install", request_)
    assert name in names(user)


def test_what_is_there_is_kept_and_a_newer_one_is_fetched_whatever_is_there(user):
    user.pyman("install", "3.13.8")
    assert user.pyman("install", "3.13.8").out == "Python 3.13.8 is already installed\n"
    assert user.json("install", "3.13")["installed"][0]["already"] is False
    again = user.json("install", "3.13")
    assert again["installed"][0]["already"] is True
    assert again["moved"] == []


def test_without_a_request_the_version_file_is_asked_and_all_in_it(user):
    (user.project / ".python-version").write_text("# ours\n3.13\n3.12  # and the old one\nsystem\n")
    assert [one["version"] for one in user.json("install")["installed"]] == ["3.13.9", "3.12.7"]
    (user.project / ".python-version").unlink()
    (user.project / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.12,<3.14"\n')
    assert user.json("install")["installed"][0]["version"] == "3.13.9"
    (user.project / "pyproject.toml").unlink()
    assert user.json("install")["installed"][0]["version"] == "3.14.2"
    assert user.json("install", PYMAN_PYTHON="3.15")["installed"][0]["version"] == "3.15.0b2"


def test_the_default(user):
    user.pyman("install", "--default", "3.13", "3.14")
    assert (user.root / "default").read_text() == "3.13\n"
    assert os.readlink(user.runtimes / "3") == "3.13"
    assert user.pyman("find").out.strip() == str(user.runtimes / "3.13/bin/python3.13")
    user.pyman("install", "--default", "3.12")
    assert os.readlink(user.runtimes / "3") == "3.12"


def test_a_hold_keeps_its_alias_and_that_is_said(user):
    user.pyman("install", "3.13.8")
    user.pyman("hold", "3.13")
    answer = user.pyman("install", "3.13")
    assert "3.13 is held and stays at 3.13.8; `pyman unhold 3.13` removes the hold\n" in answer.out
    assert os.readlink(user.runtimes / "3.13") == "3.13.8"


def test_a_folder_in_the_place_of_an_alias_is_left_there_and_said(user):
    (user.runtimes / "3.13").mkdir(parents=True)
    answer = user.pyman("install", "3.13")
    assert f"{user.runtimes}/3.13 blocks the alias 3.13" in answer.out
    assert os.listdir(user.runtimes / "3.13") == []
    assert user.pyman("find", "3.13").out == f"{user.runtimes}/3.13.9/bin/python3.13\n"
    (user.runtimes / "3.13").rmdir()
    assert "3.13 -> 3.13.9" in user.pyman("install", "3.13").out


def test_force_installs_again_and_takes_what_was_there_away(user):
    user.pyman("install", "3.13.9")
    (user.runtimes / "3.13.9" / "mine").write_text("")
    before = os.stat(user.runtimes / "3.13.9").st_ino
    assert user.json("install", "3.13", "--force")["installed"][0]["already"] is False
    assert os.stat(user.runtimes / "3.13.9").st_ino != before
    assert not (user.runtimes / "3.13.9" / "mine").exists()
    assert names(user) == ["3", "3.13", "3.13.9"]


@pytest.mark.parametrize("lost", ["pyman-runtime.toml", "bin/python3.13", "bin"])
def test_a_runtime_that_is_not_whole_is_installed_again(user, lost):
    user.pyman("install", "3.13.9")
    path = user.runtimes / "3.13.9" / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "broken" in user.pyman("list").out
    assert user.json("install", "3.13.9")["installed"][0]["already"] is False
    assert user.run(user.pyman("find", "3.13").out.strip(), "-V") == "Python 3.13.9"
    assert names(user) == ["3", "3.13", "3.13.9"]


WRONG = [
    # words, status, what the message says, what the hint says
    (["3.99"], 1, "Python 3.99 is not available", "`3.13.9`, `3.14.2`, `3.15.0b2`"),
    (["3.13.99"], 1, "Python 3.13.99 is not available", "`3.13.8`, `3.13.9`"),
    (["3.13t"], 1, "Python 3.13t is not available", "`3.14.2t`"),
    (["nonsense"], 2, "`nonsense` is not a Python version", "`3.13`"),
    (["3..13"], 2, "`3..13` is not a Python version", "`3.13`"),
    ([""], 2, "is not a Python version", "`3.13`"),
    (["2.7"], 2, "too old", "3.13"),
    (["graalpy3.12"], 1, "cannot be installed: pyman installs", "pyman adopt PATH"),
    (["./my venv"], 2, "is a path", "pyman adopt './my venv'"),
    (["system"], 2, "already on this machine", "pyman adopt"),
    (["--from", "a.tar.gz", "3.13"], 2, "takes no version", "leave the version out"),
    (["--from", "a.tar.gz", "--mirror", "/nowhere"], 2, "cannot be used together", "leave one of them out"),
    (["--from", "nothing.tar.gz"], 1, "there is no archive", ".tar.gz"),
    (["--nonsense"], 2, "unknown option `--nonsense`", "pyman install --help"),
    (["--mirror"], 2, "`--mirror` needs a value", "pyman install --help"),
    (["--mirror", "/nowhere", "3.13", "--no-adopt"], 1, "/nowhere", "index.ndjson"),
    (["--mirror", "ftp://example.org", "3.13", "--no-adopt"], None, "ftp://example.org", ""),
]


@pytest.mark.parametrize(
    ("words", "status", "message", "hint"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_wrong_words_are_one_sentence_and_one_that_helps(user, words, status, message, hint):
    answer = user.pyman("install", *words, status=status)
    assert answer.status in (1, 2)
    first, second = answer.err.splitlines()
    assert first.startswith("error: ")
    assert message in first.lower() or message in first
    assert second.startswith("hint: ")
    assert hint in second
    assert answer.out == ""
    failed = user.pyman("--json", "install", *words, status=status).json
    assert failed["schema"] == "pyman/1"
    assert set(failed["error"]) == {"code", "message", "hint"}
    assert f"error: {failed['error']['message']}" == first
    assert names(user) == []


def test_one_failure_does_not_stop_the_others(user, mirror):
    with open(mirror.add("3.11.9"), "ab") as file:
        file.write(b"more")
    answer = user.json("install", "3.99", "3.13", "3.11", "3.12", status=1)
    assert [one["version"] for one in answer["installed"]] == ["3.13.9", "3.12.7"]
    assert "3.99" in answer["error"]["message"]
    assert "3.11.9" in answer["error"]["message"]
    assert [move["alias"] for move in answer["moved"]] == ["3.13", "3.12"]


# --- JSON ---


def test_the_object_that_programs_read(user):
    (user.project / "v").mkdir()
    answer = user.json("install", "3.13.8", "3.14t")
    assert answer == {
        "schema": "pyman/1",
        "installed": [
            {
                "request": "3.13.8",
                "version": "3.13.8",
                "path": str(user.runtimes / "3.13.8"),
                "origin": "managed",
                "aliases": ["3.13", "3"],
                "already": False,
            },
            {
                "request": "3.14t",
                "version": "3.14.2",
                "path": str(user.runtimes / "3.14.2t"),
                "origin": "managed",
                "aliases": ["3.14t"],
                "already": False,
            },
        ],
        "moved": [
            moved("3.13", None, "3.13.8"),
            moved("3.14t", None, "3.14.2t"),
        ],
        "changed": ["3.13.8", "3.14.2t"],
    }
    user.pyman("venv", "--without-pip", "-p", "3.13", "w")
    [move] = user.json("install", "3.13")["moved"]
    # Between these two no advisory is known, and every release is.
    assert move == moved("3.13", "3.13.8", "3.13.9", followed=1)


def moved(alias, old, new, followed=0):
    return {
        "alias": alias,
        "from": old,
        "to": new,
        "venvs": {"followed": followed, "pinned": 0, "held_back": 0},
        "held_back": [],
        "processes": [],
        "notes": [],
        "fixes": None,
    }


# --- local archives ---


@pytest.mark.parametrize("name", ["as it comes", "renamed"])
def test_a_local_archive(home, name, tmp_path):
    archive = archive_path(OLD)
    build = os.path.basename(os.path.dirname(archive))
    if name == "renamed":
        os.symlink(archive, tmp_path / "python.tar.gz")
        archive = str(tmp_path / "python.tar.gz")
    answer = home.json("install", "--from", archive)
    assert [(one["version"], one["already"]) for one in answer["installed"]] == [(OLD, False)]
    before = home.tree()
    again = home.json("install", "--from", archive)
    assert again["installed"][0]["already"] is True
    assert home.tree() == before
    manifest = (home.runtimes / f"{OLD}/pyman-runtime.toml").read_text()
    assert "url" not in manifest
    assert (f'build = "{build}"' in manifest) is (name == "as it comes")


def test_who_vouches_for_a_local_archive_is_said(user, tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    name = "cpython-3.13.4+20260101-x86_64-unknown-linux-gnu-install_only.tar.gz"
    (folder / name).write_bytes(stand_in("3.13.4"))
    assert "no known checksum for this archive" in user.pyman("install", "--from", folder / name).err
    import hashlib

    digest = hashlib.sha256(stand_in("3.13.4")).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  {name}\n")
    assert "sha256 agrees with" in user.pyman("install", "--force", "--from", folder / name).err
    (folder / "SHA256SUMS").write_text(f"{'0' * 64} *{name}\n")
    refused = user.json("install", "--force", "--from", folder / name, status=1)
    assert refused["error"]["code"] == "integrity"
    assert "SHA256SUMS" in refused["error"]["message"]
    assert names(user) == ["3", "3.13", "3.13.4"]


def test_a_local_archive_that_somebody_exchanges_after_it_was_checked(tmp_path):
    path = tmp_path / "cpython-3.13.4+20260101-x86_64-unknown-linux-gnu-install_only.tar.gz"
    path.write_bytes(stand_in("3.13.4"))
    places = read_places({"HOME": str(tmp_path)})
    local = verified_archive(str(path), places.cache)
    path.write_bytes(stand_in("3.13.4") + gzip.compress(b""))
    path.chmod(0o666)
    prepare_folders(places)
    archive = Archive(str(path), local.name, local.version, local.variant, local.build, None, local.sha256)
    with pytest.raises(IntegrityError, match="was changed by another process"):
        unpack_runtime(places, archive)
    assert os.listdir(places.runtimes) == []


def test_a_local_archive_of_another_machine_is_refused(user, tmp_path):
    path = tmp_path / "cpython-3.13.4+20260101-aarch64-apple-darwin-install_only.tar.gz"
    path.write_bytes(stand_in("3.13.4"))
    assert "aarch64-apple-darwin" in user.json("install", "--from", path, status=1)["error"]["message"]
    assert names(user) == []


# --- where from ---


def test_the_mirror_is_named_by_option_before_environment_before_settings(user, tmp_path, mirror):
    other = Mirror(tmp_path / "other")
    other.add("3.13.20")
    config = user.path / ".config/pyman/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'mirror = "{other.path}"\n')
    assert user.json("install", "3.13", "--mirror", other.path)["installed"][0]["version"] == "3.13.20"
    assert user.json("install", "3.13.9")["installed"][0]["version"] == "3.13.9"
    del user.environ["PYMAN_MIRROR"]
    assert user.json("install", "3.13", "--force")["installed"][0]["version"] == "3.13.20"
    config.write_text("mirror = 3\n")
    assert user.json("install", "3.12", status=1)["error"]["code"] == "bad-settings"


def test_a_mirror_in_a_folder_is_no_network(user):
    assert user.json("install", "3.13", "--offline")["installed"][0]["version"] == "3.13.9"
    assert user.json("install", "3.12", PYMAN_OFFLINE="1")["installed"][0]["version"] == "3.12.7"
