"""The Python that a venv is recreated with, as asked for or as it was; installed where it is missing."""

from __future__ import annotations

import os

from pyman.app.select import choose_interpreter
from pyman.app.session import Session
from pyman.core.choice import Choice, choose
from pyman.core.implementation import refuse_to_cross
from pyman.core.plans.rebuild import RebuildOptions, RequestedPython, fits, requested_python, with_policy
from pyman.core.relink import Target
from pyman.core.request import Request, how_to_get
from pyman.core.venv import VenvFacts
from pyman.core.version import python_name
from pyman.effects.interruption import Part
from pyman.errors import BadRequest, NotFound, NotStarted, PymanError, Refused


def get_python(
    session: Session, facts: VenvFacts, options: RebuildOptions
) -> tuple[RequestedPython, Request, Choice, tuple[str, ...]]:
    """The Python of the new venv, the request that it answers, and what is to be said about it.

    It is installed where it is missing; a dry run plans that. Raises NotFound where none can be had.
    """
    requested = requested_python(facts, options.python, options.minor)
    for request in requested.requests if requested.asked else ():
        if request.kind in ("release", "specifier", "latest"):
            refuse_to_cross(facts, request.implementation)
    found = _installed(session, facts, requested, requested.requests)
    if found is not None:
        return requested, *found, ()
    wanted = next((request for request in requested.requests if request.kind not in ("path", "system")), None)
    if wanted is None:
        raise NotFound(f"no Python matches {requested.requests[0]}", hint="choose another: `pyman rebuild -p 3.13`")
    try:
        request, choice, said = _fetched(session, facts, requested, wanted)
    except PymanError:
        if requested.fallback is None:
            raise
        # As in doctor: if a pinned release is no longer available, the venv follows.
        followed = _installed(session, facts, requested, (requested.fallback,))
        if followed is not None:
            request, choice, said = *followed, ()
        else:
            request, choice, said = _fetched(session, facts, requested, requested.fallback)
        said = (f"{wanted} is no longer available: {facts.path} follows {requested.fallback} from now on", *said)
    return requested, request, choice, said


def installed_python(session: Session, facts: VenvFacts, options: RebuildOptions) -> Choice | None:
    """The Python of the new venv where that is already installed."""
    requested = requested_python(facts, options.python, options.minor)
    found = _installed(session, facts, requested, requested.requests)
    return found[1] if found is not None else None


def _fetched(
    session: Session, facts: VenvFacts, requested: RequestedPython, request: Request
) -> tuple[Request, Choice, tuple[str, ...]]:
    from pyman.app import install as installing

    if not session.dry_run:
        session.observer.noted(f"no installed Python satisfies {request}: installing it")
    # It is reported here: a signal need not wait for the whole rebuild, which may take minutes.
    with Part():
        installed = installing.get(session, [request])
    if installed.error is not None:
        raise installed.error
    found = _installed(session, facts, requested, (request,))
    if found is None:
        raise NotFound(f"no installed Python satisfies {request}", hint=how_to_get(request))
    planned = (f"{python_name(found[1].release)} would be installed first",) if session.dry_run else ()
    return *found, planned + tuple(line for result in installed.results for line in result.said)


def _installed(
    session: Session, facts: VenvFacts, requested: RequestedPython, requests: tuple[Request, ...]
) -> tuple[Request, Choice] | None:
    store = session.store()
    for request in requests:
        if request.kind == "release":
            choice = choose(store, request)
        else:
            try:
                choice = choose_interpreter(
                    store, request, session.environ, session.cwd, session.places, named=requested.asked
                )
            except (NotFound, BadRequest, NotStarted):
                if requested.asked:
                    raise
                continue
        if choice is not None and requested.asked:
            refuse_to_cross(facts, choice.version.implementation)
        if choice is None or not fits(choice, requested):
            continue
        if os.path.realpath(choice.home).startswith(os.path.realpath(facts.folder) + os.sep):
            if requested.asked:
                raise Refused(
                    f"{choice.executable} is in the venv that would be recreated", hint="choose another Python"
                )
            continue
        return request, with_policy(choice, requested, request, store)
    return None


def target_of(choice: Choice) -> Target:
    """A Python that was chosen, as what a venv is linked to."""
    prefix = os.path.dirname(choice.home)
    if choice.runtime is not None:
        prefix = choice.runtime.target or choice.runtime.path
    return Target(
        choice.home,
        choice.executable,
        choice.version,
        choice.variant,
        prefix,
        in_store=choice.runtime is not None,
        pins=choice.policy == "pin",
    )
