"""Finding the Python that a venv is made anew with, and installing it where it is missing."""

from __future__ import annotations

import os

from pyman.cli.session import Session
from pyman.core.escape import as_word
from pyman.core.plans.install import Fetch, Impossible, decide
from pyman.core.plans.rebuild import PythonWish, RebuildOptions, fits, settled, wished_python
from pyman.core.relink import Target
from pyman.core.request import Request
from pyman.core.store import Choice, choose, executable_of
from pyman.core.venv import VenvFacts
from pyman.core.version import minor_alias
from pyman.effects.interruption import Part
from pyman.effects.store import read_store
from pyman.errors import BadRequest, NotFound, NotStarted, PymanError, Refused
from pyman.hot.choosing import choose_interpreter


def find_python(
    session: Session, facts: VenvFacts, options: RebuildOptions
) -> tuple[PythonWish, Request, Choice, tuple[str, ...]]:
    """The Python of the new venv, the request that it answers, and what is to be said about it.

    It is installed where it is missing; for a dry run only looked up. Raises NotFound where none can be had.
    """
    wish = wished_python(facts, options.python, options.minor)
    found = _installed(session, facts, wish, wish.requests)
    if found is not None:
        return wish, *found, ()
    wanted = next((request for request in wish.requests if request.kind not in ("path", "system")), None)
    if wanted is None:
        raise NotFound(f"no Python answers to {wish.requests[0]}", hint="name another: `pyman rebuild -p 3.13`")
    try:
        request, choice, said = _fetched(session, facts, wish, wanted, dry_run=options.dry_run)
    except PymanError:
        if wish.fallback is None:
            raise
        # As doctor does it: a pinned release that is gone for good lets the venv follow.
        followed = _installed(session, facts, wish, (wish.fallback,))
        if followed is not None:
            request, choice, said = *followed, ()
        else:
            request, choice, said = _fetched(session, facts, wish, wish.fallback, dry_run=options.dry_run)
        said = (f"{wanted} cannot be had any more: {facts.path} follows {wish.fallback} from now on", *said)
    return wish, request, choice, said


def installed_python(session: Session, facts: VenvFacts, options: RebuildOptions) -> Choice | None:
    """The Python of the new venv where that is installed already."""
    wish = wished_python(facts, options.python, options.minor)
    found = _installed(session, facts, wish, wish.requests)
    return found[1] if found is not None else None


def _fetched(
    session: Session, facts: VenvFacts, wish: PythonWish, request: Request, *, dry_run: bool
) -> tuple[Request, Choice, tuple[str, ...]]:
    if dry_run:
        choice = _would_install(session, request)
        return request, choice, (f"Python {choice.release} would be installed first",)
    from pyman.cli.flows import installing

    session.observer.noted(f"no installed Python satisfies {request}: installing it")
    # It is reported here: a signal need not wait for the whole rebuild, which may take minutes.
    with Part():
        installed = installing.get(session, [request])
    if installed.error is not None:
        raise installed.error
    found = _installed(session, facts, wish, (request,))
    if found is None:
        raise NotFound(f"no installed Python satisfies {request}", hint=f"run `pyman install {as_word(request.text)}`")
    return *found, tuple(line for got in installed.got for line in got.said)


def _installed(
    session: Session, facts: VenvFacts, wish: PythonWish, requests: tuple[Request, ...]
) -> tuple[Request, Choice] | None:
    store = read_store(session.places.root)
    for request in requests:
        if request.kind == "release":
            choice = choose(store, request)
        else:
            try:
                choice = choose_interpreter(
                    store, request, session.environ, session.cwd, session.places, named=wish.asked
                )
            except (NotFound, BadRequest, NotStarted):
                if wish.asked:
                    raise
                continue
        if choice is None or not fits(choice, wish):
            continue
        if os.path.realpath(choice.home).startswith(os.path.realpath(facts.folder) + os.sep):
            if wish.asked:
                raise Refused(
                    f"{choice.executable} lies in the venv that would be made anew", hint="name another Python"
                )
            continue
        return request, settled(choice, wish, request, store)
    return None


def _would_install(session: Session, request: Request) -> Choice:
    """What `pyman install` would bring, without bringing it."""
    from pyman.cli.flows.installing import catalogue

    store = read_store(session.places.root)
    builds = catalogue(session, None).builds
    decision = decide(request, store, builds)
    if isinstance(decision, Impossible):
        raise decision.error
    build = decision.build if isinstance(decision, Fetch) else decision.runtime
    policy = "pin" if request.pins else "follow"
    alias = minor_alias(build.version, build.variant)
    executable = os.path.join(store.folder(alias), executable_of(build.version, build.variant))
    return Choice(build.version, build.variant, os.path.dirname(executable), executable, policy)


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
