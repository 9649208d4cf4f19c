"""Several rebuilds, one venv after the other, and what became of each."""

from __future__ import annotations

import os

from pyman.app.consent import refuse_other_place, refuse_stage
from pyman.app.console import Answer, Session, short_path
from pyman.app.examine import examine
from pyman.app.rebuild import NotRestored, carry_out
from pyman.app.rebuild_plan import OtherLock, plan_rebuild, refuse_foreign, refuse_obstacles
from pyman.app.relink import needs_rebuild, relink
from pyman.cli.show.changes import done_data, done_lines, plan_lines, planned_data
from pyman.core.diagnosis.finding import REBUILD
from pyman.core.escape import as_word
from pyman.core.implementation import refuse_other
from pyman.core.plans.rebuild import RebuildOptions
from pyman.effects.interruption import Part, Terminated
from pyman.effects.venvs.backup import VenvLock
from pyman.effects.venvs.inventory import read_one
from pyman.errors import NotFound, PymanError


class Rebuilds:
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


def needing_rebuild(session: Session) -> list[tuple[str, str | None]]:
    """The venvs that doctor would rebuild, each with the minor that it would have."""
    seen = examine(session, machine=False)
    found = [(finding.path, finding.argument or None) for finding in seen.findings if finding.action == REBUILD]
    return list(dict(found).items())
