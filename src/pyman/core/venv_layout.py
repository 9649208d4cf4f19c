"""What a new venv consists of: the layout that `python -m venv` of the same interpreter writes. Hot."""

from __future__ import annotations

from posixpath import basename, join

from pyman.core.pyvenv_cfg import POLICY, REQUEST, render
from pyman.core.record import record
from pyman.core.version import VARIANT_SUFFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.runtime import Choice


@record
class VenvWish:
    """What the user wants of a new venv."""

    path: str
    """Absolute."""
    request: str
    """The words that named the Python, kept with the venv."""
    with_pip: bool = True
    system_site_packages: bool = False
    prompt: str | None = None


@record
class VenvLayout:
    """Every folder, link and file of a venv without packages; paths are relative to it."""

    folders: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    """Pairs of a name and the text of the link."""
    files: tuple[tuple[str, str], ...]
    """Pairs of a name and its text, besides the activation scripts."""
    site_packages: str
    prompt: str
    """What the activation scripts show."""


def plan_layout(wish: VenvWish, choice: Choice, *, lib64: bool) -> VenvLayout:
    """Lay out a venv.

    `lib64` is true where CPython makes that link: 64-bit, and not macOS (Lib/venv/__init__.py). The version line of
    a venv that follows names the minor alone: uv and pre-commit throw a venv away whose file names another patch
    release than runs.
    """
    version, suffix = choice.version, VARIANT_SUFFIX[choice.variant]
    thread = "t" if choice.variant == "freethreaded" else ""
    minor = version.minor_name
    library = f"lib/python{minor}{thread}"
    names = ["python3"]
    if (version.major, version.minor) >= (3, 9):
        names.append(f"python{minor}")
    if suffix:
        names.append(f"python{minor}{suffix}")
    links = [("bin/python", choice.executable), *((f"bin/{name}", "python") for name in names)]
    if lib64:
        links.append(("lib64", "lib"))
    include = f"include/python{minor}{thread}" if (version.major, version.minor) >= (3, 11) else "include"
    settings = [
        ("home", choice.home),
        ("include-system-site-packages", "true" if wish.system_site_packages else "false"),
        ("version", minor if choice.policy == "follow" else str(version)),
        ("executable", choice.executable),
        ("command", _one_line(f"pyman venv {wish.path}")),
    ]
    if wish.prompt is not None:
        settings.append(("prompt", repr(wish.prompt)))
    settings += [(REQUEST, _one_line(wish.request)), (POLICY, choice.policy)]
    return VenvLayout(
        folders=("bin", *_with_parents(include), *_with_parents(f"{library}/site-packages")),
        links=tuple(links),
        files=((".gitignore", "*\n"), ("pyvenv.cfg", render(settings))),
        site_packages=join(library, "site-packages"),
        prompt=wish.prompt if wish.prompt is not None else basename(wish.path),
    )


def _with_parents(path: str) -> tuple[str, ...]:
    parts = path.split("/")
    return tuple("/".join(parts[: count + 1]) for count in range(len(parts)))


def _one_line(text: str) -> str:
    return (
        text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r") if "\n" in text or "\r" in text else text
    )
