"""pip and uv as one kind of thing: how each is called, and with which environment."""

from __future__ import annotations

from posixpath import defpath

from pyman.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyman.core.packages.pip_conf import PipConf


@record
class Installer:
    """A program that installs packages into a venv."""

    kind: str
    """`uv` or `pip`."""
    command: tuple[str, ...]
    """How a call begins: `/usr/bin/uv`, or an interpreter and pip."""
    search_path: str = ""
    """The PATH on which it finds its helpers: compilers, git."""
    pip_conf: PipConf | None = None
    """What the venv's own `pip.conf` says; it goes before what the user's settings say."""

    def __str__(self) -> str:
        return f"uv ({self.command[0]})" if self.kind == "uv" else "pip"


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
    beside_lent: bool = False
    """True for a venv that sees the packages of its base Python: pip would not install what is there."""
    more_files: tuple[str, ...] = ()
    """Further requirements files, to be satisfied together with it."""


# What would make the tool install something else, or elsewhere, than it is told to. Where packages are looked for,
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
    installer: Installer, batch: Batch, python: str, requirements: str, constraints: str, *, trial: bool = False
) -> list[str]:
    """Return the words that install a batch into the venv of `python`, or with `trial` only find out whether it could.

    `requirements` and `constraints` are files that hold the lines of the batch; `constraints` may be empty.
    """
    if installer.kind == "uv":
        command = [*installer.command, "pip", "install", "--python", python, "--no-progress", "--color", "never"]
    else:
        command = [*installer.command, "install", "--no-input", "--progress-bar", "off"]
    command += [] if batch.dependencies else ["--no-deps"]
    # uv looks into the venv alone.
    command += ["--ignore-installed"] if batch.beside_lent and installer.kind == "pip" else []
    command += ["--dry-run"] if trial else []
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
