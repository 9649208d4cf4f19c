"""The available builds: which lists are read for a request, this machine and the user's mirror."""

from __future__ import annotations

from pyman.app.session import Session
from pyman.core.catalogue import Build, Catalogue, Unusable
from pyman.core.implementation import CPYTHON, KNOWN, PYPY, is_installed
from pyman.core.plans.install import answer_is_known, is_installable
from pyman.core.request import Request, parse_request
from pyman.effects.catalogue.feed import CatalogueFeed
from pyman.effects.catalogue.pypy import pypy_releases
from pyman.effects.machine import platform
from pyman.effects.web.http import Web
from pyman.errors import NetworkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_WEB_SECONDS = 3.0
"""Seconds that a look at what is new may take; it is never what was asked for."""


_OWN_LISTS = {PYPY: pypy_releases}
"""What reads the lists of implementations that have some of their own."""


class Known:
    """The lists of builds that were asked for: by implementation, each where it was had, or why it was not.

    A mirror has the builds of all implementations in one list.
    """

    def __init__(self) -> None:
        self.lists: dict[str, Catalogue] = {}
        self.unreachable: dict[str, NetworkError] = {}

    @property
    def each(self) -> tuple[Catalogue, ...]:
        """The lists, each once."""
        return tuple({id(known): known for known in self.lists.values()}.values())

    @property
    def builds(self) -> tuple[Build, ...]:
        """All builds."""
        return tuple(build for known in self.each for build in known.builds)

    @property
    def unusable(self) -> tuple[Unusable, ...]:
        """What cannot be used of them."""
        return tuple(one for known in self.each for one in known.unusable)

    @property
    def stale_notes(self) -> tuple[str, ...]:
        """A sentence for each list that is an old one."""
        return tuple(stale_note(known) for known in self.each if known.stale)

    def refuse_nothing(self) -> None:
        """Raise NetworkError where no list could be had."""
        if self.unreachable and not self.lists:
            raise next(iter(self.unreachable.values()))


def catalogue(
    session: Session, mirror: str | None, requests: Sequence[Request] | None = None, *, machine: str = ""
) -> Known:
    """The builds for a machine, this one unless it is named; of each list as much as the requests need, else all."""
    source = session.mirror(mirror)
    implementations = [name for name in KNOWN if is_installed(name)]
    if requests is not None:
        implementations = list(dict.fromkeys(one.implementation for one in requests if is_installable(one)))
    found = Known()
    for group in [implementations] if source else [[name] for name in implementations]:
        own = [one for one in requests if one.implementation in group] if requests is not None else None
        try:
            known = _one_list(session, source, machine, group, own)
        except NetworkError as error:
            found.unreachable |= dict.fromkeys(group, error)
            continue
        if session.verbose:
            note_passed_over(session, known)
        found.lists |= dict.fromkeys(group, known)
    return found


def _one_list(
    session: Session, source: str | None, machine: str, group: Sequence[str], requests: list[Request] | None
) -> Catalogue:
    here = platform()
    cache, offline, observer = session.places.cache, session.offline, session.observer
    offered = machine in ("", here)
    own = _OWN_LISTS.get(group[0]) if not source else None
    if own is not None:
        return own(machine or here, cache, offline=offline, observer=observer, offered=offered)
    feed = CatalogueFeed(source, machine or here, cache, offline=offline, observer=observer, offered=offered)
    return feed.releases(None if requests is None else lambda builds: answer_is_known(requests, builds))


def note_passed_over(session: Session, known: Catalogue) -> None:
    """Tell how much of a list was not understood."""
    passed = known.passed_over
    if passed.lines or passed.artifacts:
        session.observer.noted(
            f"warning: skipped {passed.lines} lines and {passed.artifacts} builds in the list of builds of "
            f"{known.source}, which this version of pyman does not understand"
        )


def stale_note(known: Catalogue) -> str:
    """That a list is an old one."""
    return f"the list of builds of {known.source} comes from the cache and may be out of date"


def nothing_newer(known: Known) -> str:
    """That there is nothing to upgrade, as far as the list of builds is understood."""
    lines = sum(one.passed_over.lines for one in known.each)
    if not lines:
        return "everything is up to date"
    return (
        f"no newer release found, but this version of pyman does not understand {lines} lines of the list of builds; "
        "a newer version may"
    )


def known_builds(session: Session, aliases: list[str], *, max_age: float) -> tuple[Build, ...]:
    """The builds of some minors, from a list that may be `max_age` seconds old; asked for with little patience.

    Raises NetworkError where nothing is known.
    """
    requests = [parse_request(alias) for alias in aliases]
    source = session.mirror()
    web = Web(offline=session.offline, patience=_WEB_SECONDS, rounds=1)
    builds: tuple[Build, ...] = ()
    if source or any(request.implementation == CPYTHON for request in requests):
        feed = CatalogueFeed(source, platform(), session.places.cache, web=web)
        builds = feed.releases(lambda builds: answer_is_known(requests, builds), max_age=max_age).builds
    for implementation, own in _OWN_LISTS.items() if not source else ():
        if any(request.implementation == implementation for request in requests):
            builds += own(platform(), session.places.cache, web=web, max_age=max_age).builds
    return builds
