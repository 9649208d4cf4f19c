"""pip in a new venv is as `python -m venv` leaves it, for every interpreter at hand."""

from __future__ import annotations

import os

import pytest

from stage.interpreters import MIRROR, NEWER, PYENV, from_mirror, from_prefix
from stage.seeds import call, check_record, files_of, make

# Every kind of pip and `ensurepip` once: tests/cli/test_venv_like_venv.py compares all the rest with every interpreter.
KINDS = ("3.6.", "3.8.", "3.12.")
INTERPRETERS = [
    *(
        pytest.param(from_mirror, version, id=f"mirror {version}")
        for version in (*MIRROR, *NEWER)
        if version != "3.13.5"
    ),
    *(
        pytest.param(from_prefix, prefix, id=f"pyenv {os.path.basename(prefix)}")
        for prefix in PYENV
        if os.path.basename(prefix).startswith(KINDS)
    ),
]


@pytest.mark.parametrize(("find", "which"), INTERPRETERS)
def test_it_is_what_the_venv_module_makes(find, which, tmp_path):
    interpreter = find(which)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    interpreter.venv(str(theirs))
    (tmp_path / "cache").mkdir(mode=0o755)
    seeded = make(interpreter, ours, str(tmp_path / "cache"))

    lacking = files_of(theirs) ^ files_of(ours)
    # Before 20.2 pip left no REQUESTED.
    assert {name for name in lacking if not name.endswith("/REQUESTED")} == set()
    assert not lacking or seeded[0].version < "20"

    listed = call(ours / "bin/pip", "list", "--format=freeze")
    assert listed == "".join(f"{package.name}=={package.version}\n" for package in seeded)
    for script in (ours / "bin").glob("pip*"):
        assert script.read_bytes() == (ours / "bin/pip").read_bytes()
        assert script.stat().st_mode == (theirs / "bin" / script.name).stat().st_mode

    site_packages = ours / f"lib/python{interpreter.minor}/site-packages"
    recorded = set()
    for package in seeded:
        dist_info = f"{package.name}-{package.version}.dist-info"
        recorded |= check_record(site_packages, dist_info)
        assert (site_packages / dist_info / "INSTALLER").read_text() == "pip\n"
        # Root shares nothing by hard links.
    assert package.shared in (("copied", "cloned") if os.geteuid() == 0 else ("linked", "cloned"))
    assert {os.path.normpath(f"lib/python{interpreter.minor}/site-packages/{name}") for name in recorded} == files_of(
        ours
    )
