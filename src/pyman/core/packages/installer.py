"""pip and uv: how each is called, which requirements it is given, and what it means when it fails."""

from __future__ import annotations

import re
from posixpath import defpath

from pyman.core.immutable import record
from pyman.core.packages.package import COMPARED, Origin, Package, is_name, normalize_name
from pyman.errors import NO_INSTALLER, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from pyman.core.packages.pip_conf import PipConf

    InstallerKind = Literal["uv", "pip"]


@record
class Installer:
    """A program that installs packages into a venv."""

    kind: InstallerKind
    command: tuple[str, ...]
    """How a call begins: `/usr/bin/uv`, or an interpreter and pip."""
    search_path: str = ""
    """The PATH on which it finds its helpers: compilers, git."""
    pip_conf: PipConf | None = None
    """What the venv's own `pip.conf` says; it goes before what the user's settings say."""

    def __str__(self) -> str:
        return f"uv ({self.command[0]})" if self.kind == "uv" else "pip"


def chosen_installer(
    choice: str, uv: str | None, search_path: str, python: str, *, pip_wheel: str | None = None
) -> Installer:
    """What installs packages into the venv of the interpreter `python`: `auto` means uv where there is one.

    pip is the venv's own, or where that has none, the bundled wheel `pip_wheel`. Raises NotFound where uv is asked for
    and not there.
    """
    if uv is not None and choice in ("auto", "uv"):
        return Installer("uv", (uv,), search_path)
    if choice == "uv":
        raise NotFound(
            "uv is not on PATH, or only in a venv or in the project",
            hint="install uv for your user, or use `--installer pip`",
            code=NO_INSTALLER,
        )
    # `-I`: neither the current folder nor the user's site-packages may lend pip a module.
    how = ("-m", "pip") if pip_wheel is None else (f"{pip_wheel}/pip",)
    return Installer("pip", (python, "-I", *how), search_path)


@record
class Batch:
    """What one call installs."""

    lines: tuple[str, ...] = ()
    """Lines of a requirements file."""
    names: tuple[str, ...] = ()
    """The normalized names that the lines are about, one each."""
    constraints: tuple[str, ...] = ()
    """Lines that say which versions may be taken, and install nothing."""
    dependencies: bool = False
    """True where what they need is found and installed too, False where they are all there is."""
    file: str = ""
    """A requirements file of the user's, or `pylock.toml` for uv, instead of lines."""
    system_site_packages: bool = False
    """True for a venv that sees the packages of its base Python: pip would not install what is there."""
    more_files: tuple[str, ...] = ()
    """Further requirements files, to be satisfied together with it."""


# What would make the tool install something else, or elsewhere, than requested. Where packages are looked for,
# through which proxy and with which certificates, is the user's.
_MISLEADING = frozenset(
    (
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTHONINSPECT",
        "PYTHONPLATLIBDIR",
        "PYTHONEXECUTABLE",
        "PYTHONUSERBASE",
        "__PYVENV_LAUNCHER__",
        "VIRTUAL_ENV",
        "VIRTUAL_ENV_PROMPT",
        "CONDA_PREFIX",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_ROOT",
        "PIP_USER",
        "PIP_PYTHON",
        "PIP_DRY_RUN",
        "PIP_REPORT",
        "PIP_REQUIREMENT",
        "PIP_EDITABLE",
        "PIP_NO_DEPS",
        "PIP_GROUP",
        "PIP_UPGRADE",
        "PIP_UPGRADE_STRATEGY",
        "PIP_FORCE_REINSTALL",
        "PIP_IGNORE_INSTALLED",
        "PIP_PLATFORM",
        "PIP_ABI",
        "PIP_PYTHON_VERSION",
        "PIP_IMPLEMENTATION",
        "PIP_QUIET",
        "PIP_VERBOSE",
        "PIP_REQUIREMENTS_FROM_SCRIPT",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_PROJECT",
        "UV_PROJECT_ENVIRONMENT",
        "UV_WORKING_DIR",
        "UV_MANAGED_PYTHON",
        "UV_NO_MANAGED_PYTHON",
        "UV_NO_SYNC",
        "UV_NO_EDITABLE",
        "UV_RESOLUTION",
        "UV_NO_INSTALL_PROJECT",
        "UV_NO_INSTALL_WORKSPACE",
        "UV_NO_INSTALL_LOCAL",
    )
)
# A port of this machine on which nothing listens: pip has no option for staying off the network.
_NOWHERE = "http://127.0.0.1:1"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PIP_PROXY")


def installer_environment(
    environ: Mapping[str, str],
    *,
    temporary: str,
    offline: bool,
    may_link: bool = True,
    search_path: str = "",
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the environment that pip or uv is started with; `temporary` is a folder for its temporary files.

    Without `may_link` uv copies files from its cache, unless the user's own environment says otherwise.
    `search_path` is the part of PATH that counts, empty where none of it does.
    """
    kept = {name: value for name, value in environ.items() if name not in _MISLEADING}
    kept |= {
        "PATH": search_path or defpath,
        "TMPDIR": temporary,
        "PIP_USER": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
    }
    if not may_link:
        kept.setdefault("UV_LINK_MODE", "copy")
    # With COLUMNS uv breaks its lines, and what it says is read line by line.
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "PIP_PROGRESS_BAR", "COLUMNS"):
        kept.pop(name, None)
    if offline:
        kept.pop("no_proxy", None)
        kept.pop("NO_PROXY", None)
        kept |= dict.fromkeys(_PROXIES, _NOWHERE)
        kept |= {"PIP_RETRIES": "0", "UV_OFFLINE": "1"}
    return kept | dict(extra or {})


def install_command(
    installer: Installer, batch: Batch, python: str, requirements: str, constraints: str, *, dry_run: bool = False
) -> list[str]:
    """Return the words that install a batch into the venv of `python`, with `dry_run` only find out if it could.

    `requirements` and `constraints` are files that hold the lines of the batch; `constraints` may be empty.
    """
    if installer.kind == "uv":
        command = [*installer.command, "pip", "install", "--python", python, "--no-progress", "--color", "never"]
    else:
        command = [*installer.command, "install", "--no-input", "--progress-bar", "off"]
    command += [] if batch.dependencies else ["--no-deps"]
    # uv looks into the venv alone.
    command += ["--ignore-installed"] if batch.system_site_packages and installer.kind == "pip" else []
    command += ["--dry-run"] if dry_run else []
    command += ["--constraint", constraints] if constraints else []
    for file in (batch.file or requirements, *batch.more_files):
        command += ["--requirement", file]
    return command


def sync_command(installer: Installer, project: str, python: str) -> list[str]:
    """Return the words with which uv installs what `uv.lock` names; the venv is told by `UV_PROJECT_ENVIRONMENT`.

    What the venv has beyond that, pip above all, stays.
    """
    options = ["--frozen", "--inexact", "--no-progress", "--color", "never"]
    return [*installer.command, "sync", *options, "--project", project, "--python", python]


# The line that makes pip or uv install again just what was there, or the reason why none does.

# PEP 440 in its normal form, and what a local version adds; `===` takes the rest.
_VERSION = re.compile(
    r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+([.-][a-z0-9]+)*)?", re.ASCII | re.IGNORECASE
)
_ANY_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*", re.ASCII)


@record
class RequirementLine:
    """How one package is restored, or why it cannot be: exactly one of `line` and `reason` is empty."""

    line: str = ""
    """One line of a requirements file, understood by pip and by uv."""
    source: str = ""
    """Where it comes from, in words for the plan."""
    reason: str = ""


def requirement_line(package: Package) -> RequirementLine:
    """Return the line that reinstalls exactly this package, or the reason why none does.

    Whether a local source still exists is not known here: see `local_source`.
    """
    name, origin = package.name, package.origin
    if not is_name(name):
        return RequirementLine(reason="its name is not one that an installer accepts")
    if origin is None:
        return _from_index(name, package.version)
    if origin.kind == "unknown":
        return RequirementLine(reason="its `direct_url.json` cannot be understood")
    if any(character.isspace() or character in "&#\\" for character in origin.subdirectory):
        return RequirementLine(reason=f"its subdirectory `{origin.subdirectory}` cannot be written in a requirement")
    if origin.kind == "editable":
        return RequirementLine(f"-e {_with_fragment(file_url(origin.path), origin)}", f"editable, from {origin.path}")
    if origin.kind == "vcs":
        source = f"{origin.system}+{origin.url}@{origin.commit}"
        # A `name @` before a URL without a host is beyond pip before 24.1.
        line = _with_fragment(source, origin, name) if origin.path else f"{name} @ {_with_fragment(source, origin)}"
        return RequirementLine(line, f"from {origin.url} at {origin.commit[:12]}")
    url = file_url(origin.path) if origin.path else origin.url
    return RequirementLine(_with_fragment(f"{name} @ {url}", origin), f"from {origin.path or origin.url}")


def _from_index(name: str, version: str) -> RequirementLine:
    if _VERSION.fullmatch(version):
        return RequirementLine(f"{name}=={version}", "from the index")
    if _ANY_VERSION.fullmatch(version):
        return RequirementLine(f"{name}==={version}", "from the index")
    return RequirementLine(reason=f"`{version}` is not a version that an installer accepts")


def _with_fragment(line: str, origin: Origin, egg: str = "") -> str:
    digests = dict(origin.hashes)
    parts = [f"{name}={digests[name]}" for name in COMPARED if name in digests][:1]
    if egg:
        parts.append(f"egg={egg}")
    if origin.subdirectory:
        parts.append(f"subdirectory={origin.subdirectory}")
    return f"{line}#{'&'.join(parts)}" if parts else line


def file_url(path: str) -> str:
    """Return the `file:` URL of an absolute path: the form that no requirements parser takes apart at spaces or `#`."""
    from urllib.parse import quote

    return "file://" + quote(path, safe="/", errors="surrogateescape")


def local_source(package: Package) -> str:
    """Return the local folder or file that the package is installed from again, empty where it needs none."""
    return package.origin.path if package.origin is not None else ""


def needs_network(package: Package) -> bool:
    """True where a URL, and no index or folder that may be local, is the only place to have it from."""
    return package.origin is not None and package.origin.kind in ("vcs", "archive") and not package.origin.path


# What pip and uv mean when they fail: which packages stop them, and whether they only lacked a network.

# Phrases of pip and uv with the name of the package that stopped them before or after.
_NAME = r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
_PHRASES = tuple(
    re.compile(phrase)
    for phrase in (
        rf"No matching distribution found for {_NAME}",
        rf"find a version that satisfies the requirement {_NAME}",
        rf"Package '{_NAME}' requires a different Python",
        rf"{_NAME} requires Python '\S+' but the running Python is",
        rf"Failed building wheel for {_NAME}",
        rf"[Ff]ailed to (?:build|read|download|fetch|download and build|parse metadata of) [`'\"]{_NAME}",
        rf"(?:no versions? of|There are no versions of) {_NAME}",
        rf"(?:Because|and|that) {_NAME}(?: was not found|[=<>!~]+\S+ (?:has no|depends on|cannot|needs|is unusable))",
        rf"{_NAME} was not found in the (?:package registry|cache|provided)",
        rf"Hash mismatch for `{_NAME}",
        rf"\n {{4}}{_NAME} ?(?:@|==)[^\n]* from [^\n]*\n {{8}}Expected ",
    )
)
_LISTS = (
    re.compile(r"Failed to build installable wheels for some pyproject\.toml based projects \(([^)]*)\)"),
    re.compile(r"Could not build wheels for ([A-Za-z0-9._, -]+?)(?:, which|, since|\.|\n)"),
    re.compile(r"Cannot install ([^\n]+?) because these package versions have conflicting dependencies"),
)
# pip says of each requirement which line it comes from, but not which one it failed at.
_LINE = re.compile(r"\(from .*-r .* \(line ([0-9]+)\)\)")
# Before 23.1 it only says what it is working on: a requirement, the path of an archive or folder, a file: URL.
_WORKING_ON = re.compile(r"^(?:Processing|Collecting|Obtaining) (\S[^\n]*)", re.MULTILINE)
_LONGEST = 700
_METADATA_FAILED = ("metadata-generation-failed", "subprocess-exited-with-error")
_NETWORK = (
    "connection broken by",
    "Failed to establish a new connection",
    "Max retries exceeded",
    "Could not fetch URL",
    "Temporary failure in name resolution",
    "error sending request",
    "Request failed after",
    "network connectivity is disabled",
    "Network connectivity is disabled",
    "operation timed out",
    "Read timed out",
    "Could not resolve host",
    "fatal: unable to access",
)
# uv draws its explanations between lines, and breaks them where a terminal would.
_DRAWING = re.compile(r"\n\s*[│╰├]?[─▶]*[│]?\s+(?=\S)")


def blocking_packages(output: str, asked: Sequence[str], requirements: Sequence[str] = ()) -> tuple[str, ...]:
    """Return those of the packages asked for that a failed installation complains about, in its order, normalized.

    `asked` are their names in the order of the lines of the requirements file, and `requirements` those lines.
    """
    known = {normalize_name(name) for name in asked}
    text = f"{output}\n{_DRAWING.sub(' ', output)}"
    places: list[tuple[int, str]] = []
    for phrase in _PHRASES:
        places += [(found.start(), found[1]) for found in phrase.finditer(text)]
    for listing in _LISTS:
        for found in listing.finditer(text):
            places += [(found.start(), word) for word in re.findall(_NAME, found[1].replace(" and ", ","))]
    names = [normalize_name(_bare(name, known)) for _, name in sorted(places)]
    blocking = tuple(dict.fromkeys(name for name in names if name in known))
    if blocking or not any(sign in output for sign in _METADATA_FAILED):
        return blocking
    # pip says only that some metadata could not be made: that of the requirement that it was at last.
    lines = [int(number) for number in _LINE.findall(output)]
    if lines:
        return (normalize_name(asked[lines[-1] - 1]),) if 0 < lines[-1] <= len(asked) else ()
    return _last_worked_on(output, known, dict(zip(requirements, asked, strict=False)))


def _last_worked_on(output: str, known: set[str], requirements: dict[str, str]) -> tuple[str, ...]:
    """Return the package that an old pip was working on when it gave up, as far as its output shows that."""
    shown = _WORKING_ON.findall(output)
    if not shown:
        return ()
    # A folder is shown relative to the current one, `./source`.
    place = shown[-1].strip().removeprefix("file://").removeprefix(".")
    if place.startswith("/"):
        named = {name for line, name in requirements.items() if _source(line).endswith(place)}
        if len(named) == 1:
            return (normalize_name(named.pop()),)
        place = place.rpartition("/")[2]
    project = re.match(_NAME, place)
    name = normalize_name(_bare(project[1], known)) if project else ""
    return (name,) if name in known else ()


def _source(line: str) -> str:
    """Return the path at the end of a requirement like `spam @ file:///folder/my%20spam#subdirectory=x`."""
    from urllib.parse import unquote

    return unquote(line.partition("#")[0].partition(" ;")[0]).rstrip()


def _bare(name: str, known: set[str]) -> str:
    """Take the version off `spam-1.0`, as the names of archives have it."""
    while normalize_name(name) not in known and "-" in name:
        name = name.rpartition("-")[0]
    return name


def is_network_failure(output: str) -> bool:
    """True where pip or uv could not reach what it looked for; then nothing is known about the packages."""
    return any(sign in output for sign in _NETWORK)


def failure_reason(output: str) -> str:
    """Return the line that says best why pip or uv failed, without their marks."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for start in ("ERROR: ", "error: "):
        told = [line for line in lines if line.startswith(start) and "subprocess-exited" not in line]
        if not told:
            continue
        causes = []
        for line in lines[lines.index(told[0]) + 1 :]:
            if not line.startswith("cause: "):
                break
            causes.append(line.removeprefix("cause: "))
        # The first says more than the message, the last what is at the bottom of it.
        named = dict.fromkeys([told[0].removeprefix(start), *causes[:1], *causes[-1:]])
        return _shortened(": ".join(named))
    return _shortened(lines[-1]) if lines else "it printed nothing"


def _shortened(reason: str) -> str:
    # The line of a temporary file is of no use to the user.
    return _LINE.sub("", reason).strip()[:_LONGEST]
