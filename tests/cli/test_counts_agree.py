"""`list`, `info`, `uninstall` and `prune` count the same venvs, in worlds of venvs of every kind, known in every way."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.effects.venvs.records import record_hash, record_name
from stage.home import Home
from stage.uses import ELSEWHERE, WAYS, Uses, elsewhere
from stage.venvs import make_prefix, write

# Two releases of one minor and one of another: an older one, the one that the alias leads to, the last of its minor.
OLD, NEW, LAST = "3.13.5", "3.13.15", "3.11.2"
LEADS = {"3": NEW, "3.13": NEW, "3.11": LAST, OLD: OLD, NEW: NEW, LAST: LAST}

KINDS = st.one_of(
    st.tuples(st.sampled_from(WAYS), st.sampled_from(sorted(LEADS))),
    st.tuples(st.just("elsewhere"), st.sampled_from(ELSEWHERE)),
)
SHAPES = st.sampled_from(["folder", "link", "text", "two links", "folder and link", "link to text"])
PLACES = (
    ".local/share/pipx/venvs/app",
    ".local/share/uv/tools/app",
    ".cache/pypoetry/virtualenvs/app-abcdefgh-py3.13",
    ".cache/pre-commit/repoabcdefgh/py_env-python3.13",
    "project/.tox/py313",
)
WORLDS = st.tuples(
    st.lists(st.tuples(KINDS, SHAPES), max_size=6),
    # One in the project, which nobody has recorded.
    st.none() | st.tuples(KINDS, st.sampled_from(["folder", "link", "text"])),
    # Where tools keep theirs, which nobody has recorded either.
    st.lists(st.tuples(KINDS, st.sampled_from(PLACES)), max_size=3, unique_by=lambda one: one[1]),
    # On a disk that is not mounted: nobody can tell what they go through.
    st.integers(0, 2),
)


class World:
    """A home with such venvs; `names` tells of each by its real place which name of the store it goes through."""

    def __init__(self, folder, recorded, here, of_tools, away):
        self.home = Home(folder)
        self.folder = folder
        for release in (OLD, NEW, LAST):
            make_prefix(f"{self.home.runtimes}/{release}", release, manifest=True)
        for alias, target in (("3", "3.13"), ("3.13", NEW), ("3.11", LAST)):
            os.symlink(target, self.home.runtimes / alias)
        self.names: dict[str, str | None] = {}
        self._stage = Uses(str(folder), str(self.home.root))
        os.makedirs(self.home.root / "venvs")
        for number, (kind, shape) in enumerate(recorded):
            for path in self._known_as(shape, self._venv(kind, f"{folder}/venvs/{number}"), str(number)):
                os.symlink(path, self.home.root / f"venvs/{number}-{os.path.basename(os.path.dirname(path))}")
        for kind, place in of_tools:
            self._venv(kind, f"{self.home.path}/{place}")
        self.away = {f"{folder}/disk/{number}/.venv" for number in range(away)}
        with open(self.home.root / "mounts", "w") as mounts:
            for path in self.away:
                os.symlink(path, self.home.root / "venvs" / record_name(path))
                mounts.write(f"{record_hash(record_name(path))} /dev/away /\n")
        if here is not None:
            kind, shape = here
            path = f"{self.home.project}/.venv"
            venv = self._venv(kind, path if shape == "folder" else f"{folder}/venvs/here")
            if shape == "link":
                os.symlink(venv, path)
            elif shape == "text":
                write(path, venv)

    def _venv(self, kind, path):
        way, name = kind
        self.names[path] = None if way == "elsewhere" else name
        return elsewhere(name, path) if way == "elsewhere" else self._stage.make(way, name, path)

    def _known_as(self, shape, venv, name):
        projects = [f"{self.folder}/projects/{name}{letter}/.venv" for letter in "ab"]
        for project in projects:
            os.makedirs(os.path.dirname(project))
        if shape == "folder":
            return [venv]
        if shape == "text":
            write(projects[0], venv)
            return projects[:1]
        if shape == "link to text":
            write(f"{self.folder}/projects/{name}/text", f"{venv}\n")
            os.symlink(f"../{name}/text", projects[0])
            return projects[:1]
        os.symlink(os.path.relpath(venv, os.path.dirname(projects[0])), projects[0])
        os.symlink(projects[0], projects[1])
        return {"link": projects[:1], "two links": projects, "folder and link": [projects[0], venv]}[shape]

    def real(self, paths):
        """The real places of venvs, each once."""
        found = [os.path.realpath(Path(path).read_text().strip() if os.path.isfile(path) else path) for path in paths]
        assert len(found) == len(set(found)), found
        return set(found)

    def through(self, *names):
        return {path for path, name in self.names.items() if name in names}

    def on(self, release):
        return {path for path, name in self.names.items() if name is not None and LEADS[name] == release}


@settings(max_examples=15, deadline=None)
@given(WORLDS)
def test_list_info_uninstall_and_prune_count_alike(world):
    folder = Path(tempfile.mkdtemp())
    try:
        _count_alike(World(folder.resolve(), *world))
    finally:
        shutil.rmtree(folder)


def _count_alike(world):
    home = world.home
    listed = {one["version"]: one["venvs"] for one in home.json("list")["runtimes"]}
    assert listed == {release: len(world.on(release)) for release in (OLD, NEW, LAST)}
    for release in (OLD, NEW, LAST):
        told = home.json("info", release)
        assert world.real(told["users"]) == world.on(release), release
        assert told["venvs"] == listed[release]
    # Who goes through the alias needs the release that it leads to: the last of its minor, or all others are older.
    # What is away may need any of them, and is neither counted nor forgotten.
    for release in (OLD, NEW, LAST):
        if needed := world.on(release) | world.away:
            answer = home.json("uninstall", release, status=1)
            assert answer["error"]["code"] == "in-use"
            assert world.real(one["who"] for one in answer["needed"]) == needed, release
    answer = home.json("prune")
    kept = world.through(OLD) | world.away
    assert world.real(one["who"] for one in answer["kept"]) == kept
    assert answer["changed"] == ([] if kept else [OLD])
    told = {one["path"] for one in home.json("venvs")["venvs"] if one["state"] == "unreachable"}
    assert told == world.away
