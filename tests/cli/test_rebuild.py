"""`pyman rebuild` on real venvs of every creator, with pip and with uv."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from stage.mirror import MINOR, NEW, OTHER, OTHER_MINOR, runtime_tree
from stage.rebuilding import (
    Bench,
    commit_project,
    compiled_wheels,
    left_beside,
    picture,
    wheelhouse,
    write_project,
)
from stage.venvs import peer


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(autouse=True)
def _nothing_is_left(bench):
    bench.with_uv(True)
    yield
    assert bench.journals() == []
    left = []
    for folder, folders, files in os.walk(bench.home.path):
        # Tens of thousands of files that nobody has touched.
        folders[:] = [name for name in folders if name not in ("runtimes", "pip", "__pycache__")]
        left += [f"{folder}/{name}" for name in (*folders, *files) if ".pyman-" in name and "pyman/venvs" not in folder]
    assert left == []


def unchanged(venv):
    before = picture(venv)

    def check():
        assert picture(venv) == before
        assert left_beside(venv) == []

    return check


# --- everything comes back --------------------------------------------------------------------------------------------


def make(bench, creator, venv):
    python = bench.home.runtimes / f"{MINOR}/bin/python{MINOR}"
    if creator == "pyman":
        bench.home.pyman("venv", venv, "-p", MINOR, "-q")
    elif creator == "venv":
        bench.home.run(python, "-m", "venv", venv)
    elif creator == "virtualenv":
        bench.home.run(peer("virtualenv"), "-q", "-p", python, venv)
    else:
        bench.home.run(bench.uv, "venv", "-q", "-p", python, venv)


@pytest.mark.parametrize(("creator", "uv"), [("pyman", True), ("venv", False), ("virtualenv", True), ("uv", True)])
def test_every_kind_of_package_is_back_there_and_back_again(bench, creator, uv, tmp_path):
    folder = bench.project()
    venv = folder / ".venv"
    make(bench, creator, venv)
    bench.also(compiled_wheels())
    write_project(f"{tmp_path}/my source", "edited")
    write_project(f"{tmp_path}/plain", "plain")
    commit = commit_project(f"{tmp_path}/repository", "versioned")
    bench.install(
        venv, "spam==1.0", "compiled_one", "eggs==1.0", f"newest @ file://{wheelhouse()}/newest-2.0-py3-none-any.whl"
    )
    bench.install(venv, "-e", f"{tmp_path}/my source", f"{tmp_path}/plain", f"git+file://{tmp_path}/repository")
    before = bench.packages(venv)
    marks = requested(venv)
    assert before == {
        "compiled_one": "1.0",
        "edited": "0.1",
        "eggs": "1.0",
        "newest": "2.0",
        "plain": "0.1",
        "spam": "1.0",
        "versioned": "0.1",
    }
    bench.with_uv(uv)
    for minor, request, release in ((MINOR, OTHER_MINOR, OTHER), (OTHER_MINOR, MINOR, NEW)):
        element = {
            "path": str(venv),
            "packages": len(before),
            "added": [],
            "removed": [],
            "changed": [],
            "status": "rebuilt",
        }
        answer = bench.rebuild(venv, "-p", request)
        assert answer["failed"] == []
        assert answer["rebuilt"] == [{**element, "from": {MINOR: NEW, OTHER_MINOR: OTHER}[minor], "to": release}]
        assert bench.minor(venv) == request
        assert bench.packages(venv) == before
        assert requested(venv) == marks
        assert origins(venv) == {
            "edited": {"url": f"file://{tmp_path}/my%20source", "dir_info": {"editable": True}},
            "newest": "archive_info",
            "plain": "dir_info",
            "versioned": commit,
        }
        code = (
            "import compiled, spam, eggs, edited, plain, versioned, newest; print(compiled.built_for, edited.__file__)"
        )
        assert bench.home.run(venv / "bin/python", "-c", code) == f"{release} {tmp_path}/my source/edited.py"
        assert bench.home.run(venv / "bin/spam") == "spam 1.0"
        assert bench.home.run(venv / "bin/edited") == "edited"
        assert sorted(path.name for path in (venv / "lib").iterdir()) == [f"python{request}"]


def dist_infos(venv):
    return {path.name.split("-")[0]: path for path in venv.glob("lib/python*/site-packages/*.dist-info")}


def requested(venv):
    return {name for name, path in dist_infos(venv).items() if (path / "REQUESTED").exists()} - {"pip", "setuptools"}


def origins(venv):
    found = {}
    for name, path in dist_infos(venv).items():
        if (path / "direct_url.json").exists():
            told = json.loads((path / "direct_url.json").read_text())
            if "vcs_info" in told:
                found[name] = told["vcs_info"]["commit_id"]
            elif told.get("dir_info", {}).get("editable"):
                found[name] = told
            else:
                found[name] = next(key for key in told if key.endswith("_info"))
    return found


def test_pip_is_borrowed_where_the_venv_has_none_and_there_is_no_uv(bench):
    venv = bench.venv("spam==1.0", "eggs==1.0")
    bench.with_uv(False)
    assert bench.rebuild(venv, "-p", OTHER_MINOR)["rebuilt"][0]["packages"] == 2
    assert bench.packages(venv) == {"eggs": "1.0", "spam": "1.0"}
    assert not list(venv.glob("bin/pip*"))


def test_the_interpreter_may_be_gone(bench, tmp_path):
    gone = tmp_path / "python"
    subprocess.run(["cp", "-al", runtime_tree(NEW), gone], check=True)
    venv = bench.project() / ".venv"
    bench.home.run(bench.uv, "venv", "-q", "-p", gone / f"bin/python{MINOR}", venv)
    bench.install(venv, "spam==1.0", "eggs==1.0")
    subprocess.run(["rm", "-rf", gone], check=True)
    answer = bench.rebuild(venv, "-p", OTHER_MINOR)
    assert [(one["from"], one["to"], one["packages"]) for one in answer["rebuilt"]] == [(None, OTHER, 2)]
    assert bench.home.run(venv / "bin/spam") == "spam 1.0"


def test_what_the_new_minor_needs_beyond_is_added(bench):
    venv = bench.venv("grows")
    (element,) = bench.rebuild(venv, "-p", OTHER_MINOR)["rebuilt"]
    assert element["added"] == [{"name": "eggs", "version": "2.0"}]
    assert (element["removed"], element["changed"], element["packages"]) == ([], [], 2)


# --- what cannot be had -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uv", [True, False])
def test_a_version_that_the_new_minor_cannot_have_stops_it_and_all_is_as_before(bench, uv):
    venv = bench.venv("abi==1.0", "spam==1.0", "eggs==1.0", pip=not uv)
    bench.with_uv(uv)
    check = unchanged(venv)
    answer = bench.rebuild(venv, "-p", OTHER_MINOR, status=1)
    assert answer["rebuilt"] == []
    (failed,) = answer["failed"]
    assert (failed["path"], failed["restored"]) == (str(venv), True)
    assert "abi" in failed["reason"]
    assert "eggs" not in failed["reason"]
    assert "--allow-newer abi" in answer["error"]["hint"]
    check()


def test_what_the_metadata_excludes_is_known_before_anything_is_touched(bench):
    venv = bench.venv("newest==1.0", "other==1.0", "spam==1.0", "eggs==1.0")
    check = unchanged(venv)
    result = bench.home.pyman("rebuild", "-p", OTHER_MINOR, cwd=venv.parent, status=1)
    assert f"newest 1.0: it requires Python >={MINOR}: cannot be restored" in result.err
    assert "`--allow-newer newest other`" in result.err
    check()


@pytest.mark.parametrize(
    "words",
    [
        ("--allow-newer", "newest", "other", "VENV", "-p", OTHER_MINOR),
        ("VENV", "--allow-newer", "newest", "Other", "-p", OTHER_MINOR),
        ("-p", OTHER_MINOR, "--allow-newer", "newest", "--allow-newer", "other", "VENV"),
        ("VENV", "-p", OTHER_MINOR, "--allow-newer=newest,other"),
        ("VENV", "-p", OTHER_MINOR, "--allow-newer"),
        ("--allow-newer", "VENV", "-p", OTHER_MINOR),
        ("--json", "-p", OTHER_MINOR, "--allow-newer", "--", "VENV"),
    ],
)
def test_allow_newer_relaxes_what_cannot_be_had_and_nothing_else(bench, words):
    venv = bench.venv("newest==1.0", "other==1.0", "spam==1.0", "eggs==1.0")
    given = [".venv" if word == "VENV" else word for word in words]
    answer = bench.home.pyman("--json", "rebuild", *given, cwd=venv.parent).json
    changed = [{"name": name, "from": "1.0", "to": "2.0"} for name in ("newest", "other")]
    assert answer["rebuilt"][0]["changed"] == changed
    assert bench.packages(venv) == {"eggs": "1.0", "newest": "2.0", "other": "2.0", "spam": "1.0"}


@pytest.mark.parametrize("uv", [True, False])
def test_allow_newer_also_finds_out_what_only_the_installer_knows(bench, uv):
    venv = bench.venv("abi==1.0", "abi2==1.0", "newest==1.0", "eggs==1.0", pip=not uv)
    bench.with_uv(uv)
    assert [
        one["name"] for one in bench.rebuild(venv, "-p", OTHER_MINOR, "--allow-newer")["rebuilt"][0]["changed"]
    ] == [
        "abi",
        "abi2",
        "newest",
    ]
    assert bench.packages(venv) == {"abi": "1.1", "abi2": "1.1", "eggs": "1.0", "newest": "2.0"}


def test_names_behind_allow_newer_must_be_packages_of_the_venv(bench):
    venv = bench.venv("newest==1.0")
    check = unchanged(venv)
    answer = bench.rebuild(venv, "-p", OTHER_MINOR, "--allow-newer", "newst", status=2)
    assert "has no package newst" in answer["error"]["message"]
    check()


def test_one_that_is_named_does_not_relax_the_others(bench):
    venv = bench.venv("newest==1.0", "other==1.0")
    check = unchanged(venv)
    answer = bench.rebuild(venv, "-p", OTHER_MINOR, "--allow-newer", "newest", status=1)
    assert "other 1.0" in answer["error"]["message"]
    assert "newest" not in answer["error"]["message"]
    check()


def test_a_program_that_starts_no_more_stops_it(bench):
    venv = bench.venv("broken", "eggs==1.0")
    check = unchanged(venv)
    answer = bench.rebuild(venv, "-p", OTHER_MINOR, status=1)
    assert "bin/broken no longer starts: SyntaxError" in answer["error"]["message"]
    check()


def test_a_program_that_never_started_does_not(bench):
    venv = bench.venv("lame")
    assert bench.rebuild(venv, "-p", OTHER_MINOR)["failed"] == []


@pytest.mark.parametrize("where", ["editable", "archive"])
def test_a_source_that_is_gone_stops_it_before_anything_is_touched(tmp_path, where):
    bench = Bench(tmp_path, runtimes=(NEW,))
    source = write_project(f"{tmp_path}/source", "edited")
    archive = tmp_path / "newest-2.0-py3-none-any.whl"
    archive.write_bytes(Path(wheelhouse(), archive.name).read_bytes())
    venv = bench.venv(*(("-e", source) if where == "editable" else (str(archive),)))
    subprocess.run(["rm", "-rf", source, archive], check=True)
    check = unchanged(venv)
    answer = bench.rebuild(venv, "-p", OTHER_MINOR, status=1)
    assert answer["error"]["code"] == "source-gone"
    assert (source if where == "editable" else str(archive)) in answer["failed"][0]["reason"]
    assert "--allow-newer" not in answer["error"]["hint"]
    check()
    # Not even the Python, which would have had to be installed.
    assert not (bench.home.runtimes / OTHER_MINOR).exists()


# --- instead of what was there ----------------------------------------------------------------------------------------

PYLOCK = """\
lock-version = "1.0"
created-by = "by hand"
[[packages]]
name = "eggs"
version = "2.0"
[[packages.wheels]]
path = "{folder}/eggs-2.0-py3-none-any.whl"
hashes = {{sha256 = "{digest}"}}
[[packages]]
name = "grows"
version = "1.0"
marker = "python_version >= '{minor}'"
[[packages.wheels]]
path = "{folder}/grows-1.0-py3-none-any.whl"
hashes = {{}}
"""


@pytest.mark.parametrize("uv", [True, False])
def test_pylock_toml_is_installed_by_either(bench, uv):
    import hashlib

    venv = bench.venv("spam==1.0", "eggs==1.0", pip=not uv)
    digest = hashlib.sha256(Path(wheelhouse(), "eggs-2.0-py3-none-any.whl").read_bytes()).hexdigest()
    (venv.parent / "pylock.toml").write_text(PYLOCK.format(folder=wheelhouse(), digest=digest, minor=MINOR))
    bench.with_uv(uv)
    (element,) = bench.rebuild(venv, "-p", OTHER_MINOR, "--from", "lock")["rebuilt"]
    assert element["changed"] == [{"name": "eggs", "from": "1.0", "to": "2.0"}]
    assert element["removed"] == [{"name": "spam", "version": "1.0"}]
    assert bench.packages(venv) == {"eggs": "2.0"}


def write_uv_project(bench, folder):
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "shop"\nversion = "1"\nrequires-python = ">={OTHER_MINOR}"\ndependencies = ["eggs<2"]\n'
    )
    bench.home.run(bench.uv, "lock", "-q", "-p", bench.home.runtimes / f"{MINOR}/bin/python{MINOR}", cwd=folder)


def test_uv_lock_is_installed_by_uv_alone(bench):
    venv = bench.venv("spam==1.0", "eggs==2.0", pip=True)
    write_uv_project(bench, venv.parent)
    (element,) = bench.rebuild(venv, "-p", OTHER_MINOR, "--from", "lock")["rebuilt"]
    assert element["changed"] == [{"name": "eggs", "from": "2.0", "to": "1.0"}]
    assert bench.minor(venv) == OTHER_MINOR
    assert (venv / "bin/pip").exists()
    assert "pyman-policy = follow" in (venv / "pyvenv.cfg").read_text()
    check = unchanged(venv)
    bench.with_uv(False)
    answer = bench.rebuild(venv, "-p", MINOR, "--from", "lock", status=1)
    assert "uv.lock" in answer["error"]["message"]
    check()


@pytest.mark.parametrize(("name", "command"), [("poetry.lock", "poetry sync"), ("pdm.lock", "pdm sync")])
def test_the_lock_of_another_tool_is_left_to_it_with_its_commands(bench, name, command):
    venv = bench.venv("eggs==1.0")
    (venv.parent / name).write_text("")
    check = unchanged(venv)
    result = bench.home.pyman("rebuild", "-p", OTHER_MINOR, "--from", "lock", cwd=venv.parent, status=1)
    assert command in result.out.splitlines()
    assert f"`{command}`" in result.err
    assert f"{OTHER_MINOR}/bin/python{OTHER_MINOR}" in result.out
    check()


@pytest.mark.parametrize("uv", [True, False])
def test_a_requirements_file_is_resolved(bench, uv):
    venv = bench.venv("newest==1.0", pip=not uv)
    bench.with_uv(uv)
    (venv.parent / "requirements.txt").write_text("spam<1.5\n-r more.txt\n")
    (venv.parent / "more.txt").write_text("eggs<2\n")
    (element,) = bench.rebuild(venv, "-p", OTHER_MINOR, "--from", "requirements.txt")["rebuilt"]
    assert element["removed"] == [{"name": "newest", "version": "1.0"}]
    assert sorted(one["name"] for one in element["added"]) == ["eggs", "spam"]
    assert bench.packages(venv) == {"eggs": "1.0", "spam": "1.0"}


def test_a_file_or_lock_that_is_not_there_is_told(bench):
    venv = bench.venv()
    check = unchanged(venv)
    assert "has no lock file" in bench.rebuild(venv, "--from", "lock", status=1)["error"]["message"]
    assert "there is no file" in bench.rebuild(venv, "--from", "none.txt", status=1)["error"]["message"]
    check()


# --- who installs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["project/bin", "venv", "relative", "other venv"])
def test_uv_is_not_taken_from_where_a_project_could_have_put_it(bench, place):
    venv = bench.venv("eggs==1.0")
    folder = {
        "project/bin": venv.parent / "tools/bin",
        "venv": venv / "bin",
        "relative": venv.parent / "relative",
        "other venv": bench.home.path / "other/bin",
    }[place]
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "pyvenv.cfg").touch() if place == "other venv" else None
    (folder / "uv").write_text("#!/bin/sh\necho stolen >&2; exit 9\n")
    (folder / "uv").chmod(0o755)
    first = "relative" if place == "relative" else str(folder)
    result = bench.home.pyman(
        "rebuild", "-p", OTHER_MINOR, "--dry-run", cwd=venv.parent, PATH=f"{first}:{bench.home.environ['PATH']}"
    )
    assert f"packages by uv ({bench.uv})" in result.out
    result = bench.home.pyman(
        "rebuild",
        "-p",
        OTHER_MINOR,
        "--dry-run",
        "--installer",
        "uv",
        cwd=venv.parent,
        status=1,
        PATH=f"{first}:/usr/bin",
    )
    assert "uv is not on PATH" in result.err


def test_a_venv_in_the_home_folder_does_not_hide_the_users_own_uv(bench):
    venv = bench.home.path / "home-venv"
    bench.home.pyman("venv", venv, "-q", "-p", MINOR)
    tools = bench.home.path / ".local/bin"
    tools.mkdir(parents=True)
    os.link(bench.uv, tools / "uv")
    result = bench.home.pyman("rebuild", venv, "-p", OTHER_MINOR, "--dry-run", PATH=f"{tools}:/usr/bin:/bin")
    assert f"packages by uv ({tools}/uv)" in result.out


def test_the_installer_may_be_chosen(bench):
    venv = bench.venv("eggs==1.0", pip=True)
    assert (
        "packages by pip" in bench.home.pyman("rebuild", venv, "-p", OTHER_MINOR, "--dry-run", "--installer", "pip").out
    )
    bench.rebuild(venv, "-p", OTHER_MINOR, "--installer", "poetry", status=2)
    bench.with_uv(False)
    assert "packages by pip" in bench.home.pyman("rebuild", venv, "-p", OTHER_MINOR, "--dry-run").out


def test_packages_come_from_an_index_too(bench, tmp_path, monkeypatch):
    # It leaves a finder behind that is no finder any more, over which every later import stumbles.
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    pypiserver = pytest.importorskip("pypiserver")
    handler = type("Quiet", (WSGIRequestHandler,), {"log_message": lambda *_: None})
    server = make_server("127.0.0.1", 0, pypiserver.app(roots=[wheelhouse()]), handler_class=handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        index = f"http://127.0.0.1:{server.server_port}/simple/"
        venv = bench.venv("spam==1.0", "eggs==1.0", pip=True)
        bench.with_uv(False)
        settings = {"PIP_FIND_LINKS": "", "PIP_NO_INDEX": "0", "PIP_INDEX_URL": index}
        assert bench.rebuild(venv, "-p", OTHER_MINOR, **settings)["failed"] == []
        bench.with_uv(True)
        more = {"UV_INDEX": index, "UV_FIND_LINKS": "", "UV_OFFLINE": "0", "UV_CACHE_DIR": str(tmp_path)}
        assert bench.rebuild(venv, "-p", MINOR, **more)["failed"] == []
        assert bench.packages(venv) == {"eggs": "1.0", "spam": "1.0"}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
