"""Which implementation names and files tell: one sign of another one is enough to leave a venv alone."""

from __future__ import annotations

import pytest

from pyman.core.implementation import (
    alias_name,
    in_words,
    is_repaired,
    known_titles,
    of_program,
    other_name,
    python_of,
    title,
    version_macro,
)
from pyman.core.names import of_base, of_venv, split_library

PROGRAMS = {
    "pypy": "pypy",
    "pypy3": "pypy",
    "pypy3.11": "pypy",
    "pypy3.11-c": "pypy",
    "PyPy3": "pypy",
    ".pypy3-wrapped": "pypy",
    "graalpy": "graalpy",
    "graalpy-config": "graalpy",
    "graalpython": "graalpy",
    "pyston3.8": "pyston",
    "rustpython": "rustpython",
    "ipy": "ironpython",
    "python": None,
    "python3": None,
    "python3.13": None,
    "python3.14t": None,
    ".python3-wrapped": None,
    "ipython3": None,
    "AppRun": None,
    "": None,
    "pypyenv": None,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_name_of_a_program(name):
    assert of_program(name) == PROGRAMS[name]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("python3.13", ("cpython", "3.13", "default")),
        ("python3.14t", ("cpython", "3.14", "freethreaded")),
        ("pypy3.11", ("pypy", "3.11", "default")),
        ("python3", None),
        ("python3.13.5", None),
        ("pypy", None),
        ("graalpy25.0", None),
        ("python-foo", None),
    ],
)
def test_the_name_of_a_library(name, split):
    assert split_library(name) == split


@pytest.mark.parametrize(
    ("program", "called", "names", "is_graalvm", "implementation"),
    [
        ("python3.13", "python3", ["python3.13"], False, "cpython"),
        ("AppRun", "python3", [], False, "cpython"),
        ("pypy3.11", "python3", ["pypy3.11"], False, "pypy"),
        ("python3.11", "pypy3", ["python3.11"], False, "pypy"),
        # All names of a GraalPy are programs of their own.
        ("python3", "python", ["bin", "lib", "release", "graalpy25.2", "python3.12"], False, "graalpy"),
        ("python3", "python", ["bin", "lib", "release", "python3.12"], True, "graalpy"),
        ("python3", "python", ["pypy3.11"], False, "pypy"),
        ("python3", "python", ["bin", "lib-python", "lib_pypy", "site-packages"], False, "pypy"),
        # What PyPy keeps for its user lies beside a CPython of one's own: ~/.local/lib/pypy3.11.
        ("python3.13", "python3", ["python3.13", "pypy3.11"], False, "cpython"),
    ],
)
def test_the_files_of_a_base(program, called, names, is_graalvm, implementation):
    assert of_base(program, called, names, is_graalvm=is_graalvm) == implementation


@pytest.mark.parametrize(
    ("said", "bases", "programs", "libraries", "implementation"),
    [
        (None, ["cpython", "cpython"], ["python", "python3.13"], ["python3.13"], "cpython"),
        ("CPython", ["cpython"], ["python3"], ["python3.13"], "cpython"),
        (None, [], ["python"], ["python3.13"], "cpython"),
        (None, [], ["python"], [], None),
        ("", [], [], [], None),
        # Any one sign.
        ("PyPy", ["cpython"], ["python3.11"], ["python3.11"], "pypy"),
        ("GraalVM", ["cpython"], ["python3.12"], ["python3.12"], "graalpy"),
        ("RustPython", ["cpython"], ["python3.13"], ["python3.13"], "rustpython"),
        ("somethingelse", ["cpython"], ["python3.13"], ["python3.13"], "somethingelse"),
        (None, ["cpython", "graalpy"], ["python3.12"], ["python3.12"], "graalpy"),
        (None, ["cpython"], ["python", "pypy3"], ["python3.11"], "pypy"),
        (None, ["cpython"], ["python3.11"], ["pypy3.11"], "pypy"),
    ],
)
def test_the_signs_of_a_venv(said, bases, programs, libraries, implementation):
    assert of_venv(said, bases, programs, libraries) == implementation
    assert is_repaired(implementation) == (implementation in (None, "cpython", "pypy"))


def test_words():
    assert [in_words(word) for word in (" PyPy ", "GraalVM", "Python", "Pyston", "")] == [
        *("pypy", "graalpy", "cpython", "pyston"),
        None,
    ]
    assert [title(name) for name in ("cpython", "pypy", "graalpy", "odd")] == ["CPython", "PyPy", "GraalPy", "odd"]
    assert (python_of("cpython"), python_of("pypy")) == ("Python", "PyPy")
    assert [other_name(name) for name in ("cpython", "graalpy", "rustpython", None)] == [
        "cpython",
        "graalpy",
        None,
        None,
    ]


def test_aliases_of_two_implementations_are_never_one():
    names = {alias_name(implementation, "3.11") for implementation in ("cpython", "pypy", "graalpy", "odd")}
    assert names == {"3.11", "pypy3.11", "graalpy3.11", "odd3.11"}
    assert alias_name(None, "3.11") == "3.11"


def test_what_pyman_knows_in_a_sentence():
    assert known_titles("or") == "CPython, PyPy or GraalPy"


@pytest.mark.parametrize(
    ("implementation", "macro"), [("pypy", "PYPY_VERSION"), ("cpython", ""), ("graalpy", ""), ("jython", "")]
)
def test_the_version_in_the_headers_of_an_implementation(implementation, macro):
    assert version_macro(implementation) == macro
