"""What a build from source needs of the system: compiler, headers, and the distribution's packages that have them."""

from __future__ import annotations

from pyman.core.immutable import record
from pyman.core.version import Version
from pyman.errors import MISSING_HEADERS, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@record
class Part:
    """A part of the standard library, and the headers that it is built with: one of them is enough."""

    name: str
    headers: tuple[str, ...]
    packages: Mapping[str, str]
    """Who has them, by package manager; one that is not there has them with something else."""
    required: bool = False
    since: tuple[int, int] = (3, 0)


PROGRAMS = {
    "apt": ("build-essential", "xz-utils"),
    "dnf": ("gcc make patch", "tar xz"),
    "zypper": ("gcc make patch", "tar xz"),
    "apk": ("build-base linux-headers bash", "xz"),
    "pacman": ("base-devel", "xz"),
    "brew": ("", "xz"),
}
"""Compiler and make; and what unpacks the source."""

PARTS = (
    Part("ssl", ("openssl/ssl.h",), {"apt": "libssl-dev", "dnf": "openssl-devel", "zypper": "libopenssl-devel",
                                     "apk": "openssl-dev", "pacman": "openssl", "brew": "openssl@3"}, required=True),
    Part("zlib", ("zlib.h",), {"apt": "zlib1g-dev", "dnf": "zlib-devel", "zypper": "zlib-devel", "apk": "zlib-dev",
                               "pacman": "zlib", "brew": "zlib"}, required=True),
    Part("ctypes", ("ffi.h", "ffi/ffi.h"), {"apt": "libffi-dev", "dnf": "libffi-devel", "zypper": "libffi-devel",
                                            "apk": "libffi-dev", "pacman": "libffi"}),
    Part("bz2", ("bzlib.h",), {"apt": "libbz2-dev", "dnf": "bzip2-devel", "zypper": "libbz2-devel",
                               "apk": "bzip2-dev", "pacman": "bzip2"}),
    Part("lzma", ("lzma.h",), {"apt": "liblzma-dev", "dnf": "xz-devel", "zypper": "xz-devel", "apk": "xz-dev",
                               "pacman": "xz", "brew": "xz"}),
    Part("sqlite3", ("sqlite3.h",), {"apt": "libsqlite3-dev", "dnf": "sqlite-devel", "zypper": "sqlite3-devel",
                                     "apk": "sqlite-dev", "pacman": "sqlite", "brew": "sqlite3"}),
    Part("readline", ("readline/readline.h", "editline/readline.h"),
         {"apt": "libreadline-dev", "dnf": "readline-devel", "zypper": "readline-devel", "apk": "readline-dev",
          "pacman": "readline", "brew": "readline"}),
    Part("curses", ("ncurses.h", "ncursesw/ncurses.h", "curses.h"),
         {"apt": "libncurses-dev", "dnf": "ncurses-devel", "zypper": "ncurses-devel", "apk": "ncurses-dev",
          "pacman": "ncurses", "brew": "ncurses"}),
    Part("uuid", ("uuid/uuid.h", "uuid.h"), {"apt": "uuid-dev", "dnf": "libuuid-devel", "zypper": "libuuid-devel",
                                             "apk": "util-linux-dev", "pacman": "util-linux-libs"}),
    Part("tkinter", ("tk.h", "tk/tk.h", "tcl8.6/tk.h"),
         {"apt": "tk-dev", "dnf": "tk-devel", "zypper": "tk-devel", "apk": "tk-dev", "pacman": "tk",
          "brew": "tcl-tk@8"}),
    Part("compression.zstd", ("zstd.h",), {"apt": "libzstd-dev", "dnf": "libzstd-devel", "zypper": "libzstd-devel",
                                           "apk": "zstd-dev", "pacman": "zstd", "brew": "zstd"}, since=(3, 14)),
)  # fmt: skip

_INSTALL = {
    "apt": "apt-get install",
    "dnf": "dnf install",
    "zypper": "zypper install",
    "apk": "apk add",
    "pacman": "pacman -S --needed",
    "brew": "brew install",
}
_MANAGERS = {
    "debian": "apt", "ubuntu": "apt", "fedora": "dnf", "rhel": "dnf", "centos": "dnf", "amzn": "dnf", "suse": "zypper",
    "opensuse": "zypper", "alpine": "apk", "arch": "pacman",
}  # fmt: skip


def package_manager(os_release: str, *, is_mac: bool = False) -> str:
    """The package manager of a system, by its `/etc/os-release`; empty for one that is not known."""
    if is_mac:
        return "brew"
    words: list[str] = []
    for key in ("ID=", "ID_LIKE="):
        lines = [line for line in os_release.splitlines() if line.startswith(key)]
        words += [word for line in lines for word in line[len(key) :].strip().strip("\"'").split()]
    # opensuse-tumbleweed, opensuse-leap
    return next((_MANAGERS[word] for text in words if (word := text.partition("-")[0]) in _MANAGERS), "")


def install_line(
    manager: str, parts: Iterable[Part], *, compiler: bool = False, unpacker: bool = False, root: bool = False
) -> str:
    """The command that installs what is missing; empty where the system is not known."""
    if manager not in _INSTALL:
        return ""
    first, second = PROGRAMS[manager]
    packages = [first] * compiler + [second] * unpacker
    packages += [part.packages[manager] for part in parts if manager in part.packages]
    line = f"{_INSTALL[manager]} {' '.join(dict.fromkeys(filter(None, packages)))}"
    return line if root or manager == "brew" else f"sudo {line}"


def parts_of(version: Version) -> tuple[Part, ...]:
    """The parts that a release has."""
    return tuple(part for part in PARTS if (version.major, version.minor) >= part.since)


_TOLD, _UNDERSTOOD = "pyman_finds", "pyman_is_understood"


def header_question(parts: Sequence[Part]) -> str:
    """A file for the preprocessor, which leaves a line in it for every part that it has a header of."""
    lines = ["#ifdef __has_include", f"{_TOLD} {_UNDERSTOOD}"]
    for part in parts:
        found = " || ".join(f"__has_include(<{header}>)" for header in part.headers)
        lines += [f"#if {found}", f"{_TOLD} {part.name}", "#endif"]
    return "\n".join([*lines, "#endif", ""])


def missing_parts(parts: Sequence[Part], answer: str) -> tuple[Part, ...]:
    """The parts of which the preprocessor has no header; none where it does not understand the question (gcc 4)."""
    lines = [line.split() for line in answer.splitlines()]
    found = {line[1] for line in lines if len(line) == 2 and line[0] == _TOLD}
    return tuple(part for part in parts if part.name not in found) if _UNDERSTOOD in found else ()


def refuse_missing(
    release: str, programs: Sequence[str], missing: Sequence[Part], manager: str, *, root: bool, brings_ssl: bool
) -> None:
    """Raise for what a build cannot do without: a compiler, make, what unpacks the source, OpenSSL and zlib.

    `brings_ssl` is True where python-build finds or builds these two itself, or an option names another place.
    """
    required = [part for part in missing if part.required and not brings_ssl]
    if not programs and not required:
        return
    named = [*programs, *(f"the headers of {part.name}" for part in required)]
    unpackers = {"tar", "xz"}
    line = install_line(
        manager,
        missing,
        compiler=bool({*programs} - unpackers),
        unpacker=bool({*programs} & unpackers),
        root=root,
    )
    if manager == "brew" and {*programs} - unpackers:
        line = "xcode-select --install"
    raise PymanError(
        f"Python {release} cannot be built: this system lacks {', '.join(named)}",
        hint=f"run `{line}`" if line else "install them with their development files, and run the same command again",
        code=MISSING_HEADERS,
    )


def lacking_note(missing: Sequence[Part], manager: str, *, root: bool) -> str:
    """What the result will not have, and what would change that."""
    names, line = ", ".join(part.name for part in missing), install_line(manager, missing, root=root)
    first = f"{names} will be missing, because the headers are not installed"
    return f"{first}: to have {'it' if len(missing) == 1 else 'them'}, run `{line}` first" if line else first
