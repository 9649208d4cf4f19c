"""`pyman rebuild`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.cli.flows.examining import examine
from pyman.cli.flows.planning_rebuild import OtherLock, plan_rebuild, refuse_obstacles
from pyman.cli.flows.rebuilding import NotRestored, carry_out, recover_what_was_cut_off
from pyman.cli.flows.relinking import needs_rebuild, relink
from pyman.cli.pin import named_venv
from pyman.cli.session import Session
from pyman.cli.show.notes import short_path
from pyman.cli.show.rebuilt import done_data, done_lines, plan_lines, planned_data
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.core.diagnosis.finding import REBUILD
from pyman.core.packages.package import normalize_name
from pyman.core.plans.rebuild import RebuildOptions
from pyman.core.record import replace
from pyman.effects.venvs.inventory import read_one
from pyman.effects.venvs.turn import Turn
from pyman.errors import NotFound, PymanError, UsageError
from pyman.hot.termination import Terminated

_INSTALLERS = ("auto", "uv", "pip")
_INTERRUPTED = 130


@verb
def rebuild(
    session: Session,
    venvs: Annotated[
        list[str] | None, typer.Argument(metavar="[VENV...]", help="Default: the active one, else .venv.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All that `pyman doctor` says need it.")] = False,
    python: Annotated[
        str | None, typer.Option("--python", "-p", metavar="REQUEST", help="Another Python; default: the same minor.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="lock|FILE", help="A lock or requirements file, instead of what was there."),
    ] = None,
    allow_newer: Annotated[
        bool, typer.Option("--allow-newer", help="Allow other versions of what cannot be had; names may follow.")
    ] = False,
    relax: Annotated[
        list[str] | None, typer.Option("--relax", metavar="NAME", hidden=True, help="A package to allow it for.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Rebuild also where a relink would do.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    installer: Annotated[
        str, typer.Option("--installer", metavar="auto|uv|pip", help="What installs packages.")
    ] = "auto",
) -> Answer:
    """Make a venv anew with the packages that it had, for another minor or because a relink cannot mend it.

    The packages are read from files: the old interpreter may be gone. The old venv is set aside, and is back, whole,
    if anything fails, is interrupted or is killed. `--allow-newer` may be followed by the names of packages that it
    is limited to.

    Examples:
        pyman rebuild -p 3.14
        pyman rebuild --dry-run
        pyman rebuild -p 3.14 --allow-newer numpy
        pyman rebuild --from lock
        pyman rebuild --all
    """
    if installer not in _INSTALLERS:
        raise UsageError(f"`{installer}` is no installer", hint="choose auto, uv or pip")
    if every and venvs:
        raise UsageError("`--all` takes no venvs", hint="name venvs, or say `--all`")
    options = RebuildOptions(
        python,
        source=source,
        allow_newer=allow_newer or bool(relax),
        relaxed=tuple(dict.fromkeys(normalize_name(name) for name in relax or ())),
        force=force,
        installer=installer,
        dry_run=dry_run,
    )
    if not dry_run:
        recover_what_was_cut_off(session)
    work = _Work(session, options)
    if every:
        for path, minor in _needing(session):
            work.take(path, replace(options, minor=minor))
        if not work.seen:
            work.lines.append("no venv needs a rebuild")
    else:
        # All are looked for before the first is touched.
        named_ones: list[str | None] = list(venvs) if venvs else [None]
        for path in dict.fromkeys(named_venv(session, named).path for named in named_ones):
            work.take(path, options)
    return Answer({"rebuilt": work.rebuilt, "failed": work.failed}, tuple(work.lines), error=work.error)


class _Work:
    """One venv after the other: what fails does not stop the others, an interrupt does."""

    def __init__(self, session: Session, options: RebuildOptions) -> None:
        self._session = session
        self._options = options
        self._stopped = False
        self.seen = 0
        self.rebuilt: list[dict[str, object]] = []
        self.failed: list[dict[str, object]] = []
        self.lines: list[str] = []
        self.error: PymanError | None = None

    def take(self, path: str, options: RebuildOptions) -> None:
        """Rebuild one venv, or say why not."""
        self.seen += 1
        if self._stopped:
            return
        try:
            if options.dry_run:
                self._rebuild(path, options)
            else:
                with Turn(self._session.places, os.path.realpath(path), self._session.observer):
                    self._rebuild(path, options)
        except PymanError as failure:
            self._fail(path, failure)
        except (KeyboardInterrupt, Terminated) as signal:
            self._fail(path, _interrupted(signal))
            self._stopped = True

    def _rebuild(self, path: str, options: RebuildOptions) -> None:
        session = self._session
        facts = read_one(session.places, path)
        if facts is None:
            raise NotFound(f"{path} is no venv any more", hint="run `pyman doctor`")
        if not needs_rebuild(session, facts, options):
            element, line = relink(session, facts, options)
            self.rebuilt.append(element)
            self.lines.append(line)
            return
        plan = plan_rebuild(session, facts, options)
        if options.dry_run:
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
        if done.interrupted is not None:
            self.error = self.error or _interrupted(done.interrupted)
            self._stopped = True

    def _fail(self, path: str, failure: PymanError) -> None:
        if self.error is not None and failure.code != "interrupted":
            self.lines.append(f"{short_path(self._session, path)} was not rebuilt: {failure.message}")
        else:
            self.error = failure
        restored = not isinstance(failure, NotRestored)
        self.failed.append({"path": path, "reason": failure.message, "restored": restored})
        if isinstance(failure, OtherLock):
            self.lines += failure.commands


def _interrupted(signal: BaseException) -> PymanError:
    status = signal.exit_status if isinstance(signal, Terminated) else _INTERRUPTED
    words = "terminated" if isinstance(signal, Terminated) else "interrupted"
    return PymanError(words, exit_status=status, code="interrupted")


def _needing(session: Session) -> list[tuple[str, str | None]]:
    """The venvs that doctor would rebuild, each with the minor that it would have."""
    seen = examine(session, machine=False)
    found = [(finding.path, finding.argument or None) for finding in seen.findings if finding.action == REBUILD]
    return list(dict(found).items())


def _with_names_marked(words: list[str]) -> list[str]:
    """Read `--allow-newer NAME…` as DESIGN 11 has it: what stands behind it up to the next option or venv is a name."""
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
