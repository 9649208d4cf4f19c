"""`--all-users`: runs the command for every user in a process with that user's rights (design.md 15)."""

from __future__ import annotations

import os

from pyman.app.session import Session
from pyman.core.immutable import record
from pyman.core.report import parse_answer
from pyman.effects.users import NotAnswered, User, answer_as, other_users, pyman_for_users
from pyman.errors import NOT_ANSWERED, NOT_YOURS, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable
    from typing import Any

SECONDS, SECONDS_TO_FIX = 60.0, 600.0
LARGEST = 16 << 20
"""Bytes of one answer: 50,000 venvs."""
_AT_ONCE = 4
_MOST_NAMED = 5


@record
class Part:
    """What became of one user's part."""

    user: User
    answer: dict[str, Any] | None = None
    """The rows of the answer, each of the kind that it has here; their text is that user's."""
    reason: str = ""
    """Why there is no answer."""


def refuse_all_users(folders: object) -> None:
    """Raise Refused where this user cannot become the others, or they cannot read this pyman.

    Raises UsageError where folders are named.
    """
    if os.geteuid() != 0:
        raise Refused("only root can check the venvs of all users", hint="run it with sudo", code=NOT_YOURS)
    if folders:
        from pyman.errors import UsageError

        raise UsageError("`--all-users` and folders cannot be used together", hint="leave one of them out")
    pyman_for_users()


def ask_all_users(
    session: Session, words: Iterable[str], *, fix: bool = False, done: list[Part] | None = None
) -> list[Part]:
    """Run pyman as every user, several at once, and return what became of it; nobody's failure stops the rest.

    The same is in `done`, as far as it goes, when this is ended by a signal. Raises Refused where other users cannot
    read this pyman.
    """
    import signal
    import threading
    from concurrent.futures import ThreadPoolExecutor

    # With SIGCHLD ignored there is no status: the number of an ended process could be another's when it is killed.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    command = [*pyman_for_users(), *words, "--json", "--offline", "--no-search"]
    users, ending = other_users(), threading.Event()
    parts = [] if done is None else done
    task = f"checking the venvs of {len(users)} users"
    session.observer.began(task, None)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            seconds = SECONDS_TO_FIX if fix else SECONDS
            asked = [pool.submit(_ask, user, command, seconds, ending) for user in users]
            for one in asked:
                parts.append(one.result())
        finally:
            ending.set()
    session.observer.finished(task)
    return parts


def _ask(user: User, command: list[str], seconds: float, ending: threading.Event) -> Part:
    try:
        text = answer_as(user, command, seconds, LARGEST, ending)
        return Part(user, parse_answer(text.decode("utf-8", "replace"), "the answer"))
    except NotAnswered as error:
        return Part(user, reason=str(error))
    except PymanError as error:
        return Part(user, reason=error.message)


def not_answered(parts: Iterable[Part]) -> PymanError | None:
    """The failure to report where there are users whose part was not done."""
    missing = [part for part in parts if part.answer is None]
    if not missing:
        return None
    named = "; ".join(f"{part.user.name}: {part.reason}" for part in missing[:_MOST_NAMED])
    more = f"; and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    count = "1 user" if len(missing) == 1 else f"{len(missing)} users"
    return PymanError(
        f"the venvs of {count} could not be checked: {named}{more}",
        hint="they can run `pyman doctor` themselves",
        code=NOT_ANSWERED,
    )
