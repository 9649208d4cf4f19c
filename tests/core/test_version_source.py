"""Who counts when several ask for a Python."""

import pytest

from pyman.core.choice import choose
from pyman.core.version_source import (
    ARGUMENT,
    DEFAULT,
    ENVIRONMENT,
    NEWEST,
    PROGRAM,
    PYPROJECT_KEY,
    VersionSource,
    select,
    select_for_program,
)
from pyman.errors import BadRequest
from stage.stores import store

FILE = "/project/.python-version"
PROJECT = "/project/pyproject.toml"
STORE = store("3.11.2", "3.12.1", "3.13.5", "3.13.15", "3.14.2t")


def is_there(request):
    return request.kind == "path" or choose(STORE, request) is not None


def with_system(request):
    return request.kind == "system" or is_there(request)


def file(*words):
    return VersionSource(FILE, words, tuple(range(1, len(words) + 1)))


ORDER = [
    ([VersionSource(ENVIRONMENT, ("3.12",)), file("3.11"), VersionSource(DEFAULT, ("3.13",))], ENVIRONMENT, "3.12"),
    ([VersionSource(ENVIRONMENT, ()), file("3.11"), VersionSource(DEFAULT, ("3.13",))], FILE, "3.11"),
    ([VersionSource(ENVIRONMENT, ()), file(), VersionSource(PROJECT, ("<3.13",), key=PYPROJECT_KEY)], PROJECT, "<3.13"),
    ([VersionSource(ENVIRONMENT, ()), file(), VersionSource(DEFAULT, ("3.12",))], DEFAULT, "3.12"),
    ([VersionSource(ENVIRONMENT, ()), file(), VersionSource(DEFAULT, ())], NEWEST, "latest"),
    ([], NEWEST, "latest"),
    # the first of several that is there, else the first, never the next place
    ([file("3.9", "3.12.1", "3.13"), VersionSource(DEFAULT, ("3.13",))], FILE, "3.12.1"),
    ([file("3.9", "3.8"), VersionSource(DEFAULT, ("3.13",))], FILE, "3.9"),
]


@pytest.mark.parametrize(("sources", "source", "request_"), ORDER)
def test_the_first_place_that_asks_counts(sources, source, request_):
    selection = select(sources, is_there)
    assert (selection.source, str(selection.request)) == (source, request_)


def test_what_was_passed_over_is_named():
    assert [str(one) for one in select([file("3.9", "3.12.9", "3.13")], is_there).missing] == ["3.9", "3.12.9"]
    assert [str(one) for one in select([file("3.9", "3.8")], is_there).missing] == ["3.8"]


@pytest.mark.parametrize(
    ("words", "request_", "missing"),
    [
        (("3.12", "nonsense"), "3.12", []),
        (("3.12", "2.7.18", "miniconda3-4.7.12", "pypy3.9-7.3.15"), "3.12", []),
        (("2.7.18", "3.12", "nonsense"), "3.12", []),
        (("pypy3.9", "3.12.9", "3.12"), "3.12", ["pypy3.9", "3.12.9"]),
        (("jython-2.7.4", "2.7.18", "3.9"), "3.9", ["jython-2.7.4"]),
        (("jython-2.7.4",), "jython-2.7.4", []),
    ],
)
def test_what_pyman_never_has_is_passed_over_where_something_else_is_there(words, request_, missing):
    selection = select([file(*words)], is_there)
    assert (str(selection.request), [str(one) for one in selection.missing]) == (request_, missing)


@pytest.mark.parametrize(("words", "kind"), [(("blog",), "venv"), (("3.11.2/envs/blog", "3.12"), "venv"),
                                             (("3.9", "blog"), "venv"), (("3.12", "blog"), "release")])  # fmt: skip
@pytest.mark.parametrize("choose_by", [select, lambda asked, there: select_for_program(asked, "3.12", there)])
def test_the_name_of_a_venv_of_pyenv_is_that_venv(words, kind, choose_by):
    assert choose_by([file(*words)], lambda request: request.kind == "venv" or is_there(request)).request.kind == kind


@pytest.mark.parametrize(
    ("words", "program", "source", "request_"),
    [
        (("3.12",), "3.12", FILE, "3.12"),
        (("3.13.5",), "3.13", FILE, "3.13.5"),
        (("3.11", "3.12.1"), "3.12", FILE, "3.12.1"),
        (("3.12.9", "3.12.1"), "3.12", FILE, "3.12.1"),
        (("3.12.9",), "3.12", FILE, "3.12.9"),
        (("3.11",), "3.12", PROGRAM, "3.12"),
        (("3",), "3.12", PROGRAM, "3.12"),
        (("latest",), "3.12", PROGRAM, "3.12"),
        ((">=3.12",), "3.12", PROGRAM, "3.12"),
        (("3.14t",), "3.14", PROGRAM, "3.14"),
        (("3.14t",), "3.14t", FILE, "3.14t"),
        (("system",), "3.12", FILE, "system"),
        (("3.11", "system"), "3.12", FILE, "system"),
        (("3.14.2t", "3.14t"), "3.14t", FILE, "3.14.2t"),
    ],
)
def test_a_program_with_a_minor_in_its_name(words, program, source, request_):
    selection = select_for_program([file(*words), VersionSource(DEFAULT, ("3.12.1",))], program, with_system)
    assert (selection.source, str(selection.request)) == (source, request_)


def test_only_the_first_place_speaks_for_such_a_program():
    asked = [VersionSource(ENVIRONMENT, ()), file("3.11"), VersionSource(DEFAULT, ("3.12.1",))]
    assert select_for_program(asked, "3.12", is_there).source == PROGRAM
    assert str(select_for_program([file("system")], "3.12", is_there).request) == "3.12"


def test_a_path_counts_whatever_the_program_is_called():
    selection = select_for_program([VersionSource(ENVIRONMENT, ("/usr/bin/python3",))], "3.12", is_there)
    assert (selection.source, selection.request.kind) == (ENVIRONMENT, "path")


@pytest.mark.parametrize("choose_by", [select, lambda asked, there: select_for_program(asked, "3.12", there)])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        (file("3.9", "nonsense"), f"{FILE}, line 2: `nonsense`"),
        (file("nonsense", "3.12"), f"{FILE}, line 1: `nonsense`"),
        (file("2.7.18", "3.5"), f"{FILE}, line 1: Python 2.7.18 is too old"),
        (file("3.11.2/envs/blog", "3.12"), f"{FILE}, line 1: pyenv has no venv"),
        (file("3.12", "../evil"), f"{FILE}, line 2: `../evil` is a path"),
        (VersionSource(PROJECT, ("x",), key=PYPROJECT_KEY), f"{PROJECT}, {PYPROJECT_KEY}: `x`"),
        (VersionSource(PROJECT, ("./venv",), key=PYPROJECT_KEY), "is a path"),
        (VersionSource(ENVIRONMENT, ("x y",)), f"{ENVIRONMENT}: `x y`"),
        (VersionSource(DEFAULT, ("2.7",)), f"{DEFAULT}: Python 2.7 is too old"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_an_error_and_never_passed_over(given, says, choose_by):
    with pytest.raises(BadRequest) as failure:
        choose_by([given, VersionSource(DEFAULT, ("3.12",))], is_there)
    assert says in failure.value.message
    assert failure.value.exit_status == 1


def test_wrong_words_of_the_command_line_are_wrong_usage():
    with pytest.raises(BadRequest) as failure:
        select([VersionSource(ARGUMENT, ("nonsense",))], is_there)
    assert failure.value.exit_status == 2


def test_a_path_is_welcome_where_nobody_else_could_have_put_it():
    for source in (ARGUMENT, ENVIRONMENT, DEFAULT):
        assert select([VersionSource(source, ("./venv",))], is_there).request.kind == "path"


@pytest.mark.parametrize(
    ("words", "request_text", "source"),
    [
        (("3.13",), "pypy", PROGRAM),
        (("3.13", "pypy3.11"), "pypy3.11", FILE),
        (("pypy",), "pypy", FILE),
        (("graalpy",), "pypy", PROGRAM),
    ],
)
def test_a_program_without_a_minor_means_its_implementation(words, request_text, source):
    """`pypy3` is PyPy whatever a file says of CPython, and what it says of PyPy counts."""
    selection = select_for_program([file(*words)], "", lambda request: request.kind != "venv", "pypy")
    assert (str(selection.request), selection.source) == (request_text, source)


@pytest.mark.parametrize("sources", [[], [VersionSource(ENVIRONMENT, ()), file()]])
def test_a_program_of_a_minor_means_it_where_nobody_asks(sources):
    assert str(select_for_program(sources, "3.12", is_there).request) == "3.12"
    assert select_for_program(sources, "3.12", is_there).source == PROGRAM
