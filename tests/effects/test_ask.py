"""Asking real interpreters, and programs that only look like one."""

from __future__ import annotations

import glob
import os
import select
import shutil
import subprocess
import sys
import sysconfig

import pytest

from pyman.core.version import parse_version
from pyman.effects.interpreters import ask as interpreter
from pyman.effects.interpreters.admission import Admission
from pyman.errors import BrokenRuntime, NotStarted
from stage.mirror import LIBRARY, MINOR, NEW, OLD, OTHER, copy_of_tree, runtime_tree
from stage.programs import write_program

VERSION = parse_version(OLD)
PYENV = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")))


def ask(executable, **named):
    return interpreter.ask(str(executable), Admission(), named=True, **named)


def ask_once(executable, cache):
    return interpreter.ask_once(str(executable), cache, Admission(), named=True)


def smoke_test(executable, version, variant, tree):
    """As of a store: nobody else may write to what lies there, and that is all."""

    class Own(Admission):
        def _grounds(self, real):
            return "store"

    interpreter.smoke_test(executable, version, variant, tree, Own())


def give_library(prefix, minor=MINOR):
    """A prefix gets what an interpreter is expected to have beside it."""
    os.makedirs(f"{prefix}/lib/python{minor}/lib-dynload", exist_ok=True)
    with open(f"{prefix}/lib/python{minor}/os.py", "w"):
        pass


@pytest.fixture
def script(tmp_path):
    """Makes programs that stand where an interpreter is expected, and do what a text for sh says with its arguments."""
    give_library(tmp_path)

    def script(text: str, name: str = f"python{MINOR}") -> str:
        return write_program(tmp_path / "bin" / name, text)

    return script


class TestRealInterpreters:
    def test_the_one_that_runs_this_test(self):
        facts = ask(sys.executable)
        assert facts.implementation == sys.implementation.name
        assert str(facts.version) == sysconfig.get_config_var("py_version")
        assert facts.base_prefix == sys.base_prefix
        assert facts.real_base_prefix == os.path.realpath(sys.base_prefix)
        assert facts.standard_library == os.path.dirname(os.__file__)
        assert facts.executable == os.path.realpath(sys.executable)
        assert facts.variant == "default"

    @pytest.mark.parametrize("python", PYENV or [pytest.param("", marks=pytest.mark.skip(reason="no pyenv here"))])
    def test_old_and_new_ones(self, python):
        facts = ask(python)
        folder = python.removesuffix("/bin/python3")
        assert str(facts.version) == os.path.basename(folder)
        assert facts.real_base_prefix == os.path.realpath(folder)
        assert os.path.isfile(f"{facts.standard_library}/os.py")
        assert (facts.variant, facts.executable) == ("default", os.path.realpath(python))

    def test_it_is_started_by_its_real_path(self, tmp_path):
        os.symlink(runtime_tree(OLD), tmp_path / MINOR)
        facts = ask(f"{tmp_path}/{MINOR}/bin/python3")
        assert facts.version == VERSION
        assert facts.base_prefix == facts.real_base_prefix == os.path.realpath(runtime_tree(OLD))
        assert facts.executable == os.path.realpath(f"{runtime_tree(OLD)}/bin/python{MINOR}")

    @pytest.mark.parametrize("version", [OLD, OTHER])
    def test_of_an_environment_the_base_is_started(self, tmp_path, version):
        home = f"{runtime_tree(version)}/bin"
        (tmp_path / "bin").mkdir()
        (tmp_path / "pyvenv.cfg").write_text("home = /nowhere\n")
        os.symlink(f"{home}/python3", tmp_path / "bin/python")
        facts = ask(f"{tmp_path}/bin/python")
        assert facts.base_prefix == os.path.realpath(runtime_tree(version))

    def test_nothing_of_the_users_environment_reaches_it(self, script, tmp_path, monkeypatch):
        monkeypatch.setenv("PYTHONHOME", "/nowhere")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        (tmp_path / "os.py").write_text("raise SystemExit('the wrong os')")
        monkeypatch.chdir(tmp_path)
        wrapper = script(f'export -p > "$0.env"; pwd > "$0.pwd"; cat > "$0.stdin"; exec "{sys.executable}" "$@"')
        assert ask(wrapper).version.major == 3
        with open(f"{wrapper}.env") as file:
            assert "PYTHON" not in file.read()
        with open(f"{wrapper}.pwd") as file:
            assert file.read() == "/\n"
        assert os.path.getsize(f"{wrapper}.stdin") == 0

    def test_noise_around_the_answer(self, script):
        noisy = script(f'echo "Welcome"; echo "warning" >&2; "{sys.executable}" "$@"; echo "Goodbye"')
        assert ask(noisy).standard_library == os.path.dirname(os.__file__)


class TestFailures:
    def test_one_that_hangs_is_ended_with_all_that_it_started(self, script, tmp_path):
        os.mkfifo(tmp_path / "alive")
        reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
        try:
            hanging = script(f'exec 3> "{tmp_path}/alive"; sleep 1000 & echo >&3; sleep 1000')
            # On a busy machine it may be ended before it came that far.
            for seconds in (0.5, 5, 50):
                with pytest.raises(
                    BrokenRuntime, match=rf"did not answer within {seconds} seconds".replace(".", r"\.")
                ):
                    ask(hanging, timeout=seconds)
                if select.select([reader], [], [], 0)[0] and os.read(reader, 1):
                    break
            # every process that inherited the pipe's end is gone when reading it finds its end
            assert select.select([reader], [], [], 30)[0]
            assert os.read(reader, 1) == b""
        finally:
            os.close(reader)

    def test_one_that_leaves_a_child_with_its_output_behind(self, script):
        lingering = script(f'sleep 1000 & exec "{sys.executable}" "$@"')
        with pytest.raises(BrokenRuntime, match="did not answer"):
            ask(lingering, timeout=1)

    def test_one_that_never_stops_talking(self, script):
        with pytest.raises(BrokenRuntime, match="did not answer"):
            ask(script("while :; do echo yes yes yes; echo no >&2; done"), timeout=0.5)

    def test_one_that_talks_a_lot_and_fails(self, script):
        with pytest.raises(BrokenRuntime, match="status 3: the end"):
            ask(script("head -c 200000 /dev/zero; head -c 100000 /dev/zero >&2; echo >&2; echo 'the end' >&2; exit 3"))

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("echo 'first' >&2; echo 'the reason' >&2; echo >&2; exit 3", "ended with status 3: the reason"),
            ("exit 1", "it printed nothing"),
            ("echo hello", "does not answer as a Python interpreter does"),
            ("kill -SEGV $$", "killed by the signal Segmentation fault"),
            ("printf '\\377\\033[31m' >&2; exit 1", r"\\xff"),
        ],
    )
    def test_programs_that_are_no_interpreter(self, script, text, sentence):
        program = script(text)
        with pytest.raises(BrokenRuntime, match=sentence) as caught:
            ask(program)
        assert program in caught.value.message
        assert caught.value.hint

    def test_what_cannot_be_started(self, tmp_path, script):
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/plain").write_bytes(b"\x7fELF")
        (tmp_path / "bin/cut").write_bytes(b"\x7fELF\2\1\1")
        (tmp_path / "bin/cut").chmod(0o755)
        for name in ("plain", "cut", "missing"):
            with pytest.raises(BrokenRuntime, match="cannot be started") as caught:
                ask(f"{tmp_path}/bin/{name}")
            assert f"{tmp_path}/bin/{name}" in caught.value.message

    def test_an_answer_in_the_right_form_that_says_nothing(self, script):
        liar = script('printf "%s\\0cpython\\0nonsense\\0%s\\0" "$6" "$6"')
        with pytest.raises(BrokenRuntime, match="an invalid answer"):
            ask(liar)


class TestAskOnce:
    @pytest.fixture
    def counted(self, script):
        wrapper = script(f'echo >> "$0.count"; exec "{sys._base_executable}" "$@"')

        def count() -> int:
            return os.path.getsize(f"{wrapper}.count") if os.path.exists(f"{wrapper}.count") else 0

        return wrapper, count

    @pytest.fixture
    def cache(self, tmp_path):
        return str(tmp_path / "cache")

    def test_it_is_asked_once(self, counted, cache):
        wrapper, count = counted
        first = ask_once(wrapper, cache)
        assert first == ask(wrapper)
        assert ask_once(wrapper, cache) == first
        assert count() == 2  # once each

    def test_another_file_in_its_place_is_asked(self, counted, cache):
        wrapper, count = counted
        ask_once(wrapper, cache)
        os.utime(wrapper, ns=(0, 1))
        ask_once(wrapper, cache)
        assert count() == 2
        shutil.copy2(wrapper, f"{wrapper}.new")  # same size, same time, another inode
        os.replace(f"{wrapper}.new", wrapper)
        ask_once(wrapper, cache)
        assert count() == 3
        assert len(os.listdir(f"{cache}/interpreters")) == 1

    def test_what_a_link_leads_to_counts(self, counted, cache, tmp_path):
        wrapper, count = counted
        os.symlink(wrapper, tmp_path / "link")
        ask_once(f"{tmp_path}/link", cache)
        ask_once(wrapper, cache)
        assert count() == 1
        shutil.copy2(wrapper, f"{tmp_path}/bin/python3.14")
        give_library(tmp_path, "3.14")
        os.unlink(tmp_path / "link")
        os.symlink(f"{tmp_path}/bin/python3.14", tmp_path / "link")
        ask_once(f"{tmp_path}/link", cache)
        assert os.path.getsize(f"{tmp_path}/bin/python3.14.count") == 1

    @pytest.mark.parametrize(
        "change",
        [
            lambda content: b"",
            lambda content: b"\xff\xfe garbage",
            lambda content: content[:40],
            lambda content: content.replace(b"cpython\x003.", b"cpython\x00x."),
            lambda content: content.replace(b"cpython\x00", b""),
            lambda content: b"/elsewhere" + content,
        ],
    )
    def test_a_memory_that_makes_no_sense_is_not_believed(self, counted, cache, change):
        wrapper, count = counted
        right = ask_once(wrapper, cache)
        (memory,) = glob.glob(f"{cache}/interpreters/*")
        with open(memory, "rb") as file:
            content = file.read()
        assert change(content) != content
        with open(memory, "wb") as file:
            file.write(change(content))
        assert ask_once(wrapper, cache) == right
        assert count() == 2

    def test_an_odd_thing_in_the_place_of_the_memory(self, counted, cache):
        wrapper, count = counted
        ask_once(wrapper, cache)
        (memory,) = glob.glob(f"{cache}/interpreters/*")
        os.unlink(memory)
        os.mkfifo(memory)
        ask_once(wrapper, cache)
        assert count() == 2

    def test_a_cache_that_cannot_be_written(self, counted, tmp_path):
        wrapper, _ = counted
        (tmp_path / "file").touch()
        assert ask_once(wrapper, f"{tmp_path}/file") == ask(wrapper)

    def test_what_may_not_be_started_is_not_asked(self, counted, cache):
        wrapper, count = counted
        os.chmod(wrapper, 0o757)
        with pytest.raises(NotStarted, match="others may write"):
            ask_once(wrapper, cache)
        assert count() == 0

    def test_one_that_is_not_there(self, cache, tmp_path):
        with pytest.raises(BrokenRuntime):
            ask_once(f"{tmp_path}/missing", cache)


def names_below(folder: str) -> list[str]:
    return sorted(os.path.join(where, name) for where, _, names in os.walk(folder) for name in names)


class TestSmokeTest:
    @pytest.mark.parametrize("version", [OLD, NEW, OTHER])
    def test_a_whole_runtime_passes_and_stays_as_it_is(self, version):
        tree = runtime_tree(version)
        before = names_below(tree)
        smoke_test(f"{tree}/bin/python3", parse_version(version), "default", tree)
        assert names_below(tree) == before

    @pytest.mark.parametrize(
        ("version", "variant", "sentence"),
        [
            (parse_version(f"{MINOR}.99"), "default", f"{OLD}, not Python {MINOR}.99"),
            (parse_version(f"{OLD}rc1"), "default", f"not Python {OLD}rc1"),
            (VERSION, "freethreaded", f"not Python {OLD}t"),
        ],
    )
    def test_another_release_than_expected(self, version, variant, sentence):
        tree = runtime_tree(OLD)
        with pytest.raises(BrokenRuntime, match=sentence):
            smoke_test(f"{tree}/bin/python{MINOR}", version, variant, tree)

    def test_one_that_lives_elsewhere(self, tmp_path):
        (tmp_path / "bin").mkdir()
        python = f"{runtime_tree(OLD)}/bin/python{MINOR}"
        os.symlink(python, tmp_path / f"bin/python{MINOR}")
        with pytest.raises(BrokenRuntime, match="prefix"):
            smoke_test(f"{tmp_path}/bin/python{MINOR}", VERSION, "default", str(tmp_path))

    def test_one_that_finds_no_library(self, tmp_path):
        (tmp_path / "bin").mkdir()
        shutil.copy(f"{runtime_tree(OLD)}/bin/python{MINOR}", tmp_path / "bin")
        with pytest.raises(NotStarted, match="standard library"):
            smoke_test(f"{tmp_path}/bin/python{MINOR}", VERSION, "default", str(tmp_path))

    def test_a_module_that_is_not_there(self, tmp_path):
        tree = copy_of_tree(OLD, str(tmp_path / "tree"))
        for path in glob.glob(f"{tree}/{LIBRARY}/lib-dynload/_lzma.*"):
            os.unlink(path)
        with pytest.raises(BrokenRuntime, match="cannot import _lzma: No module named '_lzma'") as caught:
            smoke_test(f"{tree}/bin/python{MINOR}", VERSION, "default", tree)
        assert "another build" in caught.value.hint

    @pytest.mark.skipif(shutil.which("gcc") is None or sys.platform != "linux", reason="needs a C compiler on Linux")
    def test_libraries_that_the_system_lacks_are_named(self, tmp_path):
        tree = copy_of_tree(OLD, str(tmp_path / "tree"))
        (tmp_path / "empty.c").write_text("int nothing;")
        for module in ("_lzma", "_sqlite3"):
            library = f"{tmp_path}/libgone{module}.so"
            (path,) = glob.glob(f"{tree}/{LIBRARY}/lib-dynload/{module}.*")
            os.unlink(path)
            subprocess.run(["gcc", "-shared", "-o", library, tmp_path / "empty.c"], check=True)
            subprocess.run(
                [
                    "gcc",
                    "-shared",
                    "-Wl,--no-as-needed",
                    "-o",
                    path,
                    tmp_path / "empty.c",
                    f"-L{tmp_path}",
                    f"-lgone{module}",
                ],
                check=True,
            )
            os.unlink(library)
        with pytest.raises(BrokenRuntime, match=r"cannot import _sqlite3: libgone_sqlite3\.so: cannot open") as caught:
            smoke_test(f"{tree}/bin/python{MINOR}", VERSION, "default", tree)
        assert caught.value.hint.endswith("libgone_sqlite3.so, libgone_lzma.so")

    def test_a_program_that_is_damaged(self, tmp_path):
        tree = copy_of_tree(OLD, str(tmp_path / "tree"))
        with open(f"{tree}/bin/python{MINOR}", "r+b") as file:
            file.truncate(4096)
        with pytest.raises(BrokenRuntime):
            smoke_test(f"{tree}/bin/python{MINOR}", VERSION, "default", tree)
