"""`pyman rebuild`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.console import Answer, Session
from pyman.app.relink import named_venv
from pyman.cli.verb import verb
from pyman.core.packages.package import normalize_name
from pyman.core.plans.rebuild import RebuildOptions
from pyman.core.record import replace
from pyman.errors import UsageError

_INSTALLERS = ("auto", "uv", "pip")


@verb
def rebuild(
    session: Session,
    venvs: Annotated[
        list[str] | None, typer.Argument(metavar="[VENV...]", help="Default: the active one, else .venv.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All venvs that `pyman doctor` says need it.")] = False,
    python: Annotated[
        str | None,
        typer.Option("--python", "-p", metavar="REQUEST", help="The Python to use; default: the same minor version."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="lock|FILE", help="Install from a lock or requirements file instead."),
    ] = None,
    allow_newer: Annotated[
        bool, typer.Option("--allow-newer", help="Allow newer versions of packages that are no longer available.")
    ] = False,
    relax: Annotated[
        list[str] | None, typer.Option("--relax", metavar="NAME", hidden=True, help="A package to allow it for.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also recreate venvs owned by another tool or with modified package files."),
    ] = False,
    installer: Annotated[
        str, typer.Option("--installer", metavar="auto|uv|pip", help="The program that installs packages.")
    ] = "auto",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Answer yes to every question; rebuild even if relinking is enough.")
    ] = False,
) -> Answer:
    """Recreate a venv with the same packages, on another minor version or where relinking cannot repair it.

    The list of packages is read from files, so this works even if the venv's Python is gone. If anything fails or is
    interrupted, the old venv is restored. `--allow-newer` applies to all packages, or only to those named after it.

    Examples:
        pyman rebuild -p 3.14
        pyman rebuild --dry-run
        pyman rebuild -p 3.14 --allow-newer numpy
        pyman rebuild --from lock
        pyman rebuild --all
    """
    from pyman.app.rebuild import recover_what_was_cut_off
    from pyman.cli.rebuilds import Rebuilds, needing_rebuild

    if installer not in _INSTALLERS:
        raise UsageError(f"`{installer}` is not an installer", hint="choose auto, uv or pip")
    if every and venvs:
        raise UsageError("`--all` takes no venvs", hint="name venvs, or say `--all`")
    options = RebuildOptions(
        python,
        source=source,
        allow_newer=allow_newer or bool(relax),
        relaxed=tuple(dict.fromkeys(normalize_name(name) for name in relax or ())),
        force=force,
        yes=yes,
        installer=installer,
    )
    if not session.dry_run:
        recover_what_was_cut_off(session)
    work = Rebuilds(session, options)
    session.if_cut_off(work.answer)
    if every:
        for path, minor in needing_rebuild(session):
            work.take(path, replace(options, minor=minor))
        if not work.seen:
            work.lines.append("no venv needs a rebuild")
    else:
        # All are looked for before the first is touched.
        named_ones: list[str | None] = list(venvs) if venvs else [None]
        for path in dict.fromkeys(named_venv(session, named).path for named in named_ones):
            work.take(path, options)
    return work.answer()


def _with_names_marked(words: list[str]) -> list[str]:
    """Read `--allow-newer NAME…`: what stands behind it, up to the next option or venv, is a name."""
    rest = list(words)
    read: list[str] = []
    naming = False
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*read, word, *rest]
        if word.startswith("--allow-newer="):
            read += ["--allow-newer", *(f"--relax={name}" for name in word.partition("=")[2].split(",") if name)]
            continue
        if naming and _is_name(word):
            read.append(f"--relax={word}")
            continue
        naming = word == "--allow-newer"
        read.append(word)
    return read


def _is_name(word: str) -> bool:
    """True for a word that can be a package's name, and is no venv."""
    return word[:1].isalnum() and "/" not in word and not os.path.exists(os.path.join(word, "pyvenv.cfg"))


rebuild.rewrite_words = _with_names_marked  # type: ignore[attr-defined]  # read by cli.app
