from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyman.core.escape import fish_quote, quote
from pyman.core.shell.shims import (
    is_of_a_venv,
    is_of_python,
    is_shim,
    names_to_link,
    own_program,
    program_implementation,
    program_minor,
    program_of_venv,
    program_release,
    render_shim,
    shim_names,
)


def test_every_minor_gets_its_names_and_no_alias_of_a_major_does():
    names = shim_names(["3", "3.13", "3.14t", "nonsense", "3.13.5"])
    assert {"python", "python3", "pip", "pip3", "python3.13", "pip3.13", "python3.13-config"} <= set(names)
    assert "python3.14t" in names
    assert "pip3.14t" not in names
    assert [name for name in names if "3.13.5" in name] == ["python3.13.5"]
    assert "python3-config-config" not in names
    assert list(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("program", "minor"),
    [
        ("python3.13", "3.13"),
        ("python3.14t", "3.14t"),
        ("python3.11-config", "3.11"),
        ("pip3.9", "3.9"),
        ("2to3-3.11", "3.11"),
        ("python3", None),
        ("python3.13.5", None),
        ("python3.x", None),
        ("black3.11", None),
        ("python", None),
    ],
)
def test_the_minor_in_a_name(program, minor):
    assert program_minor(program) == minor


@pytest.mark.parametrize(
    ("program", "minor", "own"),
    [
        ("python", "3.11", "python3.11"),
        ("python3", "3.14t", "python3.14t"),
        ("python3-config", "3.11", "python3.11-config"),
        ("pip3", "3.11", "pip3.11"),
        ("pydoc", "3.11", "pydoc3.11"),
        ("idle3", "3.11", "idle3.11"),
        ("2to3", "3.11", "2to3-3.11"),
        ("pip3.11", "3.11", "pip3.11"),
        ("pip3.12", "3.11", None),
        ("python3.11.2", "3.11", "python3.11"),
        ("python3.12.1", "3.11", "python3.11"),
        ("git", "3.11", None),
        ("pip-config", "3.11", None),
        ("", "3.11", None),
    ],
)
def test_an_adopted_python_runs_only_what_carries_its_minor(program, minor, own):
    assert own_program(program, minor) == own


@pytest.mark.parametrize("program", ["python", "python3-config", "pip", "2to3", "pip3.11", "python3.14t-config"])
def test_what_every_python_has(program):
    assert is_of_python(program)


@pytest.mark.parametrize("program", ["git", "pip2", "black", "python2", "", "pip-config", "pythonw"])
def test_what_it_has_not(program):
    assert not is_of_python(program)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
@example("it's $HOME `x` \\")
def test_sh_reads_back_what_was_quoted(text):
    result = subprocess.run(["/bin/sh", "-c", f"printf %s {quote(text)}"], capture_output=True, check=True)
    assert result.stdout.decode() == text


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish reads its own quotes")
def test_fish_reads_back_what_was_quoted():
    text = "it's $HOME `x` \\ \\' (x) \n é"
    result = subprocess.run(["fish", "-c", f"printf %s {fish_quote(text)}"], capture_output=True, check=True)
    assert result.stdout.decode() == text


def test_root_and_command_are_written_in():
    template = "#!/bin/sh\n# pyman shim: x\npyman_written_root=''\npyman_written_command=''\n"
    assert is_shim(template)
    text = render_shim(template, "/a b", "/it's")
    assert text == "#!/bin/sh\n# pyman shim: x\npyman_written_root='/a b'\npyman_written_command='/it'\\''s'\n"
    assert is_shim(text)
    template += "pyman_written_script=''\n"
    assert render_shim(template, "", "/python", "/a b.pyz").endswith("'/python'\npyman_written_script='/a b.pyz'\n")
    assert render_shim(template, "") == template
    assert not is_shim("#!/bin/sh\necho\n")
    assert not is_shim("")


def test_names_of_patch_releases_and_what_is_linked():
    names = shim_names(["3", "3.13", "3.14t", "3.13.5", "3.13.5+20261101", "3.14.2t", "3.15.0rc1"])
    assert {"python3.13.5", "python3.14.2t", "python3.15.0rc1"} <= set(names)
    assert names_to_link(names) == ("python3.13", "python3.14t")
    # What virtualenv tries first when it is asked for 3.13, or for py313.
    assert {"3.13", "py313", "3.14t", "py314t"} <= set(names)
    assert not {"3.13.5", "py3135", "3", "py3"} & set(names)
    assert program_release("python3.13.5") == "3.13.5"
    assert program_release("python3.14.2t") == "3.14.2t"
    for other in ("python3.13", "python", "pip3.13.5", "python3.13.5-config", "pythonx", "3.13.5"):
        assert program_release(other) is None


@pytest.mark.parametrize(
    ("program", "own"),
    [
        ("python3-config", "python3.11-config"), ("python-config", "python3.11-config"),
        ("python3.11-config", "python3.11-config"), ("python3.12-config", None), ("pydoc", "pydoc3.11"),
        ("pydoc3", "pydoc3.11"), ("pydoc3.11", "pydoc3.11"), ("pydoc3.12", None), ("idle3", "idle3.11"),
        ("python3", None), ("pip3", None),
    ],
)  # fmt: skip
def test_what_answers_for_the_python_of_a_venv(program, own):
    assert program_of_venv(program, "3.11", "default") == own


def test_headers_of_a_free_threaded_build_carry_its_letter():
    assert program_of_venv("python3-config", "3.14", "freethreaded") == "python3.14t-config"
    assert program_of_venv("pydoc3", "3.14", "freethreaded") == "pydoc3.14"


def test_names_of_other_implementations_and_builds():
    names = set(shim_names(["pypy3.11", "graalpy3.12", "3.13+20261101"]))
    assert {"pypy3.11", "pypy3", "pypy", "graalpy", "python3.13", "pip3.13"} <= names
    assert not {"pip3.11", "python3.11"} & names


@pytest.mark.parametrize(
    ("program", "implementation", "minor"),
    [("pypy3.11", "pypy", "pypy3.11"), ("pypy3", "pypy", None), ("graalpy", "graalpy", None), ("python3.13", None, "3.13"),
     ("pypy3-config", None, None), ("rustpython", None, None)],
)  # fmt: skip
def test_what_the_name_of_an_interpreter_means(program, implementation, minor):
    assert (program_implementation(program), program_minor(program)) == (implementation, minor)


@pytest.mark.parametrize(
    ("program", "is_one"),
    [
        ("pydoc3.13", True),
        ("idle", True),
        ("python3-config", True),
        ("python3", False),
        ("pip", False),
        ("x-config", False),
    ],
)
def test_what_a_venv_has_not_itself(program, is_one):
    assert is_of_a_venv(program) is is_one
