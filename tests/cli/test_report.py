"""`report`: the one object, reports of others put together, and the page."""

from __future__ import annotations

import json
import os
import re
import stat

import pytest

from stage.machine import Machine
from stage.mirror import NEW, OLD


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD, NEW)


def test_it_tells_what_the_other_commands_tell(machine):
    stale = machine.venv("stale", machine.python(OLD))
    machine.venv("good")
    machine.pyman("register", machine.path)
    # As a program that reads a pipe gets it.
    told = json.loads(machine.pyman("report").out)
    assert told == machine.pyman("report", "--json").json | {"time": told["time"]}
    assert set(told) == {
        "schema",
        "changed",
        "host",
        "user",
        "pyman",
        "time",
        "runtimes",
        "aliases",
        "venvs",
        "findings",
        "summary",
        "schedule",
    }
    assert told["host"] == os.uname().nodename
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["time"])
    listed = machine.pyman("list", "--json").json
    assert (told["runtimes"], told["aliases"]) == (listed["runtimes"], listed["aliases"])
    venvs = machine.pyman("venvs", "--json").json["venvs"]
    assert [{key: row[key] for key in row if key != "size"} for row in told["venvs"]] == venvs
    assert all(row["size"] > 0 for row in told["venvs"])
    doctor = machine.pyman("doctor", "--json", status=1).json
    assert (told["findings"], told["summary"]) == (doctor["findings"], doctor["summary"])
    assert [one["path"] for one in told["findings"] if one["code"] == "stale-patch"] == [str(stale)]


def test_a_size_is_measured_again_after_something_was_installed(machine):
    venv = machine.venv("shop")
    machine.pyman("register", venv)

    def size():
        return machine.pyman("report", "--json").json["venvs"][0]["size"]

    before = size()
    assert size() == before
    machine.give(venv)
    (library,) = venv.glob("lib/python3*/site-packages")
    (library / "data").write_bytes(b"x" * (1 << 20))
    assert size() > before + (1 << 20) - 1


def test_what_it_remembers_goes_with_the_cache(machine):
    machine.pyman("register", machine.venv("shop"))
    machine.pyman("report")
    cleaned = machine.pyman("cache", "clean", "--json").json
    assert f"{machine.cache}/sizes" in cleaned["changed"]
    assert not os.path.lexists(machine.cache / "sizes")


def test_reports_are_put_together_and_a_file_that_is_none_is_named(machine):
    told = machine.pyman("report", "--json").json
    for name in ("a", "b"):
        (machine.project / f"{name}.json").write_text(json.dumps(told | {"host": name}))
    (machine.project / "c.json").write_text("no report")
    merged = machine.pyman("report", "--merge", "a.json", "b.json", "--json").json
    assert [host["host"] for host in merged["hosts"]] == ["a", "b"]
    part = machine.pyman("report", "--merge", "a.json", "c.json", "gone.json", "--json", status=1)
    assert [host["host"] for host in part.json["hosts"]] == ["a"]
    assert part.json["error"]["code"] == "not-a-report"
    assert "c.json is not a pyman report" in part.err
    nothing = machine.pyman("report", "--merge", "c.json", status=1)
    assert (nothing.out, nothing.err.count("\n")) == ("", 2)
    for words in (["--merge"], ["a.json"]):
        assert machine.pyman("report", *words, status=2).err.startswith("error: ")


def test_the_page_holds_every_name_as_text_and_loads_nothing(machine):
    hostile = "</td><script>document.title='pwned'</script>\"'&\u202e"
    venv = machine.venv(f"odd {hostile.replace('/', '|')}")
    machine.pyman("register", venv)
    told = machine.pyman("report", "--html", "page.html", "--json").json
    page = (machine.project / "page.html").read_text()
    assert told["changed"] == [f"{machine.project}/page.html"]
    assert page.count("<script") == page.count("</script>") == 1
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(?:src|href|action|url)\s*[=(]", page)
    # The one script is the one that the policy names.
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    import base64
    import hashlib

    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    planned = machine.pyman("report", "--html", "other.html", "--dry-run", "--json").json
    assert (planned["changed"], planned["dry_run"]) == ([f"{machine.project}/other.html"], True)
    assert not (machine.project / "other.html").exists()
    assert "cannot be written" in machine.pyman("report", "--html", "gone/x.html", status=1).err


def test_a_page_takes_the_place_of_no_report_and_of_nothing_but_a_file(machine):
    told = json.dumps(machine.pyman("report", "--json").json)
    (machine.project / "one.json").write_text(told)
    os.symlink("one.json", machine.project / "link.json")
    os.mkfifo(machine.project / "pipe")
    for name, why in (
        ("one.json", "is one of the reports"),
        ("link.json", "is one of the reports"),
        ("pipe", "is not a file"),
    ):
        for more in ((), ("--dry-run",)):
            assert why in machine.pyman("report", "--merge", "one.json", "--html", name, *more, status=2).err
    assert (machine.project / "one.json").read_text() == told
    assert os.path.islink(machine.project / "link.json")
    assert stat.S_ISFIFO(os.lstat(machine.project / "pipe").st_mode)


def test_a_page_is_for_those_who_could_read_the_one_before_it(machine):
    def mode():
        return stat.S_IMODE(os.stat(machine.project / "page.html").st_mode)

    before = os.umask(0o077)
    try:
        machine.pyman("report", "--html", "page.html")
        assert mode() == 0o600
        os.chmod(machine.project / "page.html", 0o640)
        machine.pyman("report", "--html", "page.html")
        assert mode() == 0o640
    finally:
        os.umask(before)


def test_not_all_are_well_where_something_else_than_a_venv_is_broken(machine):
    told = machine.pyman("report", "--json").json | {"venvs": []}
    found = {"code": "runtime-broken", "severity": "error", "path": "/x", "message": "m"}
    (machine.project / "one.json").write_text(json.dumps(told | {"findings": [found]}))
    told = machine.pyman("report", "--merge", "one.json", "--html", "page.html")
    assert "; 1 finding\n" in told.out
    assert "all healthy" not in told.out
