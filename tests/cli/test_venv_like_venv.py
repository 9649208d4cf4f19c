"""A venv of pyman is what `python -m venv` of the same interpreter makes, for every real interpreter at hand."""

from __future__ import annotations

import json
import os

import pytest

from pyman.core.pyvenv_cfg import parse_pyvenv_cfg
from stage.home import Home
from stage.interpreters import MIRROR, NEWER, PYENV
from stage.mirror import has_archive, mirror_folder

FACTS = """
import json, os, site, sys, sysconfig
top = sys.argv[1]
def told(value):
    if isinstance(value, (list, tuple)):
        return [told(one) for one in value]
    if isinstance(value, dict):
        return {key: told(one) for key, one in value.items()}
    return value.replace(top, "VENV") if isinstance(value, str) else value
schemes = ("posix_prefix", "posix_user", "venv", "posix_venv")
variables = ("prefix", "exec_prefix", "base", "platbase", "installed_base", "installed_platbase", "userbase",
    "LIBDIR", "INCLUDEPY", "projectbase", "srcdir", "py_version", "abiflags", "EXT_SUFFIX", "SOABI")
print(json.dumps(told({
    "path": sys.path, "prefix": sys.prefix, "exec": sys.exec_prefix, "base": sys.base_prefix,
    "base_exec": sys.base_exec_prefix, "executable": sys.executable, "home": getattr(sys, "_home", None),
    "base_executable": getattr(sys, "_base_executable", None), "version": sys.version,
    "user_site": [site.ENABLE_USER_SITE, site.getusersitepackages()], "site": site.getsitepackages(),
    "prefixes": site.PREFIXES, "os": os.__file__, "modules": sorted(sys.modules),
    "paths": {name: sysconfig.get_paths(name) for name in schemes if name in sysconfig.get_scheme_names()},
    "default": sysconfig.get_paths(), "variables": sysconfig.get_config_vars(*variables),
    "platform": sysconfig.get_platform(), "makefile": sysconfig.get_makefile_filename(),
})))
"""
INTERPRETERS = [
    *(pytest.param(version, id=f"mirror {version}") for version in (*MIRROR, *NEWER)),
    *(pytest.param(os.path.basename(prefix), id=f"pyenv {os.path.basename(prefix)}") for prefix in PYENV),
    pytest.param("/usr/bin/python3", id="the system's"),
]
OPTIONS = [(), ("--system-site-packages", "--prompt", "it's mine")]


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A home with every interpreter at hand in its store: those of the mirror and pyenv's."""
    home = Home(tmp_path_factory.mktemp("everything"), mirror_folder())
    home.with_runtimes(*filter(has_archive, (*MIRROR, *NEWER)))
    if PYENV:
        home.pyman("adopt", *PYENV)
    return home


def facts_of(home, venv, program):
    return json.loads(home.run(venv / "bin" / program, "-B", "-c", FACTS, venv, PYTHONPATH=""))


def entries_of(venv):
    """Every folder and file by its name, and every link with its text."""
    found = {}
    for path in sorted(venv.rglob("*")):
        name = str(path.relative_to(venv))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        else:
            found[name] = "folder" if path.is_dir() else "file"
    return found


def request_for(home, which):
    """The minor where its alias leads to this release, so that the venv follows; else the release itself."""
    if which.startswith("/"):
        if not os.path.exists(which):
            pytest.skip("this system has no Python of its own")
        return which
    if not os.path.lexists(home.runtimes / which):
        pytest.skip(f"the mirror has no archive of {which}")
    minor = which.rpartition(".")[0]
    return minor if os.readlink(home.runtimes / minor) == which else which


@pytest.mark.parametrize("which", INTERPRETERS)
@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "with options"])
def test_it_is_what_the_interpreter_itself_makes(which, options, everything):
    home = everything
    request = request_for(home, which)
    # The same name: it is the prompt.
    ours = home.project / "ours" / which.strip("/").replace("/", "-") / str(len(options)) / "v"
    theirs = home.project / "theirs" / ours.relative_to(home.project / "ours")
    answer = home.json("venv", ours, "-p", request, "--without-pip", *options)
    assert answer["policy"] == ("pin" if request == which and not which.startswith("/") else "follow")
    settings = parse_pyvenv_cfg((ours / "pyvenv.cfg").read_text())
    executable = os.readlink(ours / "bin/python")
    home.run(executable, "-B", "-m", "venv", "--without-pip", *options, theirs)

    before, after = entries_of(theirs), entries_of(ours)
    # One name leaves the venv and the others lead to it: with CPython the name that it was started by, here `python`.
    assert after["bin/python"] == before[f"bin/{os.path.basename(executable)}"] == f"-> {executable}"
    for tree, leaving in ((before, os.path.basename(executable)), (after, "python")):
        for name in [name for name in tree if name.startswith("bin/") and tree[name].startswith("->")]:
            if name != f"bin/{leaving}":
                assert tree[name] == f"-> {leaving}"
            tree[name] = "link"
    # pyman has these in every venv; CPython since 3.13 and 3.8.
    for name in (".gitignore", "bin/Activate.ps1"):
        assert after.pop(name) == "file"
        before.pop(name, None)
    assert after == before

    their_settings = parse_pyvenv_cfg((theirs / "pyvenv.cfg").read_text())
    for key in {"home", "include-system-site-packages", "prompt"} & their_settings.values.keys():
        assert settings.get(key) == their_settings.get(key), key
    assert their_settings.values.keys() <= settings.values.keys()
    assert settings.prompt == (options[-1] if options else None)

    for program in ("python", "python3"):
        mine, its = facts_of(home, ours, program), facts_of(home, theirs, program)
        assert mine == its
    assert mine["version"].startswith(answer["python"])
