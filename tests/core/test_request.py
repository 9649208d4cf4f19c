"""What people write to name a Python, and what each of it means."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.immutable import replace
from pyman.core.request import LONGEST, Request, best_of, how_to_get, parse_request
from pyman.core.version import VARIANT_SUFFIX, Version, minor_alias, release_name
from pyman.errors import BadRequest

# written → numbers, pre-release, variant
RELEASES = [
    ("3", (3,), "", "default"),
    ("3.13", (3, 13), "", "default"),
    ("3.13.5", (3, 13, 5), "", "default"),
    ("3.6", (3, 6), "", "default"),
    ("  3.13 ", (3, 13), "", "default"),
    ("3.14t", (3, 14), "", "freethreaded"),
    ("3.14d", (3, 14), "", "debug"),
    ("3.14.2t", (3, 14, 2), "", "freethreaded"),
    ("3.14.0rc2", (3, 14, 0), "rc2", "default"),
    ("3.14.0rc2t", (3, 14, 0), "rc2", "freethreaded"),
    ("3.14rc2", (3, 14, 0), "rc2", "default"),
    ("3.15.0a1", (3, 15, 0), "a1", "default"),
    ("3.15b3", (3, 15, 0), "b3", "default"),
    ("cpython-3.13.5", (3, 13, 5), "", "default"),
    ("CPython-3.13", (3, 13), "", "default"),
    ("cpython@3.13", (3, 13), "", "default"),
    ("cpython3.13", (3, 13), "", "default"),
    ("python-3.11.2", (3, 11, 2), "", "default"),
    ("python3.11", (3, 11), "", "default"),
    ("python3", (3,), "", "default"),
    ("python3.14t", (3, 14), "", "freethreaded"),
    ("3.13+freethreaded", (3, 13), "", "freethreaded"),
    ("3.13.5+debug", (3, 13, 5), "", "debug"),
    ("cpython-3.14.0rc1+freethreaded", (3, 14, 0), "rc1", "freethreaded"),
    ("313", (3, 13), "", "default"),
    ("39", (3, 9), "", "default"),
    ("314t", (3, 14), "", "freethreaded"),
    ("cp313", (3, 13), "", "default"),
    ("cp-3.13", (3, 13), "", "default"),
    ("cp@3.13.5", (3, 13, 5), "", "default"),
    ("cpython313", (3, 13), "", "default"),
    ("python311", (3, 11), "", "default"),
    ("v3.13.5", (3, 13, 5), "", "default"),
    ("3.13+gil", (3, 13), "", "default"),
    ("3.13.15+gil", (3, 13, 15), "", "default"),
    ("3.13+FREETHREADED", (3, 13), "", "freethreaded"),
    ("default", (3,), "", "default"),
]


@pytest.mark.parametrize(("text", "numbers", "prerelease", "variant"), RELEASES, ids=str)
def test_a_release_however_it_is_written(text, numbers, prerelease, variant):
    request = parse_request(text)
    assert (request.kind, request.numbers, request.prerelease, request.variant) == (
        "release",
        numbers,
        prerelease,
        variant,
    )
    assert request.pins is (len(numbers) == 3)


@pytest.mark.parametrize(
    ("text", "build", "variant"),
    [("3.13.5+source", "source", "default"), ("3.14.2t+mine2", "mine2", "freethreaded"),
     ("cpython-3.13.5+SOURCE", "source", "default"), ("3.15.0rc1+lto", "lto", "default")],
)  # fmt: skip
def test_a_build_of_ones_own_is_no_release(text, build, variant):
    request = parse_request(text)
    assert (request.text, request.build, request.variant, request.pins) == (text, build, variant, True)
    assert not request.admits(Version(3, 13, 5), "default")


@pytest.mark.parametrize("text", ["3.13+source", "3.13.5+", "3.13.5+2x", "3.13.5+a-b", "3.13.5+debugx", "3.13.5+t"])
def test_what_is_no_name_of_a_build(text):
    with pytest.raises(BadRequest):
        parse_request(text)


@pytest.mark.parametrize(
    ("text", "alias"),
    [("3", "3"), ("3.13", "3.13"), ("python-3.13", "3.13"), ("3.14t", "3.14t"), ("3.14+debug", "3.14d"),
     ("3.15-dev", "3.15"), ("3.13.5", None), (">=3.13", None), ("latest", None), ("system", None), ("./venv", None),
     ("pypy3.11", "pypy3.11"), ("pypy3.11.15", None), ("pypy", None), ("pypy3.11-8.0.1", None), ("graalpy-24.1.2", None)],
)  # fmt: skip
def test_the_alias_that_a_request_names_outright(text, alias):
    assert parse_request(text).alias == alias


@pytest.mark.parametrize(
    ("text", "kind"),
    [("latest", "latest"), ("LATEST", "latest"), ("system", "system"),
     ("pypy2.7", "other"), ("pypy3.11-nightly", "other"), ("graalpython-24", "other"), ("Jython", "other"),
     ("any", "latest"), ("cpython", "latest"), ("cp", "latest"), ("cpython-any", "latest"), ("jython-2.7.4", "other"),
     ("miniconda3-4.7.12", "other"), ("3.13td", "other"), ("3.14+freethreaded+debug", "other"), ("pyodide", "other"),
     ("cpython>=3.11,<3.12", "specifier"), ("any~=3.12", "specifier"), (">=3.14t", "specifier"),
     (">=3.14+freethreaded", "specifier"),
     (">=3.11,<3.14", "specifier"), ("==3.13.5", "specifier"), ("~=3.12", "specifier"), ("!=3.12.4,>=3.12", "specifier"),
     ("./venv", "path"), (".venv", "path"), ("..", "path"), ("/usr/bin/python3", "path"), ("venv/bin/python", "path"),
     ("~/.pyenv/versions/3.12", "path"), ("~", "path"), ("~somebody/python", "path"), ("3.13/", "path")],
)  # fmt: skip
def test_everything_that_is_no_release(text, kind):
    assert parse_request(text).kind == kind


@pytest.mark.parametrize(
    ("text", "implementation", "numbers", "own"),
    [("pypy", "pypy", (), ""), ("pp", "pypy", (), ""), ("pypy3.11", "pypy", (3, 11), ""), ("pypy@3.11", "pypy", (3, 11), ""),
     ("pypy-3.11", "pypy", (3, 11), ""), ("pypy311", "pypy", (3, 11), ""), ("pp311", "pypy", (3, 11), ""),
     ("PyPy3.11-8.0.1", "pypy", (3, 11), "8.0.1"), ("pypy3.11-v7.3.23", "pypy", (3, 11), "7.3.23"),
     ("pypy3.11.15", "pypy", (3, 11, 15), ""), ("pypy>=3.10", "pypy", (), ""), ("graalpy", "graalpy", (), ""),
     ("gp", "graalpy", (), ""), ("graalpy3.12", "graalpy", (3, 12), ""), ("gp312", "graalpy", (3, 12), ""),
     ("graalpy-24.1.2", "graalpy", (), "24.1.2"),
     ("graalpy3.12-25.0.3", "graalpy", (3, 12), "25.0.3")],
)  # fmt: skip
def test_the_other_implementations(text, implementation, numbers, own):
    request = parse_request(text)
    assert (request.implementation, request.numbers, request.own) == (implementation, numbers, own)
    assert not request.admits(Version(3, 11, 2), "default")


@pytest.mark.parametrize(
    ("text", "kind", "platform"),
    [("cpython-3.13.5-linux-x86_64-gnu", "release", "linux-x86_64-gnu"), ("cpython-3.13-linux", "release", "linux"),
     ("any-3.13-linux-x86_64", "release", "linux-x86_64"), ("cpython-3.14+freethreaded-macos-aarch64-none", "release",
     "macos-aarch64-none"), ("linux-x86_64", "latest", "linux-x86_64"), ("cpython-linux", "latest", "linux"),
     ("pypy-3.11.15-linux-x86_64-gnu", "release", "linux-x86_64-gnu")],
)  # fmt: skip
def test_a_key_of_uv_is_for_one_platform_and_admits_nothing_until_that_is_known(text, kind, platform):
    request = parse_request(text)
    assert (request.kind, request.platform, request.alias) == (kind, platform, None)
    for version in (Version(3, 13, 5), Version(3, 14, 2)):
        assert not any(request.admits(version, variant) for variant in VARIANT_SUFFIX)


def test_a_variant_behind_a_range():
    request = parse_request(">=3.14+freethreaded")
    assert request.admits(Version(3, 14, 2), "freethreaded")
    assert not request.admits(Version(3, 14, 2), "default")
    assert parse_request(">=3.14t").admits(Version(3, 15, 0), "freethreaded")
    assert parse_request(">=3.14+gil").admits(Version(3, 15, 0), "default")


def test_a_development_version_takes_what_is_no_release_yet():
    request = parse_request("3.15-dev")
    assert request.prereleases
    final, candidate = Version(3, 15, 0), Version(3, 15, 1, "rc1")
    assert best_of(request, [(final, "default"), (candidate, "default")]) == (candidate, "default")
    assert best_of(parse_request("3.15"), [(final, "default"), (candidate, "default")]) == (final, "default")


@pytest.mark.parametrize(
    ("text", "pins"),
    [("==3.13.5", True), ("===3.13.5", True), ("==3.14.0rc2", True), ("3.13.5", True), ("==3.13.*", False),
     ("==3.13", False), (">=3.13.5", False), ("==3.13.5,!=3.13.4", False), ("~=3.13.5", False), ("latest", False)],
)  # fmt: skip
def test_which_requests_pin(text, pins):
    assert parse_request(text).pins is pins


@pytest.mark.parametrize(
    "text",
    ["", "   ", "x", "three", "3.", "3..13", "3.013", "3.13.5.1", "3.13.", "vv3.13", "3.13x", "3.13tt", "v", "cpx", "anyone",
     "pproject", "gpu", "313x", "3.13+", "3.13+x", ">=3.13+x", ">=3.13+", "any-", "cpython-3.13-plan9", "x-3.13-linux",
     "cpython-3.13-linux-x86_64-gnu-x", "cpython@any", "cpython=3.13",
     "3-dev", "3.13.5-dev", "3t", "3.*", "3,13", "\uff13.13", "3.13.0rc", "3.13.0c1", "3.1e1", "1" * 50, "3." + "9" * 300,
     "python", "cpython-", "python-3.13.5-extra", "-c", "--help", "3.13\n3.12", "3.13\x1b[0m", "3.13\0", "a\tb",
     ">=", "=3.13", ">=x", "<3.14 >=3.11", "==3.13.5;python_version>'3'", "~=3"],
    ids=ascii,
)  # fmt: skip
def test_what_nobody_could_understand_is_said_with_what_could_be_written(text):
    with pytest.raises(BadRequest) as failure:
        parse_request(text)
    assert failure.value.exit_status == 2
    assert failure.value.hint
    assert len(failure.value.message) < LONGEST + 100


@pytest.mark.parametrize("text", ["2.7", "2.7.18", "3.5", "3.5.10", "python2", "2"])
def test_what_is_too_old_is_said_to_be_that(text):
    with pytest.raises(BadRequest, match="too old"):
        parse_request(text)


VARIANTS = st.sampled_from(sorted(VARIANT_SUFFIX))
VERSIONS = st.builds(
    Version,
    st.just(3),
    st.integers(6, 20),
    st.integers(0, 30),
    st.sampled_from(["", "", "a1", "b2", "rc1"]),
)
WORDS = st.text(st.sampled_from("3.13.5tdabrc+-@=<>~!,*/ -pythonlatestsystem\0\n\x1b٣"), max_size=20) | st.text(
    max_size=30
)


@given(WORDS)
def test_every_text_is_understood_or_refused(text):
    try:
        request = parse_request(text)
    except BadRequest:
        return
    assert parse_request(str(request)) == request
    assert request.alias is None or parse_request(request.alias).alias == request.alias
    request.admits(Version(3, 13, 5), "default")


@given(VERSIONS, VARIANTS, st.sampled_from(["", "cpython-", "python-", "cpython@", "python", "CPYTHON-"]))
def test_a_release_means_itself_alone_however_it_is_written(version, variant, before):
    request = parse_request(before + release_name(version, variant))
    assert request.pins
    assert request.admits(version, variant)
    other = next(name for name in VARIANT_SUFFIX if name != variant)
    assert not request.admits(version, other)
    assert not request.admits(Version(version.major, version.minor, version.patch + 1, version.prerelease), variant)
    assert not request.admits(Version(version.major, version.minor, version.patch, "b9"), variant)


@given(VERSIONS, VARIANTS)
def test_a_minor_means_all_its_releases_and_no_other_variant(version, variant):
    alias = minor_alias(version, variant)
    request = parse_request(alias)
    assert request.alias == alias
    for there in VARIANT_SUFFIX:
        assert request.admits(version, there) is (there == variant)
    assert not request.admits(Version(3, version.minor + 1, version.patch), variant)


@given(VERSIONS)
def test_an_exact_specifier_is_the_release(version):
    exact = parse_request(f"=={version}")
    assert (exact.pins, exact.numbers, exact.prerelease) == (True, *_parts(version))
    assert exact.admits(version, "default")
    assert not exact.admits(version, "freethreaded")


def _parts(version: Version) -> tuple[tuple[int, int, int], str]:
    return (version.major, version.minor, version.patch), version.prerelease


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(["<", "<=", ">", ">=", "!=", "=="]), VERSIONS), min_size=1, max_size=3),
    VERSIONS,
)
def test_a_specifier_means_what_pep_440_says(clauses, version):
    from packaging.specifiers import SpecifierSet

    text = ",".join(f"{operator}{one}" for operator, one in clauses)
    assert parse_request(text).admits(version, "default") is SpecifierSet(text).contains(str(version), prereleases=True)


@given(st.lists(st.tuples(VERSIONS, VARIANTS), max_size=12), VERSIONS, VARIANTS)
def test_the_best_is_admitted_and_final_where_any_is(candidates, version, variant):
    for request in (parse_request(minor_alias(version, variant)), parse_request("latest"), parse_request(">=3.8")):
        best = best_of(request, candidates)
        admitted = [pair for pair in candidates if request.admits(*pair)]
        assert (best is None) is (not admitted)
        if best is None:
            continue
        assert best in admitted
        finals = [pair for pair in admitted if pair[0].is_final]
        assert best[0].is_final is bool(finals)
        assert all(pair[0] <= best[0] for pair in finals or admitted)


def test_a_named_pre_release_is_chosen_beside_its_final_release():
    candidates = [(Version(3, 14, 0), "default"), (Version(3, 14, 0, "rc2"), "default")]
    assert best_of(parse_request("3.14.0rc2"), candidates) == candidates[1]
    assert best_of(parse_request("3.14.0"), candidates) == candidates[0]


def test_a_request_shows_what_was_written():
    assert str(parse_request(" CPython-3.13 ")) == "CPython-3.13"
    assert Request("latest", "latest") == parse_request("latest")


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("3.13", "run `pyman install 3.13`"),
        (">=3.12,<3.14", "run `pyman install '>=3.12,<3.14'`"),
        ("pypy3.11", "run `pyman install pypy3.11`"),
        ("3.13.5+mine", "run `pyman install 3.13.5+mine --build`"),
        ("cpython-3.13.5-windows-x86_64-none", "it is for another platform: give only the version"),
        ("graalpy3.12", "install it by other means, then run `pyman adopt PATH`"),
    ],
)
def test_the_hint_for_what_is_missing_is_a_command_that_can_work(written, hint):
    assert how_to_get(parse_request(written)) == hint


@pytest.mark.parametrize(
    ("text", "admitted"),
    [("pypy3.11-8.0.1", ["8.0.1"]), ("pypy3.11", ["8.0.1", "8.0.2", "8.1.0"]), ("pypy3.12-8.0.1", [])],
)
def test_the_version_of_its_own_is_part_of_a_release(text, admitted):
    releases = [Version(3, 11, 17, implementation="pypy", own=own) for own in ("8.0.1", "8.0.2", "8.1.0")]
    assert [one.own for one in releases if parse_request(text).admits(one, "default")] == admitted


def test_a_part_of_its_own_version_admits_whatever_begins_so():
    request = replace(parse_request("pypy3.11"), own="8.0")
    owns = ("8.0.1", "8.0", "8.01.1", "8.1.0")
    releases = [Version(3, 11, 17, implementation="pypy", own=own) for own in owns]
    assert [one.own for one in releases if request.admits(one, "default")] == ["8.0.1", "8.0"]


@pytest.mark.parametrize(
    ("text", "numbers", "prerelease"),
    [("==3.14.0rc2", (3, 14, 0), "rc2"), ("===3.13.5", (3, 13, 5), ""), ("===3.13", (), ""), ("==3.13.5.1", (), ""),
     (">=3.14.0rc2", (), ""), (">=3.14.0rc2,<4", (), ""), ("==3.13.5", (3, 13, 5), ""), ("==3.13", (), ""),
     ("==3.13.*", (), ""), ("==3.13.5,!=3.13.6", (), "")],
)  # fmt: skip
def test_a_specifier_that_pins_names_one_release(text, numbers, prerelease):
    request = parse_request(text)
    assert (request.kind, request.numbers, request.prerelease) == ("specifier", numbers, prerelease)
    assert request.pins is bool(numbers)


def test_what_takes_all_of_pep_440_is_asked_of_packaging():
    request = parse_request(">=3.14.0rc2,<4")
    versions = [Version(3, 14, 0, "rc1"), Version(3, 14, 0, "rc2"), Version(3, 14, 1), Version(3, 13, 9)]
    assert [request.admits(version, "default") for version in versions] == [False, True, True, False]
    # The set that was parsed once is used again.
    assert request.admits(Version(3, 15, 0), "default")


def test_what_no_range_can_be_is_not_understood():
    with pytest.raises(BadRequest, match="not a PEP 440 specifier"):
        parse_request(">=3.14rc2x!")
