"""Signals that end the work: they cut it short at most once, and never the way back."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any


class Interruption:
    """Lets one signal through while it is open, and keeps all others until the handlers are as before.

    `shielded` is code in which none may come through, be it at its very first instruction: what a `with` block runs
    when it is left. Closed at first. Only the main thread can handle signals; in any other nothing changes.
    """

    def __init__(self, shielded: CodeType) -> None:
        self._shielded = shielded
        self._open = False
        self._waiting: list[int] = []
        self._before: dict[int, Any] = {}

    def begin(self) -> None:
        """Take over the signals that nobody ignores."""
        import signal
        import threading

        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            if before not in (signal.SIG_IGN, None):
                self._before[number] = before
                signal.signal(number, self._came)

    def open(self) -> None:
        """Let the next one through; one that came before does so now."""
        if self._waiting:
            self._raise(self._waiting.pop(0), None)
        self._open = True

    def close(self) -> None:
        """Keep all from now on."""
        self._open = False

    def end(self) -> None:
        """Put the handlers back, and let them have the first signal that was kept."""
        import signal

        self._open = False
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
        if self._waiting:
            number = self._waiting.pop(0)
            self._waiting = []
            os.kill(os.getpid(), number)

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self._open and not self._is_shielded(frame):
            self._open = False
            self._raise(number, frame)
        else:
            self._waiting.append(number)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        handler = self._before[number]
        if callable(handler):
            handler(number, frame)
        else:
            # The default would end the process on the spot.
            raise KeyboardInterrupt

    def _is_shielded(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code is self._shielded:
                return True
            frame = frame.f_back
        return False


class Undisturbed:
    """Work that a signal must not cut short, because it is the way back itself: signals wait until it is done."""

    def __enter__(self) -> None:
        import signal
        import threading

        self._waiting: list[int] = []
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._before[number] = signal.signal(number, lambda got, _frame: self._waiting.append(got))

    def __exit__(self, *_: object) -> None:
        import signal

        for number, handler in self._before.items():
            signal.signal(number, handler)
        for number in self._waiting[:1]:
            os.kill(os.getpid(), number)
