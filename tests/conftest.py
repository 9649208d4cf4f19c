"""What every test may ask for: a user's home, and the mirror of real archives."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from stage.home import Home
from stage.mirror import (
    NEEDS_REAL,
    SHARED,
    STAND_INS,
    has_real_archives,
    mirror_folder,
    need_real_archives,
    uses_stand_ins,
)

# Whoever started the suite in the background may have these ignored, and every process of a test would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)


# How long an example takes says more about who else uses the machine than about the program. Fixtures of one test are
# shared by its examples, which are written for that.
settings.register_profile(
    "steady", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("steady")

# What has a run of its own (tests/run), because the suite has to stay below five minutes: files, and parts of names.
_OWN_RUNS = {
    "faults": (
        *(
            "faults/test_venv_commands.py",
            "faults/test_store_commands.py",
            "faults/test_crowds.py",
            "faults/test_found.py",
        ),
        *(
            "test_doctor_cut_off.py",
            "test_move_faults.py",
            "test_move_journal.py",
            "test_venv_cut_off.py",
            "test_rebuild_cut_off.py",
        ),
        *("test_install_interrupted.py", "test_ended_by_a_signal.py", "killed_at"),
    ),
    "tools": (
        *(
            "test_doctor_creators.py",
            "test_doctor_owners.py",
            "test_owners_keep.py",
            "test_without_shims.py",
            "test_first_day.py",
            "test_install_script.py",
            "test_pyz.py",
            "test_ways_to_install.py",
            "test_release.py",
            "test_seed_interpreters.py",
        ),
        *("test_rebuild_its_index.py", "test_other_implementations.py", "test_relocation.py", "test_installers.py"),
        *("test_moved_backends.py", "test_rebuild_everything.py", "test_compilers.py", "test_newer_releases.py"),
        *("test_venv_like_venv.py", "real_wheels", "real_compiled", "every_kind_of_package"),
        "many_broken_venvs",
    ),
    "commands": (
        *("test_dry_run.py", "test_pypy.py", "effects/test_seed.py", "test_rebuild_keeps.py", "cli/test_rebuild.py"),
        *("test_trials.py", "test_borrows.py", "test_doctor_store.py", "test_upgrade.py", "test_schedule.py"),
        *("test_doctor_whole.py", "test_doctor_undo.py", "test_strangers_programs.py", "test_doctor_faults.py"),
        *("test_broken_and_newer.py", "test_all_users.py", "test_growing_list.py", "test_system_store.py"),
        *("test_install_faults.py", "test_writes_nowhere_else.py", "test_venv_unfinished.py", "test_doctor_moved.py"),
        *("test_kept_current.py", "test_project_venv.py", "test_variants.py", "test_staged_trees.py"),
        *("cli/test_venv.py", "cli/test_install.py", "test_search.py", "test_reasons.py", "cli/test_build.py"),
        *("cli/test_adopt.py", "effects/test_repairs.py", "test_folders_never_renamed.py", "cli/test_pin.py"),
        *("shims/test_shim.py", "contract/test_version_files.py", "cli/test_venvs.py", "test_moves_know.py"),
        *("cli/test_choose.py", "cli/test_uninstall.py", "test_changed.py", "test_waiting.py", "cli/test_cache.py"),
        *("test_from_pyenv.py", "test_counts_agree.py"),
    ),
    "machines": (
        "test_report_page.py",
        "test_cron.py",
        "test_ansible.py",
        "test_ansible_modules.py",
        "test_integrations.py",
    ),
    "docs": ("test_site.py", "test_transcripts_are_what_happens"),
    "build": ("test_real_builds.py",),
    "inputs": ("a_megabyte_of", "any_kind_and_size", "ten_megabytes"),
}
_LAW_IN_THE_SUITE = 0.25
"""Of the inputs that are written at a law, those that the suite tries; `tests/run --inputs` tries all."""

# In the order of their length, as `--durations=0` told it; whatever is not among them takes less than any of these.
_LONGEST = (
    *(
        "test_release",
        "test_dry_run",
        "test_pypy",
        "test_seed",
        "test_install_script",
        "test_rebuild_keeps",
        "test_rebuild",
        "test_shim",
    ),
    *(
        "test_trials",
        "test_borrows",
        "test_doctor_store",
        "test_upgrade",
        "test_venv",
        "test_version_files",
        "test_schedule",
        "test_installers",
    ),
    *(
        "test_doctor_whole",
        "test_doctor_undo",
        "test_readme",
        "test_strangers_programs",
        "test_install",
        "test_relocation",
    ),
    *(
        "test_seed_interpreters",
        "test_search",
        "test_venvs",
        "test_start_up",
        "test_choose",
        "test_doctor",
        "test_venv_commands",
        "test_store_commands",
        "test_crowds",
    ),
)


def pytest_configure(config: pytest.Config) -> None:
    """Runtimes that are installed once lie where all processes of a run find them, see stage/home.py."""
    for name in _OWN_RUNS:
        config.addinivalue_line("markers", f"{name}: part of `tests/run --{name}`")
    config.addinivalue_line("markers", "real_archives(why): stand-ins cannot serve this test, see stage/mirror.py")
    if not hasattr(config, "workerinput"):
        os.environ[SHARED] = tempfile.mkdtemp(prefix="pyman-test-shared-")
        named = os.environ.get("PYMAN_TEST_MIRROR")
        if "not commands" in config.option.markexpr and not named and not has_real_archives():
            # The suite makes do; what has a run of its own needs the real ones.
            os.environ["PYMAN_TEST_MIRROR"] = STAND_INS
        # xdist would begin with the files that have the most tests, which are not those that take the longest.
        config.option.loadscopereorder = False


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove them."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(SHARED), ignore_errors=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what stand-ins cannot serve."""
    for mark in item.iter_markers("real_archives"):
        need_real_archives(*mark.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out for want of real archives, and what all faults add up to."""
    if os.environ.get("PYMAN_TEST_FAULTS") == "all":
        from faults.tables import summarize

        summarize(terminalreporter)
    if not uses_stand_ins():
        return
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())]
    left_out = Counter(reason.partition(NEEDS_REAL)[2] for reason in reasons if NEEDS_REAL in reason)
    terminalreporter.section("stand-ins of the running Python instead of real archives")
    terminalreporter.line("left out:" if left_out else "nothing was left out")
    for why, number in left_out.most_common():
        terminalreporter.line(f"  {number:4} tests of {why}")


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Iterator[None]:
    """A report with a path that is no UTF-8 would end the run of every test beside it."""
    return _encodable((yield))


def _encodable(value: object) -> object:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(one) for key, one in value.items()}
    return type(value)(map(_encodable, value)) if type(value) in (list, tuple) else value


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin, so that at the end no process waits for another that has just begun one.

    PYMAN_TEST_EXAMPLES=50 tries fifty times as many inputs with every law as are written there, for a night or a release.
    """
    for item in items:
        for name, files in _OWN_RUNS.items():
            if any(part in item.name or str(item.path).endswith(part) for part in files):
                item.add_marker(name)
    items.sort(key=lambda item: _LONGEST.index(item.path.stem) if item.path.stem in _LONGEST else len(_LONGEST))
    factor = float(os.environ.get("PYMAN_TEST_EXAMPLES", _LAW_IN_THE_SUITE))
    # A law that stands there for several parameters is one function.
    laws = {getattr(item, "function", None) for item in items}
    for law in laws:
        known = getattr(law, "_hypothesis_internal_use_settings", None)
        if known is None and hasattr(law, "hypothesis"):
            known = settings()
        if known is not None:
            law._hypothesis_internal_use_settings = settings(
                known, max_examples=max(5, round(known.max_examples * factor)), suppress_health_check=list(HealthCheck)
            )


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs the suite."""
    for name in list(os.environ):
        if name.startswith(
            ("PYMAN_", "UV_PYTHON", "PYENV", "VIRTUAL_ENV", "PYTHONHOME", "PYTHONDONTWRITE", "XDG_")
        ) and not name.startswith("PYMAN_TEST"):
            monkeypatch.delenv(name)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home whose mirror is the one of real archives."""
    return Home(tmp_path, str(mirror_folder()))
