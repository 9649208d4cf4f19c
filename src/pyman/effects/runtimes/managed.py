"""Managed runtimes in their folder: interrupted work is completed, removal is atomic."""

from __future__ import annotations

from pyman.core.aliases import swaps
from pyman.core.plans.move import Follower, through_other
from pyman.core.plans.steps import RemoveLink
from pyman.core.store import Moved, Runtime, Store, with_hold, without_runtime
from pyman.effects.lock import hold_store
from pyman.effects.mounts import refuse_mounts_below
from pyman.effects.moves.journal import end_moves
from pyman.effects.moves.move import Preview, change_store, reconcile_aliases
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, make_folder
from pyman.effects.runtimes.own_python import refuse_own
from pyman.effects.staging import Unfinished, WorkFolder, clean_up, clean_up_temporaries
from pyman.effects.store import read_stores, write_hold
from pyman.effects.venvs.recovery import recover
from pyman.errors import ReadOnly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.trials import Trial
    from pyman.effects.transaction import Transaction


def prepare_folders(places: Places, observer: Observer = SILENT) -> tuple[Unfinished, ...]:
    """Make the folders of the store, and clear away what dead processes left in them; returns what had to stay.

    Raises PymanError where the store cannot be written.
    """
    make_folder(places.runtimes)
    make_folder(places.venvs)
    with hold_store(places, observer):
        end_moves(places)
        ended = clean_up(places.runtimes)
        recover(places)
        for folder in (places.root, places.runtimes, places.venvs, places.shims):
            clean_up_temporaries(folder)
    return tuple(work for work in ended if work.trouble)


def reconcile(
    places: Places,
    observer: Observer = SILENT,
    *,
    check: bool = True,
    force: bool = False,
    trials: tuple[Trial, ...] | None = None,
    preview: Preview | None = None,
) -> tuple[Moved, ...]:
    """Finish or undo what a process left that was killed, and return the moves of aliases that this makes.

    Where everything is as it should be nothing is written, not even the lock: the store may be read-only. Raises
    PymanError where something is to be done and fails.
    """
    store = read_stores(places)
    if not store.unfinished and not swaps(store):
        return ()
    if preview is not None:
        return reconcile_aliases(places, observer, check=check, force=force, preview=preview)
    try:
        prepare_folders(places, observer)
        return reconcile_aliases(places, observer, check=check, force=force, trials=trials)
    except ReadOnly:
        return ()


def remove_runtime(
    places: Places,
    runtime: Runtime,
    *,
    relink: Iterable[Follower] = (),
    check: bool = True,
    force: bool = False,
    observer: Observer = SILENT,
    preview: Preview | None = None,
) -> tuple[Moved, ...]:
    """Take a runtime out of the store, and move the aliases that this moves.

    A managed folder loses its name in one step and is deleted afterwards. An adopted one is forgotten: only the link
    goes. The venvs in `relink` are linked to its alias before, a pinned one follows from then on; a hold of the runtime
    is let go. Raises Refused for the Python that pyman runs on, also with `force`, and Refused and PymanError as
    `change_store` does: then nothing has changed.
    """
    refuse_own(places, runtime)
    if preview is None:
        prepare_folders(places, observer)

    def change(store: Store) -> Store:
        for alias in _held_at(store, runtime):
            store = with_hold(store, alias, None)
        return without_runtime(store, runtime.name)

    target = runtime.target
    if target is not None:

        def forget(transaction: Transaction) -> None:
            _let_go(places, runtime, relink, transaction)
            transaction.take_step(RemoveLink(runtime.path, target))

        return change_store(places, change, forget, check=check, force=force, observer=observer, preview=preview)

    refuse_mounts_below(runtime.path)
    if preview is not None:
        return preview.change(change, check=check, force=force)
    with WorkFolder(places.runtimes, "remove", runtime.name, places.lock) as work:

        def remove(transaction: Transaction) -> None:
            def take_name() -> None:
                work.set_aside(runtime.path)
                transaction.undo_with(lambda: work.give_back(runtime.path))

            _let_go(places, runtime, relink, transaction)
            transaction.do(take_name)

        return change_store(places, change, remove, check=check, force=force, observer=observer)


def _let_go(places: Places, runtime: Runtime, relink: Iterable[Follower], transaction: Transaction) -> None:
    """Link venvs to the alias of a runtime, and let go the holds of it."""
    store = read_stores(places)
    target = store.alias_target(runtime.alias)
    if target is not None:
        for follower in relink:
            transaction.take(
                through_other(
                    follower,
                    runtime.alias,
                    target.version,
                    held_back=None,
                    variant=target.variant,
                    follow=True,
                    found=target,
                )
            )
    for alias in _held_at(store, runtime):
        write_hold(places, alias, None, transaction)


def _held_at(store: Store, runtime: Runtime) -> tuple[str, ...]:
    """The aliases that a hold keeps at a runtime."""
    return tuple(alias for alias, name in store.holds if name == runtime.name)
