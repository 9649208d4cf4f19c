"""`report`: everything that pyman knows of this machine, as one object; and the reports of others, read from files."""

from __future__ import annotations

import os
import time

from pyman.app.examine import accepted_findings, examine, without_accepted
from pyman.app.session import Session
from pyman.core.report import parse_reports
from pyman.effects.files import read_text
from pyman.effects.machine import user_name
from pyman.effects.venvs.inventory import unrecorded_venvs
from pyman.effects.venvs.remembered_sizes import VenvSizes
from pyman.effects.venvs.uses import read_users
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from pyman.app.examine import Examination
    from pyman.effects.venvs.home_search import HomeSearch

_LARGEST = 256 << 20
"""Bytes of a file with reports."""
_WORTH_SAYING = 100
"""Venvs whose size is measured without a word."""


def look(session: Session, search: HomeSearch | None) -> tuple[Examination, dict[str, int], dict[str, int]]:
    """What `doctor` sees, how many venvs run on each runtime, by its path, and the sizes of venvs in bytes, by path."""
    seen = without_accepted(examine(session, (), search, record=False, work=True), accepted_findings(session, ()))
    others = unrecorded_venvs(session.places, search.venvs if search is not None else ())
    users = {path: len(venvs) for path, venvs in read_users(seen.store, others).items()}
    sizes = VenvSizes(session.places.cache)
    task = f"measuring {len(seen.venvs)} venvs"
    if len(seen.venvs) > _WORTH_SAYING:
        session.observer.began(task, None)
    measured = {venv.path: sizes.of(venv.folder) for venv in seen.venvs}
    session.observer.finished(task)
    sizes.store()
    return seen, users, measured


def identity(version: str) -> dict[str, str | None]:
    """Whose report it is, and of when."""
    return {
        "host": os.uname().nodename,
        "user": user_name(os.geteuid()),
        "pyman": version,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def read_reports(
    session: Session, files: Iterable[str], failed: Callable[[PymanError], None]
) -> tuple[dict[str, Any], ...]:
    """The reports in files; one that is none is handed to `failed`, and does not keep the others from being read."""
    found: list[dict[str, Any]] = []
    for name in files:
        path = session.absolute(name)
        try:
            found += parse_reports(read_text(path, _LARGEST), path)
        except PymanError as error:
            failed(error)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            failed(PymanError(f"{path} cannot be read: {reason}", hint="give a file that `pyman report` wrote"))
    return tuple(found)
