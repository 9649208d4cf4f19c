"""What a base lends to the venvs that may import its packages, and what one would miss on another base (PEP 405).

`include-system-site-packages = true` puts the package folders of the base behind those of the venv. What is told by
the names in these folders is enough: which packages they are, not which files each has.
"""

from __future__ import annotations

from pyman.core.immutable import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PART_OF_PYTHON = ("pip", "setuptools", "wheel", "distribute")
"""What every Python is given, and nobody misses in the next one."""

_KINDS = (".dist-info", ".egg-info", ".egg", ".egg-link")
# The modules of the above, and what an interpreter imports at its start anyway.
_MODULES_OF_PYTHON = frozenset(
    (
        *("pip", "setuptools", "pkg_resources", "_distutils_hack", "easy_install", "wheel"),
        *("sitecustomize", "usercustomize", "_virtualenv", "distutils"),
    )
)
_MODULE_ENDINGS = (".py", ".pyc", ".so")
_MOST_NAMED = 6


@record
class DonorPackages:
    """What package folders hold, by their names alone."""

    distributions: Mapping[str, str]
    """Normalized names, each with name and version as people write them: `PyYAML 6.0`."""
    modules: frozenset[str] = frozenset()
    """What can be imported by these names, whoever put it there."""


NOTHING = DonorPackages({})


def package_folders(prefix: str, library: str) -> tuple[str, ...]:
    """The folders below a prefix that its interpreter imports packages from, those of distributions included.

    `library` is `python3.13`. Debian has `dist-packages`, one for all minors; Fedora `lib64` and `/usr/local`.
    """
    return (
        f"{prefix}/lib/{library}/site-packages",
        f"{prefix}/lib64/{library}/site-packages",
        f"{prefix}/local/lib/{library}/site-packages",
        f"{prefix}/local/lib64/{library}/site-packages",
        f"{prefix}/local/lib/{library}/dist-packages",
        f"{prefix}/lib/python3/dist-packages",
        f"{prefix}/lib/{library}/dist-packages",
    )


def read_names(files: Iterable[str], folders: Iterable[str]) -> DonorPackages:
    """Understand the names of the files and folders in a package folder."""
    # Its expressions cost more than the rest of what `list` loads of the packages, and `list` lends nothing.
    from pyman.core.packages.package import normalize_name, split_folder

    distributions: dict[str, str] = {}
    modules = {name.partition(".")[0] for name in files if name.endswith(_MODULE_ENDINGS)}
    for name in folders:
        if name.isidentifier():
            modules.add(name)
    for name in (*files, *folders):
        # A name that begins with `~` is what pip moved aside and could not delete.
        if name.endswith(_KINDS) and not name.startswith(("~", ".")):
            told = split_folder(name)
            stem = told[0] if told is not None else name.rpartition(".")[0]
            distributions[normalize_name(stem)] = " ".join(told) if told is not None else stem
    importable = frozenset(name for name in modules if name.isidentifier() and not name.startswith("__"))
    return DonorPackages(distributions, importable - _MODULES_OF_PYTHON)


def paths_in_pth(text: str) -> Iterator[str]:
    """The folders that a `.pth` file adds, as it writes them."""
    for line in text.splitlines():
        path = line.rstrip()
        if path and not path.startswith(("#", "import ", "import\t")) and "\0" not in path:
            yield path


def together(parts: Iterable[DonorPackages]) -> DonorPackages:
    """What several folders hold; the first of two versions is the one that is imported."""
    distributions: dict[str, str] = {}
    modules: set[str] = set()
    for part in parts:
        distributions = {**part.distributions, **distributions}
        modules |= part.modules
    return DonorPackages(distributions, frozenset(modules))


def missing(lent: DonorPackages, elsewhere: DonorPackages, own: DonorPackages = NOTHING) -> tuple[str, ...]:
    """What a venv with `own` packages has from its base, and would have neither itself nor from another base.

    Names and versions; where every distribution is there, modules that no distribution accounts for.
    """
    gone = sorted(
        lent.distributions.keys() - elsewhere.distributions.keys() - own.distributions.keys() - {*PART_OF_PYTHON}
    )
    if gone:
        return tuple(lent.distributions[name] for name in gone)
    return tuple(f"the module {name}" for name in sorted(lent.modules - elsewhere.modules - own.modules))


def names_missing(release: str, names: tuple[str, ...]) -> str:
    """Why a venv does not fit another base: what the present one, which is this release, lends it."""
    return f"{release} lends it {told(names)}"


def told(names: tuple[str, ...]) -> str:
    """Names in a sentence: `numpy 1.26, requests 2.31 and 40 more`."""
    if len(names) <= _MOST_NAMED:
        return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
    return f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
