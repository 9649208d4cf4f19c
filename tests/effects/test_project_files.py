"""The files of a project that say which Python it wants, as a stranger's repository may have them."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given, settings

from pyman.app.version_source_order import version_sources
from pyman.core.request import parse_request
from pyman.effects.project_files import came_with_clone, is_any_tracked, is_tracked
from pyman.effects.store import read_store
from pyman.errors import BadRequest
from stage.hostile import HUGE, damaged
from stage.venvs import write

PROJECT = b"[build-system]\nrequires = []\n\n[project]\nname = 'x'\nrequires-python = \">=3.11,<3.14\" # note\n"


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Put a file into a folder, and say what is asked for there; an error has to name the file."""
    folder = tmp_path_factory.mktemp("project")
    store = read_store(str(folder / "nothing"))

    def ask(name: str, content: bytes) -> list[str]:
        (folder / name).write_bytes(content)
        try:
            return [word for spec in version_sources({}, str(folder), store) for word in spec.words]
        except BadRequest as error:
            assert str(folder / name) in error.message
            assert error.exit_status == 1
            return []
        finally:
            (folder / name).unlink()

    return ask


@settings(max_examples=200)
@given(content=damaged(PROJECT, PROJECT.replace(b'"', b'"""')))
def test_a_damaged_project_asks_for_something_or_not(ask, content):
    for word in ask("pyproject.toml", content):
        try:
            parse_request(word)
        except BadRequest:
            continue


@settings(max_examples=100)
@given(content=damaged(b"3.13.5\n>=3.11, <3.14 # note\r\nsystem\n"))
def test_a_damaged_version_file_asks_for_something_or_not(ask, content):
    assert all(word.strip() == word != "" for word in ask(".python-version", content))


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_asks_for_nothing(ask, kind):
    half = HUGE[kind][: 1 << 19]
    assert ask("pyproject.toml", b"x = 1\nrequires-python = '>=3.11'\nx" + half) == []
    assert ask(".python-version", half) == []


# --- what Git has among its files


def git(folder, *words):
    author = ("-c", "user.name=x", "-c", "user.email=x@x.invalid", "-c", "protocol.file.allow=always")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "-C", folder, *author, *words], check=True, capture_output=True, env=environ)


@pytest.fixture
def repository(tmp_path):
    """Two files that Git has, and one that it does not have."""
    folder = tmp_path / "repository"
    for name in (".venv/pyvenv.cfg", "other/pyvenv.cfg", "a"):
        write(f"{folder}/{name}", name)
    git(folder, "init", "-q")
    git(folder, "add", ".venv", "a")
    return folder


def tracked(folder):
    return [is_tracked(f"{folder}/{name}/pyvenv.cfg") for name in (".venv", "other")]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("update-index", "--index-version", "4"),
        ("update-index", "--split-index"),
        ("-c", "index.version=4", "update-index", "--split-index"),
        ("update-index", "--index-version", "4", "--split-index"),
        ("-c", "index.skipHash=true", "update-index", "--force-write-index"),
        ("update-index", "--untracked-cache"),
    ],
    ids=" ".join,
)
def test_what_git_has_in_every_form_of_its_list(repository, words):
    if words:
        git(repository, *words)
    assert tracked(repository) == [True, False]
    # Then the list itself has what is new, and the shared one what was there.
    write(f"{repository}/b", "")
    git(repository, "add", "b")
    assert tracked(repository) == [True, False]
    assert is_tracked(f"{repository}/b")
    git(repository, "rm", "-q", "--cached", "a")
    git(repository, "commit", "-q", "-m", "x")
    assert tracked(repository) == [True, False]
    git(repository, "worktree", "add", "-q", repository.parent / "worktree")
    assert is_tracked(f"{repository.parent}/worktree/.venv/pyvenv.cfg")
    assert is_any_tracked([f"{repository}/other/pyvenv.cfg", f"{repository.parent}/worktree/b"])
    assert not is_any_tracked(
        [f"{repository}/other/pyvenv.cfg", f"{repository.parent}/worktree/c", f"{repository.parent}/d"]
    )


def test_what_git_has_with_longer_hashes(tmp_path):
    for name in (".venv/pyvenv.cfg", "other/pyvenv.cfg"):
        write(f"{tmp_path}/{name}", name)
    git(tmp_path, "init", "-q", "--object-format=sha256")
    git(tmp_path, "add", ".venv")
    assert tracked(tmp_path) == [True, False]
    git(tmp_path, "update-index", "--split-index")
    assert tracked(tmp_path) == [True, False]


def test_a_folder_of_which_git_lists_the_name_alone(repository):
    git(repository, "commit", "-q", "-m", "x")
    git(repository, "sparse-checkout", "init", "--cone", "--sparse-index")
    git(repository, "sparse-checkout", "set", "nothing")
    write(f"{repository}/.venv/pyvenv.cfg", "")
    assert tracked(repository) == [True, False]


def test_what_cannot_be_told_is_tracked(repository):
    git(repository, "update-index", "--split-index")
    [shared] = (repository / ".git").glob("sharedindex.*")
    content = shared.read_bytes()
    for damage in (b"", content[:-1], b"x" + content[1:]):
        shared.write_bytes(damage)
        assert tracked(repository) == [True, True]
    shared.unlink()
    assert tracked(repository) == [True, True]
    shared.symlink_to("index")  # It names itself, without an end.
    assert tracked(repository) == [True, True]
    (repository / ".git/index").write_bytes(b"DIRC")
    assert tracked(repository) == [True, True]
    (repository / ".git/index").unlink()
    assert tracked(repository) == [False, False]  # Nothing was added yet.
    os.rename(repository / ".git", repository / "git")
    assert tracked(repository) == [False, False]
    (repository / ".git").write_text("gitdir: nowhere\n")
    assert tracked(repository) == [True, True]
    (repository / ".git").write_text("gitdir: git\n")
    assert tracked(repository) == [False, False]


def test_a_venv_came_with_a_clone_also_by_its_packages_alone(repository):
    packages = f"{repository}/other/lib/python3.13/site-packages"
    write(f"{packages}/mine-1.0.dist-info/METADATA", "")
    assert came_with_clone(f"{repository}/.venv", ())
    assert not came_with_clone(f"{repository}/other", (packages,))
    for name in ("evil-1.0.dist-info/direct_url.json", "evil.egg-info/PKG-INFO", "evil.egg-link"):
        write(f"{packages}/{name}", "{}")
        git(repository, "add", f"{packages}/{name}")
        assert came_with_clone(f"{repository}/other", (packages,))
        git(repository, "rm", "-q", "--cached", f"{packages}/{name}")
        assert not came_with_clone(f"{repository}/other", (packages,))
