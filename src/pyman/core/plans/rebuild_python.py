"""Which Python a venv is made anew with, and what stays of its owner's wishes (DESIGN 4, 7)."""

from __future__ import annotations

from pyman.core.escape import as_word
from pyman.core.record import record, replace
from pyman.core.relink import pinned_release, wanted_alias
from pyman.core.request import Request, parse_request
from pyman.core.store import Choice, Store, pinned
from pyman.core.version import minor_alias
from pyman.errors import BadRequest, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.venv import VenvFacts


@record
class PythonWish:
    """What to look for: the first of `requests` that is there is taken, else the first that can be installed."""

    requests: tuple[Request, ...]
    alias: str | None = None
    """The minor and variant that it must be; None where the user names one, or nothing tells."""
    asked: bool = False
    """True where the user names it now: these words are kept with the venv."""
    pin: bool = False
    """True for a venv that is pinned, and stays so."""
    fallback: Request | None = None
    """The minor, for a venv that is pinned to a release which may be nowhere to be had: then it follows."""


def wished_python(facts: VenvFacts, asked: str | None, minor: str | None = None) -> PythonWish:
    """Say which Python a rebuild of this venv is for.

    `asked` are the user's words; `minor` is the alias that a finding of doctor names. Without either it is the minor of
    the venv's packages: its pinned release, the path that it was made from, the store's alias, the interpreter that it
    goes through. Raises NotFound where nothing tells, BadRequest for words that nobody understands.
    """
    pin = facts.policy == "pin"
    if asked is not None:
        return PythonWish((parse_request(asked),), asked=True, pin=pin)
    own = _parsed(facts.request)
    alias = minor or wanted_alias(facts)
    if alias is None:
        if own is None:
            raise NotFound(
                f"nothing tells which Python {facts.path} needs",
                hint=f"name one: `pyman rebuild -p 3.13 {as_word(facts.path)}`",
            )
        return PythonWish((own,), pin=pin)
    path = (own,) if own is not None and own.kind == "path" else ()
    link = (Request(facts.link, "path"),) if facts.link is not None else ()
    release = pinned_release(facts)
    if release is not None and _alias_of(release) == alias:
        requests = (parse_request(release), *path, *link)
        return PythonWish(requests, alias, pin=True, fallback=parse_request(alias))
    return PythonWish((*path, parse_request(alias), *link), alias, pin=pin)


def _parsed(text: str | None) -> Request | None:
    try:
        return parse_request(text) if text is not None else None
    except BadRequest:
        return None


def _alias_of(release: str) -> str | None:
    parsed = _parsed(release)
    if parsed is None or not parsed.pins:
        return None
    return replace(parsed, numbers=parsed.numbers[:2], prerelease="").alias


def means_same_minor(facts: VenvFacts, asked: str) -> bool:
    """True for words that name the minor and variant that the venv has, or admit the release that it runs."""
    request = parse_request(asked)
    if request.kind == "release" and len(request.numbers) > 1:
        return replace(request, numbers=request.numbers[:2], prerelease="").alias == wanted_alias(facts)
    running = facts.running
    return running is not None and running.version is not None and request.admits(running.version, running.variant)


def fits(choice: Choice, wish: PythonWish) -> bool:
    """True for an interpreter of the minor and variant that the wish is about."""
    return wish.alias is None or minor_alias(choice.version, choice.variant) == wish.alias


def settled(choice: Choice, wish: PythonWish, request: Request, store: Store) -> Choice:
    """The choice with the venv's policy: what was pinned stays pinned, unless its release is nowhere to be had."""
    if not wish.pin or choice.policy == "pin" or request == wish.fallback:
        return choice
    return pinned(store, choice.runtime) if choice.runtime is not None else replace(choice, policy="pin")


def kept_request(facts: VenvFacts, choice: Choice, wish: PythonWish, request: Request) -> str:
    """The words to keep with the new venv: those of now, else those of before as long as they are true."""
    if wish.asked:
        return choice.executable if request.kind == "path" else request.text
    own = _parsed(facts.request)
    if own is not None and own.kind != "path" and own.admits(choice.version, choice.variant):
        return own.text
    if request.kind == "path" and (own is None or own == request):
        return choice.executable
    return choice.release if choice.policy == "pin" else minor_alias(choice.version, choice.variant)
