"""Another user of the machine: one without an account, and a Python that such a one may run."""

from __future__ import annotations

import functools
import subprocess
import sys

import pytest

STRANGER = 12345


@functools.cache
def python_for_strangers() -> str:
    """A Python that other users may run, and that can run pyman; skips the test where there is none. Needs root."""
    version = f"(3, {sys.version_info.minor})"
    for path in (sys.executable, "/usr/bin/python3"):
        try:
            probe = [path, "-c", f"import sys; sys.exit(sys.version_info[:2] != {version})"]
            ended = subprocess.run(probe, user=STRANGER, group=STRANGER, extra_groups=(), cwd="/", check=False)
        except OSError:
            continue
        if ended.returncode == 0:
            return path
    pytest.skip("another user may run no Python of this version here")
