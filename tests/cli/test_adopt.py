"""`pyman adopt` and `forget`: Pythons of others, linked to and never touched."""

from __future__ import annotations

import os

import pytest

from pyman.core.pythons_of_tools import tool_roots
from stage.home import Home
from stage.interpreters import PYENV
from stage.mirrors import Mirror, write_stand_in


@pytest.fixture
def user(tmp_path):
    """A home without a network; what is adopted are stand-ins."""
    mirror = Mirror(tmp_path / "mirror")
    mirror.add("3.12.1")
    mirror.add("3.12.0", tag="20260901")
    home = Home(tmp_path, mirror.path)
    home.environ["PATH"] = "/usr/bin:/bin"
    return home


@pytest.fixture
def others(user):
    """What other tools have in this home, by tool."""
    data = user.path / ".local/share"
    places = {
        "pyenv": (user.path / ".pyenv/versions/3.12.1", "3.12.1"),
        "uv": (data / "uv/python/cpython-3.13.9-linux-x86_64-gnu", "3.13.9"),
        "mise": (data / "mise/installs/python/3.11.4", "3.11.4"),
        "asdf": (user.path / ".asdf/installs/python/3.10.2", "3.10.2"),
        "pystand": (data / "pystand/3.9.7", "3.9.7"),
        "hatch": (data / "hatch/env/virtual/.pythons/3.8/python", "3.8.20"),
        "pdm": (data / "pdm/python/cpython@3.14.2", "3.14.2t"),
    }
    for place, release in places.values():
        write_stand_in(place, release)
    os.symlink("3.12.1", user.path / ".pyenv/versions/3.12")
    os.symlink("cpython-3.13.9-linux-x86_64-gnu", data / "uv/python/cpython-3.13-linux-x86_64-gnu")
    return {tool: str(place) for tool, (place, _) in places.items()}


def names(home):
    return sorted(os.listdir(home.runtimes)) if home.runtimes.exists() else []


def mine(found, home):
    return [one for one in found if one["path"].startswith(str(home.path))]


def test_what_could_be_adopted_is_shown_and_nothing_is_done(user, others):
    answer = user.json("adopt")
    found = {one["origin"]: one for one in mine(answer["found"], user)}
    assert {tool: one["path"] for tool, one in found.items()} == others
    assert found["pdm"]["variant"] == "freethreaded"
    assert found["pyenv"] == {
        "version": "3.12.1",
        "variant": "default",
        "origin": "pyenv",
        "path": others["pyenv"],
        "adopted": False,
    }
    assert (answer["changed"], answer["moved"], answer["installed"]) == ([], [], [])
    assert names(user) == []
    table = user.pyman("adopt").out
    for tool, path in others.items():
        assert any(tool in line and path in line for line in table.splitlines())


def test_all_are_adopted_by_links_under_their_releases(user, others):
    answer = user.json("adopt", "--all")
    wanted = {"3.12.1", "3.13.9", "3.11.4", "3.10.2", "3.9.7", "3.8.20", "3.14.2t"}
    assert wanted <= set(answer["changed"])
    links = {name: os.readlink(user.runtimes / name) for name in names(user)}
    assert {links[name] for name in wanted} == set(others.values())
    for alias, target in {"3.12": "3.12.1", "3.13": "3.13.9", "3.14t": "3.14.2t", "3.8": "3.8.20"}.items():
        assert links[alias] == target
    assert user.run(user.runtimes / "3.13/bin/python3.13", "-V") == "Python 3.13.9"
    # again changes nothing
    assert user.json("adopt", "--all")["changed"] == []
    assert {one["adopted"] for one in mine(user.json("adopt")["found"], user)} == {True}


def test_one_path_in_every_form(user, others):
    prefix = others["pyenv"]
    for path in (prefix, f"{prefix}/bin/python3.12", f"{prefix}/bin/python", user.path / ".pyenv/versions/3.12"):
        answer = user.json("adopt", path)
        [result] = answer["installed"]
        assert (result["request"], result["path"]) == (str(path), prefix)
        assert (result["version"], result["origin"], result["aliases"]) == ("3.12.1", "pyenv", ["3.12", "3"])
        assert answer["moved"][0]["to"] == "3.12.1"
        assert os.readlink(user.runtimes / "3.12.1") == prefix
        user.pyman("forget", "3.12.1")
        assert names(user) == []


def test_a_venv_s_path_adopts_its_base(user, others):
    venv = user.project / "v"
    (venv / "bin").mkdir(parents=True)
    os.symlink(f"{others['pyenv']}/bin/python3.12", venv / "bin/python")
    (venv / "pyvenv.cfg").write_text(f"home = {others['pyenv']}/bin\n")
    user.pyman("adopt", "./v")
    assert os.readlink(user.runtimes / "3.12.1") == others["pyenv"]


def test_several_paths_at_once(user, others):
    assert user.json("adopt", others["pyenv"], others["uv"])["changed"] == ["3.12.1", "3.13.9"]


# --- names that collide: one version has one place ---


def test_managed_goes_before_adopted(user, others):
    user.pyman("install", "3.12.0")
    moved = user.json("adopt", others["pyenv"])["moved"]
    assert moved == []
    assert os.readlink(user.runtimes / "3.12") == "3.12.0"
    assert user.pyman("find", "3.12.1").out == f"{user.runtimes}/3.12.1/bin/python3.12\n"


def test_adopting_what_is_installed_says_which_is_kept(user, others):
    user.pyman("install", "3.12.1")
    answer = user.pyman("adopt", others["pyenv"])
    assert answer.out.startswith("kept 3.12.1 (managed")
    assert others["pyenv"] in answer.out
    assert not os.path.islink(user.runtimes / "3.12.1")
    own = user.pyman("adopt", user.runtimes / "3.12")
    assert "already managed by pyman" in own.out


def test_a_second_place_of_the_same_release_is_not_adopted(user, others, tmp_path):
    write_stand_in(tmp_path / "mine", "3.12.1")
    user.pyman("adopt", others["pyenv"])
    assert user.pyman("adopt", tmp_path / "mine").out.startswith("kept 3.12.1 (pyenv")
    assert user.pyman("adopt", others["pyenv"]).out.startswith("3.12.1 is already adopted")
    assert os.readlink(user.runtimes / "3.12.1") == others["pyenv"]


def test_a_link_that_leads_nowhere_gives_way(user, others, tmp_path):
    os.rename(others["pyenv"], tmp_path / "moved")
    user.runtimes.mkdir(parents=True)
    os.symlink(others["pyenv"], user.runtimes / "3.12.1")
    user.pyman("adopt", tmp_path / "moved")
    assert os.readlink(user.runtimes / "3.12.1") == str(tmp_path / "moved")


def test_install_takes_the_place_of_what_was_adopted_and_the_other_stays(user, others):
    user.pyman("adopt", others["pyenv"])
    before = user.tree(user.path / ".pyenv")
    assert user.json("install", "3.12.1")["installed"][0]["origin"] == "managed"
    assert not os.path.islink(user.runtimes / "3.12.1")
    assert user.tree(user.path / ".pyenv") == before
    assert names(user) == ["3", "3.12", "3.12.1"]


# --- what is adopted is nobody's to touch ---


def test_nothing_is_ever_written_to_or_deleted(user, others):
    before = user.tree(user.path / ".pyenv")
    user.pyman("adopt", others["pyenv"])
    user.pyman("venv", "v", "--without-pip", "-p", "3.12")
    assert user.run(user.project / "v/bin/python", "-V") == "Python 3.12.1"
    user.pyman("list")
    user.pyman("prune")
    assert "forgot 3.12.1" in user.pyman("uninstall", "3.12.1", "--force").out
    user.pyman("adopt", others["pyenv"])
    user.pyman("uninstall", "3.12.1", "--force")
    assert user.tree(user.path / ".pyenv") == before
    assert names(user) == []


def test_what_the_old_base_holds_is_named(user, others):
    site = f"{others['pyenv']}/lib/python3.12/site-packages"
    os.makedirs(site)
    for name in ("requests-2.0.dist-info", "pip-24.0.dist-info", "setuptools-70.0.dist-info", "black-24.1.dist-info"):
        os.mkdir(f"{site}/{name}")
    told = user.pyman("adopt", others["pyenv"]).out
    assert "will not be in the next patch release" in told
    assert "black, requests" in told
    assert "pip," not in told
    assert "setuptools" not in told


# --- forget ---


def test_forget_takes_a_minor_with_one_release_and_refuses_what_pyman_installed(user, others):
    user.pyman("adopt", others["pyenv"])
    answer = user.json("forget", "3.12")
    assert answer["changed"] == ["3.12.1"]
    assert answer["moved"][0]["to"] is None
    user.pyman("install", "3.12.0")
    assert "pyman uninstall 3.12.0" in user.pyman("forget", "3.12.0", status=1).err
    assert "not installed" in user.pyman("forget", "3.12.1", status=1).err
    assert (
        "./nothing is neither a recorded venv nor an adopted Python" in user.pyman("forget", "./nothing", status=1).err
    )


def test_forget_and_uninstall_take_the_path_of_what_was_adopted(user, others):
    prefix = others["pyenv"]
    store_link = user.runtimes / "3.12.1"
    for verb in ("forget", "uninstall"):
        for path in (
            prefix,
            f"{prefix}/bin",
            f"{prefix}/bin/python3.12",
            user.path / ".pyenv/versions/3.12",
            store_link,
        ):
            user.pyman("adopt", prefix)
            assert user.json(verb, path)["changed"] == ["3.12.1"], path
    user.pyman("adopt", prefix)
    # a venv's interpreter is the venv's, and no other file of the prefix names it
    user.pyman("venv", "v", "--without-pip")
    user.pyman("forget", "./v")
    for path in ("./v/bin/python", f"{prefix}/lib", f"{prefix}/bin/pip"):
        user.pyman("uninstall", path, status=1)
    assert names(user) == ["3", "3.12", "3.12.1"]


def test_what_was_forgotten_is_said_where_another_could_not_be(user, others):
    user.pyman("adopt", others["pyenv"], others["uv"])
    answer = user.json("forget", "3.12.1", "3.11", status=1)
    assert (answer["changed"], answer["error"]["code"]) == (["3.12.1"], "not-found")
    assert answer["moved"][0]["to"] is None


def test_forget_drops_the_record_of_a_venv_and_leaves_the_venv(user, others):
    user.pyman("adopt", others["pyenv"])
    user.pyman("venv", "v", "--without-pip")
    assert user.json("forget", "./v")["changed"] == [str(user.project / "v")]
    assert (user.project / "v/bin/python").exists()
    assert os.listdir(user.root / "venvs") == []


# --- what is not a Python that could be adopted ---


def no_python(folder):
    (folder / "bin").mkdir()
    return folder


def too_old(folder):
    (folder / "bin").mkdir()
    program = folder / "bin/python3"
    program.write_text("#!/bin/sh\necho 'Python 2.7.18'\nexit 1\n")
    program.chmod(0o755)
    return folder


def another_release(folder):
    return write_stand_in(folder / "3.12.1", "3.12.4")


def another_release_of_uv(folder):
    return write_stand_in(folder / "cpython-3.12.1-linux-x86_64-gnu", "3.12.4")


def circle(folder):
    os.symlink("loop", folder / "loop")
    return folder / "loop"


def nothing(folder):
    return folder / "nothing"


@pytest.mark.parametrize("make", [no_python, too_old, another_release, another_release_of_uv, circle, nothing])
def test_what_cannot_be_adopted_is_said_in_a_sentence(user, tmp_path, make):
    folder = tmp_path / "odd"
    folder.mkdir()
    path = make(folder)
    answer = user.pyman("adopt", path, status=None)
    assert answer.status in (1, 2)
    first, second = answer.err.splitlines()
    assert first.startswith("error: ")
    assert str(path) in first
    assert second.startswith("hint: ")
    assert names(user) == []


def test_what_does_not_answer_is_passed_over_and_told_to_who_wants_to_know(user, others):
    broken = user.path / ".pyenv/versions/3.12.5"
    write_stand_in(broken, "3.12.5")
    (broken / "bin/python3.12").write_text("#!/bin/sh\nexit 9\n")
    answer = user.pyman("adopt", "--all", "-v")
    assert str(broken) in answer.err
    assert "3.12.5" not in names(user)
    assert "3.13.9" in names(user)


# --- real ones ---


@pytest.mark.skipif(not PYENV, reason="pyenv has no interpreters here")
def test_pyenv_s_interpreters(tmp_path):
    home = Home(tmp_path)
    answer = home.json("adopt", *PYENV)
    assert answer["changed"] == sorted(
        (os.path.basename(one) for one in PYENV), key=lambda name: list(map(int, name.split(".")))
    )
    for prefix in PYENV[-2:]:
        minor = os.path.basename(prefix).rpartition(".")[0]
        home.pyman("venv", f"v{minor}", "--without-pip", "-p", minor)
        assert home.run(home.project / f"v{minor}/bin/python", "-V") == f"Python {os.path.basename(prefix)}"


@pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="this system has no Python of its own")
def test_the_system_s_python_and_nothing_else_of_its_prefix(tmp_path):
    home = Home(tmp_path)
    [result] = home.json("adopt", "/usr/bin/python3")["installed"]
    assert (result["origin"], result["path"]) == ("system", "/usr")
    minor = result["version"].rpartition(".")[0]
    home.pyman("venv", "v", "--without-pip")
    assert home.run(home.project / "v/bin/python", "-V") == f"Python {result['version']}"
    assert home.pyman("run", "--", "python", "-V").out == f"Python {result['version']}\n"
    # its `bin` holds far more than a Python: it is not on PATH, and its programs are not pyman's
    path = home.pyman("run", "--", "sh", "-c", 'echo "$PATH"').out.strip()
    assert not any(folder.startswith(str(home.root)) for folder in path.split(":"))
    assert "(adopted) has no program" in home.pyman("which", "ls", status=1).err
    assert home.pyman("which", "python").out == f"{home.runtimes}/{minor}/bin/python{minor}\n"


@pytest.fixture
def brew(user):
    """Homebrew's folders: each release in the Cellar, and names for it in `opt`, one of which is moved every autumn."""
    top = user.path / "brew"
    write_stand_in(top / "Cellar/python@3.12/3.12.1", "3.12.1")
    (top / "opt").mkdir()
    for name in ("python@3", "python@3.12"):
        (top / "opt" / name).symlink_to("../Cellar/python@3.12/3.12.1")
    return top / "opt"


@pytest.mark.parametrize("name", ["python@3", "python@3.12", "python@3/bin/python3.12"])
def test_homebrews_name_for_the_newest_minor_is_never_linked_to(user, brew, name):
    user.pyman("adopt", brew / name)
    assert os.readlink(user.runtimes / "3.12.1") == str(brew / "python@3.12")


def test_without_a_name_for_the_minor_nothing_is_adopted(user, brew):
    (brew / "python@3.12").unlink()
    result = user.pyman("adopt", brew / "python@3", status=1)
    assert "so it was not adopted" in result.err
    assert "`brew install python@3.12`" in result.err
    assert not any(name.startswith("3") for name in names(user))


def test_what_homebrew_moves_is_not_even_looked_at():
    roots = [root for root in tool_roots({}, "/home/you") if root.tool == "homebrew"]
    assert roots
    for root in roots:
        assert "python@3.12".startswith(root.starts)
        assert not "python@3".startswith(root.starts)


def test_where_tools_keep_their_pythons_on_macos():
    places = {(root.tool, root.pythons) for root in tool_roots({}, "/Users/you")}
    support = "/Users/you/Library/Application Support"
    assert places >= {
        ("hatch", f"{support}/hatch/env/virtual/.pythons"),
        ("pdm", f"{support}/pdm/python"),
        ("pystand", f"{support}/pystand"),
        ("uv", f"{support}/uv/python"),
        ("uv", "/Users/you/.local/share/uv/python"),
        ("python.org", "/Library/Frameworks/Python.framework/Versions"),
        ("python.org", "/Library/Frameworks/PythonT.framework/Versions"),
        ("macports", "/opt/local/Library/Frameworks/Python.framework/Versions"),
        ("system", "/Library/Developer/CommandLineTools/Library/Frameworks/Python3.framework/Versions"),
    }


def test_the_python_of_a_framework_is_found_in_the_folder_of_its_minor(user):
    """And not a second time by the link that names the newest of them."""
    versions = user.path / "Library/Application Support/pdm/python"
    write_stand_in(versions / "cpython@3.12.1", "3.12.1")
    (versions / "cpython@3.12").symlink_to("cpython@3.12.1")
    found = user.json("adopt")["found"]
    assert [(one["origin"], one["path"]) for one in found if "Support" in one["path"]] == [
        ("pdm", str(versions / "cpython@3.12.1"))
    ]


def test_the_packages_in_homebrews_own_python_are_named(user, tmp_path):
    """They lie beside the Cellar, and a link leads there."""
    brew = tmp_path / "brew"
    keg = brew / "Cellar/python@3.12/3.12.1"
    write_stand_in(keg, "3.12.1")
    shared = brew / "lib/python3.12/site-packages"
    (shared / "demo-1.0.dist-info").mkdir(parents=True)
    library = keg / "lib/python3.12"
    library.mkdir(parents=True, exist_ok=True)
    if (library / "site-packages").is_dir():
        (library / "site-packages").rmdir()
    (library / "site-packages").symlink_to(shared)
    (brew / "opt").mkdir()
    (brew / "opt/python@3.12").symlink_to("../Cellar/python@3.12/3.12.1")
    assert "demo" in user.pyman("adopt", brew / "opt/python@3.12").out
