"""One command, and everything that may go wrong in it: tried at each of its changes, and judged by what is left.

After each fault:
- pyman says what is wrong in one sentence and what to do in another, and shows no traceback;
- where it was not killed, every runtime, venv, alias and file is as before or as after;
- every alias leads to a whole runtime, and every venv that started before starts, with its packages;
- `doctor --fix` finds nothing that it cannot repair; then everything is as before or as after;
- the same command once more ends as if nothing had been wrong, and no work in progress lies about.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Iterator

from faults.faulty import CHANGES, COUNT, DENIED, ERROR, FULL, KILLED, LOOKS, SHUT, TORN, Ended, Wrong
from faults.world import CACHE, STORE, World

ALL = os.environ.get("PYMAN_TEST_FAULTS") == "all"
BEFORE, AFTER, EACH, BEGUN = "as before", "as after", "each as before or as after", "begun"
LOOK = "error at a look"
ITSELF, DOCTOR, AGAIN, CLEAN = "itself", "doctor --fix", "the same command", "cache clean"
_LOOKS = 200
"""About how many of the calls that look are tried at most."""
_REASONS = {ERROR: "input/output error", FULL: "full", DENIED: "permission denied", SHUT: "permission denied"}
_WORK = re.compile(r"\.pyman-|/\.(?:install|remove|move)-|/venvs/\.")
_NUMBERS = re.compile(r"\d+-[0-9a-f]+")


class Verdict:
    """What a fault left: how it compares, who made it tidy, and what is wrong with it."""

    def __init__(self) -> None:
        self.state = BEGUN
        self.cleaned_by = ITSELF
        self.problems: list[str] = []


class Trial:
    """A command in a world, tried with every fault."""

    def __init__(self, world: World, words: tuple[str, ...], *, looks: bool = True) -> None:
        self.world = world
        self.words = words
        self.tried: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.cleaned_by: Counter[str] = Counter()
        self.problems: list[str] = []
        self._judged: dict[tuple[str, bool, int], Verdict] = {}
        world.reset()
        self.sick = {thing for thing, _ in world.what_is_broken()}
        self.before = world.snapshot()
        clean = world.run(*words, wrong=Wrong(COUNT))
        assert clean.status == 0, clean
        self.calls = clean.calls
        self.after = world.snapshot()
        assert not list(world.what_is_broken())
        world.run("doctor", "--fix", *(["--foreign"] if "--foreign" in words else []), status=0)
        strange = self._strange(world.snapshot(), last=True)
        assert not strange, strange
        world.reset()
        self.looks = world.run(*words, wrong=Wrong(COUNT, kind=LOOKS)).calls if looks else []

    def try_all(self, budget: int) -> None:
        """Try every fault with PYMAN_TEST_FAULTS=all, else at most about `budget`, always the same."""
        wanted = list(self._faults())
        if not ALL and len(wanted) > budget:
            wanted = self._sample(wanted, budget)
        for wrong in wanted:
            self.problems += [f"{wrong}: {problem}" for problem in self._try(wrong)]
        self.world.expect_template_untouched()

    def try_at(self, fault: str, kind: int, pattern: str) -> None:
        """Try one fault at every call that matches; there is one."""
        calls = self.looks if kind == LOOKS else self.calls
        wanted = [Wrong(fault, at, kind) for at, call in enumerate(calls, 1) if re.fullmatch(pattern, call)]
        assert wanted, calls
        for wrong in wanted:
            self.problems += [f"{wrong}: {problem}" for problem in self._try(wrong)]

    def _faults(self) -> Iterator[Wrong]:
        # Of the writes of one long file the first and the last.
        numbers = [
            number
            for number, call in enumerate(self.calls, 1)
            if not call.startswith("write ") or self.calls[number - 2 : number + 1] != (call,) * 3
        ]
        for fault in (KILLED, TORN, ERROR, FULL, DENIED):
            yield from (Wrong(fault, at) for at in numbers)
        folders = [os.path.dirname(call.split(" ", 1)[1]) for call in self.calls]
        # From the first change in it on nothing may be changed in a folder, which is the same for all later ones.
        yield from (Wrong(SHUT, folders.index(folder) + 1) for folder in dict.fromkeys(folders))
        step = len(self.looks) // _LOOKS + 1
        for at in range(1, len(self.looks) + 1, step):
            # What cannot be looked at is taken for what is not there; here that is no more than a mark.
            if not self.looks[at - 1].endswith("/REQUESTED"):
                yield Wrong(ERROR, at, LOOKS)

    def _sample(self, wanted: list[Wrong], budget: int) -> list[Wrong]:
        """The first of every kind of call on every kind of path, and some of the others."""
        first: dict[tuple[str, int, str], Wrong] = {}
        for wrong in wanted:
            calls = self.looks if wrong.kind == LOOKS else self.calls
            first.setdefault((wrong.fault, wrong.kind, _shape(calls[wrong.at - 1])), wrong)
        chosen = sorted(first.values())
        dice = random.Random(" ".join(self.words))
        if len(chosen) > budget:
            return sorted(dice.sample(chosen, budget))
        left = [wrong for wrong in wanted if wrong not in set(chosen)]
        return sorted(chosen + dice.sample(left, budget - len(chosen)))

    def _try(self, wrong: Wrong) -> Iterator[str]:
        world = self.world
        world.reset()
        ended = world.run(*self.words, wrong=wrong)
        if not ended.hits:
            return  # Threads do not always take the same way.
        self.tried[LOOK if wrong.kind == LOOKS else wrong.fault] += 1
        shown = f"{ended.what}\n    "
        killed = wrong.fault in (KILLED, TORN)
        if not killed or ended.status != -9:
            yield from (f"{shown}{problem}" for problem in _said(ended, wrong))
            strange = self._strange(world.snapshot())
            # A folder that lets things out and not in again, or that keeps an alias where it is, which decides what venvs
            # are linked to: it is said, and doctor ends it.
            said = ("could not be restored from" in ended.err, "could not be repaired" in ended.out)
            is_told = wrong.fault == SHUT and any(said)
            if strange and not is_told:
                yield f"{shown}neither as before nor as after: {strange}\n{ended}"
        key = (world.state(), killed, wrong.kind)
        if key not in self._judged:
            self._judged[key] = self._judge()
        verdict = self._judged[key]
        self.states[verdict.state] += 1
        self.cleaned_by[verdict.cleaned_by] += 1
        yield from (f"{shown}{problem}" for problem in verdict.problems)

    def _judge(self) -> Verdict:
        """Look at what a fault left, and whether it is repaired."""
        world, verdict = self.world, Verdict()
        tell = verdict.problems.append
        verdict.state = self._state_of(world.snapshot())
        if world.leftovers() or verdict.state == BEGUN:
            verdict.cleaned_by = DOCTOR
        broken = {thing: why for thing, why in world.what_is_broken() if thing not in self.sick}
        if broken:
            tell(f"broken: {broken}")
        fix = ("doctor", "--fix", *(["--foreign"] if "--foreign" in self.words else []))
        doctor = world.run(*fix)
        if doctor.status != 0 and "error unfinished" in doctor.out:
            doctor = world.run(*fix, "--yes")
        if doctor.status != 0:
            tell(f"doctor --fix is not content: {doctor}")
        strange = self._strange(world.snapshot(), last=True)
        if strange:
            tell(f"neither as before nor as after doctor --fix: {strange}")
        if world.leftovers():
            verdict.cleaned_by = AGAIN
        again = world.run(*self.words)
        for problem in _said(again, None):
            tell(f"once more: {problem}")
        now = world.snapshot()
        different = [thing for thing in {**self.after, **now} if self.after.get(thing) != now.get(thing)]
        if different:
            tell(f"once more, and it is different: {different}\n{again}")
        if world.leftovers() and all(name.startswith(CACHE) for name in world.leftovers()):
            verdict.cleaned_by = CLEAN
            world.run("cache", "clean", status=0)
        if left := world.leftovers():
            tell(f"left over: {left}")
        return verdict

    def _state_of(self, now: dict[str, str]) -> str:
        here, before, after = (
            {thing: text for thing, text in one.items() if _without_work(text) not in (None, f"{thing} folder")}
            for one in (now, self.before, self.after)
        )
        if here in (before, after):
            return BEFORE if here == before else AFTER
        return BEGUN if self._strange(now) else EACH

    def _strange(self, now: dict[str, str], *, last: bool = False) -> list[str]:
        """Things that are neither as before nor as after.

        Work in progress is nothing yet; at last it may only lie where nobody but the next such command will look.
        """
        found = []
        for thing in {**self.before, **self.after, **now}:
            text = now.get(thing)
            if not last or not (thing.startswith(STORE) or thing in self.world.known):
                text = _without_work(text)
            if text in (self.before.get(thing), self.after.get(thing)) or not (text or last or thing in self.before):
                continue
            if thing not in self.before and "/.pyman-unfinished " in now.get(thing, ""):
                continue  # A venv that says of itself that it is none yet.
            if text is None and self.before.get(thing) == f"{thing} folder":
                continue  # An empty folder is nothing that could be lost.
            found.append(_difference(thing, self.before.get(thing), self.after.get(thing), text))
        return found


def _without_work(text: str | None) -> str | None:
    lines = [line for line in (text or "").split("\n") if not _WORK.search(line)]
    return "\n".join(lines) if any(lines) else None


def _difference(thing: str, before: str | None, after: str | None, now: str | None) -> str:
    lines = [set((text or "").split("\n")) for text in (before, after, now)]
    return f"{thing}: {sorted(lines[2] - lines[0] - lines[1])} too much, {sorted((lines[0] & lines[1]) - lines[2])} missing"


def _shape(call: str) -> str:
    """What a call is about: the same for the thousandth file of a tree."""
    name, _, path = call.partition(" ")
    path = _NUMBERS.sub("N", path)
    parts = path.split("/")
    return f"{name} {'/'.join(parts[:9])} {len(parts) > 9}"


def _reasons(ended: Ended, wrong: Wrong) -> tuple[str, ...]:
    """What an error may say. Where a half-made file could not be removed again, its being there is what stops the next."""
    return (_REASONS[wrong.fault], *(["file exists"] if ended.what.startswith("unlink ") else []))


def _said(ended: Ended, wrong: Wrong | None) -> Iterator[str]:
    """What is wrong with what was said."""
    if "Traceback" in ended.err or "unexpected failure" in ended.err:
        yield f"a bug: {ended}"
    elif ended.status < 0:
        yield f"ended by a signal: {ended}"
    elif ended.status not in (0, 1, 2):
        yield f"a strange status: {ended}"
    elif ended.status != 0 and ("could not be repaired: " in ended.out or "unreadable" in ended.out):
        pass  # The findings say it.
    elif ended.status != 0:
        errors = [line for line in ended.err.split("\n") if line.startswith("error: ")]
        hints = [line for line in ended.err.split("\n") if line.startswith("hint: ")]
        if (
            len(errors) != 1
            or len(hints) != (wrong is None or wrong.kind == CHANGES or len(hints))
            or errors[0].endswith(".")
        ):
            yield f"not one sentence and one hint: {ended}"
        elif (
            wrong is not None
            and wrong.kind == CHANGES
            and not any(one in errors[0].lower() for one in _reasons(ended, wrong))
        ):
            yield f"does not say why: {ended}"
