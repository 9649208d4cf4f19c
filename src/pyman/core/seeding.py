"""What a venv is born with: which bundled wheels, where an unpacked one lies in the cache.

Import-light: imports no more than start-up has.
"""

from __future__ import annotations

from pyman.core.immutable import record
from pyman.core.version import Version, minor_alias, release_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.version import Variant

INSTALLER = b"pip\n"
"""ensurepip installs pip with pip, and says so."""

TREE = "tree"
"""The folder of a seed whose content goes into site-packages."""
OWN = "own"
"""The folder of a seed with what each venv gets a text of its own from: RECORD, and the scripts without a header."""
PACK = "pack"
"""The file of a seed with the content of all files of TREE, one after the other: copies are written from it."""

CLONED, LINKED, COPIED = "cloned", "linked", "copied"
"""How a file of the cache gets into a venv. A clone has the bytes in common with it, a hard link everything."""
AUTO, COPY = LINK_MODES = ("auto", "copy")
"""The values of the setting `link-mode`."""

_HEADER = "pyman-seed 3"
_END = "end"


@record
class Wheel:
    """A wheel that a runtime bundles."""

    path: str
    name: str
    version: str
    size: int
    mtime_ns: int

    @property
    def order(self) -> tuple[tuple[int, ...], bool]:
        """Sorts the wheels of one project by version; a pre-release comes before its final release."""
        numbers: list[int] = []
        rest = self.version
        while True:
            digits = len(rest) - len(rest.lstrip("0123456789"))
            numbers.append(int(rest[:digits] or 0))
            rest = rest[digits:]
            if not (rest.startswith(".") and rest[1:2].isdigit()):
                break
            rest = rest[1:]
        return tuple(numbers), not rest or rest.startswith((".post", "+"))


@record
class SeedTarget:
    """A new venv, and the Python that it is for."""

    site_packages: str
    """The folder to fill."""
    scripts: str
    """The folder `bin` to fill. Both may still have another place than the venv will have."""
    python: str
    """The venv's interpreter, as its scripts are to name it."""
    version: Version
    variant: Variant
    executable: str
    """The runtime's own interpreter, which compiles."""
    libraries: tuple[str, ...]
    """Folders of standard libraries: the runtime's own, then those of runtimes that may lend it their wheels."""
    descriptors: tuple[int, int] | None = None
    """Both folders, open: what is written goes there, whoever exchanges names on the way meanwhile."""


@record
class Seed:
    """An unpacked and compiled wheel, as its manifest describes it.

    A file is its name, size in bytes, mtime in ns, and `st_mode`.
    """

    name: str
    version: str
    dist_info: str
    """The name of its folder `pip-24.2.dist-info`."""
    folders: tuple[tuple[str, int], ...]
    """TREE itself, as an empty path, and those below it, relative to it, parents first; how many files each holds."""
    files: tuple[tuple[str, int, int, int], ...]
    """Those below TREE, relative to it, by folder."""
    own: tuple[tuple[str, int, int, int], ...]
    """Those in OWN."""
    pack: tuple[int, int, int]
    """Size, mtime and mode of PACK."""

    @property
    def scripts(self) -> tuple[str, ...]:
        """The names of the scripts in OWN."""
        return tuple(name for name, *_ in self.own if name != "RECORD")


def allowed_ways(link_mode: str, *, is_root: bool) -> tuple[str, ...]:
    """Return how files may get into a venv, the best way first.

    A hard link has owner and permissions in common with all others of the file: what root does to the files of one
    venv (`chown -R app: /srv/app`) must not give those of the others away. So root has none.
    """
    if link_mode == COPY:
        return (COPIED,)
    return (CLONED, COPIED) if is_root else (CLONED, LINKED, COPIED)


def wanted_projects(version: Version) -> tuple[str, ...]:
    """Return what `ensurepip` of a Python installs: since 3.12 no setuptools (gh-95299)."""
    return ("pip", "setuptools") if (version.major, version.minor) < (3, 12) else ("pip",)


def split_wheel_name(filename: str) -> tuple[str, str] | None:
    """Return project and version of a wheel that any CPython can use: `pip-24.2-py3-none-any.whl`, else None."""
    parts = filename.split("-")
    if len(parts) != 5 or parts[4] != "any.whl" or parts[3] != "none" or "py3" not in parts[2].split("."):
        return None
    return (parts[0], parts[1]) if parts[0] and parts[1][:1].isdigit() else None


def newest(wheels: list[Wheel], name: str) -> Wheel | None:
    """Return the newest wheel of a project."""
    return max((wheel for wheel in wheels if wheel.name == name), key=lambda wheel: wheel.order, default=None)


def seed_key(wheel: Wheel, version: Version, variant: Variant) -> str:
    """Return the name that the unpacked wheel has in the cache for one kind of bytecode.

    The wheel is told by name, size and time: hashing it would cost more than all the rest. Bytecode is the same in
    all final releases of a minor of CPython; between pre-releases, and releases of PyPy, it changes.
    """
    is_same = version.is_final and not version.own
    python = minor_alias(version, variant) if is_same else release_name(version, variant)
    plain = "".join(
        letter if letter.isalnum() or letter in "._-" else "_" for letter in f"{wheel.name}-{wheel.version}"
    )
    return f"{plain}-{wheel.size}-{wheel.mtime_ns}-{python.replace('-', '_')}"


def script_names(name: str, version: Version) -> tuple[str, ...] | None:
    """Return the names under which pip installs one of its own scripts, and `easy_install`; None for any other.

    The wheels name the Python that built them (`pip3.8`); pip replaces those names by that of the Python that runs
    (`get_console_script_specs` in pip/_internal/operations/install/wheel.py).
    """
    project = name.rstrip("0123456789.-")
    if project == "pip":
        return ("pip", f"pip{version.major}", f"pip{version.minor_name}")
    if project == "easy_install":
        return ("easy_install", f"easy_install-{version.minor_name}")
    return None


def format_seed(seed: Seed) -> str:
    """Return the manifest of a seed: two lines for all folders, one for the pack, then four for the files of each kind.

    A thousand files are read ten times as fast from columns as from lines. Raises ValueError for a name that a line
    cannot hold.
    """
    lines = [_HEADER, f"{seed.name} {seed.version} {seed.dist_info}"]
    lines += ["\0".join(folder for folder, _ in seed.folders), " ".join(str(number) for _, number in seed.folders)]
    lines += [" ".join(map(str, seed.pack))]
    for files in (seed.files, seed.own):
        lines += ["\0".join(name for name, *_ in files)]
        lines += [" ".join(str(file[column]) for file in files) for column in (1, 2, 3)]
    if any("\n" in line for line in lines):
        raise ValueError("a file's name holds a line break")
    return "\n".join([*lines, _END, ""])


def parse_seed(text: str) -> Seed | None:
    """Read a manifest; None where it is not a whole one."""
    lines = text.split("\n")
    if len(lines) != 15 or lines[0] != _HEADER or lines[-2:] != [_END, ""]:
        return None
    try:
        name, version, dist_info = lines[1].split(" ")
        folders = tuple(zip(lines[2].split("\0"), map(int, lines[3].split()), strict=True))
        size, mtime_ns, mode = map(int, lines[4].split())
        files, own = _parse_files(lines[5:9]), _parse_files(lines[9:13])
    except ValueError:
        return None
    if sum(number for _, number in folders) != len(files) or sum(file[1] for file in files) != size:
        return None
    return Seed(name, version, dist_info, folders, files, own, (size, mtime_ns, mode))


def _parse_files(columns: list[str]) -> tuple[tuple[str, int, int, int], ...]:
    names = columns[0].split("\0") if columns[0] else []
    sizes, times, modes = (map(int, column.split()) for column in columns[1:])
    return tuple(zip(names, sizes, times, modes, strict=True))
