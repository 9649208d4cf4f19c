"""What pip and uv say when they fail, word for word, and what is made of it."""

# ruff: noqa: RUF001 - the tools draw such signs

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.immutable import replace
from pyman.core.packages.installer import (
    Batch,
    Installer,
    blocking_packages,
    chosen_installer,
    failure_reason,
    install_command,
    installer_environment,
    is_network_failure,
    sync_command,
)
from pyman.errors import NotFound

PIP_NO_VERSION = """\
Looking in links: /wheels
Processing /wheels/ham-3.0-py3-none-any.whl (from -r r.txt (line 1))
ERROR: Could not find a version that satisfies the requirement Spam_Eggs==1.0 (from versions: 2.0)
ERROR: No matching distribution found for Spam_Eggs==1.0
"""
PIP_OTHER_PYTHON = """\
Processing /wheels/old-1.0-py3-none-any.whl (from -r r.txt (line 1))
INFO: pip is looking at multiple versions of old to determine which version is compatible with other requirements.
ERROR: Package 'old' requires a different Python: 3.13.5 not in '<3.13'
"""
PIP_18 = """\
old requires Python '<3.6' but the running Python is 3.6.15
No matching distribution found for ham==1.0 (from -r /tmp/x/requirements.txt (line 1))
"""
PIP_WHEEL_FAILED = """\
Processing /wheels/failwheel-1.0.tar.gz (from -r r.txt (line 1))
  Getting requirements to build wheel: finished with status 'done'
Processing /wheels/ham-3.0-py3-none-any.whl (from -r r.txt (line 2))
Building wheels for collected packages: failwheel
  Building wheel for failwheel (pyproject.toml): finished with status 'error'
  error: subprocess-exited-with-error

  × Building wheel for failwheel (pyproject.toml) did not run successfully.
  │ exit code: 1
  ╰─> [1 lines of output]
      gcc: ham not found
      [end of output]

  note: This error originates from a subprocess, and is likely not a problem with pip.
  ERROR: Failed building wheel for failwheel
Failed to build failwheel
ERROR: Failed to build installable wheels for some pyproject.toml based projects (failwheel, spam-eggs)
"""
PIP_METADATA_FAILED = """\
Processing /wheels/ham-3.0-py3-none-any.whl (from -r r.txt (line 1))
Processing /wheels/failmeta-1.0.tar.gz (from -r /my tmp/r.txt (line 5))
  Preparing metadata (pyproject.toml): finished with status 'error'
  error: subprocess-exited-with-error

  × Preparing metadata (pyproject.toml) did not run successfully.
  │ exit code: 1
  ╰─> [13 lines of output]
      RuntimeError: no metadata
      [end of output]

error: metadata-generation-failed

× Encountered error while generating package metadata.
╰─> See above for output.
"""
PIP_FOLDER_FAILED = PIP_METADATA_FAILED.replace("Processing /wheels/failmeta-1.0.tar.gz", "Collecting failmeta==1.0")
PIP_HASH = """\
Processing ./local dir/loc-1.0-py3-none-any.whl (from -r r.txt (line 1))
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package versions, please update the hashes. Otherwise, examine the package contents carefully; someone may have tampered with them.
    loc@ file:///local%20dir/loc-1.0-py3-none-any.whl#sha256=aa from file:///local%20dir/loc-1.0-py3-none-any.whl#sha256=aa (from -r r.txt (line 1)):
        Expected sha256 aa
             Got        34465e3d46dd26183cbe2238e8f6b68cd579006c3f130218aa6e1d74cbf5ed59
"""
PIP_CONFLICT = """\
ERROR: Cannot install ham==3.0 and spam-eggs==1.5 because these package versions have conflicting dependencies.

The conflict is caused by:
    The user requested ham==3.0
"""
UV_NO_VERSION = """\
Using Python 3.13.5 environment at: v2
error: No solution found when resolving dependencies
  cause: Because there is no version of spam-eggs==1.0 and you require spam-eggs==1.0, we can conclude that your requirements are unsatisfiable.
"""
UV_NOT_THERE = UV_NO_VERSION.replace(
    "there is no version of spam-eggs==1.0", "spam-eggs was not found in the package registry"
)
UV_NO_TAG = UV_NO_VERSION.replace(
    "there is no version of spam-eggs==1.0",
    "spam-eggs==1.0 has no wheels with a matching Python ABI tag (e.g., `cp313`)",
)
UV_OTHER_PYTHON = UV_NO_VERSION.replace(
    "there is no version of spam-eggs==1.0",
    "the current Python version (3.13.5) does not satisfy Python<3.13 and spam-eggs==1.0 depends on Python<3.13",
)
UV_DRAWN = """\
  × No solution found when resolving dependencies:
  ╰─▶ Because there is no version of
      spam-eggs==1.0 and you require spam-eggs==1.0, we can conclude that your
      requirements are unsatisfiable.
"""
UV_BUILD_FAILED = """\
Resolved 2 packages in 115ms
   Building failwheel==1.0
error: Failed to build `failwheel==1.0`
  cause: The build backend returned an error
  cause: Call to `be.build_wheel` failed (exit status: 1)

         [stderr]
         gcc: ham not found
"""
UV_HASH = """\
error: Failed to read `loc @ file:///local%20dir/loc-1.0-py3-none-any.whl#sha256=aa`
  cause: Hash mismatch for `loc @ file:///local%20dir/loc-1.0-py3-none-any.whl#sha256=aa`
"""
ASKED = ("ham", "spam.eggs", "old", "failwheel", "failmeta", "loc", "build", "python", "error", "wheel")


@pytest.mark.parametrize(
    ("output", "names"),
    [
        (PIP_NO_VERSION, ("spam-eggs",)),
        (PIP_OTHER_PYTHON, ("old",)),
        (PIP_18, ("old", "ham")),
        (PIP_WHEEL_FAILED, ("failwheel", "spam-eggs")),
        (PIP_METADATA_FAILED, ("failmeta",)),
        (PIP_FOLDER_FAILED, ("failmeta",)),
        (PIP_HASH, ("loc",)),
        (PIP_CONFLICT, ("ham", "spam-eggs")),
        (UV_NO_VERSION, ("spam-eggs",)),
        (UV_NOT_THERE, ("spam-eggs",)),
        (UV_NO_TAG, ("spam-eggs",)),
        (UV_OTHER_PYTHON, ("spam-eggs",)),
        (UV_DRAWN, ("spam-eggs",)),
        (UV_BUILD_FAILED, ("failwheel",)),
        (UV_HASH, ("loc",)),
        ("", ()),
        ("ERROR: something else", ()),
    ],
)
def test_the_packages_that_block_are_named(output, names):
    assert blocking_packages(output, ASKED) == names


# Before 23.1 pip does not name the line of the requirements file.
OLD_PIP = PIP_METADATA_FAILED.replace("Processing /wheels/failmeta-1.0.tar.gz (from -r /my tmp/r.txt (line 5))", "{}")
OLD_PIP = OLD_PIP.replace(" (from -r r.txt (line 1))", "")


@pytest.mark.parametrize(
    ("shown", "names"),
    [
        ("Processing ./my source", ("failmeta",)),
        ("Processing /home/me/my source", ("failmeta",)),
        ("Obtaining file:///home/me/editable", ("loc",)),
        ("Processing /wheels/failmeta-1.0.tar.gz", ("failmeta",)),
        ("Processing /wheels/spam-eggs-1.0.tar.gz", ("spam-eggs",)),
        ("Collecting failmeta==1.0", ("failmeta",)),
        ("Collecting failmeta@ git+https://example.org/x.git", ("failmeta",)),
        ("Processing ./same", ()),
        ("Processing ./elsewhere", ()),
        ("Collecting its-dependency>=2", ()),
        ("", ()),
    ],
)
def test_an_old_pip_says_only_what_it_works_on(shown, names):
    asked = ("ham", "failmeta", "loc", "spam.eggs", "old")
    lines = (
        "ham==3.0",
        "failmeta @ file:///home/me/my%20source#subdirectory=x",
        "-e file:///home/me/editable",
        "spam.eggs @ file:///one/same",
        "old @ file:///other/same",
    )
    output = OLD_PIP.format(shown) if shown else "error: metadata-generation-failed\n"
    assert blocking_packages(output, asked, lines) == names


def test_what_nobody_asked_for_does_not_block():
    assert blocking_packages(PIP_NO_VERSION, ["ham"]) == ()


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            PIP_NO_VERSION,
            "Could not find a version that satisfies the requirement Spam_Eggs==1.0 (from versions: 2.0)",
        ),
        (PIP_OTHER_PYTHON, "Package 'old' requires a different Python: 3.13.5 not in '<3.13'"),
        (PIP_WHEEL_FAILED, "Failed building wheel for failwheel"),
        (PIP_METADATA_FAILED, "metadata-generation-failed"),
        (
            UV_BUILD_FAILED,
            (
                "Failed to build `failwheel==1.0`: The build backend returned an error: "
                "Call to `be.build_wheel` failed (exit status: 1)"
            ),
        ),
        ("Killed\n", "Killed"),
        (PIP_18, "No matching distribution found for ham==1.0"),
        ("", "it printed nothing"),
    ],
)
def test_one_line_says_why(output, reason):
    assert failure_reason(output) == reason


@pytest.mark.parametrize(
    "output",
    [
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/ham/",
        "error: Request failed after 3 retries in 10.6s\n  cause: Failed to fetch: http://127.0.0.1:1/simple/ham/",
        "fatal: unable to access 'https://h/x.git/': Could not resolve host: h",
    ],
)
def test_a_network_that_is_out_of_reach_is_no_fault_of_a_package(output):
    assert is_network_failure(output)
    assert not is_network_failure(PIP_NO_VERSION + UV_NO_VERSION + UV_BUILD_FAILED)


@given(st.text(max_size=200))
@settings(max_examples=50)
def test_any_output_gives_an_answer(output):
    assert set(blocking_packages(output, ASKED)) <= {"spam-eggs", *ASKED}
    assert failure_reason(output)


def test_lines_are_not_broken_for_a_terminal():
    environment = installer_environment(
        {"COLUMNS": "40", "PATH": "/usr/bin:."}, temporary="/t", offline=False, search_path="/usr/bin"
    )
    assert "COLUMNS" not in environment
    assert environment["PATH"] == "/usr/bin"


UV = Installer("uv", ("/bin/uv",))
PIP = Installer("pip", ("/v/bin/python", "-m", "pip"))
BATCH = Batch(("a==1",), ("a",))


@pytest.mark.parametrize(
    ("installer", "batch", "named", "words"),
    [
        (UV, BATCH, {}, "/bin/uv pip install --python /v/bin/python --no-progress --color never --no-deps --requirement r"),
        (PIP, BATCH, {}, "/v/bin/python -m pip install --no-input --progress-bar off --no-deps --requirement r"),
        (
            PIP,
            replace(BATCH, dependencies=True, system_site_packages=True),
            {"dry_run": True},
            "/v/bin/python -m pip install --no-input --progress-bar off --ignore-installed --dry-run --requirement r",
        ),
        # uv looks into the venv alone.
        (
            UV,
            replace(BATCH, dependencies=True, system_site_packages=True),
            {},
            "/bin/uv pip install --python /v/bin/python --no-progress --color never --requirement r",
        ),
        (
            PIP,
            replace(BATCH, file="/p/requirements.txt", more_files=("/p/dev.txt",)),
            {"constraints": "c"},
            ("/v/bin/python -m pip install --no-input --progress-bar off --no-deps --constraint c"
            " --requirement /p/requirements.txt --requirement /p/dev.txt"),
        ),
    ],
)  # fmt: skip
def test_how_a_batch_is_installed(installer, batch, named, words):
    constraints = named.pop("constraints", "")
    assert install_command(installer, batch, "/v/bin/python", "r", constraints, **named) == words.split()


def test_how_a_lock_of_uv_is_installed():
    words = "/bin/uv sync --frozen --inexact --no-progress --color never --project /p --python /v/bin/python"
    assert sync_command(UV, "/p", "/v/bin/python") == words.split()
    assert (str(UV), str(PIP)) == ("uv (/bin/uv)", "pip")


def test_offline_nothing_is_reached_and_the_users_proxies_count_no_more():
    environ = {"https_proxy": "http://proxy", "no_proxy": "*", "NO_PROXY": "*", "KEPT": "1", "COLUMNS": "20"}
    online = installer_environment(environ, temporary="/t", offline=False, may_link=False)
    assert (online["https_proxy"], online["no_proxy"], online["UV_LINK_MODE"]) == ("http://proxy", "*", "copy")
    assert "COLUMNS" not in online
    offline = installer_environment(environ, temporary="/t", offline=True, extra={"KEPT": "2"})
    assert not {"no_proxy", "NO_PROXY", "UV_LINK_MODE"} & offline.keys()
    proxies = {offline[name] for name in ("http_proxy", "https_proxy", "ALL_PROXY", "PIP_PROXY")}
    assert proxies == {"http://127.0.0.1:1"}
    assert (offline["PIP_RETRIES"], offline["UV_OFFLINE"], offline["KEPT"], offline["TMPDIR"]) == ("0", "1", "2", "/t")
    own = installer_environment({"UV_LINK_MODE": "symlink"}, temporary="/t", offline=False, may_link=False)
    assert own["UV_LINK_MODE"] == "symlink"


def test_uv_installs_where_there_is_one_unless_pip_is_asked_for():
    python, pip = "/v/bin/python", ("/v/bin/python", "-I", "-m", "pip")
    assert chosen_installer("auto", "/bin/uv", "/bin", python) == Installer("uv", ("/bin/uv",), "/bin")
    assert chosen_installer("uv", "/bin/uv", "/bin", python).kind == "uv"
    assert chosen_installer("pip", "/bin/uv", "/bin", python) == Installer("pip", pip, "/bin")
    assert chosen_installer("auto", None, "/bin", python) == Installer("pip", pip, "/bin")
    assert chosen_installer("auto", None, "", python, pip_wheel="/w.whl").command == (python, "-I", "/w.whl/pip")
    with pytest.raises(NotFound, match="uv is not on PATH"):
        chosen_installer("uv", None, "/bin", python)
