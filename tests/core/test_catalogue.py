"""Lists of builds as upstream writes them, and as a hostile mirror could."""

import json
import os
import posixpath
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.catalogue import (
    FAST_PREFIX,
    GITHUB_PREFIX,
    Build,
    Listed,
    WrongShape,
    offered_names,
    parse_release,
    release_line,
    release_names,
    resolve_url,
)
from pyman.core.escape import without_secrets
from pyman.core.version import Version
from stage.hostile import HUGE, damaged

LINUX = "x86_64-unknown-linux-gnu"
MAC = "aarch64-apple-darwin"
SHA = "ab" * 32
HTTPS = "https://mirror.example/python"


def artifact(platform=LINUX, variant="install_only_stripped", archive_format="tar.gz", **changes):
    name = f"cpython-{platform}-{variant}.{archive_format}".replace("+", "%2B")
    return {
        "platform": platform,
        "variant": variant,
        "url": f"20261001/{name}",
        "archive_format": archive_format,
        "sha256": SHA,
    } | changes


def line(*artifacts, version="3.13.15+20261001", **others):
    return json.dumps({"version": version, "date": "2026-10-01T00:00:00Z", "artifacts": list(artifacts)} | others)


def test_the_stripped_archive_is_taken_before_the_other_and_gzip_before_zstd():
    kinds = [
        artifact(variant="install_only", archive_format="tar.zst"),
        artifact(variant="install_only_stripped", archive_format="tar.zst"),
        artifact(variant="install_only"),
        artifact(variant="install_only_stripped"),
        artifact(variant="pgo+lto+full", archive_format="tar.zst"),
    ]
    order = []
    while kinds:
        builds = parse_release(line(*kinds), HTTPS, LINUX).builds
        if not builds:
            break
        [build] = builds
        chosen = next(kind for kind in kinds if build.url.endswith(kind["url"]))
        order.append((chosen["variant"], chosen["archive_format"]))
        kinds.remove(chosen)
    assert order == [
        ("install_only_stripped", "tar.gz"),
        ("install_only", "tar.gz"),
        ("install_only_stripped", "tar.zst"),
        ("install_only", "tar.zst"),
    ]


@pytest.mark.parametrize(
    ("platform", "variant", "expected"),
    [
        (LINUX, "install_only", "default"),
        (LINUX, "freethreaded+install_only_stripped", "freethreaded"),
        (LINUX, "freethreaded-install_only_stripped", "freethreaded"),
        (LINUX, "freethreaded+pgo+lto+install_only", "freethreaded"),
        (LINUX, "debug+install_only", "debug"),
        (f"{LINUX}-debug", "install_only", "debug"),
        (f"{LINUX}-freethreaded", "install_only", "freethreaded"),
        (LINUX, "freethreaded+debug+install_only", None),
        (f"{LINUX}-freethreaded", "debug+install_only", None),
        (LINUX, "freethreaded+pgo+lto+full", None),
        (LINUX, "static+install_only", None),
        (LINUX, "a-new-one", None),
        ("x86_64_v3-unknown-linux-gnu", "install_only", None),
        ("x86_64-unknown-linux-gnux32", "install_only", None),
        ("x86_64-unknown-linux-musl", "install_only", None),
    ],
)
def test_variants_and_platforms(platform, variant, expected):
    builds = parse_release(line(artifact(platform, variant)), HTTPS, LINUX).builds
    assert [build.variant for build in builds] == ([expected] if expected else [])


def test_old_releases_for_macos_have_options_behind_the_platform():
    kinds = [artifact(f"{MAC}-debug", "install_only"), artifact(MAC, "install_only")]
    assert {build.variant for build in parse_release(line(*kinds), HTTPS, MAC).builds} == {"debug", "default"}


def test_static_builds_for_musl_are_left_out():
    musl = "x86_64-unknown-linux-musl"
    old = line(artifact(musl, "install_only"), version="3.12.0+20250310")
    new = line(artifact(musl, "install_only"), version="3.12.0+20250311")
    assert parse_release(old, HTTPS, musl) == Listed(())
    assert len(parse_release(new, HTTPS, musl).builds) == 1


def test_what_a_build_says():
    text = line(artifact(sha256=SHA.upper(), size=123, unknown=[1]), version="3.15.0a7+20260310", more={"a": 1})
    [build] = parse_release(text, HTTPS, LINUX).builds
    assert (build.version, build.variant, build.build) == (Version(3, 15, 0, "a7"), "default", "20260310")
    assert (build.sha256, build.size, build.archive_format) == (SHA, 123, "tar.gz")
    assert build.urls == (f"{HTTPS}/20261001/cpython-{LINUX}-install_only_stripped.tar.gz",)
    assert not build.is_local
    assert build.archive_name == f"cpython-3.15.0a7+20260310-{LINUX}-default-{SHA[:16]}.tar.gz"


def test_in_a_folder_an_address_becomes_the_path_of_the_file():
    [build] = parse_release(
        line(artifact(url="20261001/cpython-3.13.15%2B20261001.tar.gz")), "/srv/mirror", LINUX
    ).builds
    assert build.url == "/srv/mirror/20261001/cpython-3.13.15+20261001.tar.gz"
    assert build.is_local


def test_what_lies_on_github_is_asked_of_the_faster_host_first():
    url = f"{GITHUB_PREFIX}20261001/cpython-3.13.15%2B20261001.tar.gz"
    [build] = parse_release(line(artifact(url=url)), "https://elsewhere.example", LINUX).builds
    assert build.url == url
    assert build.urls == (f"{FAST_PREFIX}20261001/cpython-3.13.15%2B20261001.tar.gz", url)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("<html><body>Please log in", "is not JSON"),
        ('{"version": "3.13.5+2026', "is not JSON"),
        ("[" * 100000, "nested too deeply"),
        ("[]", "is not a release"),
        ("null", "is not a release"),
        ('{"version": "3.13.5+20260901"}', "is not a release"),
        ('{"version": "3.13.5+20260901", "artifacts": {}}', "is not a release"),
        ('{"artifacts": []}', "has no version"),
        ('{"version": 3.13, "artifacts": []}', "has no version"),
        ('{"version": "0.9.17", "artifacts": []}', "'0.9.17'"),
        ('{"version": "3.13.5+../../../x", "artifacts": []}', "instead of a version"),
        ('{"version": "3.13.5+2026090\uff11", "artifacts": []}', "instead of a version"),
        ('{"version": "3.15.9t+20270101", "artifacts": []}', "instead of a version"),
        ('{"version": "3.15.9+20270101.1", "artifacts": []}', "instead of a version"),
        ('{"version": "3.15.9", "artifacts": []}', "instead of a version"),
        ('{"version": "graalpy-25.0+20270101", "artifacts": []}', "instead of a version"),
        ('{"schema": 2}', "is not a release"),
        ("# generated", "is not JSON"),
    ],
)
def test_a_line_of_another_shape_is_refused(text, reason):
    with pytest.raises(WrongShape, match=reason):
        parse_release(text, HTTPS, LINUX)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sha256": None}, "has no sha256"),
        ({"sha256": "12"}, "sha256"),
        ({"sha256": 12}, "sha256"),
        ({"sha256": "x" * 64}, "sha256"),
        ({"sha256": f"sha512:{SHA}"}, "sha256"),
        ({"size": -1}, "size"),
        ({"size": True}, "size"),
        ({"size": "12"}, "size"),
        ({"url": None}, "no address"),
        ({"url": ["a"]}, "no address"),
        ({"url": ""}, "invalid address"),
        ({"url": "a b"}, "invalid address"),
        ({"url": "a\x1b[31m"}, "invalid address"),
        ({"url": "oci://example.org/x"}, "not a web address"),
        ({"url": "../x"}, "not below"),
        ({"url": "http://mirror.example/x"}, "uses http although"),
    ],
)
def test_a_damaged_build_is_not_used_and_the_next_best_is(changes, reason):
    damaged = artifact(**changes)
    listed = parse_release(line(damaged, artifact(variant="debug+install_only")), HTTPS, LINUX)
    assert [build.variant for build in listed.builds] == ["debug"]
    [unusable] = listed.unusable
    assert (unusable.release, unusable.build, listed.unknown) == ("3.13.15", "20261001", 0)
    assert reason in unusable.reason
    whole = artifact(variant="install_only", url="20261001/whole.tar.gz")
    listed = parse_release(line(damaged, whole), HTTPS, LINUX)
    assert [posixpath.basename(build.url) for build in listed.builds] == ["whole.tar.gz"]
    assert listed.unusable == ()


@pytest.mark.parametrize(
    ("strange", "unknown"),
    [
        ("sbom.json", 1),
        (None, 1),
        ({"platform": LINUX}, 1),
        ({"platform": "any", "variant": None}, 1),
        (artifact(archive_format="tar.xz"), 1),
        (artifact(archive_format=None), 1),
        (artifact(variant="portable"), 1),
        (artifact(variant="install_only_stripped+tailcall"), 1),
        (artifact(variant="Install_Only"), 1),
        *((artifact(variant=f"{option}+install_only_stripped"), 1) for option in ("asan", "tsan", "experimental_jit")),
        (artifact(f"{LINUX}-tsan"), 1),
        (artifact(variant="pgo+asan+lto+install_only_stripped"), 1),
        (artifact(variant="full", archive_format="tar.zst"), 0),
        (artifact(variant="pgo+lto+full", archive_format="tar.zst"), 0),
        (artifact(variant="shared-pgo+full"), 0),
        (artifact(archive_format="zip"), 0),
        (artifact("x86_64_v3-unknown-linux-gnu"), 0),
        (artifact("wasm32-unknown-emscripten", variant=f"{SHA}+x"), 0),
    ],
)
def test_what_is_not_known_is_counted_and_never_taken_for_something_else(strange, unknown):
    for others in ([artifact()], [artifact(url="20261001/x.tar.gz")]):
        for kinds in ([strange, *others], [*others, strange]):
            listed = parse_release(line(*kinds), HTTPS, LINUX)
            assert [build.url for build in listed.builds] == [f"{HTTPS}/{others[0]['url']}"]
            assert (listed.unusable, listed.unknown) == ((), unknown)


def test_a_release_of_which_nothing_is_known_cannot_be_used():
    listed = parse_release(line(artifact(variant="portable"), artifact(MAC)), HTTPS, LINUX)
    assert listed.builds == ()
    assert [one.reason for one in listed.unusable] == ["has no archive in a format that this version of pyman supports"]
    # One that is not made for this platform may be anything.
    assert parse_release(line(artifact(MAC, "portable")), HTTPS, LINUX) == Listed(())
    assert parse_release(line("sbom.json", artifact(MAC)), HTTPS, LINUX) == Listed((), (), 1)


def test_an_optimised_build_is_taken_before_a_plain_one():
    for known in ("pgo+lto", "bolt", "pgo"):
        kinds = [artifact(variant="noopt+install_only_stripped"), artifact(variant=f"{known}+install_only")]
        for order in (kinds, kinds[::-1]):
            [build] = parse_release(line(*order), HTTPS, LINUX).builds
            assert build.url.endswith(kinds[1]["url"])
    [build] = parse_release(line(artifact(variant="noopt+install_only")), HTTPS, LINUX).builds
    assert build.variant == "default"


def test_another_implementation_is_never_cpython():
    for name in ("jython", "CPython", None, 1, ["pypy"], "pypy", "graalpy"):
        with pytest.raises(WrongShape):
            parse_release(line(artifact(), implementation=name), HTTPS, LINUX)
    about = {"implementation": "graalpy", "implementation_version": "25.2.4"}
    assert parse_release(line(artifact(), **about), HTTPS, LINUX) == Listed(())
    about = {"implementation": "pypy", "implementation_version": "8.0.1"}
    assert parse_release(line(artifact(), **about), HTTPS, LINUX) == Listed((), unknown=1)
    assert len(parse_release(line(artifact(), implementation="cpython"), HTTPS, LINUX).builds) == 1


def test_a_line_of_pypy_and_the_line_that_is_written_of_it():
    about = {"implementation": "pypy", "implementation_version": "8.0.1"}
    kinds = [artifact(variant="pypy", archive_format="tar.bz2"), artifact(variant="pypy"), artifact(MAC, "pypy")]
    [build] = parse_release(line(*kinds, version="3.11.17+20261012", **about), HTTPS, LINUX).builds
    assert (build.version, build.release) == (
        Version(3, 11, 17, implementation="pypy", own="8.0.1"),
        "pypy3.11-8.0.1",
    )
    assert build.url.endswith(".tar.gz")
    assert build.archive_name.startswith("pypy3.11-8.0.1+20261012-x86_64-unknown-linux-gnu-")
    written = release_line([build], HTTPS)
    assert json.loads(written)["abi"] == "pypy311-pp80"
    assert parse_release(written, HTTPS, LINUX).builds == (build,)
    [cpython] = parse_release(line(artifact(), version="3.11.17+20261012"), HTTPS, LINUX).builds
    assert offered_names([build, cpython]) == ["3.11", "3.11.17", "pypy3.11", "pypy3.11-8.0.1"]
    [unusable] = parse_release(line(artifact(variant="pypy", sha256=None), **about), HTTPS, LINUX).unusable
    assert (unusable.release, unusable.reason) == ("pypy3.11-8.0.1".replace("3.11", "3.13"), "has no sha256")


@pytest.mark.parametrize(
    "url",
    [
        "../other/python.tar.gz",
        "20261001/../../python.tar.gz",
        "%2e%2e/python.tar.gz",
        "a/%2e%2e%2f%2e%2e/python.tar.gz",
        "/etc/passwd",
        "%2Fetc/passwd",
        "//other.example/python.tar.gz",
        "a//b",
        "././a",
        "a/./b",
        "a/",
        "a\\..\\b",
        "a%5C..%5Cb",
        "a%00b",
        "a?b",
        "a%3Fb",
        "a#b",
        "file:///etc/passwd",
        "file:///srv/mirror",
        "file:///srv/mirror2/a",
        "file:///srv/mirror/../a",
        "file:///srv/mirror/%2e%2e/a",
        "file://elsewhere/srv/mirror/a",
        "ftp://mirror.example/a",
        "https:///a",
        "http://mirror.example/a",
    ],
)
@pytest.mark.parametrize("base", [HTTPS, "/srv/mirror"])
def test_an_address_that_leaves_its_mirror_is_refused(url, base):
    with pytest.raises(WrongShape):
        resolve_url(url, base)


@pytest.mark.parametrize(
    "url", ["a+b/c", "a%2Bb/c", "./a+b/c", "file:///srv/mirror/a+b/c", "file://localhost/srv/mirror/a%2Bb/c"]
)
def test_every_way_to_write_a_file_below_the_list(url):
    assert resolve_url(url, "/srv/mirror") == "/srv/mirror/a+b/c"
    if "file" not in url:
        assert resolve_url(url, HTTPS) == f"{HTTPS}/{url.removeprefix('./')}"


def test_https_stays_https_and_http_may_be_either():
    assert resolve_url("https://cdn.example/a", "/srv/mirror") == "https://cdn.example/a"
    assert resolve_url("https://cdn.example/a", "http://mirror.example") == "https://cdn.example/a"
    assert resolve_url("http://cdn.example/a", "http://mirror.example") == "http://cdn.example/a"
    with pytest.raises(WrongShape, match="uses http although"):
        resolve_url("HTTP://cdn.example/a", HTTPS)


@given(
    st.text(st.characters(codec="utf-8"), max_size=40) | st.from_regex(r"([./%\\]|%2[eEfF]|a){1,20}", fullmatch=True)
)
def test_no_address_ever_leaves_a_folder(url):
    try:
        path = resolve_url(url, "/srv/mirror")
    except WrongShape:
        return
    assert path.startswith(("/srv/mirror/", "https://"))
    assert posixpath.normpath(path) == path or path.startswith("https://")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([LINUX, "install_only"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["version", "artifacts", "platform", "variant", "url", "sha256", "size", "archive_format"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_json_says_it_is_builds_or_a_wrong_shape(value):
    for text in (json.dumps(value), line(value), line(artifact() | value if isinstance(value, dict) else value)):
        try:
            builds = parse_release(text, HTTPS, LINUX).builds
        except WrongShape:
            continue
        assert all(isinstance(build, Build) for build in builds)


NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@given(
    st.sets(st.sampled_from(["default", "freethreaded", "debug"]), min_size=1),
    NAMES,
    st.none() | st.integers(1, 10**9),
    st.sampled_from(["https://m.example/p", "http://user:word@m.example/p"]),
)
def test_what_is_written_for_the_cache_is_read_back(variants, name, size, base):
    builds = [
        Build(Version(3, 14, 2, "rc1"), variant, "20261001", LINUX, f"{base}/{quote(name)}", SHA, size, "tar.gz")
        for variant in sorted(variants)
    ]
    text = release_line(builds, base)
    assert sorted(parse_release(text, base, LINUX).builds, key=lambda build: build.variant) == builds
    assert "word" not in text


def test_release_names_are_sorted_by_version_and_given_once():
    builds = [
        Build(version, variant, build, LINUX, "/a", SHA, None, "tar.gz")
        for version, variant, build in [
            (Version(3, 9, 2), "default", "20261001"),
            (Version(3, 14, 0), "freethreaded", "20261001"),
            (Version(3, 14, 0), "default", "20261001"),
            (Version(3, 14, 0), "default", "20260901"),
            (Version(3, 14, 0, "rc1"), "default", "20260801"),
        ]
    ]
    assert release_names(builds) == ["3.14.0", "3.14.0t", "3.14.0rc1", "3.9.2"]
    assert offered_names(builds) == ["3.14", "3.14.0", "3.14t", "3.14.0t", "3.14.0rc1", "3.9", "3.9.2"]


def test_what_is_shown_of_an_address_has_no_secrets():
    assert without_secrets("https://user:word@host.example/a/b?token=1") == "https://host.example/a/b"
    assert without_secrets("https://host.example") == "https://host.example"
    for password in ("wo/rd", "1/2", "a/b/c@d", "w?rd/", "w#rd"):
        assert without_secrets(f"https://user:{password}@host.example/a") == "https://host.example/a"
    assert without_secrets("https://host.example/@scope/x") == "https://host.example/@scope/x"
    assert without_secrets("/srv/mirror/with@sign?") == "/srv/mirror/with@sign?"


def test_the_test_mirror_is_understood():
    mirror = os.environ.get("PYMAN_TEST_MIRROR") or os.path.join(
        os.path.dirname(__file__), "..", "..", "..", "shared", "runtimes"
    )
    if not os.path.exists(os.path.join(mirror, "index.ndjson")):
        pytest.skip("no mirror of real archives: set PYMAN_TEST_MIRROR")
    mirror = os.path.realpath(mirror)
    with open(os.path.join(mirror, "index.ndjson")) as index:
        builds = [build for text in index for build in parse_release(text, mirror, LINUX).builds]
    assert builds
    assert all(os.path.isfile(build.url) for build in builds)


@settings(max_examples=200)
@given(
    damaged(
        line(
            artifact(), artifact(variant="freethreaded+install_only"), artifact(platform=MAC, url="https://h/x")
        ).encode()
    )
)
def test_a_damaged_line_is_builds_or_a_wrong_shape(content):
    for base in (HTTPS, "/srv/mirror"):
        try:
            builds = parse_release(content, base, LINUX).builds
        except WrongShape:
            continue
        for build in builds:
            assert build.url.startswith((f"{base}/", "https://"))
            assert posixpath.normpath(build.url) == build.url or "://" in build.url
            assert posixpath.basename(build.archive_name) == build.archive_name
            os.fsencode(build.url)


@pytest.mark.parametrize("url", ["a\ud800b", "https://h/\udcff", "\udfff"])
def test_what_no_file_and_no_host_can_be_called_is_no_address(url):
    with pytest.raises(WrongShape, match="invalid address"):
        resolve_url(url, "/srv/mirror")


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_a_wrong_shape(kind):
    for content in (HUGE[kind], b'{"version": "3.13.5+20261001", "artifacts": [' + HUGE[kind]):
        with pytest.raises(WrongShape):
            parse_release(content, HTTPS, LINUX)


@pytest.mark.parametrize(
    "url",
    ["ftp://me:secret@host.example/x", "http://me:secret@host.example/x", "https://me:secret@host.example/a b",
     "//me:secret@host.example/x", "me:secret@host.example/../x"],
)  # fmt: skip
def test_a_password_in_the_address_of_a_list_is_not_shown(url):
    with pytest.raises(WrongShape) as caught:
        resolve_url(url, HTTPS)
    assert "secret" not in str(caught.value)
