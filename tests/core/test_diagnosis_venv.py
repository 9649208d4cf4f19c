"""What is wrong with a venv: every rule, by facts alone. effects/test_diagnosis.py has the same rules on real files."""

from __future__ import annotations

import pytest

from pyman.core.diagnosis.finding import (
    REBUILD,
    RECREATE,
    RELINK,
    DiagnosisContext,
    Finding,
    VenvContext,
    left_to_the_user,
    worst_first,
)
from pyman.core.diagnosis.venv import (
    WorkFolder,
    about_interpreter,
    diagnose_gone,
    diagnose_unreachable,
    diagnose_unsearched,
    diagnose_venv,
    diagnose_work_folder,
    list_venv,
    state_of_venv,
    unreachable_venv,
)
from pyman.core.immutable import replace
from pyman.core.pyvenv_cfg import parse_pyvenv_cfg
from pyman.core.request import parse_request
from pyman.core.scripts_and_modules import Abi, Contents, Modules, Named
from pyman.core.shared_files import SharedFile, summary
from pyman.core.venv import (
    CIRCLE,
    LONE_COPY,
    OTHER_COPY,
    SAME_COPY,
    SCRIPT,
    Entry,
    Library,
    OwnerLink,
    Problem,
    Stray,
    Way,
    stage_reason,
)
from pyman.core.version import Version
from stage.facts import RUNTIMES, base, cfg, following, pinned, within
from stage.stores import store

STORE = store("3.13.5", "3.13.15")
NEW = base("3.13.15")
OLD = base("3.13.5")


def context(**named):
    named.setdefault("store", STORE)
    named.setdefault("uid", 1000)
    return DiagnosisContext(**named)


def diagnose(facts, **named):
    return diagnose_venv(facts, context(**named))


def one(facts, **named):
    [finding] = diagnose(facts, **named)
    return finding


def test_a_venv_that_follows_is_healthy():
    assert diagnose(following()) == ()
    assert diagnose(following(), foreign=True, unfit={}, targets={}) == ()


BEHIND = within(f"{RUNTIMES}/3.13.5", OLD)
COPY = {"link": None, "interpreter": None, "way": None}
OTHER = base("3.12.1", "/opt/python")
USR = base("3.13.1", "/usr")
DEAD = {"interpreter": None, "link": None, "home_interpreter": None}


INTERPRETER_RULES = {
    "a file of it cannot be read": (
        {"problems": (Problem("/p/.venv/bin/python3", "permission denied"),)},
        ("unreadable", "python3 cannot be read: permission denied", None, ""),
    ),
    "it cannot be read itself": (
        {"problems": (Problem("/p/.venv", "permission denied"),)},
        ("unreadable", "it cannot be read: permission denied", None, ""),
    ),
    "GraalPy": (
        {"implementation": "graalpy"},
        (
            "other-implementation",
            f"it is a GraalPy venv, and {NEW.path} is CPython; pyman does not repair venvs of GraalPy",
            None,
            "",
        ),
    ),
    "GraalPy that is there": (
        {"implementation": "graalpy", "interpreter": replace(NEW, implementation="graalpy")},
        ("other-implementation", "it is a GraalPy venv; pyman does not repair venvs of GraalPy", None, ""),
    ),
    "GraalPy that is gone": (
        {"implementation": "graalpy", **DEAD},
        (
            "other-implementation",
            "it is a GraalPy venv, and its Python is gone; pyman does not repair venvs of GraalPy",
            None,
            "",
        ),
    ),
    "a copy of GraalPy, of which nothing tells whether it works": (
        {"implementation": "graalpy", **COPY, "copy": SAME_COPY},
        ("other-implementation", "it is a GraalPy venv; pyman does not repair venvs of GraalPy", None, ""),
    ),
    "a copy that may not be executed": (
        {**COPY, "copy": SAME_COPY, "entries": (Entry("python", "file", executable=False),)},
        ("not-executable", "bin/python is not executable", "refresh the copy", "refresh"),
    ),
    "an interpreter that may not be executed, and the alias leads to it": (
        {"interpreter": replace(NEW, executable=False)},
        ("not-executable", f"{NEW.path} is not executable", f"repair the Python in {NEW.prefix} first", ""),
    ),
    "an interpreter that may not be executed, and the alias leads elsewhere": (
        {**BEHIND, "interpreter": replace(OLD, executable=False)},
        ("not-executable", f"{OLD.path} is not executable", "relink to 3.13, which is 3.13.15", "relink"),
    ),
    "the packages of another minor": (
        {"libraries": (Library("python3.12", site_packages=True),)},
        (
            "minor-mismatch",
            "its packages are for 3.12, and it runs 3.13",
            "rebuild it for 3.13",
            "rebuild",
        ),
    ),
    "the packages of a minor that is there": (
        within("/opt/python", OTHER),
        ("minor-mismatch", "its packages are for 3.13, and it runs 3.12", "relink to 3.13, which is 3.13.15", "relink"),
    ),
    "packages of PyPy": (
        {"implementation": "pypy", "libraries": (Library("pypy3.11", site_packages=True),)},
        (
            "minor-mismatch",
            "its packages are for pypy3.11, and it runs 3.13",
            "`pyman install pypy3.11`, then repair it",
            "",
        ),
    ),
    "no folder of packages": (
        {"libraries": ()},
        (
            "minor-mismatch",
            "lib/python3.13/site-packages does not exist, so nothing that was installed can be imported",
            "rebuild it for 3.13; the packages that were installed are no longer known",
            "rebuild",
        ),
    ),
    "no folder of packages of a free-threaded one": (
        {"libraries": (), "interpreter": replace(NEW, variant="freethreaded")},
        (
            "minor-mismatch",
            "lib/python3.13t/site-packages does not exist, so nothing that was installed can be imported",
            "rebuild it for 3.13t; the packages that were installed are no longer known",
            "rebuild",
        ),
    ),
    "no home": (
        {"home": None, "home_way": None},
        ("dangling", "pyvenv.cfg does not set `home`", "relink to 3.13, which is 3.13.15", "relink"),
    ),
    "a home that is no path": (
        {"home": None, "home_way": None, "settings": cfg("home = bin\n")},
        (
            "dangling",
            "home is bin, which is not an absolute path",
            "relink to 3.13, which is 3.13.15",
            "relink",
        ),
    ),
    "a home that is gone": (
        {"home": "/gone/bin", "home_way": Way(("/gone/bin",))},
        ("dangling", "home is /gone/bin, which does not exist", "relink to 3.13, which is 3.13.15", "relink"),
    ),
    "a home in a circle": (
        {"home": "/round/bin", "home_way": Way(("/round/bin",), reason=CIRCLE)},
        ("dangling", "home is /round/bin, a circular link", "relink to 3.13, which is 3.13.15", "relink"),
    ),
    "a link that leads nowhere": (
        {**DEAD, "way": Way(("/p/.venv/bin/python", "/gone/bin/python3.13"))},
        (
            "dangling",
            "bin/python points to /gone/bin/python3.13, which does not exist",
            "relink to 3.13, which is 3.13.15",
            "relink",
        ),
    ),
    "links in a circle": (
        {
            **DEAD,
            "way": Way(
                ("/p/.venv/bin/python", "/p/.venv/bin/python3", "/p/.venv/bin/python", "/p/.venv/bin/python3"),
                reason=CIRCLE,
            ),
        },
        (
            "dangling",
            "bin/python is a circular link: python -> python3 -> python",
            "relink to 3.13, which is 3.13.15",
            "relink",
        ),
    ),
    "no bin/python": (
        {**DEAD, "way": Way(("/p/.venv/bin/python",))},
        ("dangling", "bin/python does not exist", "relink to 3.13, which is 3.13.15", "relink"),
    ),
    "no way known": (
        {**DEAD, "way": None},
        ("dangling", "bin/python does not exist", "relink to 3.13, which is 3.13.15", "relink"),
    ),
    "no python among the names": (
        {"entries": (Entry("python3", "link", "python"),)},
        ("dangling", "bin/python does not exist", "relink to 3.13, which is 3.13.15", "relink"),
    ),
    "a copy whose base is gone": (
        {**COPY, "copy": LONE_COPY, "home_interpreter": None},
        (
            "dangling",
            f"bin/python is a copy, and no interpreter is in {RUNTIMES}/3.13/bin",
            "relink to 3.13, which is 3.13.15",
            "relink",
        ),
    ),
    "no bin": (
        {**DEAD, "entries": (), "has_bin": False},
        ("dangling", "its bin folder does not exist", "rebuild it for 3.13", "rebuild"),
    ),
    "pinned to a release that is gone": (
        {**pinned("3.13.9"), **DEAD},
        (
            "dangling",
            f"bin/python points to {NEW.path}, which does not exist",
            "install 3.13.9 again",
            "install",
        ),
    ),
    "link and home of two releases": (
        {"home": f"{RUNTIMES}/3.13.5/bin", "home_way": Way((), (), f"{RUNTIMES}/3.13.5/bin"), "home_interpreter": OLD},
        (
            "mixed",
            "bin/python belongs to 3.13.15, but home to 3.13.5",
            "relink to 3.13, which is 3.13.15",
            "relink",
        ),
    ),
    "link and home of two places, of which one has no interpreter": (
        {"home": "/x/bin", "home_way": Way((), (), "/x/bin"), "home_interpreter": None},
        (
            "mixed",
            f"bin/python points to {RUNTIMES}/3.13/bin/python3.13, but home is /x/bin",
            "relink to 3.13, which is 3.13.15",
            "relink",
        ),
    ),
    "a name that is missing": (
        {"strays": (Stray(Entry("python3", "missing"), "/p/.venv/bin/python3"),)},
        ("mixed", "bin/python3 does not exist", "make bin/python3 the same as bin/python", "repair-names"),
    ),
    "a name that is a copy": (
        {"strays": (Stray(Entry("python3", "file"), "/p/.venv/bin/python3"),)},
        (
            "mixed",
            "bin/python3 is a copy of a different Python than bin/python",
            "make bin/python3 the same as bin/python",
            "repair-names",
        ),
    ),
    "a name that leads elsewhere": (
        {"strays": (Stray(Entry("python3", "link", "/usr/bin/python3"), "/usr/bin/python3.13"),)},
        (
            "mixed",
            f"bin/python3 points to /usr/bin/python3.13, but bin/python to {NEW.path}",
            "make bin/python3 the same as bin/python",
            "repair-names",
        ),
    ),
    "a name that leads elsewhere, beside a copy of nobody knows what": (
        {**COPY, "copy": OTHER_COPY, "strays": (Stray(Entry("python3", "link", "/x"), "/x"),)},
        (
            "mixed",
            "bin/python3 points to /x, but bin/python to another Python",
            "make bin/python3 the same as bin/python",
            "repair-names",
        ),
    ),
    "a venv of a venv": (
        {"outer": "/outer", "base_home": "/usr/bin"},
        ("nested", "home is in another venv, /outer; its base is /usr/bin", "relink to its base", "relink"),
    ),
    "a venv of a venv without a base": ({"outer": "/outer"}, ("nested", "home is in another venv, /outer", None, "")),
    "no standard library, and the alias leads there": (
        {"home_library": None, "interpreter": replace(NEW, library=None)},
        (
            "no-stdlib",
            f"neither {RUNTIMES}/3.13/bin nor {NEW.path} has a standard library beside it",
            "repair that Python first",
            "",
        ),
    ),
    "no standard library, and the alias leads elsewhere": (
        {**BEHIND, "home_library": None, "interpreter": replace(OLD, library=None)},
        (
            "no-stdlib",
            f"neither {RUNTIMES}/3.13.5/bin nor {OLD.path} has a standard library beside it",
            "relink to 3.13, which is 3.13.15",
            "relink",
        ),
    ),
    "a script": (
        {**COPY, "copy": SCRIPT},
        ("copied-binary", "bin/python is a script, not an interpreter", None, ""),
    ),
    "a script without a home": (
        {**COPY, "copy": SCRIPT, "home": None, "home_way": None},
        ("dangling", "pyvenv.cfg does not set `home`", "`pyman rebuild` recreates it: bin/python is a script", ""),
    ),
    "a copy of another build": (
        {**COPY, "copy": OTHER_COPY},
        (
            "copied-binary",
            "bin/python is a copy of a different build than 3.13.15, whose library it uses",
            "refresh the copy",
            "refresh",
        ),
    ),
    "linked to an older release": (
        BEHIND,
        (
            "stale-patch",
            "linked directly to 3.13.5, so it gets no patch releases; 3.13 points at 3.13.15",
            "relink to 3.13, which is 3.13.15",
            "relink",
        ),
    ),
    "linked to the newest release": (
        within(f"{RUNTIMES}/3.13.15", NEW),
        (
            "unfollowed",
            "linked directly to 3.13.15, so it gets no patch releases",
            "relink to 3.13, which is 3.13.15",
            "relink",
        ),
    ),
    "pinned below the newest": ({**pinned("3.13.5"), **BEHIND}, ("pinned", "pinned to 3.13.5, and 3.13.15 is installed", None, "")),
    "packages whose files are gone": (
        {"contents": Contents(missing=("numpy", "pandas", "scipy"))},
        (
            "unreadable",
            "the files of numpy and of 2 more packages are missing",
            "`pyman rebuild /p/.venv --force` installs its packages again",
            "",
        ),
    ),
    "a file that no start depends on": (
        {"problems": (Problem("/p/.venv/lib/python3.13/site-packages/RECORD", "a pipe"),)},
        ("unreadable", "RECORD cannot be read: a pipe", None, ""),
    ),
    "an editable install whose source is gone": (
        {"contents": Contents(gone_sources=(("blog", "/src/blog"),))},
        (
            "editable-gone",
            "the source of the editable install blog does not exist: /src/blog",
            "put it back, or install it from where it is now",
            "",
        ),
    ),
    "scripts that may not be executed": (
        {"contents": Contents(not_executable=("pip", "pip3", "black"))},
        ("not-executable", "bin/pip and 2 more are not executable", "make them executable", "repair-modes"),
    ),
    "one file that is hidden": (
        {"contents": Contents(hidden=("/p/.venv/lib/a.pth",))},
        (
            "hidden-pth",
            "a.pth is hidden, so Python ignores it",
            "replace it with a file that is not hidden",
            "show-files",
        ),
    ),
    "two files that are hidden": (
        {"contents": Contents(hidden=("/p/.venv/lib/a.pth", "/p/.venv/lib/b.pth"))},
        (
            "hidden-pth",
            "a.pth and 1 more are hidden, so Python ignores them",
            "replace them with files that are not hidden",
            "show-files",
        ),
    ),
    "a module of another minor": (
        {
            "abi": Abi("3.13", "default", "x86_64-linux-gnu"),
            "contents": Contents(modules=(Modules(("cpython-312-x86_64-linux-gnu",), 1, "yaml/_yaml.so"),)),
        },
        (
            "wrong-abi",
            "yaml/_yaml.so is compiled for cpython-312 x86_64-linux-gnu, which 3.13 cannot load",
            "rebuild it for 3.13",
            "rebuild",
        ),
    ),
    "modules of another processor": (
        {
            "abi": Abi("3.13", "default", None, frozenset(("x86_64",))),
            "contents": Contents(modules=(Modules(("abi3@aarch64",), 3, "cryptography/_rust.so"),)),
        },
        (
            "wrong-abi",
            "cryptography/_rust.so and 2 more modules are compiled for aarch64, which 3.13 cannot load",
            "rebuild it for 3.13",
            "rebuild",
        ),
    ),
    "modules that fit": (
        {
            "abi": Abi("3.13", "default", "x86_64-linux-gnu"),
            "contents": Contents(
                not_executable=("pip",), modules=(Modules(("cpython-313-x86_64-linux-gnu",), 1, "a.so"),)
            ),
        },
        ("not-executable", "bin/pip is not executable", "make it executable", "repair-modes"),
    ),
    "a place that activation names": (
        {"moved_from": "/old/.venv"},
        ("moved", "its scripts and activation refer to /old/.venv", "rewrite its scripts", "repair-moved"),
    ),
    "scripts of a venv that is gone": (
        {"contents": Contents(named=(Named("/old/.venv/bin/python", is_gone=True, scripts=("pip", "pip3")),))},
        (
            "moved",
            "bin/pip and 1 more script run /old/.venv/bin/python, which does not exist",
            "rewrite its scripts",
            "repair-moved",
        ),
    ),
    "a script of another venv, beside an editable install that is explained by it": (
        {
            "contents": Contents(
                named=(Named("/b/bin/python", is_gone=False, scripts=("pip",)),), gone_sources=(("x", "/x"),)
            )
        },
        ("moved", "bin/pip runs /b/bin/python, the Python of another venv", "rewrite its scripts", "repair-moved"),
    ),
    "a home of another way": (
        {"settings": cfg("home = /x/bin\n")},
        (
            "stale-metadata",
            f"pyvenv.cfg says home = /x/bin, but bin/python points to {RUNTIMES}/3.13/bin",
            "rewrite that line",
            "rewrite",
        ),
    ),
    "a version line of another release": (
        {"settings": cfg("version = 3.13.5\n")},
        (
            "stale-metadata",
            "pyvenv.cfg says version = 3.13.5, but 3.13.15 runs",
            "rewrite that line",
            "rewrite",
        ),
    ),
    "two version lines of another release": (
        {"settings": cfg("version = 3.13.5\nversion_info = 3.13.5.final.0\n")},
        (
            "stale-metadata",
            "pyvenv.cfg says version = 3.13.5, version_info = 3.13.5.final.0, but 3.13.15 runs",
            "rewrite those lines",
            "rewrite",
        ),
    ),
    "compiled for a pre-release, which a line still names": (
        {"compiled": True, "settings": cfg("version = 3.13.15rc1\n")},
        ("wrong-abi", "its packages were compiled for a pre-release", "rebuild it for 3.13", "rebuild"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", INTERPRETER_RULES)
def test_the_rules(case):
    changes, (code, message, repair, action) = INTERPRETER_RULES[case]
    first = diagnose(following(**changes))[0]
    assert (first.code, first.message, first.repair, first.action) == (code, message, repair, action)
    assert (first.kind, first.path) == ("venv", "/p/.venv")
    assert first.asks is (action == "rebuild")
    # What a repair is about: the alias to rebuild for, or the release to install.
    about = {"rebuild": ("3.13", "3.13t"), "install": ("3.13.9",)}
    assert first.argument in about.get(action, ("",))


def test_without_packages_no_implementation_tells_them_apart():
    """A venv whose interpreter has no minor, or is gone, is not judged by its packages."""
    nameless = replace(NEW, minor="", version=None)
    assert diagnose(following(interpreter=nameless)) == ()


def test_what_the_alias_was_judged_by_before():
    """`targets` says what others found out already: nothing is looked up again."""
    facts = following(**BEHIND)
    assert diagnose(facts, targets={facts.path: None}) == ()
    assert one(facts, targets={"/other": None}).code == "stale-patch"


@pytest.mark.parametrize(
    ("facts", "runtimes", "repair", "action", "argument"),
    [
        (following(**DEAD), (), "install 3.13 and relink to it", "install", "3.13"),
        (following(**DEAD, libraries=()), (), None, "", ""),
        (following(**DEAD, **pinned("3.13.5")), ("3.13.15", "3.13.5"), "relink to 3.13.5", "relink", ""),
    ],
)
def test_where_there_is_nothing_to_link_to(facts, runtimes, repair, action, argument):
    finding = one(facts, store=store(*runtimes))
    assert (finding.code, finding.repair, finding.action, finding.argument) == ("dangling", repair, action, argument)
    assert finding.asks is (action == "install")


def test_an_alias_that_is_missing_comes_back():
    finding = one(following(**DEAD), store=store("3.13.15", reconciled=False))
    assert (finding.repair, finding.action, finding.argument) == ("point 3.13 at 3.13.15", "move-aliases", "3.13")


def test_a_pinned_venv_that_can_only_follow_is_told_so():
    """Its release is there and broken: the alias is what is left."""
    facts = following(**DEAD, **pinned("3.13.5"))
    finding = one(facts, store=store("3.13.15", "3.13.5!"))
    assert finding.repair == "relink to 3.13, which is 3.13.15: it follows from then on"


def test_a_link_of_the_owners_own_is_a_target():
    uv = base("3.12.4", "/uv/cpython-3.12.4")
    facts = following(
        **within("/uv/cpython-3.12.1", base("3.12.1", "/uv/cpython-3.12.1")),
        libraries=(Library("python3.12", site_packages=True),),
        owner_link=OwnerLink("/uv/cpython-3.12", uv),
    )
    dead = replace(facts, interpreter=None, home_interpreter=None)
    assert one(dead).repair == "relink to 3.12 at /uv/cpython-3.12, which is 3.12.4"


def test_another_architecture():
    why = {"/p/.venv": "3.13.15 is built for arm64"}
    dead = one(following(**DEAD), other_architecture=why)
    assert (dead.repair, dead.action, dead.argument, dead.asks) == ("rebuild it for 3.13", "rebuild", "3.13", True)
    assert dead.message.endswith("; 3.13.15 is built for arm64")
    # One that works is only behind, and not worse off for that.
    behind = one(following(**BEHIND), other_architecture=why)
    assert (behind.code, behind.action) == ("held-back", "")
    assert behind.message == "kept on 3.13.5 while 3.13 points at 3.13.15: 3.13.15 is built for arm64"
    assert diagnose(following(**within(f"{RUNTIMES}/3.13.15", NEW)), other_architecture=why) == ()
    nested = following(outer="/outer", base_home="/usr/bin")
    rebuilt = one(nested, other_architecture=why)
    assert (rebuilt.code, rebuilt.action, rebuilt.argument) == ("nested", "rebuild", "3.13")
    copied = following(**COPY, copy=OTHER_COPY)
    assert one(copied, other_architecture=why).action == "rebuild"
    # A copy is not refreshed from what it cannot run; the next rule that applies counts.
    entry = (Entry("python", "file", executable=False),)
    assert diagnose(following(**COPY, copy=SAME_COPY, entries=entry), other_architecture=why) == ()


def held(reason="", **changes):
    settings = cfg(f"pyman-policy = follow\npyman-held-back = 3.13.5 {reason}\n")
    return following(**{**BEHIND, "settings": settings, **changes})


@pytest.mark.parametrize(
    ("facts", "unfit", "why", "repair", "action"),
    [
        (held("numpy 1.0 needs <3.13.10"), None, "numpy 1.0 needs <3.13.10", "tried again when the alias moves", ""),
        (held(), None, "no reason is given", "tried again when the alias moves", ""),
        (held("old"), {"/p/.venv": "numpy does not load"}, "numpy does not load", None, ""),
        (
            held("trial: `pytest` fails on 3.13.15: 1 failed"),
            {},
            "trial: `pytest` fails on 3.13.15: 1 failed",
            "`pyman upgrade --try` tries it again; `pyman follow` moves it",
            "",
        ),
        (held("old"), {}, "old", "it fits now: relink to 3.13, which is 3.13.15", "relink"),
    ],
)
def test_a_venv_that_is_held_back(facts, unfit, why, repair, action):
    finding = one(facts, unfit=unfit)
    assert (finding.code, finding.repair, finding.action) == ("held-back", repair, action)
    assert finding.message == f"kept on 3.13.5 while 3.13 points at 3.13.15: {why}"
    assert finding.move == (Version(3, 13, 5), OLD.prefix, Version(3, 13, 15), f"{RUNTIMES}/3.13.15")
    assert not finding.is_open


@pytest.mark.parametrize(
    "changes",
    [
        {"interpreter": None, "copy": OTHER_COPY},
        {"settings": cfg("pyman-policy = follow\npyman-held-back = 3.13.4 old\n")},
        within(f"{RUNTIMES}/3.13.15", NEW),
        {"strays": (Stray(Entry("python3", "missing"), "/x"),)},
        {"libraries": (Library("python3.13", site_packages=False),)},
        {"entries": (Entry("python", "file", executable=False),)},
    ],
    ids=["unknown", "moved on", "newest", "a name is missing", "no packages", "not executable"],
)
def test_a_line_about_being_held_back_that_counts_no_more(changes):
    assert "held-back" not in {each.code for each in diagnose(held("old", **changes))}


def lent(**changes):
    """Its base lends it packages."""
    settings = parse_pyvenv_cfg("include-system-site-packages = true\npyman-policy = follow\n")
    return following(**{**BEHIND, "settings": settings, **changes})


def test_a_repair_that_would_take_lent_packages_away_asks():
    key = ("/p/.venv", f"{RUNTIMES}/3.13/bin")
    unknown = one(lent())
    assert (unknown.code, unknown.instead_of, unknown.action, unknown.asks) == (
        "borrows",
        "stale-patch",
        "relink",
        True,
    )
    assert unknown.message.endswith("; but it may use packages of its base, which 3.13.15 does not have")
    assert unknown.repair == "relink to 3.13, which is 3.13.15, without these packages"
    told = one(lent(), losses={key: ("numpy 1.26",)})
    assert told.message.endswith("; but it uses numpy 1.26, which 3.13.15 does not have")
    assert one(lent(), losses={key: ()}).code == "stale-patch"
    # A rebuild, or what does nothing, takes nothing away.
    assert one(lent(libraries=())).code == "minor-mismatch"


def test_what_is_held_back_for_lent_packages():
    settings = parse_pyvenv_cfg("include-system-site-packages = true\npyman-held-back = 3.13.5 old\n")
    key = ("/p/.venv", f"{RUNTIMES}/3.13/bin")
    finding = one(lent(settings=settings), unfit={}, losses={key: ("numpy 1.26",)})
    assert finding.message.endswith(": 3.13.5 lends it numpy 1.26")
    assert finding.action == ""


def test_packages_that_fitted_an_older_release():
    facts = following()
    finding = one(facts, incompatible={"/p/.venv": ("3.13.5", "numpy does not load")})
    assert (finding.code, finding.message, finding.action, finding.argument) == (
        *("incompatible", "numpy does not load", "hold-back"),
        "3.13.5",
    )
    both = lent(**within(f"{RUNTIMES}/3.13", NEW))
    asks = one(both, incompatible={"/p/.venv": ("3.13.5", "numpy does not load")})
    assert (asks.code, asks.instead_of) == ("borrows", "incompatible")
    assert "which 3.13.5 does not have" in asks.message
    gone = one(both, incompatible={"/p/.venv": ("3.13.4", "numpy does not load")})
    assert gone.code == "incompatible"


def test_a_venv_whose_making_was_cut_off():
    plain = one(following(), unfinished={"/p/.venv": ()})
    assert (plain.code, plain.message, plain.action, plain.asks) == (
        *("unfinished", "its creation was interrupted", "recreate"),
        True,
    )
    assert plain.repair == "recreate it with what is in it; `pyman register /p/.venv` keeps it as it is"
    files = one(following(), unfinished={"/p/.venv": ("/p/a.txt", "/p/b.txt")})
    assert files.message == "installing a.txt and b.txt into it was interrupted"
    assert files.repair.startswith("recreate it with what is in it and install a.txt and b.txt; ")
    assert diagnose(following(), unfinished={"/other": ()}) == ()


def test_a_build_of_ones_own_is_not_behind():
    facts = following(**within(f"{RUNTIMES}/3.13.5+source", base("3.13.5", f"{RUNTIMES}/3.13.5+source")))
    assert diagnose(facts) == ()


def test_what_was_compiled_for_a_pre_release_is_rebuilt():
    early = store("3.14.0rc1", "3.14.0")
    facts = following(
        **within(f"{RUNTIMES}/3.14.0rc1", base("3.14.0rc1")),
        libraries=(Library("python3.14", site_packages=True),),
    )
    assert one(facts, store=early).code == "stale-patch"
    compiled = one(replace(facts, compiled=True), store=early)
    assert (compiled.code, compiled.action, compiled.argument) == ("wrong-abi", "rebuild", "3.14")
    assert (
        diagnose(replace(facts, compiled=True, interpreter=None, link=None, copy=OTHER_COPY, home_interpreter=None))
        == ()
    )


def test_a_venv_that_does_not_fit_stays_behind():
    finding = one(following(**BEHIND), unfit={"/p/.venv": "numpy needs <3.13.10"})
    assert (finding.code, finding.action) == ("held-back", "")
    assert finding.message == "kept on 3.13.5 while 3.13 points at 3.13.15: numpy needs <3.13.10"
    # What the newer release fixes is told with it, as for one that is moved.
    assert (
        finding.move == one(following(**BEHIND)).move == (Version(3, 13, 5), OLD.prefix, Version(3, 13, 15), NEW.prefix)
    )


def test_a_newer_release_than_the_alias_has_is_left_alone():
    assert diagnose(following(**BEHIND), store=store("3.13.2")) == ()


def test_pinned_to_the_newest():
    assert diagnose(following(**pinned("3.13.15"), **within(f"{RUNTIMES}/3.13.15", NEW))) == ()


def test_metadata_of_pipx_is_left_to_it():
    wrong = {"settings": cfg("version = 3.13.5\n")}
    assert one(following(**wrong, creator="pipx")).code == "stale-metadata"
    assert diagnose(following(**wrong, creator="pipx", foreign=True)) == ()


FIXABLE = {"contents": Contents(not_executable=("pip",))}


@pytest.mark.parametrize(
    ("changes", "allowed", "repair"),
    [
        ({"uid": 1001}, False, "owned by another user; that user must repair it"),
        (
            {"only_named": True, "folder": "/elsewhere/venv"},
            False,
            "`pyman doctor /elsewhere/venv --fix` repairs it: it is outside of the project whose .venv points to it",
        ),
        (
            {"only_named": True},
            False,
            "`pyman doctor /p/.venv --fix` repairs it: it is outside of the project that names it",
        ),
        (
            {"not_written": "bin is a link"},
            False,
            "not repaired: bin is a link, and pyman writes only into a venv's own folders",
        ),
    ],
)
def test_what_is_not_the_users_to_touch(changes, allowed, repair):
    finding = diagnose(following(**FIXABLE, **changes))[0]
    assert (finding.repair, finding.action, finding.asks) == (repair, "", False)


def test_what_another_tool_owns_is_left_to_it_unless_that_is_allowed():
    facts = following(**BEHIND, foreign=True, creator="poetry")
    told = one(facts)
    assert (told.action, told.asks) == ("", False)
    assert told.repair == "run `pyman doctor /p/.venv --fix --foreign`"
    assert one(facts, foreign=True).action == "relink"
    scripts = replace(facts, **within(f"{RUNTIMES}/3.13", NEW), **FIXABLE)
    assert diagnose(scripts)[0].action == ""


def test_a_tree_that_may_be_packed_asks_first():
    finding = one(following(**FIXABLE, folder="/build/p/.venv", meant_for="/p/.venv"))
    assert finding.asks
    assert finding.repair == "after confirmation: make it executable"
    assert finding.message == f"bin/pip is not executable; {stage_reason('/build/p/.venv', '/p/.venv')}"


def shared(*files):
    return {"shared": summary(files, "user app")}


def test_files_that_others_may_change():
    plain = one(following(**shared(SharedFile("lib/a.py", "foreign", "copy", linked=True))))
    assert (plain.code, plain.repair, plain.action) == ("shared-files", "give it its own copies", "own-files")
    doubtful = one(following(**shared(SharedFile("lib/a.py", "writable", "doubt", linked=True))))
    assert (doubtful.repair, doubtful.action) == ("`pyman rebuild /p/.venv --force` installs its packages again", "")


@pytest.mark.parametrize(
    ("changes", "rest"),
    [
        # What cannot be read is not said twice.
        ({"problems": (Problem("/p/.venv/bin", "no"), Problem("/p/.venv/x", "no"))}, []),
        # Nothing of another implementation is repaired.
        ({"implementation": "graalpy", **FIXABLE}, []),
        # Which modules fit is not known before the Python is the right one.
        ({**DEAD, "abi": Abi("3.13", "default", "x"), "contents": Contents(modules=(Modules(("cpython-312-x",), 1, "a.so"),))}, []),
        ({**COPY, "copy": SAME_COPY, "entries": (Entry("python", "file", executable=False),), **FIXABLE}, []),
        # A relink rewrites the lines of versions as well.
        ({**BEHIND, "settings": cfg("version = 3.13.4\n")}, []),
        ({**BEHIND, **pinned("3.13.5"), **FIXABLE}, ["not-executable"]),
    ],
)  # fmt: skip
def test_what_else_is_said(changes, rest):
    assert [each.code for each in diagnose(following(**changes))[1:]] == rest


def test_the_worst_is_the_state():
    info, warning = Finding("pinned", "venv", "/p", ""), Finding("stale-patch", "venv", "/p", "")
    error = Finding("dangling", "venv", "/p", "")
    elsewhere, alias = Finding("dangling", "venv", "/q", ""), Finding("alias-stale", "alias", "/p", "")
    assert state_of_venv((elsewhere, alias), "/p") == "healthy"
    assert state_of_venv((elsewhere, alias, info), "/p") == "pinned"
    assert state_of_venv((info, warning, elsewhere), "/p") == "stale-patch"
    assert worst_first((info, elsewhere, warning, error)) == (error, elsewhere, warning, info)


def test_places_that_hold_no_venv():
    assert (diagnose_gone("record", "/p").action, diagnose_gone("record", "/p").argument) == ("forget", "record")
    assert "`pyman forget '/a b'`" in diagnose_unreachable("/a b").message
    unsearched = diagnose_unsearched("/x")
    assert (unsearched.code, unsearched.kind, unsearched.path) == ("unsearched", "machine", "/x")


WORK = WorkFolder("/p/.work", 1000, tuple("abcdefg"))
WHOLE = replace(WORK, venv="/p/.venv")


@pytest.mark.parametrize(
    ("found", "uid", "is_free", "named", "holds", "repair", "action"),
    [
        (WORK, 1000, False, False, "contains a, b, c, d, e and 2 more", "delete it if nothing in it is needed: `rm -r /p/.work`", ""),
        (replace(WORK, holds=("a", "b")), 1000, True, True, "contains a, b,", "delete it if nothing in it is needed: `rm -r /p/.work`", ""),
        (replace(WORK, holds=()), 1000, False, False, "is empty", "delete it if nothing in it is needed: `rm -r /p/.work`", ""),
        (WORK, 0, True, True, "contains a", "owned by another user; that user must repair it", ""),
        (WHOLE, 1000, True, True, "contains a complete copy of the venv /p/.venv", "restore it to /p/.venv", "restore"),
        (WHOLE, 1000, True, False, "contains a complete", "`pyman doctor --fix /p/.work` restores it", ""),
        (WHOLE, 1000, False, True, "contains a complete", "delete it if nothing in it is needed: `rm -r /p/.work`", ""),
    ],
)  # fmt: skip
def test_a_folder_for_work_that_nobody_knows_of(found, uid, is_free, named, holds, repair, action):
    finding = diagnose_work_folder(found, uid, is_free=is_free, named=named)
    assert (finding.code, finding.repair, finding.action) == ("interrupted", repair, action)
    assert finding.message.startswith(f"a work folder of pyman {holds}")


def test_a_venv_as_lists_show_it():
    facts = held("old")
    listed = list_venv(facts, diagnose(facts))
    assert (listed.state, listed.held_back, listed.alias, listed.python, listed.minor) == (
        *("held-back", "3.13.5", "3.13"),
        Version(3, 13, 5),
        "3.13",
    )
    assert (listed.policy, listed.request, listed.link, listed.uid) == ("follow", None, "patch", 1000)
    followed = list_venv(following(path="/link"), ())
    assert (followed.path, followed.folder) == ("/link", "/p/.venv")
    assert (followed.state, followed.held_back, followed.request) == ("healthy", None, "3.13")
    nothing = unreachable_venv("/gone")
    assert (nothing.state, nothing.python, nothing.minor, nothing.is_of_distribution) == (
        "unreachable",
        None,
        None,
        False,
    )
    assert list_venv(following(libraries=(), **DEAD), ()).alias is None


@pytest.mark.parametrize(
    ("changes", "request_text", "runs"),
    [
        ({}, "3.13", True),
        ({}, "3.13.15", True),
        ({}, "3.13.5", False),
        ({}, "3.12", False),
        ({}, "pypy3.13", False),
        # A broken one counts as what its packages are for.
        (DEAD, "3.13", True),
        (DEAD, "3.12", False),
        (DEAD, "latest", False),
        ({**DEAD, "implementation": "pypy", "libraries": (Library("pypy3.11", site_packages=True),)}, "pypy", True),
        (
            {**DEAD, "implementation": "pypy", "libraries": (Library("pypy3.11", site_packages=True),)},
            "pypy3.10",
            False,
        ),
        ({**DEAD, "implementation": "pypy", "libraries": (Library("pypy3.11", site_packages=True),)}, "3.11", False),
        ({"implementation": "rustpython"}, "rustpython", True),
        ({}, "rustpython", False),
    ],
)
def test_which_venvs_a_request_means(changes, request_text, runs):
    assert list_venv(following(**changes), ()).runs(parse_request(request_text)) is runs


def test_the_systems_own_python():
    usr = base("3.13.1", "/usr")
    assert list_venv(following(**within("/usr", usr)), ()).is_of_distribution
    assert not list_venv(following(**within("/usr", replace(usr, uid=1000))), ()).is_of_distribution
    assert not list_venv(following(), ()).is_of_distribution


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"libraries": ()}, ["minor-mismatch"]),
        (within("/opt/python", OTHER), ["minor-mismatch"]),
        ({"implementation": "pypy"}, ["minor-mismatch"]),
        ({**DEAD, "entries": (), "has_bin": False}, ["dangling"]),
        (
            {"home": "/x/bin", "strays": (Stray(Entry("python3", "missing"), "/x"),), "home_interpreter": OLD},
            ["mixed"],
        ),
        ({"strays": (Stray(Entry("a", "missing"), ""), Stray(Entry("b", "missing"), ""))}, ["mixed", "mixed"]),
        ({**COPY, "copy": OTHER_COPY, "outer": "/outer"}, ["nested", "copied-binary"]),
        ({**BEHIND, "outer": "/outer"}, ["nested", "stale-patch"]),
        (within(f"{RUNTIMES}/3.13.15", NEW), ["unfollowed"]),
    ],
)
def test_all_that_applies_in_the_order_of_the_table(changes, codes):
    found = tuple(about_interpreter(VenvContext(following(**changes), context())))
    assert [each.code for each in found] == codes


def test_what_is_held_back_is_not_stale_as_well():
    found = about_interpreter(VenvContext(following(**BEHIND), context(unfit={"/p/.venv": "numpy"})))
    assert [each.code for each in found] == ["held-back"]


@pytest.mark.parametrize(
    ("action", "severity", "is_open", "is_for_fix"),
    [
        ("relink", "warning", True, True),
        ("rewrite", "info", False, True),
        ("upgrade", "warning", True, False),
        ("", "error", True, False),
    ],
)
def test_what_counts_and_what_is_repaired(action, severity, is_open, is_for_fix):
    code = {"warning": "stale-patch", "info": "held-back", "error": "dangling"}[severity]
    finding = Finding(code, "venv", "/p", "", None, action)
    assert (finding.severity, finding.is_open, finding.is_for_fix) == (severity, is_open, is_for_fix)


def test_a_copy_is_rebuilt_for_another_processor_and_for_nothing_else():
    why = {"/p/.venv": "3.13.15 is built for arm64"}
    found = about_interpreter(VenvContext(following(**COPY, copy=OTHER_COPY), context(other_architecture=why)))
    assert [(each.code, each.action) for each in found] == [("copied-binary", "rebuild")]


def test_a_venv_of_pypy_that_got_another_implementation_goes_back_where_there_is_one():
    facts = following(implementation="pypy", libraries=(Library("pypy3.11", site_packages=True),))
    finding = one(facts, store=store("3.13.15", "pypy3.11-8.0.1"))
    assert (finding.code, finding.action, finding.repair) == (
        *("minor-mismatch", "relink"),
        "relink to pypy3.11, which is pypy3.11-8.0.1",
    )


def test_a_venv_that_only_its_owner_can_recreate():
    finding = one(following(libraries=(), creator="pre-commit", foreign=True), foreign=True)
    assert (finding.action, finding.asks) == ("", False)
    assert finding.repair.startswith("run `pre-commit clean`")


def test_of_pinned_venvs_whose_release_is_unknown_nothing_is_said():
    assert diagnose(following(**pinned("3.13.5"), interpreter=replace(NEW, version=None))) == ()


def test_a_line_that_names_no_pre_release_is_only_stale():
    facts = following(compiled=True, settings=cfg("version_info = 3.13.5.final.0\n"))
    assert [each.code for each in diagnose(facts)] == ["stale-metadata"]


def test_nobody_knows_what_would_move_where_nobody_knows_what_runs():
    facts = following(interpreter=replace(OLD, version=None))
    assert VenvContext(facts, context()).move_to(Version(3, 13, 15), None) is None


def test_a_venv_of_a_free_threaded_build_is_as_whole_as_any():
    threaded = base("3.14.2t")
    facts = following(**within(f"{RUNTIMES}/3.14t", threaded), libraries=(Library("python3.14t", site_packages=True),))
    assert diagnose(facts, store=store("3.14.2t")) == ()


@pytest.mark.parametrize(
    ("action", "argument", "command"),
    [(REBUILD, "3.13", "pyman rebuild '/a b/.venv' -p 3.13"), (RECREATE, "", "pyman rebuild '/a b/.venv'")],
)
def test_a_rebuild_that_runs_code_of_a_clone_is_left_to_its_user(action, argument, command):
    finding = Finding("wrong-abi", "venv", "/a b/.venv", "message", "rebuild it", action, argument, asks=True)
    left = left_to_the_user(finding)
    assert left.repair.startswith(f"`{command}` recreates it; it is tracked by Git")
    assert (left.code, left.message) == ("wrong-abi", "message")
    assert not left.is_for_fix
    assert not left.asks


def test_other_repairs_of_a_clone_are_not():
    finding = Finding("stale-patch", "venv", "/v", "message", "relink", RELINK)
    assert left_to_the_user(finding) == finding
