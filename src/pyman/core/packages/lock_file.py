"""The lock files that a rebuild can take instead of what was installed: `uv.lock` and `pylock.toml` (PEP 751).

uv reads both. For pip `pylock.toml` becomes a requirements file: only the newest pip reads it, and the one that a
runtime brings may be years old.
"""

from __future__ import annotations

from posixpath import dirname, isabs, join, normpath

from pyman.core.immutable import record
from pyman.core.packages.installer import file_url
from pyman.core.packages.package import is_name
from pyman.core.toml_text import parse_toml
from pyman.errors import BAD_LOCK, NO_INSTALLER, NO_LOCK, NotFound, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any, Literal

    from pyman.core.packages.installer import InstallerKind

    LockKind = Literal["uv.lock", "pylock.toml", "foreign"]


@record
class Lock:
    """The lock file of a project, and who installs it."""

    kind: LockKind
    """`foreign` for one that only its own tool installs."""
    path: str
    commands: tuple[tuple[str, ...], ...] = ()
    """For a foreign one, what the user is to run."""


def choose_lock(project: str, names: Collection[str], installer: InstallerKind, python: str) -> Lock:
    """Choose among the names in a project's folder; `installer` is `uv` or `pip`, `python` the new interpreter.

    Raises NotFound where there is no lock file, Refused where there is one that pip cannot install.
    """
    if "uv.lock" in names and installer == "uv":
        return Lock("uv.lock", join(project, "uv.lock"))
    if "pylock.toml" in names:
        return Lock("pylock.toml", join(project, "pylock.toml"))
    if "uv.lock" in names:
        raise Refused(
            f"{join(project, 'uv.lock')} can be installed only by uv",
            hint="put uv on PATH, or write `pylock.toml` with `uv export --format pylock.toml`",
            code=NO_INSTALLER,
        )
    if "poetry.lock" in names:
        use = ("poetry", "env", "use", python)
        return Lock("foreign", join(project, "poetry.lock"), (use, ("poetry", "sync")))
    if "pdm.lock" in names:
        return Lock("foreign", join(project, "pdm.lock"), (("pdm", "use", "-f", python), ("pdm", "sync")))
    raise NotFound(
        f"{project} has no lock file: no uv.lock, pylock.toml, poetry.lock or pdm.lock",
        hint="leave out `--from lock` to install what was there, or give a requirements file",
        code=NO_LOCK,
    )


def requirements_of_pylock(content: bytes, path: str, markers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return name and requirements line of each package that a `pylock.toml` at `path` names for an environment.

    Options that pip needs come first, with an empty name. Extras are none, dependency groups those that the file calls
    its defaults. Raises PymanError for what is no lock file of version 1.
    """
    try:
        lock = parse_toml(content.decode())
        if str(lock.get("lock-version", "")).partition(".")[0] != "1":
            raise _not_a_lock(path, "its lock-version is not 1")
        wanted = [one for one in lock["packages"] if _applies(one, lock, markers)]
        entries = [_Entry(one, dirname(path)) for one in wanted]
    except PymanError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _not_a_lock(path, str(error) or type(error).__name__) from None
    # pip wants hashes for all or for none.
    hashed = all(entry.hashes for entry in entries)
    folders = dict.fromkeys(folder for entry in entries for folder in entry.folders)
    options = [("", f"--find-links {folder}") for folder in folders]
    return (*options, *((entry.name, entry.line(hashed=hashed)) for entry in entries))


class _Entry:
    """One `[[packages]]`, understood."""

    def __init__(self, told: dict[str, Any], folder: str) -> None:
        self.name: str = told["name"]
        self.hashes: list[str] = []
        self.folders: list[str] = []
        self.editable = False
        if not is_name(self.name):
            raise ValueError(f"`{self.name}` is not a package name")
        if "vcs" in told:
            source = told["vcs"]
            where = f"{source['type']}+{_url(source, folder)}@{source['commit-id']}"
            self.target = f" @ {where}{_subdirectory(source)}"
        elif "directory" in told:
            source = told["directory"]
            inner = join(source["path"], source.get("subdirectory", ""))
            self.editable = source.get("editable") is True
            self.target = ("" if self.editable else " @ ") + _url({"path": inner}, folder)
        elif "archive" in told:
            source = told["archive"]
            self.hashes = _hashes(source)
            self.target = f" @ {_url(source, folder)}{_subdirectory(source)}"
        else:
            files = [*told.get("wheels", ()), *([told["sdist"]] if "sdist" in told else ())]
            self.hashes = [digest for file in files for digest in _hashes(file)]
            urls = [_url(file, folder) for file in files if "url" in file or "path" in file]
            self.folders = [dirname(url) for url in urls if url.startswith("file:")]
            self.target = f"=={told['version']}"
        if not self.target.replace(" @ ", "").isprintable() or any(map(str.isspace, self.target.replace(" @ ", "", 1))):
            raise ValueError(f"{self.name} has white space in its source")

    def line(self, *, hashed: bool) -> str:
        if self.editable:
            return f"-e {self.target}"
        return f"{self.name}{self.target}" + "".join(f" --hash={one}" for one in self.hashes if hashed)


def _applies(package: dict[str, Any], lock: dict[str, Any], markers: Mapping[str, str]) -> bool:
    text = package.get("marker")
    if text is None:
        return True
    from packaging.markers import Marker

    known: dict[str, str | frozenset[str]] = {**markers, "extras": frozenset()}
    known["dependency_groups"] = frozenset(map(str, lock.get("default-groups", ())))
    return Marker(text).evaluate(known)


def _url(source: dict[str, Any], folder: str) -> str:
    if "url" in source:
        return str(source["url"])
    path = source["path"]
    return file_url(path if isabs(path) else normpath(join(folder, path)))


def _subdirectory(source: dict[str, Any]) -> str:
    return f"#subdirectory={source['subdirectory']}" if "subdirectory" in source else ""


def _hashes(file: dict[str, Any]) -> list[str]:
    known = file.get("hashes", {})
    return [f"sha256:{known['sha256']}"] if "sha256" in known else []


def _not_a_lock(path: str, why: str) -> PymanError:
    return PymanError(
        f"{path} cannot be understood: {why}",
        hint="lock the project again with the tool that wrote it",
        code=BAD_LOCK,
    )
