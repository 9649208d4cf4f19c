"""Different commands on one store at once, some of them killed: nothing is lost, and doctor finds a healthy store."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from faults import worlds
from faults.faulty import Faulty
from faults.tables import CROWD
from faults.trials import ALL
from faults.world import STORE, World

SECONDS = int(os.environ.get("PYMAN_TEST_CROWD") or (30 if ALL else 6))
CROWD_SIZE = 6
KILLED, INTERRUPTED, LEFT_ALONE = signal.SIGKILL, signal.SIGINT, None
COMMANDS = (
    "install 3.13", "install 3.13.5", "install 3.13.15 --force", "upgrade", "upgrade --prune",
    "hold 3.13 3.13.5", "unhold 3.13", "rollback 3.13", "prune",
    "uninstall 3.13.15 --relink", "uninstall 3.13.5 --relink",
    "adopt {home}/opt/3.11.2", "forget 3.11.2", "forget {home}/project/forgotten", "register {home}/project",
    "venv new1 --clear", "venv new2 --clear --without-pip -p 3.13", "venv new3 --clear --pin",
    "pin pinned", "follow pinned", "rebuild rebuilt --force",
    "doctor --fix", "use --global 3.13", "use 3.13", "shims", "cache clean",
)  # fmt: skip
MADE = ("new1", "new2", "new3")


def crowd(world: World) -> None:
    """All that the commands above are about."""
    worlds.rebuildable(world)
    worlds.strange(world)
    world.run("install", "3.13.15", status=0)
    for name in ("rebuilt", "forgotten"):
        world.run("venv", name, status=0)
        worlds.install_distribution(worlds.site_packages(world, name), "spam", "1.0", scripts={"spam": "spam:main"})
    world.run("rebuild", "rebuilt", "--force", status=0)


class Crowd:
    """Threads that each start one command after the other."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.seed = seed
        self.counted: Counter[str] = Counter()
        self.problems: list[str] = []

    def run(self) -> None:
        until = time.monotonic() + SECONDS
        threads = [threading.Thread(target=self._commands, args=(number, until)) for number in range(CROWD_SIZE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _commands(self, number: int, until: float) -> None:
        dice = random.Random(self.seed * CROWD_SIZE + number)
        while time.monotonic() < until:
            words = dice.choice(COMMANDS).format(home=self.world.path).split()
            number = dice.choice((KILLED, KILLED, INTERRUPTED, LEFT_ALONE, LEFT_ALONE, LEFT_ALONE))
            self._one(words, number, dice.uniform(0.1, 1.5))

    def _one(self, words: list[str], number: int | None, seconds: float) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "pyman", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.world.project,
            env=self.world.environ,
        )
        try:
            out, err = process.communicate(timeout=seconds if number else 120)
        except subprocess.TimeoutExpired:
            process.send_signal(number or signal.SIGKILL)
            self.counted["kills" if number == KILLED else "interruptions"] += 1
            out, err = process.communicate(timeout=60)
            if number is LEFT_ALONE:
                self.problems.append(f"{words} does not end")
        self.counted["processes"] += 1
        self.counted[f"status {process.returncode}"] += 1
        allowed = {KILLED: (0, 1, -signal.SIGKILL), INTERRUPTED: (0, 1, 130, -signal.SIGINT)}.get(number, (0, 1))
        if number == INTERRUPTED and err.endswith("\nKeyboardInterrupt\n") and "<frozen importlib" in err:
            return  # Python was still loading what catches it, and says so in its way.
        if process.returncode not in allowed or "Traceback" in err or "unexpected failure" in err:
            self.problems.append(f"{words}, signal {number}: status {process.returncode}\n{out}\n{err}")


@pytest.fixture
def world(tmp_path):
    with Faulty() as faulty:
        yield World(os.path.realpath(tmp_path), faulty, crowd)


def test_a_crowd(world, tally):
    seed = int(os.environ.get("PYMAN_TEST_SEED", "1"))
    before = world.snapshot()
    people = Crowd(world, seed)
    people.run()
    assert not people.problems, "\n".join(people.problems)
    # Each venv that a command was about to make is asked for again, as its user would.
    mended = world.run("doctor", "--fix")
    assert mended.status == 0, mended
    for name in MADE:
        world.run("venv", name, "--clear", status=0)
    world.run("rebuild", "rebuilt", "--force", status=0)
    world.run("install", "3.13.5", status=0)
    world.run("install", "3.13.15", status=0)
    world.run("register", world.project, status=0)
    healthy = world.run("doctor")
    assert healthy.status == 0, healthy
    assert list(world.what_is_broken()) == []
    after = world.snapshot()
    lost = [thing for thing in before if thing not in after and "/pyman/holds" not in thing]
    assert lost == []
    for release in ("3.13.5", "3.13.15"):
        runtime = f"{STORE}/runtimes/{release}"
        assert after[runtime] == before[runtime]
    for venv in (".venv", "pinned", "unfit", "rebuilt", "forgotten"):
        assert packages(world, after, venv) == packages(world, before, venv), venv
    # Where a command is killed, its interpreter may go on compiling in the cache after others have swept there.
    world.run("cache", "clean", status=0)
    assert world.leftovers() == []
    tally(CROWD, {"seconds": SECONDS, "at once": CROWD_SIZE, "commands": len(COMMANDS), **people.counted})


def packages(world, snapshot, venv):
    """What is below `lib` of a venv."""
    name = os.path.relpath(os.path.join(world.project, venv), world.path)
    return [line for line in snapshot[name].split("\n") if "/site-packages/" in line]
