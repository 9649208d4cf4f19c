"""What a signal interrupts, and what it waits for."""

from __future__ import annotations

import _imp
import os
import select
import signal
import sys
import threading
from collections import deque
from functools import partial
from importlib import _bootstrap
from operator import call
from types import SimpleNamespace

import pytest

from pyman.effects import interruption
from pyman.effects.interruption import DeferredSignals, Part, Terminated, committed, defer_signals, work_until_signal
from pyman.errors import PymanError

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _caught(monkeypatch):
    before = {number: signal.getsignal(number) for number in NUMBERS}
    monkeypatch.setattr(interruption, "_gate", interruption._Gate())
    interruption.catch_signals()
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.unraisablehook = sys.__unraisablehook__
    for number, handler in before.items():
        signal.signal(number, handler)


def come(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", NUMBERS)
def test_it_says_which_signal_it_was(number):
    with pytest.raises(Terminated) as caught:
        come(number)
    assert caught.value.failure.exit_status == 128 + number
    assert caught.value.failure.code == "interrupted"


def test_it_waits_for_what_must_not_be_cut_short():
    done = []
    with pytest.raises(Terminated), DeferredSignals():
        with DeferredSignals():
            come()
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]


def test_it_waits_for_a_function():
    done = []

    @defer_signals
    def work():
        come()
        done.append(True)

    with pytest.raises(Terminated):
        work()
    assert done


def test_others_do_not_cut_short_what_the_first_one_has_put_in_order():
    done = []
    with pytest.raises(Terminated) as caught:
        try:
            come(signal.SIGHUP)
        finally:
            come(signal.SIGINT)
            come(signal.SIGTERM)
            done.append(True)
    assert done
    assert caught.value.failure.exit_status == 128 + signal.SIGHUP


def test_one_that_was_swallowed_is_not_the_last():
    class Careless:
        def __del__(self):
            try:
                come()
            except Terminated:
                pass

    careless = Careless()
    del careless
    with pytest.raises(Terminated):
        come()


def wait_for_what_comes():
    for _ in range(1000):
        select.select([], [], [], 0.01)
    pytest.fail("it was lost")


def test_one_that_python_swallows_comes_again(capsys):
    class Gone:
        def __del__(self):
            come()

    gone = Gone()
    with pytest.raises(Terminated) as caught:
        del gone
        wait_for_what_comes()
    assert caught.value.failure.exit_status == 128 + signal.SIGTERM
    assert capsys.readouterr().err == ""


def test_nothing_comes_again_in_the_program_that_takes_the_place_of_this_one():
    interruption._try_later()
    interruption.leave_signals()
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_it_leaves_no_lock_of_the_imports_taken(monkeypatch):
    """It comes right after an import has taken the lock of all imports; other threads can import afterwards."""
    # Only functions in C, so that it comes in the frame of the import, as it does there.
    taken_and_killed = map(call, (_imp.acquire_lock, partial(signal.raise_signal, signal.SIGTERM)))
    with monkeypatch.context() as patch:
        steps = SimpleNamespace(acquire_lock=partial(deque, taken_and_killed, 0), release_lock=_imp.release_lock)
        patch.setattr(_bootstrap, "_imp", steps)
        with pytest.raises(Terminated):
            _bootstrap._get_module_lock("a_module_that_nobody_has")
            wait_for_what_comes()
    assert not _imp.lock_held()


def test_it_waits_until_a_module_is_imported(tmp_path, monkeypatch):
    (tmp_path / "slow_module.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nfor _ in range(1000):\n    pass\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(Terminated):
        import slow_module

        wait_for_what_comes()
    assert slow_module.whole
    del sys.modules["slow_module"]


def test_what_is_done_for_good_is_reported_first():
    reported = []
    with pytest.raises(Terminated), Part():
        committed()
        come()
        reported.append("it")
    assert reported == ["it"]


def test_until_then_a_part_is_cut_short():
    with Part():
        committed()
    with Part(), pytest.raises(Terminated):
        come()


@pytest.mark.parametrize("whole", [True, False])
def test_a_whole_part_is_reported_at_its_own_end(whole):
    reported = []
    with pytest.raises(Terminated), Part(whole=whole):
        with Part():
            committed()
            come()
            reported.append("part")
        reported.append("whole")
    assert reported == (["part", "whole"] if whole else ["part"])


def test_no_other_thread_keeps_it_waiting():
    entered, leave = threading.Event(), threading.Event()

    def work():
        with DeferredSignals(), Part():
            committed()
            entered.set()
            leave.wait()

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait()
    with pytest.raises(Terminated):
        come()
    leave.set()
    thread.join()


def test_the_work_is_answered_with_what_came_of_it():
    def work():
        with Part():
            committed()
            come()
        return "never"

    result, ended = work_until_signal(work)
    assert (result, type(ended)) == (None, Terminated)


def test_one_that_comes_at_the_end_leaves_the_result():
    def work():
        committed()
        come()
        return "all of it"

    result, ended = work_until_signal(work)
    assert (result, type(ended)) == ("all of it", Terminated)


def test_a_failure_is_returned_too_and_nothing_interrupts_what_is_said_of_it():
    failure = PymanError("no")

    def work():
        raise failure

    assert work_until_signal(work) == (None, failure)
    come()
    assert {signal.getsignal(number) for number in NUMBERS} == {signal.SIG_DFL}
