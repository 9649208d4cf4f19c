"""Findings about aliases, runtimes, interrupted work and the machine."""

import pytest

from pyman.core.diagnosis.store import (
    Interrupted,
    RuntimeState,
    diagnose_aliases,
    diagnose_certificates,
    diagnose_end_of_life,
    diagnose_newer,
    diagnose_own_python,
    diagnose_path,
    diagnose_runtimes,
    diagnose_unfinished,
)
from pyman.core.diagnosis.venv import ListedVenv
from pyman.core.immutable import replace
from pyman.core.scheduled_run import Waiting
from pyman.core.store import Alias, Runtime, Store
from pyman.core.venv import Interpreter
from pyman.core.version import Version

OLD = Runtime("3.13.5", Version(3, 13, 5), "default", "/s/runtimes/3.13.5")
NEW = Runtime("3.13.15", Version(3, 13, 15), "default", "/s/runtimes/3.13.15")
ADOPTED = Runtime("3.12.1", Version(3, 12, 1), "default", "/s/runtimes/3.12.1", "/home/u/.pyenv/versions/3.12.1")
GOOD = (Alias("3.13", "3.13.15"), Alias("3", "3.13"))


def found(findings):
    return [(each.code, each.kind, each.path, each.action, each.argument) for each in findings]


def test_aliases_that_are_right():
    assert diagnose_aliases(Store("/s", (NEW, OLD), GOOD)) == ()


def test_an_alias_that_lags_behind():
    [finding] = diagnose_aliases(Store("/s", (NEW, OLD), (Alias("3.13", "3.13.5"), Alias("3", "3.13"))))
    assert (finding.code, finding.kind, finding.path) == ("alias-stale", "alias", "/s/runtimes/3.13")
    assert (finding.severity, finding.repair, finding.action) == ("error", "point it at 3.13.15", "move-aliases")


def test_a_held_alias_is_right_where_it_is():
    assert diagnose_aliases(Store("/s", (NEW, OLD), (Alias("3.13", "3.13.5"), GOOD[1]), (("3.13", "3.13.5"),))) == ()


def test_missing_and_dangling_aliases():
    missing = diagnose_aliases(Store("/s", (NEW,), ()))
    assert found(missing) == [
        ("alias-dangling", "alias", "/s/runtimes/3.13", "move-aliases", "3.13"),
        ("alias-dangling", "alias", "/s/runtimes/3", "move-aliases", "3"),
    ]
    assert [(each.message, each.repair) for each in missing] == [
        ("it is missing, and 3.13.15 is installed", "point it at 3.13.15"),
        ("it is missing, and 3.13 is installed", "point it at 3.13"),
    ]
    dangling = diagnose_aliases(Store("/s", (NEW,), (Alias("3.13", "3.13.9"), GOOD[1])))
    assert [(each.code, each.message) for each in dangling] == [
        ("alias-dangling", "it points to 3.13.9, which does not exist")
    ]
    orphan = diagnose_aliases(Store("/s", (NEW,), (*GOOD, Alias("3.11", "3.11.2"))))
    assert [(each.code, each.message, each.repair) for each in orphan] == [
        ("alias-dangling", "it points to 3.11.2, and no release of that minor version is installed", "remove it")
    ]


def test_an_alias_that_leads_to_a_broken_runtime_leads_nowhere():
    """It moves because of that, and not for what the newer release fixes: nothing is said of fixes."""
    broken = replace(OLD, whole=False)
    [finding] = diagnose_aliases(Store("/s", (NEW, broken), (Alias("3.13", "3.13.5"), GOOD[1])))
    assert found([finding]) == [("alias-dangling", "alias", "/s/runtimes/3.13", "move-aliases", "3.13")]
    assert finding.message == "it points to 3.13.5, which is broken"
    assert (finding.repair, finding.move) == ("point it at 3.13.15", None)


def test_a_real_folder_in_the_place_of_an_alias_is_only_reported():
    [finding] = diagnose_aliases(Store("/s", (NEW,), (GOOD[1],), blocked=("3.13",)))
    assert found([finding]) == [("alias-blocked", "alias", "/s/runtimes/3.13", "", "")]
    assert (finding.message, finding.repair) == ("a folder or file takes the place of an alias", "move it away")


def test_runtimes():
    whole = RuntimeState(NEW, is_there=True, version=NEW.version)
    assert diagnose_runtimes([whole]) == ()
    lacking = RuntimeState(NEW, is_there=True, missing="its standard library", version=NEW.version)
    assert found(diagnose_runtimes([lacking])) == [("runtime-broken", "runtime", NEW.path, "reinstall", "3.13.15")]
    failing = RuntimeState(NEW, is_there=True, failure="it cannot import ssl")
    [finding] = diagnose_runtimes([failing])
    assert (finding.message, finding.repair) == ("it cannot import ssl", "install it again")
    assert diagnose_runtimes([lacking])[0].message == "it lacks its standard library"
    assert diagnose_runtimes([RuntimeState(NEW, is_there=False)])[0].message == "it is missing"


def test_adopted_runtimes():
    [gone] = diagnose_runtimes([RuntimeState(ADOPTED, is_there=False)])
    assert found([gone]) == [("adopted-gone", "runtime", ADOPTED.path, "forget-runtime", "3.12.1")]
    assert (gone.message, gone.repair) == ("its owner removed /home/u/.pyenv/versions/3.12.1", "forget it")
    changed = RuntimeState(ADOPTED, is_there=True, version=Version(3, 12, 9))
    [finding] = diagnose_runtimes([changed])
    assert found([finding]) == [("adopted-changed", "runtime", ADOPTED.path, "adopt-again", "3.12.1")]
    assert finding.message == "/home/u/.pyenv/versions/3.12.1 is 3.12.9 now"
    assert finding.repair == "adopt it again"
    [broken] = diagnose_runtimes([RuntimeState(ADOPTED, is_there=True, missing="its interpreter")])
    assert found([broken]) == [("runtime-broken", "runtime", ADOPTED.path, "", "")]
    assert broken.message == "it lacks its interpreter"
    assert broken.repair == "repair /home/u/.pyenv/versions/3.12.1 with the tool it belongs to"
    assert diagnose_runtimes([RuntimeState(ADOPTED, is_there=True)]) == ()


def test_interrupted_work():
    [finding] = diagnose_unfinished([Interrupted("/s/runtimes/.install-x", "install", "3.13.15")])
    assert found([finding]) == [("interrupted", "store", "/s/runtimes/.install-x", "sweep", "/s/runtimes/.install-x")]
    assert (finding.message, finding.repair) == ("install of 3.13.15 was interrupted", "finish or undo it")
    assert diagnose_unfinished([Interrupted("/s/runtimes/.x", "", "")])[0].message == "an operation was interrupted"


def listed(path, version, prefix="/home/u/python", uid=1000):
    minor = version.minor_name
    base = Interpreter(f"{prefix}/bin/python", prefix, minor, "default", version, None, 1, 1, uid)
    return ListedVenv(path, path, 1000, "venv", None, None, "external", "healthy", minor, None, base)


def test_minors_that_get_no_more_fixes():
    venvs = (
        listed("/a", Version(3, 9, 1)),
        listed("/b", Version(3, 13, 5)),
        listed("/c", Version(3, 9, 2), "/usr", 0),
        listed("/d", Version(3, 9, 2), "/usr", 1000),
    )
    old = Runtime("3.8.18", Version(3, 8, 18), "default", "/s/runtimes/3.8.18")
    system = Runtime("3.9.2", Version(3, 9, 2), "default", "/s/runtimes/3.9.2", "/usr")
    findings = diagnose_end_of_life(venvs, (NEW, old, system), {"3.9": "2025-10-31", "3.8": "2024-10-07"})
    assert {each.code for each in findings} == {"end-of-life"}
    assert [(each.kind, each.path, each.message) for each in findings] == [
        ("venv", "/a", "Python 3.9 reached end of life on 2025-10-31"),
        ("venv", "/d", "Python 3.9 reached end of life on 2025-10-31"),
        ("runtime", "/s/runtimes/3.8.18", "Python 3.8 reached end of life on 2024-10-07"),
    ]


def test_a_newer_patch_release():
    store = Store("/s", (NEW,), GOOD)
    [finding] = diagnose_newer(store, {"3.13": Version(3, 13, 16)})
    assert found([finding]) == [("update-available", "alias", "/s/runtimes/3.13", "upgrade", "3.13")]
    assert finding.severity == "info"
    assert finding.move == (NEW.version, None, Version(3, 13, 16), None)
    assert finding.message == "3.13.16 is available, and 3.13.15 is installed"
    assert finding.repair == "`pyman upgrade 3.13`"
    assert diagnose_newer(store, {"3.13": Version(3, 13, 15), "3.12": Version(3, 12, 9)}) == ()
    [held] = diagnose_newer(replace(store, holds=(("3.13", "3.13.15"),)), {"3.13": Version(3, 13, 16)})
    assert held.repair == "`pyman unhold 3.13`, then `pyman upgrade 3.13`"


@pytest.mark.parametrize(
    ("own", "path", "newest", "ended", "said"),
    [
        (Version(3, 13, 15), "/s/app/python/bin/python3.13", {}, {}, None),
        (
            Version(3, 13, 5),
            "/s/app/python/bin/python3.13",
            {},
            {},
            "pyman runs on Python 3.13.5, and 3.13.15 is available",
        ),
        (Version(3, 13, 15), "/x/bin/python3.13", {"3.13": Version(3, 13, 16)}, {}, "3.13.16 is available"),
        (Version(3, 12, 1), "/x/bin/python3.12", {"3.13": Version(3, 13, 16)}, {}, None),
        (Version(3, 12, 1), "/x/bin/python3.12", {}, {"3.12": "2028-10-31"}, "3.12, which reached end of life on 2028"),
        (Version(3, 13, 5), "/usr/bin/python3.13", {}, {"3.13": "2029-10-31"}, None),
        (
            Version(3, 14, 0, "rc1"),
            "/x/bin/python3.14",
            {"3.14": Version(3, 14, 0)},
            {},
            "3.14.0rc1, and 3.14.0 is available",
        ),
    ],
)
def test_the_python_that_pyman_runs_on(own, path, newest, ended, said):
    found = diagnose_own_python(own, path, "install again", Store("/s", (NEW,), GOOD), newest, ended)
    assert len(found) == (said is not None)
    for finding in found:
        assert (finding.code, finding.kind, finding.path, finding.repair) == (
            "own-python-outdated", "machine", path, "install again"
        )  # fmt: skip
        assert said in finding.message


def test_the_order_of_path():
    path = ("/usr/bin", "/s/shims")
    [finding] = diagnose_path("/s/shims", path, "/usr/bin/python")
    assert found([finding]) == [("path-order", "machine", "/s/shims", "", "")]
    assert finding.message == "/usr/bin/python comes before the shims on PATH"
    assert finding.repair == "put the shims first, as `pyman init` says"
    assert diagnose_path("/s/shims", path, "/s/shims/python") == ()
    assert diagnose_path("/s/shims", ("/usr/bin",), "/usr/bin/python") == ()
    assert diagnose_path("/s/shims", path, None) == ()


def test_an_alias_that_waits_for_what_uses_it():
    behind = Store("/s", (NEW, OLD), (Alias("3.13", "3.13.5"), Alias("3", "3.13")))
    users = ("a", "b", "c", "d", "e", "f", "g", "h", "i")
    [few] = diagnose_aliases(behind, [Waiting("3.13", "3.13.5", "3.13.15", users[:2])])
    assert (few.code, few.severity, few.action) == ("restart-needed", "info", "move-aliases")
    assert few.message == "it points to 3.13.5, not to 3.13.15, because it is in use: a, b"
    assert few.repair == "point it at 3.13.15, then restart what uses it"
    assert few.move == (OLD.version, None, NEW.version, None)
    [many] = diagnose_aliases(behind, [Waiting("3.13", "3.13.5", "3.13.15", users)])
    assert many.message.endswith(" …")
    # What waited when the alias led elsewhere says nothing about this.
    [moved] = diagnose_aliases(behind, [Waiting("3.13", "3.13.4", "3.13.15", users)])
    assert moved.code == "alias-stale"


def test_an_alias_that_the_store_beneath_has_a_newer_release_for():
    system = Store("/system", (replace(NEW, path="/system/runtimes/3.13.15"),), GOOD)
    own = Store("/s", (OLD,), (Alias("3.13", "3.13.5"), Alias("3", "3.13")), beneath=system)
    [finding] = diagnose_aliases(own)
    assert (finding.code, finding.message) == (
        "alias-stale",
        "it points to 3.13.5, and the system store has 3.13.15",
    )
    missing = diagnose_aliases(replace(own, aliases=(Alias("3", "3.13"),)))
    assert missing[0].message == "it is missing, and the system store has 3.13.15"
    # Who has no Python of their own uses the aliases beneath.
    assert diagnose_aliases(Store("/s", beneath=system)) == ()


def test_what_became_of_an_adopted_runtime():
    other = RuntimeState(ADOPTED, is_there=True, implementation="pypy")
    [finding] = diagnose_runtimes([other])
    assert found([finding]) == [("adopted-changed", "runtime", ADOPTED.path, "", "")]
    assert finding.message == "/home/u/.pyenv/versions/3.12.1 is PyPy now"
    assert finding.repair == "`pyman forget 3.12.1`"


def test_runtimes_that_are_not_simply_installed_again():
    broken = RuntimeState(NEW, is_there=True, failure="it cannot import ssl")
    [own] = diagnose_runtimes([replace(broken, runs_pyman=True)])
    assert found([own]) == [("runtime-broken", "runtime", NEW.path, "", "")]
    assert own.message == "it cannot import ssl"
    assert own.repair == "reinstall pyman on another Python, then install this one again"
    [built] = diagnose_runtimes([replace(broken, is_from_source=True)])
    assert found([built]) == [("runtime-broken", "runtime", NEW.path, "", "")]
    assert (built.message, built.repair) == ("it cannot import ssl", "`pyman install 3.13.15 --build`")


def test_runtimes_that_find_no_certificates():
    lacking = RuntimeState(NEW, is_there=True, without_certificates=("/etc/ssl", "/usr/lib/ssl"))
    [finding] = diagnose_certificates([lacking, RuntimeState(OLD, is_there=True)], "/etc/ca.pem")
    assert found([finding]) == [("no-certificates", "runtime", NEW.path, "", "")]
    assert finding.repair == "set SSL_CERT_FILE=/etc/ca.pem"
    assert finding.message == "it finds no certificates in /etc/ssl or /usr/lib/ssl, so https fails in it"
    [bare] = diagnose_certificates([lacking], None)
    assert bare.repair == "install the system's ca-certificates"


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (Interrupted("/p", "", "3.13.15"), "something of 3.13.15 was interrupted"),
        (
            Interrupted("/p", "venv", "/v", "/v.old"),
            "creating /v was interrupted, and what was there before is in /v.old",
        ),
        (Interrupted("/p", "rebuild", "/v"), "rebuilding /v was interrupted"),
        (Interrupted("/p", "install", "3.13.15"), "install of 3.13.15 was interrupted"),
    ],
)
def test_how_work_that_was_cut_off_is_told(work, message):
    assert diagnose_unfinished([work])[0].message == message
