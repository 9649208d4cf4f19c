"""Moving an alias: what it costs with one follower and with many, without the check and with it."""

from __future__ import annotations

import contextlib
import io
import shutil
from pathlib import Path

from benchmarks.bench import Bench, Row, in_turns
from pyman.cli.fastpath import answer
from pyman.core.store import with_hold
from pyman.effects.lock import Lock
from pyman.effects.moves import move
from pyman.effects.places import Places
from stage.wheels import install_distribution

PACKAGES = 30
_SIZES = (10, 100, 1000, 10_000)
_OLD, _NEW = "3.13.5", "3.13.15"


def rows(bench: Bench) -> list[Row]:
    """The budget's rows, the time under the lock, and how the whole command grows."""
    return [*_unchecked(bench), *_checked(bench)]


class _Store:
    """A store of its own with so many venvs that follow 3.13, which is moved to and fro by `hold`."""

    def __init__(self, bench: Bench, number: int, packages: int = 0) -> None:
        self.bench = bench
        self.folder = bench.folder / f"moves-{number}-{packages}"
        self.root, cache = self.folder / "store", self.folder / "cache"
        self.places = {"PYMAN_ROOT": str(self.root), "PYMAN_CACHE_DIR": str(cache)}
        shutil.copytree(bench.root / "runtimes", self.root / "runtimes", symlinks=True)
        environ = bench.environ | self.places
        first: Path | None = None
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            for one in range(number):
                venv = self.folder / f"projects/{one % 100}/{one}/.venv"
                venv.parent.mkdir(parents=True)
                # The command itself, without a start of Python for each.
                assert answer(["venv", str(venv), "--without-pip", "-p", "3.13"], environ) == 0
                if packages and first is None:
                    first = venv / "lib/python3.13/site-packages"
                    _fill(first, packages)
                elif first is not None:
                    shutil.rmtree(venv / "lib/python3.13/site-packages")
                    shutil.copytree(first, venv / "lib/python3.13/site-packages")
        self._to = _OLD

    def swap(self, *words: str) -> float:
        """Move the alias to the other release; returns the seconds of the whole command."""
        seconds = self.bench.seconds([self.bench.pyman, "hold", "3.13", self._to, *words], **self.places)
        self._to = _NEW if self._to == _OLD else _OLD
        return seconds

    def under_lock(self) -> float:
        """Move the alias in this process; returns the seconds that the store was locked."""
        places = Places(str(self.folder), str(self.root), str(self.folder / "cache"), str(self.folder / "config"))
        to, self._to = self._to, _NEW if self._to == _OLD else _OLD
        watch = _Watch()
        with watch:
            move.change_store(places, lambda store: with_hold(store, "3.13", to), lambda _: None, check=False)
        return watch.seconds

    def remove(self) -> None:
        shutil.rmtree(self.folder)


class _Watch:
    """Takes the time between the moment that the store's lock is held and the moment that it is let go."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        import time

        watch = self
        self._enter, self._exit = Lock.__enter__, Lock.__exit__

        def enter(lock):
            answer_ = watch._enter(lock)
            watch._began = time.perf_counter()
            return answer_

        def leave(lock, *error):
            watch.seconds += time.perf_counter() - watch._began
            return watch._exit(lock, *error)

        Lock.__enter__, Lock.__exit__ = enter, leave

    def __exit__(self, *_: object) -> None:
        Lock.__enter__, Lock.__exit__ = self._enter, self._exit


def _fill(site_packages: Path, packages: int) -> None:
    for number in range(packages):
        install_distribution(
            str(site_packages),
            f"package-{number}",
            f"1.{number}",
            requires_python=f">=3.{8 + number % 4}",
            requires_dist=[f"package-{(number + n) % packages}>=1.{n}; python_version >= '3.{n}'" for n in range(6)],
            extra_metadata=[f"Classifier: Programming Language :: Python :: 3.{n}" for n in range(15)],
        )


def _unchecked(bench: Bench) -> list[Row]:
    one, many = _Store(bench, 1), _Store(bench, 100 if bench.quick else 1000)
    found = in_turns(
        bench.rounds(24),
        one=lambda: one.swap("--no-check"),
        many=lambda: many.swap("--no-check"),
        one_locked=one.under_lock,
        many_locked=many.under_lock,
    )
    one.remove()
    many.remove()
    return [
        Row(
            "alias swap with 1,000 followers, unchecked",
            found["many"],
            against="with 1",
            peer=found["one"],
            at_most=1.1,
            note=f"the whole command; the store is locked for {found['many_locked'] * 1e6:.0f} µs",
        ),
        Row(
            "the same, while the store is locked",
            found["many_locked"],
            "µs",
            against="with 1",
            peer=found["one_locked"],
            at_most=1.1,
            group="Growth",
        ),
    ]


def _checked(bench: Bench) -> list[Row]:
    found = []
    for size in _SIZES[: 2 if bench.quick else None]:
        store = _Store(bench, size, PACKAGES)
        store.swap()
        taken = in_turns(bench.rounds(6 if size <= 1000 else 3), checked=store.swap)["checked"]
        work = f"moving an alias, {size:,} venvs of {PACKAGES} pure packages checked"
        if size == 1000:
            found.append(Row(work, taken, "s", at_most=2.0))
        note = f"{taken / size / PACKAGES * 1e6:.0f} µs a package"
        found.append(Row(work, taken, "s", group="Growth", note=note))
        peak = bench.peak([bench.pyman, "hold", "3.13", store._to], **store.places)
        found.append(Row(work, peak, "MiB", at_most=60.0, group="Peak memory"))
        store.remove()
    return found
