"""The worlds that faults are tried in: each is made by pyman's own commands, once."""

from __future__ import annotations

import json
import os
import re
import shutil

import pytest

from faults.faulty import COUNT, KILLED, SYSTEM_SETTINGS, Wrong
from faults.thin_runtimes import unpack_thin
from faults.world import CACHE, STORE, World
from stage.implementations import pypy
from stage.venvs import peer
from stage.wheels import install_distribution


def nothing(_: World) -> None:
    """A new user."""


def one(world: World) -> None:
    """3.13.5, with a venv that follows and has pip, one that is pinned, and one whose package fits no newer release."""
    world.run("install", "3.13.5", status=0)
    world.run("venv", status=0)
    world.run("venv", "pinned", "--pin", "--without-pip", status=0)
    world.run("venv", "unfit", "--without-pip", status=0)
    for name in (".venv", "pinned"):
        install_distribution(site_packages(world, name), "spam", "1.0", scripts={"spam": "spam:main"})
    install_distribution(site_packages(world, "unfit"), "eggs", "1.0", requires_python="<3.13.10")


def scheduled(world: World) -> None:
    """A timer of systemd, and what its last run left."""
    one(world)
    world.environ["SYSTEMD_UNIT_PATH"] = os.path.join(world.path, "units")
    systemctl = os.path.join(world.tools, "systemctl")
    with open(systemctl, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n")
    os.chmod(systemctl, 0o755)
    world.run("schedule", "daily", "--with", "systemd", status=0)
    for name, text in (("upkeep", '{"time": "t", "status": "done"}'), ("notice", "pyman: 1 problem\n")):
        with open(os.path.join(world.path, STORE, name), "w", encoding="utf-8") as file:
            file.write(text)


def two(world: World) -> None:
    """The same after `upgrade`: 3.13.5 and 3.13.15; one follows, one is pinned, one held back."""
    one(world)
    world.run("upgrade", status=0)


def fitting(world: World) -> None:
    """Two releases, and nobody who is held back."""
    one(world)
    shutil.rmtree(os.path.join(world.project, "unfit"))
    world.run("forget", os.path.join(world.project, "unfit"), status=0)
    world.run("upgrade", status=0)


def held(world: World) -> None:
    """Two releases, and the alias held at the older."""
    two(world)
    world.run("hold", "3.13", "3.13.5", status=0)


def adopted(world: World) -> None:
    """3.13.5, and a Python of somebody else's that is in the store by a link."""
    one(world)
    strange(world)
    world.run("adopt", os.path.join(world.path, "opt/3.11.2"), status=0)


def strange(world: World) -> None:
    """A Python of somebody else's, not known yet."""
    if not os.path.isdir(os.path.join(world.path, STORE)):
        one(world)
    unpack_thin("3.11.2", os.path.join(world.path, "opt/3.11.2"))


def unused(world: World) -> None:
    """Two releases, of which nothing needs the older."""
    world.run("install", "3.13.5", status=0)
    world.run("venv", status=0)
    world.run("install", "3.13.15", status=0)


def unknown(world: World) -> None:
    """Venvs that pyman has not been told of, where it does not look."""
    one(world)
    records = os.path.join(world.path, STORE, "venvs")
    known = set(os.listdir(records))
    for name in ("a", "b"):
        world.run("venv", os.path.join(world.path, "elsewhere", name), "--without-pip", status=0)
    for name in set(os.listdir(records)) - known:
        os.unlink(os.path.join(records, name))


def sick(world: World) -> None:
    """Two releases, and something wrong with everything that can be repaired without a network."""
    two(world)
    runtimes = os.path.join(world.path, STORE, "runtimes")
    for name in ("dangling", "mixed", "stale", "metadata", "gone"):
        world.run("venv", name, "--without-pip", status=0)
        install_distribution(site_packages(world, name), "spam", "1.0", scripts={"spam": "spam:main"})
    world.run("venv", "before", status=0)
    os.rename(os.path.join(world.project, "before"), os.path.join(world.project, "moved"))
    world.run("register", "moved", status=0)
    _edit(world, "dangling", "/3.13/", "/3.13.9/")
    _relink(world, "dangling", f"{runtimes}/3.13.9/bin/python3.13")
    _edit(world, "mixed", "/3.13/", "/3.13.5/")
    _edit(world, "stale", "/3.13/", "/3.13.5/")
    _relink(world, "stale", f"{runtimes}/3.13.5/bin/python3.13")
    _edit(world, "metadata", "version = 3.13\n", "version = 3.13.5\n")
    shutil.rmtree(os.path.join(world.project, "gone"))
    os.unlink(f"{runtimes}/3")
    os.unlink(f"{runtimes}/3.13")
    os.symlink("3.13.5", f"{runtimes}/3.13")


def repaired(world: World) -> None:
    """Two releases, and a venv that was linked to the older one until doctor repaired it."""
    two(world)
    world.run("venv", "stale", "--without-pip", status=0)
    install_distribution(site_packages(world, "stale"), "spam", "1.0", scripts={"spam": "spam:main"})
    _edit(world, "stale", "/3.13/", "/3.13.5/")
    _relink(world, "stale", os.path.join(world.path, STORE, "runtimes/3.13.5/bin/python3.13"))
    world.run("doctor", "--fix", status=0)


def moved_along(world: World) -> None:
    """A folder with a project and a library beside it, which was renamed after the library had been imported."""
    one(world)
    old, new = (os.path.join(world.project, name) for name in ("old", "new"))
    venv = os.path.join(old, "app", ".venv")
    os.makedirs(os.path.join(old, "lib"))
    world.run("venv", venv, "--without-pip", status=0)
    place = os.path.join(old, "lib")
    files = {"__editable___lib_finder.py": f"PLACE = '{place}'\n"}
    top = site_packages(world, os.path.join("old", "app", ".venv"))
    origin = {"url": f"file://{place}", "dir_info": {"editable": True}}
    install_distribution(top, "lib-dist", "1.0", files=files, direct_url=origin, scripts={"lib": "lib_dist:main"})
    others = {
        os.path.join(top, "__pycache__", "__editable___lib_finder.cpython-313.pyc"): "bytecode",
        os.path.join(venv, "share", "jupyter", "kernels", "own", "kernel.json"): f'{{"argv": ["{venv}/bin/python"]}}',
        os.path.join(venv, "bin", "own"): f"#!{venv}/bin/python\n",
    }
    for path, text in others.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    os.symlink(place, os.path.join(top, "linked"))
    os.rename(old, new)
    world.run("register", os.path.join(new, "app", ".venv"), status=0)
    world.run("forget", venv, status=0)


def shared(world: World) -> None:
    """A venv whose packages somebody else may write to, because another venv has the same files."""
    one(world)
    top = site_packages(world, ".venv")
    second = os.path.join(world.path, "second names")
    os.mkdir(second)
    files = [os.path.join(top, "spam.py")]
    files += [os.path.join(top, "spam-1.0.dist-info", name) for name in ("METADATA", "WHEEL", "entry_points.txt")]
    os.makedirs(os.path.join(top, "__pycache__"), exist_ok=True)
    files.append(os.path.join(top, "__pycache__", "spam.cpython-313.pyc"))
    with open(files[-1], "wb") as file:
        file.write(b"bytecode")
    for number, path in enumerate(files):
        os.link(path, os.path.join(second, str(number)))
        os.chmod(path, 0o666)


def rebuildable(world: World) -> None:
    """A venv with a package that uv can install again, without a network, and with files of the user's."""
    os.symlink(peer("uv"), os.path.join(world.tools, "uv"))
    one(world)
    own = os.path.join("lib", "python3.13", "site-packages", "spam_data", "own")
    for name in ("bin/own", "share/own/notes", "lib/own", own):
        path = os.path.join(world.project, ".venv", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write("mine\n")
    with open(os.path.join(world.project, ".venv", "bin", "activate"), "a", encoding="utf-8") as file:
        file.write("export MINE=1\n")
    with open(os.path.join(world.project, "requirements.txt"), "w", encoding="utf-8") as file:
        file.write("spam\n")


def of_its_index(world: World) -> None:
    """The same, with a `pip.conf` in the venv that names where the package comes from, and nothing else that does."""
    rebuildable(world)
    with open(os.path.join(world.project, ".venv", "pip.conf"), "w", encoding="utf-8") as file:
        file.write(f"[global]\nno-index = true\nfind-links = {world.wheels}\n")
    world.environ |= {"UV_FIND_LINKS": os.path.join(world.path, "nowhere"), "PIP_FIND_LINKS": ""}


def around(world: World) -> None:
    """A folder that is a project and a venv."""
    one(world)
    world.run("venv", "app", "--without-pip", status=0)
    install_distribution(site_packages(world, "app"), "spam", "1.0", scripts={"spam": "spam:main"})
    for name in ("main.py", "bin/own", "lib/own"):
        with open(os.path.join(world.project, "app", name), "w", encoding="utf-8") as file:
            file.write("mine\n")


def unfinished(world: World) -> None:
    """A venv whose making was cut off while packages were installed into it."""
    rebuildable(world)
    words = ("venv", "new", "-r", os.path.join(world.project, "requirements.txt"))
    calls = world.run(*words, wrong=Wrong(COUNT)).calls
    world.run("venvs", "--remove", "new", status=0)
    at = next(number for number, call in enumerate(calls, 1) if re.fullmatch("unlink .*/new/.pyman-unfinished", call))
    world.run(*words, wrong=Wrong(KILLED, at), status=-9)


def site_packages(world: World, venv: str, minor: str = "3.13") -> str:
    return os.path.join(world.project, venv, "lib", f"python{minor}", "site-packages")


def _edit(world: World, venv: str, old: str, new: str) -> None:
    path = os.path.join(world.project, venv, "pyvenv.cfg")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert old in text, text
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))


def _relink(world: World, venv: str, target: str) -> None:
    path = os.path.join(world.project, venv, "bin", "python")
    os.unlink(path)
    os.symlink(target, path)


def without_shims(world: World) -> None:
    """One Python, and no shims yet."""
    one(world)
    shutil.rmtree(os.path.join(world.path, STORE, "shims"))


def empty_folder(world: World) -> None:
    """One Python, and an empty folder that is to become a venv."""
    one(world)
    os.mkdir(os.path.join(world.project, "empty"))


def cold(world: World) -> None:
    """One Python, and nothing in the cache."""
    one(world)
    shutil.rmtree(os.path.join(world.path, CACHE))


def held_behind(world: World) -> None:
    """3.13.5 alone, and the alias held there."""
    one(world)
    world.run("hold", "3.13", "3.13.5", status=0)


def adopted_newer(world: World) -> None:
    """3.13.5, and 3.13.15 of somebody else's in the store by a link."""
    one(world)
    world.run("adopt", unpack_thin("3.13.15", os.path.join(world.path, "opt/3.13.15")), status=0)


def tried(world: World) -> None:
    """One Python, and two venvs of which one has a package that breaks on the newer release."""
    one(world)
    shutil.rmtree(os.path.join(world.project, "unfit"))
    world.run("forget", os.path.join(world.project, "unfit"), status=0)
    world.run("venv", "breaks", "--without-pip", status=0)
    breaks = "import sys\nif sys.version_info >= (3, 13, 15):\n    raise RuntimeError('no such thing any more')\n"
    install_distribution(site_packages(world, "breaks"), "ham", "1.0", files={"ham.py": breaks})


def measured(world: World) -> None:
    """One Python, and a report that has measured the venvs."""
    one(world)
    world.run("report", "--json", status=0)
    assert os.path.isfile(os.path.join(world.path, CACHE, "sizes"))


def cleared(world: World) -> None:
    """A store without Pythons, in which a timer, shims and what is remembered are left."""
    scheduled(world)
    for name in (".venv", "pinned", "unfit"):
        world.run("venvs", "--remove", os.path.join(world.project, name), "--yes", status=0)
    world.run("uninstall", "3.13.5", "--no-search", status=0)


def above(world: World) -> None:
    """A store for everybody with the older release, above which a user has venvs of her own."""
    _beneath(world, "3.13.5")
    world.run("venv", status=0)
    world.run("venv", "unfit", "--without-pip", status=0)
    install_distribution(site_packages(world, ".venv"), "spam", "1.0", scripts={"spam": "spam:main"})
    install_distribution(site_packages(world, "unfit"), "eggs", "1.0", requires_python="<3.13.10")


def overtaken(world: World) -> None:
    """One Python, and the administrator has installed a newer release beneath."""
    one(world)
    _beneath(world, "3.13.15")


def _beneath(world: World, release: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("a store for everybody is root's")
    root, settings = os.path.join(world.path, "system"), os.path.join(world.path, "system.toml")
    world.run("--root", root, "install", release, "--no-check", status=0)
    with open(settings, "w", encoding="utf-8") as file:
        file.write(f'system-root = "{root}"\n')
    world.environ[SYSTEM_SETTINGS] = settings


def of_pypy(world: World) -> None:
    """One Python, and a PyPy of somebody else's with a venv that follows it."""
    one(world)
    world.run("adopt", pypy(), status=0)
    world.run("venv", "quick", "-p", "pypy3.11", "--without-pip", status=0)


def owned(world: World) -> None:
    """Two releases, and a venv of pipx that is linked to the older one, as its metadata say."""
    two(world)
    venv = os.path.join(world.path, ".local/share/pipx/venvs/spam")
    world.run("venv", venv, "--without-pip", status=0)
    install_distribution(site_packages(world, venv), "spam", "1.0", scripts={"spam": "spam:main"})
    old = os.path.join(world.path, STORE, "runtimes/3.13.5/bin/python3.13")
    _edit(world, venv, "/3.13/", "/3.13.5/")
    _relink(world, venv, old)
    metadata = {"python_version": "Python 3.13.5", "source_interpreter": {"__type__": "Path", "__Path__": old}}
    with open(os.path.join(venv, "pipx_metadata.json"), "w", encoding="utf-8") as file:
        json.dump(metadata, file)
