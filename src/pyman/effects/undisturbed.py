"""Work that a signal must not cut short, because it is the way back itself."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Undisturbed:
    """Keeps signals that would end the process waiting until the work is done."""

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
