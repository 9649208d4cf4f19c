"""What python-build is told, and what is read of its files and its log."""

from __future__ import annotations

import pytest

from pyman.core.catalogue import Build, parse_sources
from pyman.core.immutable import replace
from pyman.core.manifest import BuiltFromSource, Manifest, manifest_fields, parse_manifest
from pyman.core.plans.install import Impossible, Keep, unknown_release
from pyman.core.plans.source_build import BuildRelease, decide_build
from pyman.core.pythons_of_tools import python_builds
from pyman.core.request import parse_request
from pyman.core.source_build import (
    SourceTarball,
    build_environment,
    configure_options,
    first_error,
    named_programs,
    own_folder,
    plugin_folder,
    read_definition,
    read_options,
    release_of_definition,
    step_of,
    tarball_of_mirror,
    without_work_folder,
)
from pyman.core.store import Runtime, Store
from pyman.core.version import Version, parse_version
from pyman.errors import IntegrityError, UsageError

V3135 = Version(3, 13, 5)
SHA = "93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640"
DEFINITION = f"""\
prefer_openssl3
export PYTHON_BUILD_CONFIGURE_WITH_OPENSSL=1
install_package "openssl-3.5.1" "https://github.com/openssl/openssl-3.5.1.tar.gz#{"5" * 64}" mac_openssl --if has_broken_mac_openssl
if has_tar_xz_support; then
    install_package "Python-3.13.5" "https://www.python.org/ftp/python/3.13.5/Python-3.13.5.tar.xz#{SHA}" standard verify_py313
else
    install_package "Python-3.13.5" "https://www.python.org/ftp/python/3.13.5/Python-3.13.5.tgz#{"e" * 64}" standard verify_py313
fi
"""


def test_a_definition_names_the_tarball_and_its_hash():
    found = read_definition(V3135, "default", DEFINITION)
    assert found == SourceTarball(
        V3135, "default", f"{'https://www.python.org/ftp/python/3.13.5/'}Python-3.13.5.tar.xz", SHA
    )
    assert found.file_name == "Python-3.13.5.tar.xz"


@pytest.mark.parametrize(
    "text",
    [
        DEFINITION.replace("3.13.5", "3.13.6"),
        DEFINITION.replace(SHA, SHA[:-1]),
        DEFINITION.replace(f"#{SHA}", ""),
        DEFINITION.replace("https://www.python.org/ftp", "http://www.python.org/ftp"),
        DEFINITION.replace("https://www.python.org/ftp", "https://$(id)/ftp"),
        "",
    ],
)
def test_a_definition_that_is_not_understood_names_nothing(text):
    assert read_definition(V3135, "default", text) is None


@pytest.mark.parametrize(
    ("name", "release"),
    [("3.13.5", (V3135, "default")), ("3.13.5t", (V3135, "freethreaded")), ("3.14.0rc2", (Version(3, 14, 0, "rc2"), "default")),
     ("3.13-dev", None), ("3.13", None), ("2.7.18", None), ("3.5.10", None), ("pypy3.11-7.3.19", None), ("patches", None),
     ("miniconda3-latest", None), ("3.13.5d", None)],
)  # fmt: skip
def test_names_of_definitions(name, release):
    assert release_of_definition(name) == release


def test_a_definition_of_pymans_own_holds_nothing_from_outside():
    source = SourceTarball(V3135, "default", "https://mirror.example/$(id)/x.tar.xz", SHA, is_defined=False)
    assert source.definition == (
        f'install_package "Python-3.13.5" "https://www.python.org/ftp/python/3.13.5/Python-3.13.5.tar.xz#{SHA}" '
        "standard verify_py311 ensurepip\n"
    )


def test_offline_nothing_can_be_reached_whatever_the_proxy():
    source = SourceTarball(V3135, "default", "", SHA)
    environ = {"https_proxy": "http://proxy:3128", "HTTPS_PROXY": "http://proxy:3128", "CC": "gcc", "PYTHONPATH": "x"}
    given = build_environment(environ, "/usr/bin", "/w", source, (), offline=False)
    assert (given["https_proxy"], given["CC"], given["TMPDIR"]) == ("http://proxy:3128", "gcc", "/w/work")
    assert "PYTHONPATH" not in given
    given = build_environment(environ, "/usr/bin", "/w", source, (), offline=True)
    assert {given["https_proxy"], given["HTTPS_PROXY"], given["all_proxy"]} == {"http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("log", "error"),
    [
        ("checking for gcc... gcc\nconfigure: error: no acceptable C compiler found in $PATH\nlast\n",
         "configure: error: no acceptable C compiler found in $PATH"),
        ("gcc -Werror=x a.c\na.c:1:2: error: expected ';'\na.c:3:4: error: second\nmake: *** [x] Error 1\n",
         "a.c:1:2: error: expected ';'"),
        ("x\nERROR: The Python ssl extension was not compiled. Missing the OpenSSL lib?\nBUILD FAILED\n",
         "ERROR: The Python ssl extension was not compiled. Missing the OpenSSL lib?"),
        ("cc1: fatal error: cannot write: No space left on device\nmake: *** Error 1\n",
         "cc1: fatal error: cannot write: No space left on device"),
        ("nothing that is known\nthe end\n\n", "the end"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_first_error_of_a_log(log, error):
    assert first_error(log) == error


def test_the_folder_of_a_build_goes_from_its_files():
    made = "/s/runtimes/.install-3.13.5+x-1-a/build"
    text = f"LDFLAGS='-L{made}/install/lib -lfoo -Wl,-rpath,{made}/install/lib' CPPFLAGS=-I{made}/install/include X={made}/install/bin"
    assert without_work_folder(text, made) == "LDFLAGS=' -lfoo' CPPFLAGS= X=/install/bin"
    assert (
        without_work_folder("prefix=/install\nlibdir=/install/lib\n", made)
        == "prefix=/install\nlibdir=${exec_prefix}/lib\n"
    )
    assert without_work_folder(f"-L{made}/install/lib64", made) == "-L/install/lib64"
    assert without_work_folder(f"abs_srcdir={made}/work/python-build.1/Python-3.13.5", made) == (
        "abs_srcdir=/build/python-build.1/Python-3.13.5"
    )
    assert without_work_folder("nothing", made) == "nothing"


def test_sources_of_a_mirror():
    artifact = f'{{"platform": "any", "variant": "source", "url": "s/P.tar.xz", "archive_format": "tar.xz", "sha256": "{SHA}"}}'
    [source] = parse_sources(f'{{"version": "3.13.5+20260901", "artifacts": [{artifact}]}}', "/mirror")
    assert (source.version, source.url, source.sha256) == (V3135, "/mirror/s/P.tar.xz", SHA)
    for changed in (
        artifact.replace("s/P", "../P"),
        artifact.replace(SHA, "x"),
        artifact.replace('"any"', '"x"'),
        "{}",
        "7",
    ):
        assert parse_sources(f'{{"version": "3.13.5+20260901", "artifacts": [{changed}]}}', "/mirror") == ()
    for line in ("", "[]", "{}", '{"version": 3}', "[" * 100_000):
        assert parse_sources(line, "/mirror") == ()


def test_a_manifest_tells_how_a_runtime_was_built():
    source = BuiltFromSource(
        ("--with-lto",), "gcc (Debian 12.2.0-14) 12.2.0", ("/opt/ssl/lib/libssl.so.3", "libz.so.1")
    )
    manifest = Manifest(V3135, "default", "source", None, SHA, "", "lib/python3.13", "bin/python3.13", source)
    text = "".join(f'{key} = "{value}"\n' for key, value in manifest_fields(manifest).items())
    assert parse_manifest(text) == manifest
    plain = Manifest(V3135, "default", "20261001", None, SHA, "", "lib/python3.13", "bin/python3.13")
    text = "".join(f'{key} = "{value}"\n' for key, value in manifest_fields(plain).items())
    assert parse_manifest(text) == plain


def test_where_python_build_may_lie():
    places = python_builds(
        {"PYENV_ROOT": "/opt/pyenv", "MISE_CACHE_DIR": "/c/mise", "ASDF_DATA_DIR": "relative"}, "/home/u"
    )
    end = "/plugins/python-build/bin/python-build"
    assert places[:4] == (
        f"/opt/pyenv{end}",
        f"/home/u/.pyenv{end}",
        f"/c/mise/python/pyenv{end}",
        f"/home/u/.asdf/plugins/python/pyenv{end}",
    )


@pytest.mark.parametrize(
    ("request_", "known", "is_named"),
    [("3.9.2", ["3.9.25", "3.13.15"], True), ("3.8", ["3.9.25"], True), ("3.9", [], True), ("3.9.99", ["3.9.25", "3.13.15"], False),
     ("3.99", ["3.13.15"], False), (">=3.99", ["3.13.15"], False), ("3.9.2d", ["3.9.25"], False)],
)  # fmt: skip
def test_what_no_download_has_may_be_built(request_, known, is_named):
    builds = [Build(Version(*map(int, one.split("."))), "default", "", "", "", "", 1, "tar.gz") for one in known]
    hint = unknown_release(parse_request(request_), builds).hint
    assert (f"`pyman install {request_} --build`" in hint) is is_named


# --- what is built, and under which name ---


def runtime(name: str) -> Runtime:
    """A managed runtime of the store."""
    release, _, build = name.partition("+")
    version = parse_version(release)
    assert version is not None
    return Runtime(name, version, "default", f"/s/runtimes/{name}", None, build or None)


ADOPTED = Runtime("3.13.5", V3135, "default", "/s/runtimes/3.13.5", "/home/u/.pyenv/versions/3.13.5")
RELEASES = [
    (V3135, "default"),
    (Version(3, 13, 4), "default"),
    (Version(3, 14, 0, "rc1"), "default"),
    (V3135, "freethreaded"),
]


@pytest.mark.parametrize(
    ("request_", "there", "built", "options", "name"),
    [
        ("3.13", (), {}, (), "3.13.5"),
        ("3.13t", (), {}, (), "3.13.5t"),
        ("3.14", (), {}, (), "3.14.0rc1"),
        (">=3.12,<3.13.5", (), {}, (), "3.13.4"),
        ("3.13.5", (), {}, ("--x",), "3.13.5+source"),
        ("3.13.5+mine", (), {}, (), "3.13.5+mine"),
        ("3.13.5", ("3.13.5",), {}, (), "3.13.5+source"),
        ("3.13.5", ("3.13.5",), {"3.13.5": ()}, ("--x",), "3.13.5+source"),
        ("3.13.5", ("adopted",), {}, (), "3.13.5"),
    ],
)
def test_the_name_of_a_build(request_, there, built, options, name):
    store = Store("/s", tuple(ADOPTED if one == "adopted" else runtime(one) for one in there))
    decision = decide_build(parse_request(request_), store, RELEASES, built, options)
    assert isinstance(decision, BuildRelease)
    assert (decision.name, decision.options) == (name, options)


def test_only_cpython_is_built():
    decision = decide_build(parse_request("pypy3.11"), Store("/s"), RELEASES, {}, ())
    assert isinstance(decision, Impossible)
    assert (decision.error.code, decision.error.hint) == (
        "unsupported",
        "run `pyman install pypy3.11`, without `--build`",
    )


def test_what_was_built_is_kept_or_built_again_as_it_was():
    store, built = Store("/s", (runtime("3.13.5+mine"),)), {"3.13.5+mine": ("--x",)}
    request = parse_request("3.13.5+mine")
    assert isinstance(decide_build(request, store, RELEASES, built, ()), Keep)
    assert isinstance(decide_build(request, store, RELEASES, built, ("--x",)), Keep)
    assert isinstance(decide_build(request, store, RELEASES, built, ("--y",)), Impossible)
    again = decide_build(request, store, RELEASES, built, (), force=True)
    assert isinstance(again, BuildRelease)
    assert (again.options, again.replaces) == (("--x",), store.runtimes[0])
    other = decide_build(request, store, RELEASES, built, ("--y",), force=True)
    assert isinstance(other, BuildRelease)
    assert other.options == ("--y",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("--enable-optimizations  --with-lto", ("--enable-optimizations", "--with-lto")),
        ("CFLAGS=-O2 '--with-x=y'", ("CFLAGS=-O2", "--with-x=y")),
    ],
)
def test_options_that_are_passed_on(text, words):
    assert read_options(text) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("--prefix=/usr", "`--prefix` is not allowed: pyman chooses where a Python is installed"),
        ("--libdir", "`--libdir` is not allowed"),
        ("--enable-shared", "`--enable-shared` is not allowed: the result could not be moved to its place"),
        ("--enable-framework=/x", "`--enable-framework` is not allowed: the result could not be moved"),
        ("optimizations", "`optimizations` is not an option of configure"),
        ("-O2", "`-O2` is not an option of configure"),
        ("cflags=-O2", "`cflags=-O2` is not an option of configure"),
        ("'CFLAGS=-O2 -g'", "cannot pass `CFLAGS=-O2 -g` on: it splits options at spaces"),
        ("--with-x=$HOME", "cannot pass `--with-x=$HOME` on"),
        ("--with-x=*", "cannot pass `--with-x=*` on"),
        ("'open", "`--build-with 'open` cannot be understood: no closing quotation"),
    ],
)
def test_options_that_are_refused(text, said):
    with pytest.raises(UsageError) as refused:
        read_options(text)
    assert said in refused.value.message


def test_a_mirror_that_has_another_source_than_python_build_is_not_believed():
    known = SourceTarball(V3135, "default", "https://python.org/x", SHA)
    listed = SourceTarball(V3135, "default", "/mirror/x", SHA, "tgz", 7, is_defined=False)
    assert tarball_of_mirror(known, listed, "/mirror") == replace(listed, is_defined=True)
    with pytest.raises(
        IntegrityError, match=f"the source of Python 3.13.5 has the sha256 {'0' * 64} in the list of /mirror"
    ):
        tarball_of_mirror(known, replace(listed, sha256="0" * 64), "/mirror")
    assert (listed.file_name, known.file_name, known.release) == (
        "Python-3.13.5.tar.gz",
        "Python-3.13.5.tar.xz",
        "3.13.5",
    )


@pytest.mark.parametrize(
    ("line", "step"),
    [("checking for gcc", "configuring"), ("gcc -c x.c", "compiling"), ("Compiling 'x'", "installing"), ("hello", "")],
)
def test_what_a_build_is_doing(line, step):
    assert step_of(line) == step


def test_where_python_build_belongs():
    inside = "/home/me/.pyenv/plugins/python-build/bin/python-build"
    assert (own_folder(inside), plugin_folder(inside)) == ("/home/me/.pyenv", "/home/me/.pyenv/plugins/python-build")
    assert own_folder("/usr/bin/python-build") == "/usr"


def test_requests_that_no_build_answers():
    releases = [(V3135, "default"), (Version(3, 13, 15), "default"), (Version(3, 14, 0, "rc1"), "default")]

    def refused(text, mirror=""):
        decision = decide_build(parse_request(text), Store("/s"), releases, {}, (), mirror=mirror)
        assert isinstance(decision, Impossible)
        return decision.error

    assert refused("pypy3.11").message == "`pypy3.11` cannot be built: pyman builds CPython only"
    assert refused("rustpython").code == "unsupported"
    assert refused("3.13.9").hint.endswith(", or build `3.13.15`")
    assert refused("3.14.9").hint.endswith("includes python-build")
    assert refused("3.12", "/mirror").message == "the mirror /mirror has no source of Python 3.12"


def test_the_programs_that_are_named_by_their_paths():
    environ = {"CC": "ccache /opt/gcc -m64 -I/usr", "AR": "/opt/ar", "LD": "ld", "CFLAGS": "/no"}
    assert named_programs(environ) == [("CC", "/opt/gcc"), ("AR", "/opt/ar")]


@pytest.mark.parametrize(("version", "leaves_out"), [(Version(3, 9, 20), False), (Version(3, 10, 0), True)])
def test_an_option_that_older_releases_do_not_know_is_left_out(version, leaves_out):
    words = configure_options(version, ("--with-lto",)).split(" ")
    assert words[0] == "--disable-shared"
    assert words[-1] == "--with-lto"
    assert ("--disable-test-modules" in words) is leaves_out
