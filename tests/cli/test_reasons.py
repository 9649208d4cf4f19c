"""What commands say of the vulnerabilities that a move fixes: the words of each, the identifiers, and when they are silent."""

from __future__ import annotations

import json
import os
import time

import pytest

from stage.home import Home
from stage.mirror import MINOR, NEW, OLD, OTHER_MINOR
from stage.server import Server

FIRST, LAST = (int(release.rpartition(".")[2]) for release in (OLD, NEW))
"""The patches of the two releases, between which there is at least one."""
TODAY = time.strftime("%Y-%m-%d", time.gmtime())
SHORT = "at least 3 known vulnerabilities, 1 critical, 1 high"
COUNTED = f"{SHORT}, rated by the PSF, known to {TODAY}"
IDS = ["CVE-2026-1003", "CVE-2026-1001", "CVE-2026-1002"]
KNOWN = {
    "known_to": TODAY,
    "at_least": 3,
    "by_severity": {"critical": 1, "high": 1, "medium": 0, "low": 0, "unrated": 1},
    "ids": IDS,
    "unknown_from": None,
}


def table(until=LAST):
    between = f"{MINOR}.{FIRST + 1}"
    rows = [
        {"id": IDS[2], "fixed": [between]},
        {"id": IDS[1], "severity": "high", "fixed": [between]},
        {"id": IDS[0], "severity": "critical", "fixed": [NEW]},
        {"id": "CVE-2026-1004", "severity": "high", "fixed": [between], "systems": ["windows"]},
    ]
    minors = {MINOR: {"until": until}, OTHER_MINOR: {"until": 20}}
    return json.dumps({"format": 1, "made": TODAY, "known_to": TODAY, "minors": minors, "advisories": rows})


@pytest.fixture
def old(home):
    """The older release and a venv that follows it; the newer one is in the mirror."""
    home.with_runtimes(OLD).pyman("venv", "--without-pip", "v")
    path = home.path / "advisories.json"
    path.write_text(table())
    home.environ["PYMAN_ADVISORIES_URL"] = str(path)
    return home


@pytest.fixture
def both(old):
    """Both releases are there; the venv follows the newer."""
    return old.with_runtimes(OLD, NEW)


def lines(result):
    return [line.strip() for line in result.out.splitlines()]


def test_upgrade_says_what_it_fixes_before_and_after(old):
    dry = old.json("upgrade", "--dry-run")
    assert [one["fixes"] for one in dry["moved"]] == [KNOWN]
    moves = f"{MINOR}: {OLD} -> {NEW}\n  fixes {COUNTED}\n"
    assert moves in old.pyman("upgrade", "--dry-run").out
    done = old.pyman("upgrade").out
    assert f"{MINOR}: {OLD} -> {NEW}\n  fixes {COUNTED}\n  1 venv now on {NEW}\n" in done


def test_install_says_it_where_an_alias_moves(old):
    assert f"fixes {COUNTED}" in lines(old.pyman("install", MINOR, "--dry-run"))
    assert old.json("install", MINOR)["moved"][0]["fixes"] == KNOWN
    assert "fixes" not in old.pyman("install", MINOR).out


def test_list_outdated_has_a_column(old):
    [row] = old.json("list", "--outdated")["outdated"]
    assert row["fixes"] == KNOWN
    shown = old.pyman("list", "--outdated")
    assert SHORT in shown.out
    assert f"vulnerabilities: rated by the PSF, known to {TODAY}\n" in shown.err


def test_info_lists_the_identifiers_of_a_python_and_of_a_venv(old):
    # What could be had is known from the list that was last read.
    assert old.json("info", OLD)["fixes"] is None
    old.pyman("list", "--available")
    for subject in (OLD, "v"):
        assert old.json("info", subject)["fixes"] == KNOWN
        shown = lines(old.pyman("info", subject))
        assert shown[shown.index(f"{NEW} fixes {COUNTED}") + 1] == ", ".join(IDS)
    assert old.json("list")["runtimes"][0]["fixes"] == KNOWN


def test_rollback_says_what_it_gives_up_and_unhold_what_it_fixes(both):
    assert f"  loses fixes for {COUNTED}\n" in both.pyman("rollback", MINOR, "--dry-run").out
    answer = both.json("rollback", MINOR)
    assert (answer["moved"][0]["from"], answer["moved"][0]["to"], answer["moved"][0]["fixes"]) == (NEW, OLD, KNOWN)
    # A hold that is old says what it blocks, wherever it is met.
    away = f"this blocks {NEW}, which fixes {COUNTED}"
    again = both.pyman("hold", MINOR)
    assert lines(again) == [f"{MINOR} is held at {OLD}; `pyman unhold {MINOR}` removes the hold", away]
    assert both.json("hold", MINOR) == {"schema": "pyman/1", "changed": [], "moved": [], "fixes": KNOWN}
    assert f"{MINOR} is held at {OLD}; {away}\n" in both.pyman("doctor").err
    assert away in lines(both.pyman("upgrade"))
    assert f"  fixes {COUNTED}\n" in both.pyman("unhold", MINOR).out
    assert "blocks" not in both.pyman("hold", MINOR).out


def test_pin_and_follow(both):
    assert "blocks" not in both.pyman("pin", "v").out
    down = both.pyman("pin", "v", OLD, "--yes").out
    assert f"\n  loses fixes for {COUNTED}\n" in down
    assert f"  this blocks {NEW}, which fixes {COUNTED}" in both.pyman("pin", "v").out
    assert both.json("pin", "v")["fixes"] == KNOWN
    [found] = both.json("doctor", "v")["findings"]
    assert found["message"].endswith(f"; this blocks {NEW}, which fixes {SHORT}")
    assert f"\n  fixes {COUNTED}\n" in both.pyman("follow", "v", "--dry-run").out
    assert both.json("follow", "v")["fixes"] == KNOWN


def test_uninstall_says_what_going_down_gives_up(both):
    refused = both.pyman("uninstall", NEW, status=1)
    assert f"going down to {OLD} loses fixes for {COUNTED}\n" in refused.err
    assert f"  loses fixes for {COUNTED}\n" in both.pyman("uninstall", NEW, "--relink", "--dry-run").out
    assert both.json("uninstall", NEW, "--relink")["moved"][0]["fixes"] == KNOWN


def test_doctor_and_report_say_it_once_for_each_pair(both):
    for name in ("a", "b"):
        both.run(both.runtimes / f"{OLD}/bin/python{MINOR}", "-m", "venv", "--without-pip", name)
    both.pyman("register", ".")
    answer = both.json("doctor", status=1)
    found = [one["message"] for one in answer["findings"] if one["code"] == "stale-patch"]
    assert len(found) == 2
    assert all(message.endswith(f"; {NEW} fixes {SHORT}") for message in found)
    assert answer["fixes"] == [{"from": OLD, "to": NEW, **KNOWN}]
    report = both.json("report")
    assert [one["message"] for one in report["findings"]] == [one["message"] for one in answer["findings"]]
    assert [one["fixes"] for one in report["runtimes"]] == [None, KNOWN]
    fixed = both.json("doctor", "--fix")
    assert [one["message"] for one in fixed["findings"] if one["status"] == "fixed"] == found
    both.pyman("report", "--html", "page.html")
    page = (both.project / "page.html").read_text()
    assert f"at least 3, 1 critical, 1 high (known to {TODAY})" in page


def test_update_available_says_it(old):
    [found] = old.json("doctor")["findings"]
    assert found["code"] == "update-available"
    assert found["message"] == f"{NEW} is available, and {OLD} is installed; {NEW} fixes {SHORT}"
    shown = old.pyman("doctor")
    assert f"{NEW} fixes {SHORT}" in shown.out
    assert shown.err.count(f"vulnerabilities: rated by the PSF, known to {TODAY}\n") == 1


def test_a_release_that_the_table_does_not_know_never_fixes_0(both):
    (both.path / "advisories.json").write_text(table(until=FIRST).replace(f'"{MINOR}.', f'"{MINOR}.1'))
    answer = both.pyman("rollback", MINOR)
    assert f"  what {NEW} fixes is not known here\n" in answer.out
    assert both.json("unhold", MINOR)["moved"][0]["fixes"] is None
    (both.path / "advisories.json").write_text(table(until=FIRST + 1))
    unknown = f"{MINOR}.{FIRST + 2} and later fix" if FIRST + 2 < LAST else f"{NEW} fixes"
    assert f"; what {unknown} is not known here\n" in both.pyman("rollback", MINOR).out
    assert f"; what {unknown} is not known here\n" in both.pyman("unhold", MINOR).out
    assert both.json("rollback", MINOR)["moved"][0]["fixes"]["unknown_from"] == f"{MINOR}.{FIRST + 2}"


def test_a_python_of_the_distribution_is_not_judged(home):
    if not os.path.exists("/usr/bin/python3"):
        pytest.skip("the system has no Python")
    home.pyman("adopt", "/usr/bin/python3")
    [system] = home.json("list")["runtimes"]
    assert system["fixes"] is None
    shown = lines(home.pyman("info", system["version"]))
    assert f"{system['version']} is patched by its distribution, not judged" in shown
    home.run("/usr/bin/python3", "-m", "venv", "--without-pip", "s")
    assert f"{system['version']} is patched by its distribution, not judged" in lines(home.pyman("info", "s"))
    assert home.json("info", "s")["fixes"] is None


def test_an_adopted_python_counts_where_its_folder_says_who_built_it(both):
    elsewhere = both.path / "opt/python"
    elsewhere.parent.mkdir()
    (both.runtimes / OLD).rename(elsewhere)
    os.remove(elsewhere / "pyman-runtime.toml")
    (both.runtimes / OLD).symlink_to(elsewhere)
    assert both.json("rollback", MINOR)["moved"][0]["fixes"] is None
    both.pyman("unhold", MINOR)
    versions = both.path / ".pyenv/versions"
    versions.mkdir(parents=True)
    # A link in pyenv's folder is not pyenv's.
    (versions / OLD).symlink_to(elsewhere)
    (both.runtimes / OLD).unlink()
    (both.runtimes / OLD).symlink_to(versions / OLD)
    assert both.json("rollback", MINOR)["moved"][0]["fixes"] is None
    both.pyman("unhold", MINOR)
    (versions / OLD).unlink()
    elsewhere.rename(versions / OLD)
    assert both.json("rollback", MINOR)["moved"][0]["fixes"] == KNOWN


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', "\x1b[31m"])
def test_a_table_that_is_none_changes_nothing_but_the_reason(both, content):
    (both.path / "advisories.json").write_text(content)
    both.environ["PYMAN_CONFIG"] = str(both.path / "config.toml")
    (both.path / "config.toml").write_text("")
    assert both.json("rollback", MINOR)["changed"] == [MINOR]


def test_the_setting_names_a_table_and_the_variable_goes_before_it(both):
    del both.environ["PYMAN_ADVISORIES_URL"]
    config = both.path / ".config/pyman/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'advisories-url = "{both.path}/advisories.json"\n')
    assert both.json("rollback", MINOR)["moved"][0]["fixes"]["ids"] == IDS
    both.environ["PYMAN_ADVISORIES_URL"] = str(both.path / "none.json")
    # Then it is the table that comes with pyman, which may not know this minor.
    assert (both.json("unhold", MINOR)["moved"][0]["fixes"] or {}).get("ids") != IDS
    config.write_text("advisories-url = 3\n")
    failed = both.json("doctor", status=2)["error"]
    assert (failed["code"], "`advisories-url` must be a string" in failed["message"]) == ("bad-settings", True)


def test_a_mirror_carries_the_table_also_over_http(old, tmp_path):
    folder = tmp_path / "mirror"
    planned = old.json("mirror", folder, NEW, "--dry-run")
    first = old.json("mirror", folder, NEW)
    assert planned["changed"] == first["changed"]
    assert str(folder / "advisories.json") in first["changed"]
    assert old.json("mirror", folder, NEW)["changed"] == []
    (tmp_path / "other").mkdir()
    other = Home(tmp_path / "other", str(folder)).with_runtimes(OLD)
    assert other.json("upgrade", "--dry-run", "--offline")["moved"][0]["fixes"] == KNOWN
    with Server(str(folder)) as server:
        other.environ["PYMAN_MIRROR"] = server.url
        assert other.json("upgrade", "--dry-run")["moved"][0]["fixes"] == KNOWN
        assert len(server.requests("/advisories.json")) == 1
        other.pyman("upgrade")
        # Commands that need no network do not use it for this.
        assert other.json("rollback", MINOR)["moved"][0]["fixes"] == KNOWN
        assert len(server.requests("/advisories.json")) == 1
    # An older one does not take its place.
    newer = json.loads((folder / "advisories.json").read_text())
    (folder / "advisories.json").write_text(json.dumps(newer | {"made": "2026-01-01", "known_to": "2026-01-01"}))
    assert old.json("mirror", folder, NEW)["changed"] == [str(folder / "advisories.json")]
    assert json.loads((folder / "advisories.json").read_text())["made"] == TODAY


def test_reports_of_others_are_read_as_text_and_numbers(both):
    both.pyman("rollback", MINOR)
    report = both.json("report")
    hostile = {
        "known_to": "<b>\x1b[31mnow", "at_least": 2, "by_severity": {"critical": 10**30, "high": "9", "odd": 1},
        "ids": ["<script>", 3, "CVE-2026-1"], "unknown_from": ["x"], "more": "x",
    }  # fmt: skip
    for fixes, kept in (
        (hostile, {"known_to": "<b>\x1b[31mnow", "at_least": 2,
                   "by_severity": dict.fromkeys(("critical", "high", "medium", "low", "unrated"), 0),
                   "ids": ["<script>", "CVE-2026-1"], "unknown_from": None}),
        ("35", None), ({"at_least": 3}, None), ({"known_to": "2026-10-01", "at_least": -1}, None), ([], None),
    ):  # fmt: skip
        report["runtimes"][0]["fixes"] = fixes
        (both.project / "other.json").write_text(json.dumps(report))
        merged = both.json("report", "--merge", "other.json", "--html", "page.html")
        assert merged["hosts"][0]["runtimes"][0]["fixes"] == kept
        page = (both.project / "page.html").read_text()
        assert "<b>" not in page
        assert "\x1b" not in page
