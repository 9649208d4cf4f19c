"""A rebuild builds what a venv's packages came from: never what others could have put there, or a clone has brought along."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stage.mirror import MINOR, NEW
from stage.rebuilding import Bench, picture, wheelhouse, write_project
from stage.somebody import SOMEBODY, as_root


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("bench"), runtimes=(NEW,))
    bench.home.environ["UV_NO_CACHE"] = "1"  # What was built once would not be built again.
    return bench


def source(folder, trace, name="mine"):
    """A project that leaves a trace when it is built."""
    write_project(str(folder), name)
    backend = folder / "backend.py"
    backend.write_text(f"open({str(trace)!r}, 'w').close()\n{backend.read_text()}")
    return folder


@pytest.fixture
def trace(tmp_path):
    return tmp_path / "ran"


def refused(bench, venv, *words):
    before = picture(venv)
    error = bench.rebuild(venv, *words, "--yes", status=1)["error"]
    assert picture(venv) == before
    return error


# --- sources that others could have changed


@as_root
@pytest.mark.parametrize("editable", [True, False])
@pytest.mark.parametrize("whose", ["the folder", "a folder above", "pyproject.toml", "setup.py", "a link to it"])
@pytest.mark.parametrize("uv", [True, False])
def test_the_source_of_another_user_is_not_built(bench, tmp_path, trace, editable, whose, uv):
    bench.with_uv(True)
    above = tmp_path / "other"
    folder = source(above / "code", trace)
    if whose == "a link to it":
        above = tmp_path / "another"
        above.mkdir()
        (above / "code").symlink_to(folder)
    venv = bench.venv()
    bench.install(venv, *(["-e"] if editable else []), str(above / "code"))
    trace.unlink()
    place = {"the folder": folder, "a folder above": above, "a link to it": above}.get(whose, folder / whose)
    if whose == "setup.py":
        place.write_text("")
    os.chown(place, SOMEBODY, SOMEBODY)
    bench.with_uv(uv)
    error = refused(bench, venv)
    assert error["code"] == "not-yours"
    assert error["message"] == (
        f"{venv} was not rebuilt: mine 0.1 is installed from a source that others could change: "
        f"{place} belongs to another user"
    )
    assert error["hint"] == "uninstall mine first, or install it from a folder of your own"
    assert bench.rebuild(venv, "--yes", "--dry-run", status=1)["error"]["message"] == error["message"]
    assert not trace.exists()
    os.chown(place, 0, 0)
    bench.rebuild(venv, "--yes")
    assert trace.exists()


@pytest.mark.parametrize("bits", [0o777, 0o757])
def test_a_source_that_others_may_write_is_not_built(bench, tmp_path, trace, bits):
    bench.with_uv(True)
    folder = source(tmp_path / "my code", trace)
    venv = bench.venv("-e", str(folder))
    trace.unlink()
    folder.chmod(bits)
    error = refused(bench, venv)
    assert error["message"].endswith(f": others may write to {folder}")
    assert error["hint"] == f"run `chmod go-w '{folder}'`"
    assert not trace.exists()


@as_root
def test_an_archive_of_another_user_is_not_installed(bench, tmp_path):
    bench.with_uv(True)
    wheel = tmp_path / "eggs-1.0-py3-none-any.whl"
    wheel.write_bytes(Path(wheelhouse(), wheel.name).read_bytes())
    venv = bench.venv(str(wheel))
    os.chown(wheel, SOMEBODY, SOMEBODY)
    assert f"{wheel} belongs to another user" in refused(bench, venv)["message"]


@as_root
def test_the_lock_file_of_another_users_project_is_not_installed(bench, tmp_path, trace):
    bench.with_uv(True)
    venv = bench.venv("eggs")
    project = source(venv.parent / "theirs", trace)
    for path in project.iterdir():
        path.rename(venv.parent / path.name)
    bench.home.run(bench.uv, "lock", "-q", "-p", venv / "bin/python", "--project", venv.parent)
    trace.unlink(missing_ok=True)
    for name in ("pyproject.toml", ""):
        place = venv.parent / name
        os.chown(place, SOMEBODY, SOMEBODY)
        error = refused(bench, venv, "--from", "lock")
        assert f"{place} belongs to another user" in error["message"]
        os.chown(place, 0, 0)
    assert not trace.exists()


# --- what came with a clone


def mismatched(bench, folder, trace, *, venv=".venv"):
    """A project with a venv that only a rebuild repairs, and in which the project itself is installed."""
    bench.with_uv(True)
    source(folder, trace)
    bench.home.pyman("venv", folder / venv, "-p", MINOR, "--without-pip", "-q")
    bench.install(folder / venv, "-e", str(folder))
    trace.unlink()
    (folder / venv / f"lib/python{MINOR}").rename(folder / venv / "lib/python3.8")
    (folder / venv / ".gitignore").unlink(missing_ok=True)
    return folder / venv


def git(bench, folder, *words):
    bench.home.run("git", "-C", folder, "-c", "user.name=x", "-c", "user.email=x@x.invalid", *words)


@pytest.mark.parametrize(
    "also",
    [
        [],
        ["update-index --split-index"],
        ["update-index --index-version 4"],
        ["rm -q --cached .venv/pyvenv.cfg"],  # Made here, with packages that came along.
        ["rm -q --cached .venv/pyvenv.cfg", "update-index --split-index"],
    ],
    ids=" and ".join,
)
def test_doctor_rebuilds_no_venv_that_came_with_a_clone(bench, tmp_path, trace, also):
    folder = tmp_path / "clone"
    venv = mismatched(bench, folder, trace)
    git(bench, folder, "init", "-q")
    git(bench, folder, "add", "-f", ".")
    git(bench, folder, "commit", "-q", "-m", "x")
    for words in also:
        git(bench, folder, *words.split())
    before = picture(venv)
    for words in (
        ("doctor", "."),
        ("doctor", ".", "--fix", "--yes"),
        ("doctor", ".", "--fix", "--yes", "--foreign"),
        ("doctor", "--fix", "--yes", "--no-search"),
        ("doctor", ".", "--fix", "--dry-run"),
    ):
        answer = bench.home.pyman(*words, "--json", cwd=folder, status=1).json
        [finding] = [one for one in answer["findings"] if one["path"] == str(venv)]
        assert (finding["code"], finding["status"]) == ("minor-mismatch", "open")
        assert finding["repair"].startswith(f"`pyman rebuild {venv} -p {MINOR}` recreates it")
        assert "runs code" in finding["repair"]
    said = bench.home.pyman("doctor", ".", "--fix", "--yes", cwd=folder, status=1)
    assert "pyman rebuild" in said.out
    assert "--yes" not in said.out + said.err
    bench.home.pyman("rebuild", "--all", "--yes", cwd=folder)
    assert picture(venv) == before
    assert not trace.exists()
    # The user's own words.
    line = "this venv is tracked by Git: rebuilding it runs code of the packages that are listed in it"
    assert line in bench.home.pyman("rebuild", ".venv", "-p", MINOR, "--dry-run", cwd=folder).out
    assert not trace.exists()
    bench.home.pyman("rebuild", ".venv", "-p", MINOR, "--yes", cwd=folder)
    assert trace.exists()


def test_doctor_rebuilds_a_venv_that_was_made_in_a_clone(bench, tmp_path, trace):
    folder = tmp_path / "clone"
    venv = mismatched(bench, folder, trace)
    git(bench, folder, "init", "-q")
    (folder / ".gitignore").write_text(".venv\n")
    git(bench, folder, "add", ".")
    git(bench, folder, "commit", "-q", "-m", "x")
    assert "tracked by Git" not in bench.home.pyman("rebuild", ".venv", "-p", MINOR, "--dry-run", cwd=folder).out
    answer = bench.home.pyman("doctor", ".", "--fix", "--yes", "--json", cwd=folder).json
    assert [(one["path"], one["code"], one["status"]) for one in answer["findings"]] == [
        (str(venv), "minor-mismatch", "fixed")
    ]
    assert trace.exists()
