"""Building CPython with python-build: what it is told, what it needs, and what is made of its answer (design.md 10).

python-build is pyenv's: a script, with a folder of definitions, each of which names a tarball and its sha256. Its files
are read as text here. What it builds has the prefix `/install`, as the builds have that pyman downloads.
"""

from __future__ import annotations

import re
import shlex
from posixpath import dirname

from pyman.core.immutable import record, replace
from pyman.core.version import Version, parse_version, release_name, split_release
from pyman.errors import IntegrityError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyman.core.version import Variant

PREFIX = "/install"
TOOL = "python-build"
SOURCE = "source"
"""What a manifest says of such a build, and the name of one where no other is given: `3.13.5+source`."""
WORK = "work"
"""Where python-build unpacks and compiles, below its folder, and has its log."""
HERE = "/plugins/python-build/bin/python-build"
"""Where python-build lies in a checkout of pyenv."""


@record
class SourceTarball:
    """The source of one release."""

    version: Version
    variant: Variant
    url: str
    """An http or https address, or the absolute path of a file in a mirror's folder."""
    sha256: str
    archive_format: str = "tar.xz"
    size: int | None = None
    is_defined: bool = True
    """False where python-build does not know the release, so that it gets a definition of pyman's."""

    @property
    def release(self) -> str:
        """Version and variant as people write them."""
        return release_name(self.version, self.variant)

    @property
    def file_name(self) -> str:
        """The name that python-build looks for in its cache: `Python-3.13.5.tar.xz`."""
        return f"Python-{self.version}.{'tar.gz' if self.archive_format == 'tgz' else self.archive_format}"

    @property
    def definition(self) -> str:
        """The text of a definition. Nothing of it comes from outside but numbers and the hash: bash reads it."""
        url = f"https://www.python.org/ftp/python/{self.version}/Python-{self.version}.{self.archive_format}"
        # The newest step of its kind that every python-build of the last years has; it fits newer releases too.
        return f'install_package "Python-{self.version}" "{url}#{self.sha256}" standard verify_py311 ensurepip\n'


def release_of_definition(name: str) -> tuple[Version, Variant] | None:
    """The release of CPython that a definition of python-build is for; None for any other."""
    split = split_release(name)
    if split is None or len(split[0]) != 3 or split[0] < (3, 6, 0) or split[2] == "debug":
        return None
    return Version(*split[0], split[1]), split[2]


_PACKAGE = re.compile(
    r'^\s*install_package\s+"Python-(?P<version>[\w.]+)"\s+"(?P<url>https://[^"$`\\#\s]+\.tar\.xz)#(?P<sha256>[0-9a-f]{64})"',
    re.MULTILINE,
)


def read_definition(version: Version, variant: Variant, text: str) -> SourceTarball | None:
    """The tarball that a definition names for a release; None where it names none with a sha256."""
    for found in _PACKAGE.finditer(text):
        if parse_version(found["version"]) == version:
            return SourceTarball(version, variant, found["url"], found["sha256"])
    return None


def tarball_of_mirror(source: SourceTarball, listed: SourceTarball, mirror: str) -> SourceTarball:
    """The tarball of a release that a mirror has. Raises IntegrityError for another one than python-build's."""
    if listed.sha256 != source.sha256:
        raise IntegrityError(
            f"the source of Python {source.version} has the sha256 {listed.sha256} in the list of {mirror}, and "
            f"{source.sha256} in {TOOL}",
            hint="tell the operator of the mirror",
        )
    return replace(listed, is_defined=True)


# Options of `configure`.

_OURS = ("--prefix", "--exec-prefix", "--libdir", "--bindir", "--includedir", "--datarootdir", "--mandir", "--srcdir")
_NOT_RELOCATABLE = ("--enable-shared", "--enable-framework", "--with-framework-name", "--enable-universalsdk")
_TEST_MODULES = (3, 10)


def read_options(text: str) -> tuple[str, ...]:
    """Understand the words of `--build-with`. Raises UsageError for what cannot be passed on, or must not be."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"`--build-with {text}` cannot be understood: {str(error).lower()}") from None
    for word in words:
        name = word.partition("=")[0]
        if name in _OURS:
            raise UsageError(f"`{name}` is not allowed: pyman chooses where a Python is installed", hint="leave it out")
        if name in _NOT_RELOCATABLE:
            raise UsageError(
                f"`{name}` is not allowed: the result could not be moved to its place",
                hint=f"leave it out; or run `PYTHON_CONFIGURE_OPTS={name} pyenv install`, then `pyman adopt`",
            )
        if not word.startswith("--") and not re.fullmatch(r"[A-Z][A-Z0-9_]*=.*", word):
            raise UsageError(
                f"`{word}` is not an option of configure", hint='for example `--build-with "--enable-optimizations"`'
            )
        if re.search(r"""[\s*?\[\]'"\\$`]""", word):
            raise UsageError(
                f"{TOOL} cannot pass `{word}` on: it splits options at spaces",
                hint="set CFLAGS, CPPFLAGS or LDFLAGS in the environment instead",
            )
    return tuple(words)


def configure_options(version: Version, options: Sequence[str]) -> str:
    """All options, in the form of python-build's variable."""
    ours = ["--disable-shared", f"--libdir={PREFIX}/lib"]
    if (version.major, version.minor) >= _TEST_MODULES:
        ours.append("--disable-test-modules")
    return " ".join([*ours, *options])


# The environment.

_KEPT = frozenset(
    """
    HOME USER LOGNAME LANG LANGUAGE TZ TERM CC CXX CPP AR RANLIB LD CFLAGS CPPFLAGS CXXFLAGS LDFLAGS LIBS MAKE_OPTS
    MAKEOPTS MAKEFLAGS PKG_CONFIG PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR PROFILE_TASK SDKROOT
    DEVELOPER_DIR MACOSX_DEPLOYMENT_TARGET SOURCE_DATE_EPOCH CCACHE_DIR
    """.split()  # noqa: SIM905  # as a list it takes a page
)
_NAME_PROGRAMS = ("CC", "CXX", "CPP", "AR", "RANLIB", "LD", "PKG_CONFIG")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_NOWHERE = "http://127.0.0.1:9"


def named_programs(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """The programs that a build is given by absolute paths (`CC="ccache /opt/gcc -m64"`), each with its variable."""
    return [(name, word) for name in _NAME_PROGRAMS for word in environ.get(name, "").split() if word.startswith("/")]


def build_environment(
    environ: Mapping[str, str], search_path: str, folder: str, source: SourceTarball, options: Sequence[str],
    *, offline: bool,
) -> dict[str, str]:  # fmt: skip
    """What python-build is given: the settings of compilers, and nothing that is meant for another Python.

    `folder` is the one that it works in: `install`, `work` and `sources` lie in there. It needs no network on Linux;
    with `offline` it has none anywhere.
    """
    kept = {name: value for name, value in environ.items() if name in _KEPT or name.startswith("LC_")}
    kept |= {name: value for name, value in environ.items() if name.lower() in _PROXIES}
    if offline:
        kept |= dict.fromkeys((*_PROXIES[:3], *(name.upper() for name in _PROXIES[:3])), _NOWHERE)
    return kept | {
        "PATH": search_path,
        "TMPDIR": f"{folder}/{WORK}",
        "PYTHON_BUILD_CACHE_PATH": f"{folder}/sources",
        "PYTHON_BUILD_SKIP_MIRROR": "1",
        "PYTHON_PREFIX_PATH": PREFIX,
        "PYTHON_MAKE_INSTALL_OPTS": f"DESTDIR={folder}",
        "PYTHON_CONFIGURE_OPTS": configure_options(source.version, options),
        # If ensurepip fails, it would run an unverified download from this address.
        "GET_PIP_URL": f"file://{folder}/no-get-pip",
    }


# The log.

_ERROR = re.compile(r"(?:^|[\s:])(?:fatal )?error: \S|^ERROR: \S|No space left on device|^Killed$", re.IGNORECASE)
_LONGEST = 300
_STEPS = (
    ("checking ", "configuring"),
    ("creating Makefile", "compiling"),
    ("gcc ", "compiling"),
    ("cc ", "compiling"),
    ("clang ", "compiling"),
    ("Creating directory ", "installing"),
    ("Compiling '", "installing"),
)


def first_error(log: str) -> str:
    """The first line of a log that says what went wrong; the last one where none does, which usually is no cause."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    found = next((line for line in lines if _ERROR.search(line) and not line.startswith("checking ")), None)
    return (found or (lines[-1] if lines else ""))[:_LONGEST]


def step_of(line: str) -> str:
    """What a build is doing, as far as a line of its log tells; empty where it does not."""
    return next((step for start, step in _STEPS if line.startswith(start)), "")


# What a build has left in its files: its own folder, in which it was made.


def without_work_folder(text: str, folder: str) -> str:
    """A file of a build in which `folder`/install is `/install`.

    What python-build has added to look for headers and libraries there goes: nothing lies there later, and what is
    linked looks in the place that Python itself names.
    """
    made = f"{folder}{PREFIX}"
    flags = "|".join(re.escape(flag + made + end) for flag, end in (("-L", "/lib"), ("-I", "/include")))
    text = re.sub(rf"[ \t]?(?:{flags}|-Wl,-rpath[,=]{re.escape(made)}/lib)(?![\w./-])", "", text)
    text = text.replace(made, PREFIX).replace(f"{folder}/{WORK}/", "/build/")
    # `lib/pkgconfig/*.pc`: what is given as a folder is to go with the prefix.
    return re.sub(rf"^libdir={PREFIX}/lib$", "libdir=${exec_prefix}/lib", text, flags=re.MULTILINE)


def plugin_folder(program: str) -> str:
    """The folder that python-build's real path lies in: `bin` and `share` are below it."""
    return dirname(dirname(program))


def own_folder(program: str) -> str:
    """The folder that whoever installed python-build calls its own: a checkout of pyenv, or a prefix."""
    return program.removesuffix(HERE) if program.endswith(HERE) else plugin_folder(program)
