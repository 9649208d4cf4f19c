"""What a new venv consists of: the layout that `python -m venv` of the same interpreter writes. Import-light.

What CPython's Lib/venv/__init__.py and the scheme `posix_venv` of Lib/sysconfig make of each minor:

    3.6      bin/python, bin/python3 and, before 3.9 if it was started by that name, bin/python3.X; include;
             lib/python3.X/site-packages; lib64 -> lib on 64-bit Linux
    3.11     include/python3.X with the ABI flags (bpo-45413)
    3.13     lib/python3.Xt for free-threaded builds
    3.14     include alone again (gh-127724); bin/𝜋thon, in this minor only (gh-119535)
    3.15     no link lib64; where the standard library lies in lib64, so does a second site-packages (gh-133951)

Import-light.
"""

from __future__ import annotations

from posixpath import basename, join

from pyman.core.immutable import record
from pyman.core.implementation import CPYTHON, library_name, names_in_venv, refuse_to_make
from pyman.core.pyvenv_cfg import POLICY, REQUEST, render
from pyman.core.version import VARIANT_SUFFIX
from pyman.errors import BadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.choice import Choice

IGNORE_FILE = ".gitignore"


@record
class VenvSpec:
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
    """Parents first."""
    links: tuple[tuple[str, str], ...]
    """Pairs of a name and the text of the link."""
    files: tuple[tuple[str, str], ...]
    """Pairs of a name and its text, besides the activation scripts."""
    site_packages: str
    prompt: str
    """What the activation scripts show."""


def plan_layout(spec: VenvSpec, choice: Choice, *, lib64: bool, platlib: str = "lib") -> VenvLayout:
    """Lay out a venv.

    `lib64` is true where CPython makes that link before 3.15: 64-bit, and not macOS. `platlib` is the folder of the
    prefix in which the standard library lies: `lib`, or `lib64` as Fedora has it. The version line of a venv that
    follows names the minor alone: uv and pre-commit throw a venv away whose file names another patch release than
    runs. Raises BadRequest for an interpreter whose path no `pyvenv.cfg` can hold, Refused for one whose venvs only
    its own tools make.
    """
    refuse_to_make(choice.version.implementation, choice.executable, spec.path)
    version, suffix = choice.version, VARIANT_SUFFIX[choice.variant]
    minor, number = version.minor_name, (version.major, version.minor)
    library = library_name(version.implementation, f"{minor}{'t' if suffix == 't' else ''}")
    folders = ["bin", "include"]
    if (3, 11) <= number < (3, 14):
        folders.append(f"include/{library_name(version.implementation, minor + suffix)}")
    folders += ["lib", f"lib/{library}", f"lib/{library}/site-packages"]
    if number >= (3, 15) and platlib != "lib":
        folders += [platlib, f"{platlib}/{library}", f"{platlib}/{library}/site-packages"]

    names = [*names_in_venv(version.implementation, minor)]
    if suffix:
        names.append(f"python{minor}{suffix}")
    if number == (3, 14) and version.implementation == CPYTHON:
        names.append("𝜋thon")
    links = [("bin/python", choice.executable), *((f"bin/{name}", "python") for name in names)]
    if lib64 and number < (3, 15):
        links.append(("lib64", "lib"))

    return VenvLayout(
        folders=tuple(folders),
        links=tuple(links),
        files=((IGNORE_FILE, "*\n"), ("pyvenv.cfg", _settings(spec, choice))),
        site_packages=join("lib", library, "site-packages"),
        prompt=spec.prompt if spec.prompt is not None else basename(spec.path),
    )


def _settings(spec: VenvSpec, choice: Choice) -> str:
    """The text of `pyvenv.cfg`. Raises BadRequest where the interpreter's path cannot stand in one."""
    lines = [
        ("home", choice.home),
        ("include-system-site-packages", "true" if spec.system_site_packages else "false"),
        ("version", choice.version.minor_name if choice.policy == "follow" else str(choice.version)),
        ("executable", choice.executable),
        ("command", _one_line(f"pyman venv {spec.path}")),
    ]
    if spec.prompt is not None:
        lines.append(("prompt", repr(spec.prompt)))
    lines += [(REQUEST, _one_line(spec.request)), (POLICY, choice.policy)]
    try:
        text = render(lines)
        # `site` reads the file as strict UTF-8, at every start.
        text.encode("utf-8")
    except ValueError:
        raise BadRequest(
            f"no venv can name the interpreter {choice.executable}: its path has a line break, white space at its end, "
            "or bytes that are not UTF-8",
            hint="rename its folder",
            exit_status=1,
        ) from None
    return text


def _one_line(text: str) -> str:
    """Write what a line cannot hold as Python would: paths may have line ends, and bytes that are no text."""
    if text.isprintable() and text == text.strip():
        return text
    return "".join(
        letter if letter.isprintable() and letter != "\\" else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    ).strip()
