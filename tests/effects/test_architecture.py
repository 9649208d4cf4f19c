"""What a file is built for is read where it counts, and only there."""

import os
import sys

from pyman.effects import architecture
from pyman.effects.architecture import of_another_machine


def test_where_no_system_but_linux_is_judged_no_file_is_opened(monkeypatch):
    opened = []

    def open_regular(path):
        opened.append(path)
        raise FileNotFoundError(path)

    monkeypatch.setattr(architecture, "open_regular", open_regular)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not of_another_machine(os.path.realpath(sys.executable))
    assert opened == []
    monkeypatch.setattr(sys, "platform", "linux")
    assert not of_another_machine(os.path.realpath(sys.executable))
    assert opened == [os.path.realpath(sys.executable)]
