"""The table of findings, each on a venv that has just that, and what is planned for it; links and text, nothing runs."""

import os
import shutil

import pytest

from pyman.core.diagnosis.finding import SEVERITIES, DiagnosisContext, Finding, worst_first
from pyman.core.diagnosis.venv import diagnose_gone, diagnose_venv, state_of_venv
from pyman.core.immutable import replace
from pyman.core.owner_files import OwnerFile
from pyman.core.plans.repair import plan_repair
from pyman.core.plans.steps import CopyProgram, Forget, RemoveLink, ReplaceFile, ReplaceLink, Verify
from pyman.core.pyvenv_cfg import parse_pyvenv_cfg, version_line
from pyman.core.relink import target_for
from pyman.core.venv import with_release
from pyman.core.version import Version
from pyman.effects.files import read_bytes, replace_file, replace_link
from pyman.effects.store import read_store
from pyman.effects.venvs.on_disk import read_venv
from stage.venvs import CFG, make_prefix, make_venv, write


class Place:
    """A store with 3.13.5 and 3.13.15, the alias at the newer one."""

    def __init__(self, folder):
        self.folder = folder
        self.root = f"{folder}/root"
        self.runtimes = f"{self.root}/runtimes"
        for release in ("3.13.5", "3.13.15"):
            self.install(release)
        self.alias("3.13", "3.13.15")

    def install(self, release):
        return make_prefix(f"{self.runtimes}/{release}", release, manifest=True)

    def alias(self, name, target):
        if os.path.lexists(f"{self.runtimes}/{name}"):
            os.unlink(f"{self.runtimes}/{name}")
        os.symlink(target, f"{self.runtimes}/{name}")

    def venv(self, through="3.13", name="app", **named):
        interpreter = through if "/" in through else f"{self.runtimes}/{through}/bin/python3.13"
        return make_venv(f"{self.folder}/{name}/.venv", interpreter, **named)

    def context(self, **named):
        return DiagnosisContext(read_store(self.root), os.geteuid(), **named)

    def diagnose(self, venv, **named):
        return diagnose_venv(read_venv(venv), self.context(**named))

    def codes(self, venv, **named):
        return [finding.code for finding in self.diagnose(venv, **named)]

    def plan(self, venv, finding, **named):
        return plan_repair(finding, read_venv(venv), read_store(self.root), **named)

    def fix(self, venv, **named):
        """Repair until nothing more is done automatically; return what was repaired. Takes the steps but starts nothing."""
        fixed = []
        for _ in range(5):
            for finding in self.diagnose(venv, **named):
                plan = self.plan(venv, finding).plan if finding.action and not finding.asks else None
                if plan is not None:
                    take(plan)
                    fixed.append(finding.code)
                    break
            else:
                return fixed
        raise AssertionError(f"it does not end: {fixed}")


def take(plan):
    for step in plan.steps:
        match step:
            case ReplaceFile():
                assert read_bytes(step.path) == step.old
                replace_file(step.path, step.new)
            case ReplaceLink():
                if step.old is None:
                    os.symlink(step.new, step.path)
                else:
                    assert os.readlink(step.path) == step.old
                    replace_link(step.path, step.new)
            case RemoveLink():
                assert os.readlink(step.path) == step.old
                os.unlink(step.path)
            case CopyProgram():
                shutil.copyfile(step.source, step.path)
            case Verify():
                assert str(step.version) in os.path.realpath(step.home)


@pytest.fixture
def place(tmp_path):
    return Place(os.path.realpath(tmp_path))


def settings(venv):
    with open(f"{venv}/pyvenv.cfg", encoding="utf-8") as file:
        return parse_pyvenv_cfg(file.read())


def test_a_healthy_venv(place):
    venv = place.venv(extra="version = 3.13\npyman-policy = follow\n")
    assert place.diagnose(venv) == ()
    assert state_of_venv((), venv) == "healthy"


def test_the_systems_python_is_external_and_healthy(place):
    usr = make_prefix(f"{place.folder}/usr", "3.13.1", patchlevel=True)
    assert place.codes(place.venv(f"{usr}/bin/python3")) == []


def test_a_venv_of_apples_python_is_not_one_of_two_pythons(place):
    """Virtualenv links to the program that Python of the Command Line Tools goes on to."""
    prefix = make_prefix(f"{place.folder}/Python3.framework/Versions/3.13", "3.13.1", patchlevel=True)
    program = f"{prefix}/Resources/Python.app/Contents/MacOS/Python"
    os.makedirs(os.path.dirname(program))
    os.link(f"{prefix}/bin/python3.13", program)
    venv = place.venv(program)
    with open(f"{venv}/pyvenv.cfg", "w", encoding="utf-8") as file:
        file.write(f"home = {prefix}/bin\n")
    assert place.codes(venv) == []


def test_somebody_elses_minor_link_is_healthy(place):
    make_prefix(f"{place.folder}/versions/3.13.2", "3.13.2")
    os.symlink("3.13.2", f"{place.folder}/versions/3.13")
    assert place.codes(place.venv(f"{place.folder}/versions/3.13/bin/python3.13")) == []


def test_stale_patch(place):
    venv = place.venv("3.13.5", extra="version = 3.13.5\n")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.severity, finding.kind, finding.path) == ("stale-patch", "warning", "venv", venv)
    assert finding.message == "linked directly to 3.13.5, so it gets no patch releases; 3.13 points at 3.13.15"
    assert finding.repair == "relink to 3.13, which is 3.13.15"
    assert place.fix(venv) == ["stale-patch"]
    assert os.readlink(f"{venv}/bin/python") == f"{place.runtimes}/3.13/bin/python3.13"
    assert (settings(venv).home, settings(venv).get("version")) == (f"{place.runtimes}/3.13/bin", "3.13")
    assert place.diagnose(venv) == ()


def test_a_relink_goes_up_link_first_and_down_home_first(place):
    venv = place.venv("3.13.5")
    up = place.plan(venv, place.diagnose(venv)[0]).plan
    assert [type(step).__name__ for step in up.steps] == ["ReplaceLink", "ReplaceFile", "Verify"]
    # A broken alias apart, a relink goes down only where `home` and link differ.
    down = place.venv("3.13.15", name="down", home=f"{place.runtimes}/3.13.5/bin")
    place.alias("3.13", "3.13.5")
    [finding] = place.diagnose(down)
    assert finding.code == "mixed"
    steps = place.plan(down, finding).plan.steps
    assert [type(step).__name__ for step in steps] == ["ReplaceFile", "ReplaceLink", "Verify"]


def test_every_other_line_is_kept(place):
    extra = "Version_Info=3.13.5.final.0\r\n# mine\nexecutable = /somewhere/3.13.5/bin/python\nprompt = 'x'\n"
    venv = place.venv("3.13.5", extra=extra)
    place.fix(venv)
    with open(f"{venv}/pyvenv.cfg", newline="", encoding="utf-8") as file:
        text = file.read()
    then = extra.replace("Version_Info=3.13.5.final.0", "Version_Info = 3.13")
    then = then.replace("/somewhere/3.13.5/bin/python", f"{place.runtimes}/3.13/bin/python3.13")
    assert text.endswith(then)
    assert text.startswith(f"home = {place.runtimes}/3.13/bin\n")


def test_a_newer_release_than_the_alias_is_left_alone(place):
    place.alias("3.13", "3.13.5")
    assert place.codes(place.venv("3.13.15")) == []


def test_unfollowed(place):
    venv = place.venv("3.13.15")
    assert place.codes(venv) == ["unfollowed"]
    assert place.fix(venv) == ["unfollowed"]
    half = place.venv("3.13", name="half", home=f"{place.runtimes}/3.13.15/bin")
    assert place.codes(half) == ["unfollowed"]
    assert place.fix(half) == ["unfollowed"]
    assert place.diagnose(half) == ()


def test_without_an_alias_the_owners_own_link_is_taken(place):
    for release in ("3.13.1", "3.13.2"):
        make_prefix(f"{place.folder}/uv/cpython-{release}-linux-x86_64-gnu", release)
    link = f"{place.folder}/uv/cpython-3.13-linux-x86_64-gnu"
    os.symlink("cpython-3.13.2-linux-x86_64-gnu", link)
    os.unlink(f"{place.runtimes}/3.13")
    venv = place.venv(f"{place.folder}/uv/cpython-3.13.1-linux-x86_64-gnu/bin/python3.13")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.repair) == ("stale-patch", f"relink to 3.13 at {link}, which is 3.13.2")
    assert place.fix(venv) == ["stale-patch"]
    assert os.readlink(f"{venv}/bin/python") == f"{link}/bin/python3.13"
    assert place.diagnose(venv) == ()
    os.unlink(link)
    shutil.rmtree(f"{place.folder}/uv")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.action, finding.argument, finding.asks) == ("dangling", "move-aliases", "3.13", False)
    for runtime in os.listdir(place.runtimes):
        shutil.rmtree(f"{place.runtimes}/{runtime}")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.action, finding.argument, finding.asks) == ("dangling", "install", "3.13", True)


def test_pinned(place):
    venv = place.venv("3.13.5", extra="pyman-request = 3.13.5\npyman-policy = pin\n")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.severity, finding.action) == ("pinned", "info", "")
    assert not finding.is_open
    assert place.codes(place.venv("3.13.15", name="new", extra="pyman-policy = pin\n")) == []


@pytest.mark.parametrize("broken", ["target", "home", "python", "loop", "no-home"])
def test_dangling(place, broken):
    venv = place.venv("3.13.5", extra="version = 3.13.5\n")
    if broken == "target":
        shutil.rmtree(f"{place.runtimes}/3.13.5")
    elif broken == "home":
        write(f"{venv}/pyvenv.cfg", f"home = /nowhere/bin\nversion = 3.13.5\n{CFG}")
    elif broken == "python":
        os.unlink(f"{venv}/bin/python")
    elif broken == "loop":
        os.unlink(f"{venv}/bin/python")
        os.symlink("python3", f"{venv}/bin/python")
    else:
        write(f"{venv}/pyvenv.cfg", f"version = 3.13.5\n{CFG}")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.action, finding.asks) == ("dangling", "relink", False)
    assert place.fix(venv) == ["dangling"]
    assert place.diagnose(venv) == ()
    assert os.path.realpath(f"{venv}/bin/python3.13") == f"{place.runtimes}/3.13.15/bin/python3.13"


def test_a_dangling_venv_without_a_library_is_told_by_its_link_or_its_file(place):
    venv = place.venv("3.13.5")
    shutil.rmtree(f"{place.runtimes}/3.13.5")
    shutil.rmtree(f"{venv}/lib/python3.13")
    assert place.diagnose(venv)[0].action == "relink"
    for name in ("python", "python3", "python3.13"):
        os.unlink(f"{venv}/bin/{name}")
    assert place.diagnose(venv)[0].action == ""
    write(f"{venv}/pyvenv.cfg", f"home = {place.runtimes}/3.13.5/bin\nversion = 3.13.5\n{CFG}")
    assert place.fix(venv) == ["dangling"]
    assert sorted(os.listdir(f"{venv}/bin")) == ["activate", "python", "python3", "python3.13"]


def test_a_pinned_venv_whose_release_is_gone(place):
    venv = place.venv("3.13.5", extra="pyman-request = 3.13.5\npyman-policy = pin\nversion = 3.13.5\n")
    shutil.rmtree(f"{place.runtimes}/3.13.5")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.action, finding.argument, finding.asks) == ("dangling", "install", "3.13.5", False)
    # Where that is not possible, the same finding is planned as a relink, which makes the venv follow.
    take(place.plan(venv, replace(finding, action="relink")).plan)
    assert (settings(venv).policy, settings(venv).request, settings(venv).get("version")) == ("follow", "3.13", "3.13")
    assert place.diagnose(venv) == ()


def test_a_pinned_venv_goes_back_to_its_release(place):
    venv = place.venv("3.13.5", extra="pyman-request = 3.13.5\npyman-policy = pin\nversion = 3.13.5\n")
    os.unlink(f"{venv}/bin/python")
    [finding] = place.diagnose(venv)
    assert finding.repair == "relink to 3.13.5"
    assert place.fix(venv) == ["dangling"]
    assert os.readlink(f"{venv}/bin/python") == f"{place.runtimes}/3.13.5/bin/python3.13"
    assert (settings(venv).policy, settings(venv).get("version")) == ("pin", "3.13.5")
    assert place.codes(venv) == ["pinned"]


def test_a_pinned_venv_is_not_linked_to_a_release_that_is_broken(place):
    venv = place.venv("3.13.5", extra="pyman-request = 3.13.5\npyman-policy = pin\nversion = 3.13.5\n")
    os.unlink(f"{place.runtimes}/3.13.5/bin/python3.13")
    broken = read_store(place.root).runtime("3.13.5")
    assert broken is not None
    assert not broken.whole
    target = target_for(read_venv(venv), read_store(place.root), "3.13")
    assert (target.home, target.pins) == (f"{place.runtimes}/3.13/bin", False)


def test_mixed(place):
    venv = place.venv("3.13.5", home=f"{place.runtimes}/3.13.15/bin", extra="version = 3.13.15\n")
    [finding] = place.diagnose(venv)
    assert finding.code == "mixed"
    assert place.fix(venv) == ["mixed"]
    assert place.diagnose(venv) == ()


def test_minor_mismatch_goes_back_to_the_packages_minor(place):
    make_prefix(f"{place.runtimes}/3.12.9", "3.12.9", manifest=True)
    place.alias("3.12", "3.12.9")
    venv = place.venv("3.13", library="python3.12")
    os.makedirs(f"{venv}/lib/python3.12/site-packages/demo-1.dist-info")
    os.makedirs(f"{venv}/lib/python3.13/site-packages")
    os.symlink("python", f"{venv}/bin/python3.13")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.message) == ("minor-mismatch", "its packages are for 3.12, and it runs 3.13")
    assert place.fix(venv) == ["minor-mismatch"]
    links = {name: os.readlink(f"{venv}/bin/{name}") for name in os.listdir(f"{venv}/bin") if name != "activate"}
    python = f"{place.runtimes}/3.12/bin/python3.12"
    assert links == {"python": python, "python3": "python", "python3.12": "python"}
    assert place.diagnose(venv) == ()


def test_minor_mismatch_is_rebuilt_where_that_minor_is_not_there(place):
    venv = place.venv("3.13", library="python3.12")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.action, finding.argument, finding.asks) == ("minor-mismatch", "rebuild", "3.13", True)
    assert place.plan(venv, finding).plan is None


def test_a_variant_is_never_crossed(place):
    make_prefix(f"{place.runtimes}/3.13.9t", "3.13.9t", manifest=True)
    place.alias("3.13t", "3.13.9t")
    venv = place.venv("3.13", library="python3.13t")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.repair) == ("minor-mismatch", "relink to 3.13t, which is 3.13.9t")
    assert place.fix(venv) == ["minor-mismatch"]
    assert os.path.realpath(f"{venv}/bin/python") == f"{place.runtimes}/3.13.9t/bin/python3.13t"


def test_nested(place):
    outer = place.venv(name="outer")
    inner = place.venv(f"{outer}/bin/python", name="inner")
    [finding] = place.diagnose(inner)
    assert (finding.code, finding.severity) == ("nested", "warning")
    assert place.fix(inner) == ["nested"]
    assert settings(inner).home == f"{place.runtimes}/3.13/bin"
    assert place.diagnose(inner) == ()
    old = place.venv("3.13.5", name="old")
    on_old = place.venv(f"{old}/bin/python", name="on-old")
    assert place.fix(on_old) == ["nested"]
    assert place.diagnose(on_old) == ()


def test_no_stdlib(place):
    venv = place.venv("3.13.5")
    shutil.rmtree(f"{place.runtimes}/3.13.5/lib")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.action) == ("no-stdlib", "relink")
    shutil.rmtree(f"{place.runtimes}/3.13.15/lib")
    place.fix(venv)
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.action, finding.repair) == ("no-stdlib", "", "repair that Python first")


def test_copied_binary(place):
    venv = place.venv()
    os.unlink(f"{venv}/bin/python")
    write(f"{venv}/bin/python", b"\x7fELF3.13.5", 0o755)
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.action) == ("copied-binary", "refresh")
    assert place.fix(venv) == ["copied-binary"]
    assert place.diagnose(venv) == ()
    write(f"{venv}/bin/python", "#!/bin/sh\n", 0o755)
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.action) == ("copied-binary", "")


def test_a_copy_whose_base_is_gone_is_copied_anew(place):
    venv = place.venv("3.13.5")
    os.unlink(f"{venv}/bin/python")
    write(f"{venv}/bin/python", b"\x7fELF3.13.5", 0o755)
    shutil.rmtree(f"{place.runtimes}/3.13.5")
    [finding] = place.diagnose(venv)
    assert finding.code == "dangling"
    assert place.fix(venv) == ["dangling"]
    assert read_bytes(f"{venv}/bin/python") == b"\x7fELF3.13.15"
    assert place.diagnose(venv) == ()


def test_prerelease_abi(place):
    venv = place.venv(extra="version_info = 3.13.0rc2\n")
    assert place.codes(venv) == ["stale-metadata"]
    write(f"{venv}/lib/python3.13/site-packages/core.so")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.action, finding.argument, finding.asks) == ("wrong-abi", "rebuild", "3.13", True)


def test_what_was_compiled_for_a_prerelease_is_not_relinked(place):
    place.install("3.13.0rc2")
    venv = place.venv("3.13.0rc2", extra="version = 3.13.0\n")
    assert place.codes(venv) == ["stale-patch"]
    write(f"{venv}/lib/python3.13/site-packages/core.so")
    assert place.codes(venv) == ["wrong-abi"]


def test_moved_stands_beside_a_finding_about_the_interpreter(place):
    venv = place.venv("3.13.5", activate="/old/place/.venv")
    found = place.diagnose(venv)
    assert [finding.code for finding in found] == ["stale-patch", "moved"]
    assert (found[1].severity, found[1].action) == ("error", "repair-moved")
    assert state_of_venv(found, venv) == "moved"


def test_stale_metadata(place):
    venv = place.venv(extra="version = 3.13.5\nversion_info = 3.13.5.final.0\n")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.severity) == ("stale-metadata", "warning")
    assert place.fix(venv) == ["stale-metadata"]
    assert settings(venv).get("version_info") == "3.13"
    assert place.diagnose(venv) == ()
    usr = make_prefix(f"{place.folder}/usr", "3.13.1", patchlevel=True)
    external = place.venv(f"{usr}/bin/python3.13", name="x", extra="version = 3.13.0\nversion_info = 3.13.0.final.0\n")
    assert place.fix(external) == ["stale-metadata"]
    assert (settings(external).get("version"), settings(external).get("version_info")) == ("3.13.1", "3.13.1.final.0")


def test_held_back(place):
    venv = place.venv("3.13.5", extra="pyman-policy = follow\npyman-held-back = 3.13.5 demo needs it\n")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.severity, finding.action) == ("held-back", "info", "")
    assert finding.message == "kept on 3.13.5 while 3.13 points at 3.13.15: demo needs it"
    [still] = place.diagnose(venv, unfit={venv: "demo 2 needs it"})
    assert (still.action, still.message[-15:]) == ("", "demo 2 needs it")
    [fits] = place.diagnose(venv, unfit={})
    assert fits.action == "relink"
    assert place.fix(venv, unfit={}) == ["held-back"]
    assert settings(venv).held_back is None
    # A held back venv that is broken is broken.
    broken = place.venv("3.13.5", name="b", extra="pyman-held-back = 3.13.5 demo needs it\n")
    shutil.rmtree(f"{place.runtimes}/3.13.5")
    assert place.codes(broken) == ["dangling"]


def test_a_venv_that_does_not_fit_is_not_relinked(place):
    venv = place.venv("3.13.5")
    [finding] = place.diagnose(venv, unfit={venv: "demo needs Python <3.13.10"})
    assert (finding.code, finding.action) == ("held-back", "")


def test_incompatible(place):
    venv = place.venv()
    [finding] = place.diagnose(venv, incompatible={venv: ("3.13.5", "demo needs Python <3.13.10")})
    assert (finding.code, finding.severity, finding.action, finding.argument) == (
        "incompatible",
        "error",
        "hold-back",
        "3.13.5",
    )


def test_unreadable(place):
    venv = place.venv("3.13.5")
    os.unlink(f"{venv}/pyvenv.cfg")
    os.mkfifo(f"{venv}/pyvenv.cfg")
    [finding] = place.diagnose(venv)
    assert (finding.code, finding.severity, finding.action) == ("unreadable", "warning", "")
    other = place.venv(name="other")
    os.unlink(f"{other}/bin/activate")
    os.mkfifo(f"{other}/bin/activate")
    assert place.codes(other) == ["unreadable"]
    stale = place.venv("3.13.5", name="stale")
    os.unlink(f"{stale}/bin/activate")
    os.mkfifo(f"{stale}/bin/activate")
    assert place.codes(stale) == ["stale-patch", "unreadable"]


def test_what_is_not_the_users_is_not_touched(place):
    venv = place.venv("3.13.5")
    facts = replace(read_venv(venv), uid=os.geteuid() + 1)
    [finding] = diagnose_venv(facts, place.context())
    assert (finding.code, finding.action) == ("stale-patch", "")
    assert "another user" in finding.repair


@pytest.mark.parametrize(
    ("folder", "marker", "command"),
    [
        ("black", "pipx_metadata.json", "pipx reinstall --python {alias} black"),
        ("ruff", "uv-receipt.toml", "uv tool upgrade --python {alias} ruff"),
        (".tox/py313", ".tox-info.json", "cd {place} && tox run --recreate -e py313"),
        (".tox/.pkg", ".tox-info.json", None),
        (".nox/tests", "", None),
        ("demo-AbCdEfGh-py3.13", "", None),
        ("pre-commit/repo1/py_env-python3.13", "", None),
    ],
)
def test_foreign_venvs_name_a_command_that_repairs_them(place, folder, marker, command):
    venv = make_venv(f"{place.folder}/{folder}", f"{place.runtimes}/3.13.5/bin/python3.13")
    if marker:
        write(f"{venv}/{marker}", "{}")
    [finding] = place.diagnose(venv)
    ours = f"`pyman doctor {venv} --fix --foreign`"
    if command is None:
        repair = f"run {ours}"
    else:
        command = command.format(alias=f"{place.runtimes}/3.13/bin/python3.13", place=place.folder)
        repair = f"run `{command}`, or {ours}"
    assert (finding.code, finding.action, finding.repair) == ("stale-patch", "", repair)
    [allowed] = place.diagnose(venv, foreign=True)
    assert allowed.action == "relink"


def test_a_command_that_fails_or_would_do_something_else_is_not_named(place):
    # A name that would be an option.
    venv = make_venv(f"{place.folder}/.tox/--develop", f"{place.runtimes}/3.13.5/bin/python3.13")
    [finding] = place.diagnose(venv)
    assert finding.repair == f"run `pyman doctor {venv} --fix --foreign`"
    # Only pre-commit can install its repository once more.
    venv = make_venv(f"{place.folder}/py_env-python3.13", f"{place.runtimes}/3.13/bin/python3.13", library="python3.12")
    for foreign in (False, True):
        finding = place.diagnose(venv, foreign=foreign)[0]
        assert (finding.code, finding.action) == ("minor-mismatch", "")
        assert finding.repair.startswith("run `pre-commit clean`")
    # uv refuses a tool whose Python is gone.
    venv = make_venv(f"{place.folder}/ruff", f"{place.runtimes}/3.13.1/bin/python3.13")
    write(f"{venv}/uv-receipt.toml", "")
    [finding] = place.diagnose(venv)
    assert finding.repair == f"run `pyman doctor {venv} --fix --foreign`"
    # There is nothing yet that pipx could be given.
    venv = make_venv(f"{place.folder}/black", "/gone/3.9.1/bin/python3.9", library="python3.9")
    write(f"{venv}/pipx_metadata.json", "{}")
    [finding] = place.diagnose(venv)
    assert finding.repair == f"run `pyman doctor {venv} --fix --foreign --yes`"


@pytest.mark.parametrize("name", ["pipx/venvs/black", ".nox/tests", ".hatch/demo"])
def test_lines_that_the_owner_never_reads_are_no_finding(place, name):
    venv = make_venv(f"{place.folder}/{name}", f"{place.runtimes}/3.13/bin/python3.13", extra="version = 3.13.5\n")
    if "pipx" in name:
        write(f"{venv}/pipx_metadata.json", "{}")
    assert place.diagnose(venv) == ()
    other = make_venv(f"{place.folder}/.tox/py313", f"{place.runtimes}/3.13/bin/python3.13", extra="version = 3.13.5\n")
    assert [one.code for one in place.diagnose(other)] == ["stale-metadata"]


def test_pipx_is_told_of_its_new_interpreter(place):
    venv = make_venv(f"{place.folder}/pipx/venvs/black", f"{place.runtimes}/3.13.5/bin/python3.13")
    metadata = b'{\n    "python_version": "Python 3.13.5",\n    "source_interpreter": {\n        "__Path__": "/old",\n        "__type__": "Path"\n    }\n}'
    write(f"{venv}/pipx_metadata.json", metadata)
    [finding] = place.diagnose(venv, foreign=True)
    file = OwnerFile(f"{venv}/pipx_metadata.json", metadata)
    take(place.plan(venv, finding, owner_files=[file]).plan)
    assert read_bytes(f"{venv}/pipx_metadata.json") == metadata.replace(b"3.13.5", b"3.13.15").replace(
        b"/old", f"{place.runtimes}/3.13/bin/python3.13".encode()
    )


def test_gone(place):
    finding = diagnose_gone("app-1234", "/srv/app/.venv")
    assert (finding.code, finding.severity) == ("gone", "info")
    assert plan_repair(finding, None, read_store(place.root)).plan.steps == (Forget("app-1234"),)


def test_a_release_that_no_file_tells_is_filled_in(place):
    usr = make_prefix(f"{place.folder}/usr", "3.13.1")
    venv = place.venv(f"{usr}/bin/python3.13", extra="version = 3.13.0\n")
    facts = read_venv(venv)
    assert facts.python is None
    assert diagnose_venv(facts, place.context()) == ()
    [finding] = diagnose_venv(with_release(facts, Version(3, 13, 1)), place.context())
    assert finding.code == "stale-metadata"


@pytest.mark.parametrize(
    ("value", "version", "follows", "line"),
    [
        ("3.13.5", "3.13.15", True, "3.13"),
        ("3.13.5", "3.13.15", False, "3.13.15"),
        ("3.13.5.final.0", "3.13.15", False, "3.13.15.final.0"),
        ("3.13.5.final.0", "3.13.15", True, "3.13"),
        ("3.14.0.candidate.1", "3.14.0rc2", False, "3.14.0.candidate.2"),
        ("3.13", "3.13.15", False, "3.13"),
    ],
)
def test_version_lines(value, version, follows, line):
    numbers, _, rc = version.partition("rc")
    parsed = Version(*map(int, numbers.split(".")), f"rc{rc}" if rc else "")
    assert version_line(value, parsed, follows=follows) == line


def test_worst_first():
    findings = tuple(Finding(code, "venv", f"/{code}", "x") for code in ("gone", "moved", "stale-patch", "dangling"))
    assert [finding.code for finding in worst_first(findings)] == ["dangling", "moved", "stale-patch", "gone"]


def test_every_code_of_the_table_is_there():
    assert set(SEVERITIES.values()) == {"info", "warning", "error"}
    assert len(SEVERITIES) == 38
