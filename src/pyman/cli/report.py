"""`pyman report`: everything that pyman knows, for programs, for many machines together, and as a page."""

from __future__ import annotations

import os
import stat
import sys
from typing import Annotated

import typer

from pyman import __version__
from pyman.app.console import Answer, is_terminal, megabytes
from pyman.app.reasons import Reasons
from pyman.app.report import identity, look, read_reports
from pyman.app.schedule import schedule_state
from pyman.app.search import notes_of_search, search_if_due
from pyman.app.session import Session
from pyman.cli.options import SearchOption
from pyman.cli.show.changes import runtime_data
from pyman.cli.show.findings import JudgedFinding, finding_data, summary_data, with_reasons
from pyman.cli.show.output import count_of_venvs
from pyman.cli.show.rows import alias_data, schedule_data, venv_data
from pyman.cli.verb import verb
from pyman.core.diagnosis.finding import OPEN, worst_first
from pyman.core.diagnosis.venv import unreachable_venv
from pyman.core.report import Numbers, numbers_of
from pyman.core.report import worst_first as worst_hosts_first
from pyman.effects.files import replace_file
from pyman.effects.places import cannot_write
from pyman.effects.venvs.records import UNREACHABLE
from pyman.errors import PymanError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


@verb
def report(
    session: Session,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE...]", help="With --merge: reports from other machines.")
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge the reports in FILE... instead of examining this machine.")
    ] = False,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write a self-contained HTML page to FILE.")
    ] = None,
    search: SearchOption = None,
) -> Answer:
    """Report everything that pyman knows about this machine or many: Pythons, venvs, findings, sizes.

    In a pipe or with --json it is one JSON object; on a terminal, a summary.

    Examples:
        pyman report > machine.json
        pyman report --html report.html
        pyman report --merge one.json two.json --html all.html
    """
    if files and not merge:
        raise UsageError("files can be given only with `--merge`", hint="run `pyman report --merge FILE...`")
    if merge and not files:
        raise UsageError("there is nothing to merge", hint="give the files: `pyman report --merge FILE...`")
    if html is not None:
        _refuse_as_page(session, html, files or ())
    notes: list[str] = []
    failures: list[PymanError] = []
    if files:
        hosts = worst_hosts_first(read_reports(session, files, failures.append))
        if not hosts:
            raise failures[0]
        data: dict[str, Any] = {"hosts": hosts}
    else:
        searched = search_if_due(session, search, may_end=True)
        data = _of_this_machine(session, searched)
        hosts = [data]
        notes += notes_of_search(session, searched, "pyman report")
    changed: list[str] = []
    if html is not None:
        changed.append(_write_page(session, html, hosts))
    data = {"changed": changed, **data}
    error = failures[0] if failures else None
    notes += [failure.message for failure in failures[1:]]
    if html is None and not session.json and not is_terminal(sys.stdout):
        return Answer(data, as_json=True, notes=tuple(notes), error=error)
    lines = [_in_words(hosts, numbers_of(hosts))]
    lines += [f"{session.shown('wrote', 'would write')} {path}" for path in changed]
    if not changed and not session.json:
        notes.append("`pyman report > FILE` writes the whole report, `pyman report --html FILE` a web page")
    return Answer(data, tuple(lines), notes=tuple(notes), error=error)


def _of_this_machine(session: Session, searched: Any) -> dict[str, Any]:
    seen, users, sizes = look(session, searched)
    far = [unreachable_venv(known.path) for known, how in seen.absent if how == UNREACHABLE]
    reasons = Reasons(session)
    judged = with_reasons(reasons, [JudgedFinding(finding, OPEN) for finding in worst_first(seen.findings)])
    return {
        **identity(__version__),
        "runtimes": [
            runtime_data(seen.store, runtime, users.get(runtime.path, 0), reasons.of_runtime(seen.store, runtime))
            for layer in seen.store.layers
            for runtime in layer.runtimes
        ],
        "aliases": alias_data(seen.store),
        "venvs": [
            venv_data(venv) | {"size": sizes.get(venv.path)}
            for venv in sorted((*seen.venvs, *far), key=lambda venv: venv.path)
        ],
        "findings": [finding_data(one) for one in judged],
        "summary": summary_data(seen, judged),
        "schedule": schedule_data(schedule_state(session)),
    }


def _in_words(hosts: list[dict[str, Any]], numbers: Numbers) -> str:
    told = (
        (numbers.broken, "broken"),
        (numbers.stale, "stale"),
        (numbers.held_back, "held back"),
        (numbers.unsupported, "on an unsupported Python"),
    )
    where = f"{len(hosts)} reports: " if len(hosts) > 1 else f"{hosts[0]['host']}: "
    parts = [f"{count} {word}" for count, word in told if count]
    if not parts and numbers.troubles:
        parts.append("1 finding" if numbers.troubles == 1 else f"{numbers.troubles} findings")
    return f"{where}{count_of_venvs(numbers.venvs)}, {megabytes(numbers.size)}; {', '.join(parts) or 'all healthy'}"


def _refuse_as_page(session: Session, name: str, files: Sequence[str]) -> None:
    """Raise UsageError where a page would take the place of a report, or of what is no file: a device, a pipe."""
    path = session.absolute(name)
    try:
        status = os.stat(path)
    except OSError:
        return  # Nothing is there, or writing it will say what is.
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{path} is not a file", hint="give a file for the page, such as report.html")
    for file in files:
        try:
            same = os.path.samestat(status, os.stat(session.absolute(file)))
        except OSError:
            continue
        if same:
            raise UsageError(f"{path} is one of the reports", hint="give another file for the page")


def _write_page(session: Session, name: str, hosts: list[dict[str, Any]]) -> str:
    from pyman.cli.show.report_page import page

    path = session.absolute(name)
    text = page(hosts)
    if not session.dry_run:
        try:
            replace_file(path, text.encode("utf-8", "replace"), _mode_for(path))
        except OSError as error:
            raise cannot_write(path, error) from error
    return path


def _mode_for(path: str) -> int:
    """Who may read a page: whoever could read the file before it, else whom the umask lets."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode) & 0o666
    except OSError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask
