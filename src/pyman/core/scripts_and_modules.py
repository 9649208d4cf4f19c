"""What lies in a venv beside its interpreter, as far as it tells whether the venv works: scripts and compiled modules.

effects/venvs/scripts_and_modules.py reads them. Import-light.
"""

from __future__ import annotations

from posixpath import dirname

from pyman.core.immutable import record
from pyman.core.implementation import KNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyman.core.version import Variant


@record
class Named:
    """An interpreter that generated scripts of a venv name, and that is not there or is another venv's."""

    interpreter: str
    is_gone: bool
    """True where it does not exist; else it is another venv's."""
    scripts: tuple[str, ...]
    """The names in `bin`."""

    @property
    def place(self) -> str:
        """The venv that it lies in, or lay in."""
        return dirname(dirname(self.interpreter))


@record
class Modules:
    """Compiled modules of a venv that there is for the same Pythons."""

    tags: tuple[str, ...]
    """What their files are called between the module's name and `.so`: `cpython-313-x86_64-linux-gnu`, or `abi3`, or
    nothing; with `@` and a processor where no name tells that: `abi3@aarch64`."""
    count: int
    example: str
    """One of them, relative to site-packages."""


@record
class Contents:
    """What was seen, as far as something may be wrong with it."""

    named: tuple[Named, ...] = ()
    not_executable: tuple[str, ...] = ()
    """The scripts that may not be executed."""
    modules: tuple[Modules, ...] = ()
    missing: tuple[str, ...] = ()
    """The packages of which nothing is left but their metadata."""
    gone_sources: tuple[tuple[str, str], ...] = ()
    """Editable installs whose source does not exist, each with that."""
    hidden: tuple[str, ...] = ()
    """The paths of `.pth` files that macOS hides, and Python then does not read."""

    @property
    def old_place(self) -> str | None:
        """The venv that most of its scripts name instead of this one."""
        return max(self.named, key=lambda one: len(one.scripts)).place if self.named else None

    def is_wrong_for(self, abi: Abi | None) -> bool:
        """True where something is wrong with the scripts, or with the modules for an interpreter of this ABI."""
        wrong = abi is not None and any(True for _ in wrong_modules(self.modules, abi))
        return wrong or bool(self.named or self.not_executable or self.missing)


NOTHING = Contents()


@record
class Abi:
    """What compiled modules must be built for to be loaded by an interpreter."""

    minor: str
    """`3.13`."""
    variant: Variant
    platform: str | None
    """The end of the names that it loads, `x86_64-linux-gnu`; None where nothing tells it."""
    architectures: frozenset[str] = frozenset()
    """What it is built for; empty where that is not known."""
    own: str = ""
    """What the modules of another implementation than CPython are called: `pypy311-pp73`."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the names of its own modules begin with; a debug build loads those of others too."""
        if self.own:
            return (self.own,)
        plain = f"cpython-{self.minor.replace('.', '')}"
        return {"default": (plain,), "freethreaded": (f"{plain}t",), "debug": (f"{plain}d", plain)}[self.variant]

    def loads(self, tag: str) -> bool:
        """False for a module that this interpreter certainly does not load."""
        name, _, machine = tag.partition("@")
        if machine:
            return not self.architectures or not self.architectures.isdisjoint(machine.split("+"))
        implementation, _, platform = split_tag(name)
        if not implementation:
            return True
        if implementation not in self.names:
            return False
        if self.platform is not None:
            return platform == self.platform
        built_for = platform.partition("-")[0]
        return built_for not in _MACHINES or not self.architectures or built_for in self.architectures


# Those that the names of modules and the headers of files call the same.
_MACHINES = frozenset(("x86_64", "aarch64", "ppc64le", "s390x", "riscv64"))


def split_tag(tag: str) -> tuple[str, str, str]:
    """Take `cpython-313-x86_64-linux-gnu` apart: `cpython-313`, `-`, `x86_64-linux-gnu`; empty for any other word."""
    words = tag.split("-", 2)
    if not words[0].startswith(KNOWN) or len(words) < 2:
        return "", "", ""
    return f"{words[0]}-{words[1]}", "-", words[2] if len(words) > 2 else ""


def module_of(path: str) -> tuple[str, str]:
    """Return the module that a compiled file is, with slashes, and what its name says about the Pythons it is for."""
    folder, slash, name = path.rpartition("/")
    stem = name.removesuffix(".so")
    module, _, tag = stem.partition(".")
    return f"{folder}{slash}{module}", tag


def has_tag(tag: str) -> bool:
    """True where the name of a compiled module says which Python it is for."""
    return bool(split_tag(tag)[0])


def wrong_modules(modules: Iterable[Modules], abi: Abi) -> Iterator[Modules]:
    """The modules that an interpreter does not load, in none of the files that there are of them."""
    return (one for one in modules if not any(map(abi.loads, one.tags)))
