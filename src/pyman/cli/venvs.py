"""`pyman venvs` and `pyman register`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.consent import confirmed, with_what_needs_yes
from pyman.app.console import Answer, Table, megabytes, short_path
from pyman.app.examine import end_of_life, examine
from pyman.app.search import notes_of_search, search_if_due
from pyman.app.session import Session
from pyman.cli.options import AllUsersOption, SearchOption
from pyman.cli.show.output import count_of_venvs
from pyman.cli.show.rows import venv_data
from pyman.cli.verb import verb
from pyman.core.diagnosis.finding import SEVERITIES
from pyman.core.diagnosis.venv import HEALTHY, ListedVenv, unreachable_venv
from pyman.core.escape import as_word
from pyman.core.request import Request, parse_request
from pyman.core.venv import VenvFacts
from pyman.effects.disk_size import size_of
from pyman.effects.interruption import Part
from pyman.effects.venvs.backup import Backup, parts_to_remove, refuse_what_cannot_move, refuse_what_holds_the_store
from pyman.effects.venvs.inventory import is_own, read_one, take_inventory
from pyman.effects.venvs.journal import journal_path, read_entry
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.own_folders import leads_elsewhere
from pyman.effects.venvs.records import UNREACHABLE, record_name
from pyman.effects.venvs.recovery import keep_unfinished
from pyman.effects.venvs.stores import forget_venv
from pyman.errors import FOREIGN, IN_USE, NEEDS_YES, NOT_YOURS, OWN_VENV, NotFound, PymanError, Refused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.app.unused import UnusedVenv

_MOST_NAMED = 10


@verb
def venvs(
    session: Session,
    folders: Annotated[
        list[str] | None, typer.Argument(metavar="[DIR...]", help="Search these folders recursively instead.")
    ] = None,
    size: Annotated[bool, typer.Option("--size", help="Show disk usage.")] = False,
    python: Annotated[
        str | None, typer.Option("--python", "-p", metavar="REQUEST", help="Show only venvs that run this Python.")
    ] = None,
    unused: Annotated[
        str | None,
        typer.Option("--unused", metavar="AGE", help="Show only venvs not used for this long: 90d, 12w, 6m, 1y."),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Delete the given venvs or, with --unused, all unused ones.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="With --remove: keep files that are not part of the venv; delete unused venvs without asking.",
        ),
    ] = False,
    search: SearchOption = None,
    all_users: AllUsersOption = False,
) -> Answer:
    """List every venv that pyman created, found or registered, with its creator, its Python and its state.

    Examples:
        pyman venvs
        pyman venvs ~/projects --size
        pyman venvs --python 3.12
        pyman venvs --remove ~/old/.venv
        pyman venvs --unused 6m
        sudo pyman venvs --all-users
    """
    if all_users:
        return _of_all_users(session, folders, python, size or remove or unused is not None, search)
    return _venvs(session, folders, size, python, unused, remove, yes, search)


def _of_all_users(
    session: Session, folders: list[str] | None, python: str | None, more: bool, search: bool | None
) -> Answer:
    """Root's own venvs, and those of every other user, as a process of that user sees them."""
    from pyman.app.all_users import ask_all_users, refuse_all_users
    from pyman.cli.show.all_users import venvs_answer

    refuse_all_users(folders)
    if more:
        raise UsageError("`--all-users` can be combined only with `--python`", hint="leave the other options out")
    words = ["venvs", *((f"--python={parse_request(python).text}",) if python is not None else ())]
    words += ["--dry-run"] if session.dry_run else []
    own = _venvs(session, None, False, python, None, False, False, search)
    return venvs_answer(own, ask_all_users(session, words))


def _venvs(
    session: Session,
    folders: list[str] | None,
    size: bool,
    python: str | None,
    unused: str | None,
    remove: bool,
    yes: bool,
    search: bool | None,
) -> Answer:
    """Of this user alone."""
    wanted = [session.absolute(folder) for folder in folders or ()]
    age: int | None = None
    if unused is not None:
        from pyman.core.unused import parse_age

        age = parse_age(unused)
    if remove and age is None:
        if not wanted:
            raise UsageError(
                "`--remove` takes the paths of the venvs to delete", hint="give them: `pyman venvs --remove DIR`"
            )
        return _remove(session, wanted, yes=yes)
    _refuse_missing(wanted)
    request = parse_request(python) if python is not None else None
    searched = search_if_due(session, search, may_end=True) if not wanted else None
    seen = examine(session, wanted, searched, machine=False, record=not session.dry_run)
    chosen = [venv for venv in seen.venvs if request is None or _runs(session, venv, request)]
    if age is not None:
        return _unused(session, chosen, age, remove=remove, yes=yes)
    sizes = {venv.path: size_of(venv.folder) for venv in chosen} if size else {}
    far = [known.path for known, how in seen.absent if how == UNREACHABLE and request is None]
    shown = sorted((*chosen, *map(unreachable_venv, far)), key=lambda venv: venv.path)
    told = shown if session.json else ()
    data = [venv_data(venv) | ({"size": sizes.get(venv.path)} if size else {}) for venv in told]
    not_searched = (*seen.unreadable, *(searched.not_searched if searched is not None else ()))
    notes = [
        f"{short_path(session, path)} cannot be reached: is its disk mounted? `pyman forget {as_word(path)}` if it is "
        "gone for good"
        for path in far[:_MOST_NAMED]
    ]
    notes += [f"{short_path(session, folder)} could not be searched" for folder in seen.unreadable[:5]]
    notes += notes_of_search(session, searched, "pyman venvs")
    notes += _unknown(chosen)
    if not session.json:
        notes += _next(session, folders or (), request, chosen, far)
    rows = [
        (
            short_path(session, venv.path),
            venv.creator,
            str(venv.python or "?"),
            _follows(venv),
            *((megabytes(sizes[venv.path]) if venv.path in sizes else "?",) if size else ()),
            venv.state,
        )
        for venv in (shown if not session.json else ())
    ]
    head = ("Venv", "Made by", "Python", "Follows", *(("Size",) if size else ()), "State")
    table = Table(head, tuple(rows))
    return Answer({"changed": [], "venvs": data, "not_searched": list(not_searched)}, table=table, notes=tuple(notes))


@verb
def register(
    session: Session,
    folders: Annotated[list[str], typer.Argument(metavar="DIR...", help="A venv, or a folder to search for venvs.")],
) -> Answer:
    """Register venvs that pyman did not create, so that upgrades check them and `uninstall` counts them.

    A venv given by its own path is kept as it is, even if its installation was interrupted.

    Examples:
        pyman register .venv
        pyman register ~/projects
    """
    wanted = [session.absolute(folder) for folder in folders]
    _refuse_missing(wanted)
    kept = [path for path in wanted if _keep_unfinished(session, path)]
    inventory = take_inventory(
        session.places,
        session.environ,
        session.cwd,
        wanted,
        observer=session.observer,
        named=True,
        record=not session.dry_run,
    )
    session.if_cut_off(lambda: _registered(session, inventory.recorded, inventory.recorded, kept))
    paths = [facts.path for facts in inventory.read()]
    if inventory.unrecorded is not None:
        raise inventory.unrecorded
    if not paths:
        raise NotFound(f"there is no venv in {', '.join(folders)}", hint="a venv is a folder that contains pyvenv.cfg")
    return _registered(session, paths, inventory.recorded, kept)


def _registered(session: Session, paths: list[str], recorded: list[str], kept: list[str]) -> Answer:
    """What is known now, and which of that was not before."""
    is_now = session.shown("is", "would be")
    shown = [
        f"{short_path(session, path)} {is_now} kept as it is, although its installation was interrupted"
        for path in kept
    ]
    shown += [f"{short_path(session, path)} {is_now} registered" for path in paths[:_MOST_NAMED]]
    if len(paths) > _MOST_NAMED:
        shown.append(f"and {len(paths) - _MOST_NAMED} more: see `pyman venvs`")
    return Answer({"changed": list(dict.fromkeys((*kept, *recorded)))}, tuple(shown))


def _keep_unfinished(session: Session, path: str) -> bool:
    """Take an unfinished venv for finished, or for a dry run say whether it is one."""
    if not session.dry_run:
        return keep_unfinished(session.places, path)
    entry = read_entry(journal_path(session.places, path))
    return entry is not None and entry.is_unfinished


def _unknown(chosen: list[ListedVenv]) -> list[str]:
    """Where to read why the release of a venv is not known."""
    unknown = [venv for venv in chosen if venv.base is not None and venv.base.version is None]
    if not unknown:
        return []
    count = "1 venv runs" if len(unknown) == 1 else f"{len(unknown)} venvs run"
    return [f"{count} an unknown release: `pyman info {as_word(unknown[0].path)}` says why"]


def _next(
    session: Session, folders: Iterable[str], request: Request | None, chosen: list[ListedVenv], far: list[str]
) -> list[str]:
    """What there is, in numbers, and what to do next."""
    numbers = _numbers(session, chosen)
    if numbers:
        return [f"{count_of_venvs(len(chosen))}: {', '.join(numbers)}; see `pyman doctor`"]
    if chosen or far:
        return []
    if request is not None:
        return [f"no venv runs {request}"]
    if folders:
        return [f"no venv is in {', '.join(folders)}"]
    return ["no venvs found: create one with `pyman venv`, or search a folder with `pyman venvs DIR`"]


_STALE = ("stale-patch", "unfollowed", "stale-metadata")


def _numbers(session: Session, venvs: list[ListedVenv]) -> list[str]:
    """How many venvs are not as they should be, by what their users would call it."""
    ill = [venv.state for venv in venvs if venv.state != HEALTHY and SEVERITIES[venv.state] != "info"]
    stale = sum(state in _STALE for state in ill)
    broken = sum(SEVERITIES[state] == "error" for state in ill)
    told = ((stale, "stale"), (broken, "broken"), (len(ill) - stale - broken, "with warnings"))
    unsupported = len(end_of_life(session, venvs))
    return [f"{count} {word}" for count, word in (*told, (unsupported, "on an unsupported Python")) if count]


def _refuse_missing(folders: list[str]) -> None:
    for folder in folders:
        if not os.path.lexists(folder):
            raise NotFound(f"{folder} does not exist", hint="give a venv or a folder to search")
        if not os.path.isdir(folder) and read_venv(folder) is None:
            raise NotFound(f"{folder} is not a folder", hint="give a venv or a folder to search")


def _runs(session: Session, venv: ListedVenv, request: Request) -> bool:
    if request.kind != "path":
        return venv.runs(request)
    place = os.path.realpath(session.absolute(request.text))
    return venv.base is not None and (venv.base.path == place or venv.base.path.startswith(f"{place}/"))


def _follows(venv: ListedVenv) -> str:
    if venv.policy == "pin":
        return "pinned"
    if venv.held_back is not None:
        return f"held back on {venv.held_back}"
    return {"alias": venv.alias or "", "patch": "nothing", "external": "external", "broken": ""}[venv.link]


def _remove(session: Session, paths: list[str], *, yes: bool) -> Answer:
    """Delete venvs; nothing is touched unless each of them may be."""
    chosen = [(facts := _removable(session, path), _parts(session, facts, yes=yes)) for path in dict.fromkeys(paths)]
    changed: list[str] = []

    def answer() -> Answer:
        done = session.shown("removed", "would remove")
        return Answer({"changed": changed}, tuple(f"{done} {short_path(session, path)}" for path in changed))

    session.if_cut_off(answer)
    for facts, parts in chosen:
        with Part():
            if not session.dry_run:
                _delete(session, facts, parts)
            changed.append(facts.path)
    return answer()


# Venvs that nobody has used for a while.


def _unused(session: Session, venvs: list[ListedVenv], age: int, *, remove: bool, yes: bool) -> Answer:
    """Show the venvs without a sign of life for so many seconds, or delete them after a yes."""
    from pyman.app.unused import find_unused

    found, unknown = find_unused(session, venvs, age)
    notes = []
    if unknown:
        notes.append(
            f"{count_of_venvs(len(unknown))} may be in use: their file system keeps no access times, or other venvs "
            "share their programs"
        )
    if remove:
        return _remove_unused(session, found, age, notes, yes=yes)
    if found:
        total = megabytes(sum(one.size for one in found))
        notes.append(f"{count_of_venvs(len(found))}, {total} together; `--remove` deletes them after confirmation")
    elif not session.json:
        notes.append("no venv is known to be unused for that long")
    rows = [
        (
            short_path(session, one.venv.path),
            one.venv.creator,
            str(one.venv.python or "?"),
            megabytes(one.size),
            one.day,
            {True: "", False: "gone", None: "?"}[one.project_exists],
        )
        for one in found
    ]
    data = [
        venv_data(one.venv)
        | {
            "size": one.size,
            "last_used": one.moment,
            "project": one.project,
            "project_exists": one.project_exists,
        }
        for one in found
    ]
    table = Table(("Venv", "Made by", "Python", "Size", "Last used", "Project"), tuple(rows))
    return Answer({"changed": [], "venvs": data, "not_judged": list(unknown)}, table=table, notes=tuple(notes))


def _remove_unused(session: Session, found: tuple[UnusedVenv, ...], age: int, notes: list[str], *, yes: bool) -> Answer:
    """Delete what nobody has used, after one yes for all; what is not the venv's own, or not the user's, is left."""
    from pyman.app.unused import is_still_unused
    from pyman.effects.processes import why_unknown_in_venvs

    chosen: list[tuple[UnusedVenv, VenvFacts]] = []
    left: list[tuple[str, str]] = []
    for one in found:
        try:
            facts = _removable(session, one.venv.path)
            _refuse_what_holds_more(session, facts)
            chosen.append((one, facts))
        except PymanError as error:
            left.append((one.venv.path, error.message))
    changed: list[str] = []

    def answer(error: PymanError | None = None) -> Answer:
        done = session.shown("removed", "would remove")
        lines = [f"{done} {short_path(session, path)}" for path in changed]
        lines += [f"{short_path(session, path)} was not removed: {reason}" for path, reason in left]
        data = {"changed": changed, "left": [{"path": path, "reason": reason} for path, reason in left]}
        return Answer(data, tuple(lines), notes=tuple(notes), error=error, status=1 if left else 0)

    if not chosen:
        if not found:
            notes.append("no venv is known to be unused for that long")
        return answer()
    unknown = why_unknown_in_venvs()
    if unknown:
        return answer(
            Refused(
                f"a process may run in one of these venvs: {unknown}; nothing was removed",
                hint="`pyman venvs --remove VENV` removes a single venv",
                code=IN_USE,
            )
        )
    total = megabytes(sum(one.size for one, _ in chosen))
    if not session.dry_run and not yes:
        for one, _ in chosen:
            session.observer.noted(f"{short_path(session, one.venv.path)}, last used {one.day}")
        if not confirmed(session, f"delete {count_of_venvs(len(chosen))}, {total}?", yes=yes):
            return answer(Refused("nothing was removed", hint="`--yes` removes them without asking", code=NEEDS_YES))
    session.if_cut_off(answer)
    for one, facts in chosen:
        with Part():
            if not session.dry_run:
                if not is_still_unused(one, age):
                    left.append((facts.path, "it was used in the meantime"))
                    continue
                _delete(session, facts, ())
            changed.append(facts.path)
    if session.dry_run and not yes:
        notes.append("this needs confirmation: `--yes`, or an answer on a terminal")
    return answer()


def _refuse_what_holds_more(session: Session, facts: VenvFacts) -> None:
    """Raise Refused for a folder that cannot be removed as a whole: it is one that the user looks at first."""
    refuse_what_holds_the_store(session.places, facts.folder)
    refuse_what_cannot_move(facts.folder, beside=False)
    parts_to_remove(facts.folder, f"pyman venvs --remove {as_word(facts.path)}", yes=False)


def _removable(session: Session, path: str) -> VenvFacts:
    facts = read_one(session.places, path)
    if facts is None:
        raise NotFound(f"{path} is not a venv; nothing was changed", hint="see `pyman venvs`")
    if facts.path != facts.folder:
        raise leads_elsewhere(path, facts.folder, "venvs --remove")
    if facts.foreign:
        raise Refused(f"{path} belongs to {facts.creator}", hint=f"remove it with {facts.creator}", code=FOREIGN)
    if is_own(path):
        raise Refused(
            f"{path} is the environment that pyman runs in", hint="install.sh --uninstall removes pyman", code=OWN_VENV
        )
    if facts.uid != os.geteuid():
        raise Refused(f"{path} belongs to another user", hint="ask its owner to run pyman", code=NOT_YOURS)
    return facts


def _parts(session: Session, facts: VenvFacts, *, yes: bool) -> tuple[str, ...]:
    refuse_what_holds_the_store(session.places, facts.folder)
    refuse_what_cannot_move(facts.folder, beside=False)
    command = f"pyman venvs --remove {as_word(facts.path)}"
    return with_what_needs_yes(session, yes, lambda yes: parts_to_remove(facts.folder, command, yes=yes))


def _delete(session: Session, facts: VenvFacts, parts: tuple[str, ...]) -> None:
    names = {record_name(facts.path), record_name(facts.folder)}
    with Backup(session.places, facts.folder, "remove", session.observer, names=parts) as old:
        old.commit()
    for name in names:
        forget_venv(session.places, name)
