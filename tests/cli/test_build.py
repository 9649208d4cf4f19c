"""`pyman install --build`: with a stand-in for python-build. Real builds are in test_real_builds.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stage.home import PACKAGE, Home
from stage.python_build import PythonBuild


@pytest.fixture
def user(tmp_path: Path) -> Home:
    """A home without a mirror."""
    return Home(tmp_path)


@pytest.fixture
def engine(tmp_path: Path, user: Home) -> PythonBuild:
    """A python-build where pyenv has it, which knows 3.13.5 and 3.13.4, and a mirror with both."""
    made = PythonBuild(tmp_path / "engine", user.path / ".pyenv", "3.13.5", "3.13.4")
    user.environ["PYMAN_MIRROR"] = str(made.mirror)
    return made


def names(home: Home) -> list[str]:
    """Everything in `runtimes/`, dot files too."""
    return sorted(os.listdir(home.runtimes)) if home.runtimes.exists() else []


def is_running(process: int) -> bool:
    """True while a process is more than a number that its parent has not asked for yet."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


# --- the main job ---


def test_a_build_becomes_a_runtime_like_any_other(user: Home, engine: PythonBuild) -> None:
    answer = user.pyman("install", "3.13", "--build")
    assert answer.out == "Python 3.13.5 is installed\n3.13 -> 3.13.5\n"
    assert "building Python 3.13.5" in answer.err
    assert names(user) == ["3", "3.13", "3.13.5"]
    runtime = user.runtimes / "3.13.5"
    manifest = (runtime / "pyman-runtime.toml").read_text().splitlines()
    assert 'build = "source"' in manifest
    assert 'options = ""' in manifest
    assert next(line for line in manifest if line.startswith("compiler = ")).count("cc") >= 1
    [needs] = [line for line in manifest if line.startswith("needs = ")]
    assert "libc.so.6" in needs
    assert (runtime / "lib/python3.13/EXTERNALLY-MANAGED").exists()
    assert user.run(runtime / "bin/own-pip") == str(runtime)
    assert user.run(runtime / "bin/own-pydoc") == str(runtime)
    user.pyman("venv")
    assert user.run(user.project / ".venv/bin/python", "-V") == "Python 3.13.5"
    assert user.json("doctor", "--offline")["findings"] == []
    assert ", options: none\n" in user.pyman("info", "3.13.5").out
    [listed] = user.json("list")["runtimes"]
    assert (listed["build"], listed["origin"], listed["aliases"]) == ("source", "managed", ["3.13", "3"])


def test_nothing_of_the_folder_that_it_was_built_in_is_left(user: Home, engine: PythonBuild) -> None:
    user.pyman("install", "3.13.5", "--build")
    runtime = user.runtimes / "3.13.5"
    for path in runtime.rglob("*"):
        if path.is_symlink() or path.is_dir():
            continue
        assert path.stat().st_mode & 0o7777 in (0o755, 0o644), path
        assert b"/.install-3.13.5-" not in path.read_bytes(), path
    assert not list(runtime.rglob("libpython*.a"))
    assert os.readlink(runtime / "bin/python3-own-config") == "python3.13-own-config"
    assert (runtime / "bin/python3.13-own-config").read_text() == "# built with\n"
    script = "import sysconfig; print(*map(sysconfig.get_config_var, ('LDFLAGS', 'CPPFLAGS', 'LDSHARED', 'LIBDIR')), sep='|')"
    told = user.run(runtime / "bin/python3", "-c", script).split("|")
    assert told[0].split() == ["-Wl,--as-needed"]
    assert told[1].split() == ["-I.", "-I./Include"]
    assert told[2].split() == ["cc", "-shared"]
    assert told[3] == f"{runtime}/lib"
    for pc in runtime.glob("lib/pkgconfig/python-3.13.pc"):
        assert "prefix=${pcfiledir}/../..\n" in pc.read_text()
        assert "libdir=${exec_prefix}/lib\n" in pc.read_text()


def test_the_engine_gets_compilers_settings_and_nothing_of_other_pythons(user: Home, engine: PythonBuild) -> None:
    shims, venv = user.path / ".pyenv/shims", user.path / "other"
    for folder in (shims, venv / "bin"):
        folder.mkdir(parents=True)
    (venv / "pyvenv.cfg").touch()
    user.pyman(
        "install",
        "3.13.5+mine",
        "--build-with",
        "--enable-loadable-sqlite-extensions --with-dbmliborder=gdbm",
        PATH=f"{shims}:{venv}/bin:{user.environ['PATH']}",
        CFLAGS="-O2 -g",
        CONFIGURE_OPTS="--enable-shared",
        PYTHON_CONFIGURE_OPTS="--enable-shared",
        LD_PRELOAD="",
        BASH_ENV=str(user.path / "nothing"),
        PIP_INDEX_URL="http://127.0.0.1:1",
        PYENV_VERSION="3.9",
    )
    given = engine.environment
    options = "--disable-shared --libdir=/install/lib --disable-test-modules --enable-loadable-sqlite-extensions"
    assert given["PYTHON_CONFIGURE_OPTS"] == f"{options} --with-dbmliborder=gdbm"
    assert (given["PATH"], given["CFLAGS"]) == (user.environ["PATH"], "-O2 -g")
    for name in ("CONFIGURE_OPTS", "BASH_ENV", "PIP_INDEX_URL", "PYENV_VERSION", "PYTHONPATH", "LD_PRELOAD"):
        assert name not in given
    assert given["GET_PIP_URL"].startswith("file:///")
    assert engine.told("umask").strip() == "0022"
    assert (
        f'options = "{options.rsplit(maxsplit=1)[-1]} --with-dbmliborder=gdbm"'
        in (user.runtimes / "3.13.5+mine/pyman-runtime.toml").read_text()
    )


def test_a_dry_run_starts_no_build(user: Home, engine: PythonBuild) -> None:
    answer = user.json("install", "3.13", "--build", "--dry-run")
    assert (answer["dry_run"], answer["installed"][0]["version"]) == (True, "3.13.5")
    assert not engine.has_run
    assert names(user) == []


# --- names ---


def test_a_name_of_its_own_beside_a_download_and_with_options(home: Home, tmp_path: Path) -> None:
    home.with_runtimes("3.13.5")
    engine = PythonBuild(tmp_path / "engine", home.path / ".pyenv", "3.13.5")
    mirror = {"PYMAN_MIRROR": str(engine.mirror)}
    answer = home.pyman("install", "3.13.5", "--build", **mirror)
    assert "Python 3.13.5+source is installed" in answer.out
    assert "`pyman hold 3.13 3.13.5+source` points 3.13 at it" in answer.out
    assert os.readlink(home.runtimes / "3.13") == "3.13.5"
    assert "3.13.5+source is already installed" in home.pyman("install", "3.13", "--build", **mirror).out
    refused = home.json("install", "3.13.5", "--build-with", "--with-lto", status=1, **mirror)["error"]
    assert refused["message"] == "3.13.5+source is installed; it was built with no options"
    assert "pyman install 3.13.5+NAME" in refused["hint"]
    home.pyman("install", "3.13.5", "--build-with", "--with-lto", "--force", **mirror)
    home.pyman("install", "3.13.5+source", "--build", "--force", **mirror)
    assert engine.environment["PYTHON_CONFIGURE_OPTS"].endswith(" --with-lto")
    assert names(home) == ["3", "3.13", "3.13.5", "3.13.5+source"]


def test_a_build_of_the_releases_own_name_stays_one(user: Home, engine: PythonBuild) -> None:
    user.pyman("install", "3.13.5", "--build")
    assert "3.13.5 is already installed" in user.pyman("install", "3.13.5", "--build").out
    user.pyman("install", "3.13.5", "--build-with", "--with-lto")
    assert names(user) == ["3", "3.13", "3.13.5", "3.13.5+source"]
    assert os.readlink(user.runtimes / "3.13") == "3.13.5"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--enable-shared", "could not be moved"),
        ("--prefix=/opt", "pyman chooses where a Python is installed"),
        ("'CFLAGS=-O3 -g'", "splits options at spaces"),
        ("--with-x=$(id)", "splits options at spaces"),
        ("fast", "is not an option of configure"),
        ("'", "cannot be understood"),
    ],
)
def test_options_that_cannot_be_passed_on(user: Home, engine: PythonBuild, options: str, says: str) -> None:
    answer = user.pyman("install", "3.13.5", f"--build-with={options}", status=2)
    assert says in answer.err
    assert not engine.has_run


# --- what goes wrong ---


def test_a_failure_quotes_the_first_error_and_keeps_the_log(user: Home, engine: PythonBuild) -> None:
    error = user.json("install", "3.13.5", "--build-with=--with-fault=compile", status=1)["error"]
    assert error["code"] == "build-failed"
    assert error["message"].endswith("fatal error: openssl/rsa.h: No such file or directory")
    log = Path(error["hint"].removeprefix("the log is "))
    assert log == user.cache / "logs/build-3.13.5+source.log"
    assert "Waiting for unfinished jobs.... 10" in log.read_text()
    assert names(user) == []
    user.pyman("cache", "clean")
    assert not log.parent.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_build_that_is_cut_off_ends_whole_and_leaves_nothing(
    user: Home, engine: PythonBuild, tmp_path: Path, number: int
) -> None:
    processes = tmp_path / "engine/processes"
    command = [sys.executable, "-m", "pyman", "install", "3.13.5", "--build-with=--with-fault=hang"]
    with subprocess.Popen(
        command, env={**user.environ, "PYTHONPATH": PACKAGE}, cwd=user.project, stderr=subprocess.PIPE, text=True
    ) as pyman:
        while not processes.exists():
            assert pyman.poll() is None, pyman.stderr
            os.sched_yield()
        numbers = [int(word) for word in processes.read_text().split()]
        pyman.send_signal(number)
        assert pyman.wait(60) == (130 if number == signal.SIGINT else -number)
    # Of one that was killed itself, the shell that watches over them has to notice first.
    while number == signal.SIGKILL and any(is_running(each) for each in numbers):
        os.sched_yield()
    assert not any(is_running(each) for each in numbers)
    if number == signal.SIGKILL:
        [finding] = user.json("doctor", "--offline", status=1)["findings"]
        assert finding["code"] == "interrupted"
        user.pyman("doctor", "--fix", "--offline")
    assert names(user) == []
    assert not (user.cache / "logs").exists()


def test_without_python_build_one_sentence_says_what_to_do(user: Home) -> None:
    error = user.json("install", "3.13", "--build", status=1)["error"]
    assert error["code"] == "no-python-build"
    assert "git clone https://github.com/pyenv/pyenv ~/.pyenv" in error["hint"]


def test_a_python_build_of_a_project_is_not_run(user: Home, tmp_path: Path) -> None:
    (user.project / ".git").mkdir()
    engine = PythonBuild(tmp_path / "engine", user.project / ".pyenv", "3.13.5")
    for environ in (
        {"PYENV_ROOT": str(user.project / ".pyenv")},
        {"PYMAN_PYTHON_BUILD": str(engine.program)},
        {"PATH": f"{engine.program.parent}:{user.environ['PATH']}"},
    ):
        for folder in (user.project, user.path):
            user.pyman("install", "3.13.5", "--build", cwd=folder, status=1, PYMAN_MIRROR=str(engine.mirror), **environ)
    assert not engine.has_run


@pytest.mark.parametrize("place", ["program", "definitions", "definition", "plugin"])
def test_a_python_build_that_others_can_change_is_not_run(user: Home, engine: PythonBuild, place: str) -> None:
    path = engine.definitions / "3.13.5" if place == "definition" else getattr(engine, place)
    path.chmod(0o777)
    error = user.json("install", "3.13.5", "--build", status=1)["error"]
    assert f"others may write to {path}" in error["message"]
    assert f"chmod go-w {path}" in error["hint"]
    assert not engine.has_run


@pytest.mark.parametrize("how", ["variable", "path", "link", "mise", "asdf"])
def test_python_build_is_found_where_it_is_usually_kept(user: Home, tmp_path: Path, how: str) -> None:
    roots = {"mise": ".cache/mise/python/pyenv", "asdf": ".asdf/plugins/python/pyenv"}
    engine = PythonBuild(tmp_path / "engine", user.path / roots.get(how, "opt/pyenv"), "3.13.5")
    environ = {"PYMAN_MIRROR": str(engine.mirror)}
    if how == "variable":
        environ["PYMAN_PYTHON_BUILD"] = str(engine.program)
    elif how == "path":
        environ["PATH"] = f"{engine.program.parent}:{user.environ['PATH']}"
    elif how == "link":
        (user.path / "bin").mkdir()
        (user.path / "bin/python-build").symlink_to(engine.program)
        environ["PATH"] = f"{user.path}/bin:{user.environ['PATH']}"
    assert user.json("install", "3.13", "--build", "--dry-run", **environ)["installed"][0]["version"] == "3.13.5"


def test_another_sha256_in_the_mirror_is_an_error(user: Home, engine: PythonBuild) -> None:
    engine.define("3.13.5", "1" * 64)
    error = user.json("install", "3.13.5", "--build", status=1)["error"]
    assert "tell the operator of the mirror" in error["hint"]
    assert not engine.has_run


def test_a_release_that_only_the_mirror_knows_gets_a_definition(user: Home, engine: PythonBuild) -> None:
    (engine.definitions / "3.13.5").unlink()
    user.pyman("install", "3.13.5", "--build")
    assert engine.told("definition").strip().endswith("/definitions/3.13.5")
    assert names(user) == ["3", "3.13", "3.13.5"]


def test_a_release_that_nobody_knows(user: Home, engine: PythonBuild) -> None:
    error = user.json("install", "3.13.99", "--build", status=1)["error"]
    assert error["message"] == f"the mirror {engine.mirror} has no source of Python 3.13.99"
    error = user.json("install", "3.13.99", "--build", status=1, PYMAN_MIRROR="")["error"]
    assert error["message"] == "python-build does not know Python 3.13.99"
    assert "`3.13.5`" in error["hint"]


def test_without_a_network_the_cache_has_it_or_not(user: Home, engine: PythonBuild) -> None:
    error = user.json("install", "3.13.5", "--build", "--offline", status=1, PYMAN_MIRROR="")["error"]
    assert error["code"] == "offline"
    assert not engine.has_run


def test_missing_headers_are_found_before_anything_is_built(user: Home, engine: PythonBuild) -> None:
    tools = user.path / "tools"
    tools.mkdir()
    compiler = tools / "cc"

    def lacks(*headers: str) -> None:
        names = " || ".join(f'index($0, "{header}")' for header in headers)
        compiler.write_text(f"""#!/bin/sh
case $* in *--version*) echo "cc 99" && exit ;; esac
for file; do :; done
awk '{names} {{ print "#if 0"; next }} {{ print }}' "$file" >"$file.c" && exec /usr/bin/gcc -E "$file.c"
""")
        compiler.chmod(0o755)

    path = f"{tools}:{user.environ['PATH']}"
    lacks("openssl/ssl.h", "ffi.h")
    error = user.json("install", "3.13.5", "--build", status=1, PATH=path)["error"]
    assert error["code"] == "missing-headers"
    assert error["message"] == "Python 3.13.5 cannot be built: this system lacks the headers of ssl"
    assert not engine.has_run
    lacks("ffi.h", "tk.h")
    answer = user.pyman("install", "3.13.5", "--build", PATH=path)
    assert "ctypes, tkinter will be missing" in answer.err
    assert 'compiler = "cc 99"' in (user.runtimes / "3.13.5/pyman-runtime.toml").read_text()


def planted(path: Path, aside: Path) -> Path:
    """A compiler that leaves a file when it is started."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\ntouch "{aside}"\nexec /usr/bin/gcc "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("variable", ["CC", "CXX", "AR", "PKG_CONFIG"])
@pytest.mark.parametrize("how", ["project", "venv", "link", "behind another"])
def test_a_compiler_of_a_project_is_not_run_when_the_environment_names_it(
    user: Home, engine: PythonBuild, tmp_path: Path, how: str, variable: str
) -> None:
    (user.project / ".git").mkdir()
    own = planted((user.path / "other/bin" if how == "venv" else user.project / "tools") / "gcc", tmp_path / "started")
    if how == "venv":
        (user.path / "other/pyvenv.cfg").touch()
    if how == "link":
        (user.path / "bin").mkdir()
        (user.path / "bin/gcc").symlink_to(own)
        own = user.path / "bin/gcc"
    value = f"/usr/bin/env {own} -m64" if how == "behind another" else str(own)
    for words in ([], ["--dry-run"]):
        (user.project / "sub").mkdir(exist_ok=True)
        error = user.json(
            "install", "3.13.5", "--build", *words, cwd=user.project / "sub", status=1, **{variable: value}
        )["error"]
        assert error["code"] == "not-started"
        assert (str(own) in error["message"], f"unset {variable}" in error["hint"]) == (True, True)
    assert not (tmp_path / "started").exists()
    assert not engine.has_run


def test_a_compiler_of_a_project_is_not_run_from_path(user: Home, engine: PythonBuild, tmp_path: Path) -> None:
    (user.project / ".git").mkdir()
    own = planted(user.project / "tools/cc", tmp_path / "started")
    user.pyman("install", "3.13.5", "--build", PATH=f"{own.parent}:tools:{user.environ['PATH']}")
    assert engine.environment["PATH"] == user.environ["PATH"]
    assert not (tmp_path / "started").exists()


def test_a_compiler_that_the_user_names_is_run(user: Home, engine: PythonBuild, tmp_path: Path) -> None:
    own = planted(user.path / "opt/bin/gcc", tmp_path / "started")
    user.pyman("install", "3.13.5", "--build", CC=f"{own} -m64")
    assert engine.environment["CC"] == f"{own} -m64"
    assert (tmp_path / "started").exists()


# --- afterwards ---


def test_doctor_finds_a_build_whose_libraries_the_system_has_lost(user: Home, engine: PythonBuild) -> None:
    user.pyman("install", "3.13.5", "--build")
    manifest = user.runtimes / "3.13.5/pyman-runtime.toml"
    manifest.write_text(manifest.read_text().replace("libc.so.6", "libc.so.6:libssl.so.0.9:/opt/lost/libz.so.1"))
    [finding] = [each for each in user.json("doctor", "--offline", status=1)["findings"] if each["kind"] == "runtime"]
    assert finding["code"] == "runtime-broken"
    assert finding["message"] == ("it is linked to libssl.so.0.9, /opt/lost/libz.so.1, which this system no longer has")
    assert finding["repair"] == "`pyman install 3.13.5 --build`"
    assert user.json("doctor", "--fix", "--yes", "--offline", status=1)["changed"] == []
    user.pyman("install", "3.13.5", "--build")
    assert user.json("doctor", "--offline")["findings"] == []
