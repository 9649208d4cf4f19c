"""Specifier sets of plain numbers, held against packaging, which understands all of PEP 440."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pyman.core.version import Version, parse_specifier

VERSIONS = st.builds(
    Version, st.just(3), st.integers(9, 12), st.integers(0, 2), st.sampled_from(["", "", "a1", "b2", "rc1"])
)
NUMBERS = st.lists(st.integers(0, 2) | st.integers(9, 12), max_size=2).map(lambda rest: ".".join(map(str, [3, *rest])))
CLAUSES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["==", "!=", "<=", ">=", "~=", "<", ">"]),
    st.sampled_from(["", "", " "]),
    NUMBERS,
    st.sampled_from(["", "", ".*"]),
)
SETS = st.lists(CLAUSES, min_size=1, max_size=3).flatmap(
    lambda clauses: st.sampled_from([", ", ","]).map(lambda by: by.join(clauses))
)


@settings(max_examples=400)
@given(SETS, VERSIONS)
def test_it_means_what_packaging_says(text, version):
    clauses = parse_specifier(text)
    try:
        known = SpecifierSet(text)
    except InvalidSpecifier:
        assert clauses is None
        return
    assert clauses is not None
    assert all(clause.admits(version) for clause in clauses) is known.contains(str(version), prereleases=True)


@given(st.text(st.sampled_from("<>=!~.,*3190 rcdevpost+-"), max_size=14))
def test_what_it_understands_is_a_specifier_set(text):
    if parse_specifier(text) is not None:
        SpecifierSet(text)


@pytest.mark.parametrize(
    "text", [">=3.11,<3.14", "~=3.12", "==3.13.*", "!=3.12.4", ">= 3.8", "<4", "==3.13.5", "~=3.12.1"]
)
def test_what_projects_write_is_understood_here(text):
    assert parse_specifier(text) is not None


@pytest.mark.parametrize(
    "text",
    ["", ">=", ">=3.11,", "===3.13", ">=3.14rc1", "~=3", ">=3.*", "3.13", "=3.13", ">=3.011", ">=3.1.1.1", "==3.13+local",
     ">=3.11;x", "<3.14 >=3", ">=1!3", "==3.13.post1", "==3.*.1"],
)  # fmt: skip
def test_all_else_is_left_to_packaging(text):
    assert parse_specifier(text) is None


@pytest.mark.parametrize(
    ("clause", "version", "admitted"),
    [
        *(("<3.13", Version(3, 12, 9), True), ("<3.13", Version(3, 13, 0, "rc1"), False), ("<3.13", Version(3, 13, 0), False)),
        *(("<=3.13", Version(3, 13, 0, "rc1"), True), ("<=3.13", Version(3, 13, 0), True), ("<=3.13", Version(3, 13, 1), False)),
        *((">3.13", Version(3, 13, 0), False), (">3.13", Version(3, 13, 0, "rc1"), False), (">3.13", Version(3, 13, 1), True)),
        *((">=3.13", Version(3, 13, 0), True), (">=3.13", Version(3, 13, 0, "rc1"), False), (">=3.13", Version(3, 12, 9), False)),
        *(("==3.13.5", Version(3, 13, 5), True), ("==3.13.0", Version(3, 13, 0, "rc1"), False), ("!=3.13.5", Version(3, 13, 5), False)),
        *(("==3.13.*", Version(3, 13, 5), True), ("==3.13.*", Version(3, 12, 5), False), ("!=3.13.*", Version(3, 13, 5), False)),
        *(("~=3.12", Version(3, 14, 0), True), ("~=3.12", Version(3, 11, 9), False), ("~=3.12.1", Version(3, 13, 0), False)),
        ("~=3.12.1", Version(3, 12, 2), True),
    ],
)  # fmt: skip
def test_what_a_comparison_admits(clause, version, admitted):
    [read] = parse_specifier(clause)
    assert read.admits(version) is admitted
    assert SpecifierSet(clause).contains(str(version), prereleases=True) is admitted
