"""What a rebuild copies of the user's own files: as they are, and with no more rights than they had."""

from __future__ import annotations

import os
import stat

import pytest

from pyman.effects.venvs.kept_files import copy_folder, copy_user_files
from stage.somebody import SOMEBODY
from stage.venvs import write

LIBRARY = "lib/python3.13/site-packages"


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6711, 0o640])
def test_a_copy_never_runs_as_who_copied_it(mode, tmp_path):
    """In a folder that a group may write: whoever is in it would have root make a program of root's of his own."""
    old, new = tmp_path / "old", tmp_path / "new"
    names = ["bin/tool", f"{LIBRARY}/mine/tool", "share/tool", "notes/tool"]
    for name in names:
        write(f"{old}/{name}", "#!/bin/sh\n" * 1000)
        if os.geteuid() == 0:
            os.chown(old / name, SOMEBODY, SOMEBODY)
        os.chmod(old / name, mode)
        os.utime(old / name, ns=(1, 2_000_000_001))
    for folder in ("bin", LIBRARY):
        os.makedirs(new / folder)
    assert sorted(copy_user_files(str(old), str(new), LIBRARY, LIBRARY, ())) == [
        "bin/tool",
        f"{LIBRARY}/mine",
        "share/tool",
    ]
    copy_folder(str(old / "notes"), str(new / "notes"))
    for name in names:
        status = os.stat(new / name)
        assert stat.S_IMODE(status.st_mode) == mode & 0o777
        assert (status.st_mtime_ns, status.st_uid) == (2_000_000_001, os.geteuid())
        assert (new / name).read_text() == "#!/bin/sh\n" * 1000
