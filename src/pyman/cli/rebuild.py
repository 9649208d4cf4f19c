"""`pyman rebuild`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.consent import refuse_other_place, refuse_stage
from pyman.app.console import Answer, short_path
from pyman.app.examine import examine
from pyman.app.rebuild import NotRestored, carry_out, recover_what_was_cut_off
from pyman.app.rebuild_or_relink import needs_rebuild
from pyman.app.rebuild_plan import OtherLock, plan_rebuild, refuse_foreign, refuse_obstacles
from pyman.app.relink import named_venv, relink
from pyman.app.session import Session
from pyman.cli.show.changes import done_data, done_lines, plan_lines, planned_data
from pyman.cli.verb import verb
from pyman.core.diagnosis.finding import REBUILD
from pyman.core.escape import as_word
from pyman.core.immutable import replace
from pyman.core.implementation import refuse_other
from pyman.core.packages.package import normalize_name
from pyman.core.plans.rebuild import RebuildOptions
from pyman.effects.interruption import Part, Terminated
from pyman.effects.venvs.backup import VenvLock
from pyman.effects.venvs.inventory import read_one
from pyman.errors import NotFound, PymanError, UsageError

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
    if installer not in _INSTALLERS:
        raise UsageError(f"`{installer}` is not an installer", hint="choose auto, uv or pip")
    if every and venvs:
        raise UsageError("`--all` and venvs cannot be used together", hint="give venvs, or use `--all`")
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
    work = _Rebuilds(session, options)
    session.if_cut_off(work.answer)
    if every:
        for path, minor in _needing_rebuild(session):
            work.take(path, replace(options, minor=minor))
        if not work.seen:
            work.lines.append("no venv needs a rebuild")
    else:
        # All are looked for before the first is touched.
        named_ones: list[str | None] = list(venvs) if venvs else [None]
        for path in dict.fromkeys(named_venv(session, named).path for named in named_ones):
            work.take(path, options)
    return work.answer()


class _Rebuilds:
    """One venv after the other: what fails does not stop the others, an interrupt does."""

    def __init__(self, session: Session, options: RebuildOptions) -> None:
        self._session = session
        self._options = options
        self.seen = 0
        self.rebuilt: list[dict[str, object]] = []
        self.failed: list[dict[str, object]] = []
        self.lines: list[str] = []
        self.error: PymanError | None = None

    def take(self, path: str, options: RebuildOptions) -> None:
        """Rebuild one venv, or say why not."""
        self.seen += 1
        stand = len(self.rebuilt)
        try:
            if self._session.dry_run:
                self._rebuild(path, options)
            else:
                with Part(whole=True), VenvLock(self._session.places, os.path.realpath(path), self._session.observer):
                    self._rebuild(path, options)
        except PymanError as failure:
            self._fail(path, failure)
        except Terminated as signal:
            if len(self.rebuilt) == stand:
                self._failed(path, signal.failure)
            raise

    def _rebuild(self, path: str, options: RebuildOptions) -> None:
        session = self._session
        facts = read_one(session.places, path)
        if facts is None:
            raise NotFound(f"{path} is no longer a venv", hint="run `pyman doctor`")
        refuse_other(facts, "rebuild")
        refuse_foreign(facts, options)
        refuse_other_place(session, facts, "rebuild")
        refuse_stage(session, facts, f"rebuild {as_word(facts.path)}", yes=options.yes)
        if not needs_rebuild(session, facts, options):
            element, line = relink(session, facts, options)
            self.rebuilt.append(element)
            self.lines.append(line)
            return
        plan = plan_rebuild(session, facts, options)
        if session.dry_run:
            self.lines += plan_lines(session, plan)
            refuse_obstacles(plan)
            self.rebuilt.append(planned_data(plan))
            return
        for line in plan_lines(session, plan):
            session.observer.noted(line)
        refuse_obstacles(plan)
        done = carry_out(session, plan)
        for note in done.notes[len(plan.notes) :]:
            session.observer.noted(note)
        self.rebuilt.append(done_data(done))
        self.lines += done_lines(session, done)

    def _fail(self, path: str, failure: PymanError) -> None:
        if self.error is not None:
            self.lines.append(f"{short_path(self._session, path)} was not rebuilt: {failure.message}")
        else:
            self.error = failure
        self._failed(path, failure)
        if isinstance(failure, OtherLock):
            self.lines += failure.commands

    def _failed(self, path: str, failure: PymanError) -> None:
        restored = not isinstance(failure, NotRestored)
        self.failed.append({"path": path, "reason": failure.message, "restored": restored})

    def answer(self) -> Answer:
        """What became of them so far."""
        changed = [one["path"] for one in self.rebuilt if one["status"] != "unchanged"]
        data = {"changed": changed, "rebuilt": self.rebuilt, "failed": self.failed}
        return Answer(data, tuple(self.lines), error=self.error)


def _needing_rebuild(session: Session) -> list[tuple[str, str | None]]:
    """The venvs that doctor would rebuild, each with the minor that it would have."""
    seen = examine(session, machine=False)
    found = [(finding.path, finding.argument or None) for finding in seen.findings if finding.action == REBUILD]
    return list(dict(found).items())


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
