"""ctrl-C, SIGTERM and SIGHUP at any change that a command makes: its JSON names what it has done, and nothing else.

The signal comes just before or just after the n-th change of a file, and others at the instants that follow, which is
when the first one has its work undone; then the disk says what was done. `PYMAN_TEST_FAULTS=all` tries every instant.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import pytest

from stage.home import Home
from stage.mirrors import Mirror, write_stand_in

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
OLD, OLDER, NEW = "3.13.5", "3.13.4", "3.13.15"
_STRIKES = 5
_MORE = 3
"""Signals after the first one."""
_EVERY = os.environ.get("PYMAN_TEST_FAULTS") == "all"


# --- worlds ---


def store(home, *releases):
    """Stand-ins in the store, each minor's alias at the last one that is named."""
    for release in releases:
        minor = release.rpartition(".")[0]
        folder = write_stand_in(home.runtimes / release, release)
        with open(f"{folder}/pyman-runtime.toml", "w", encoding="utf-8") as file:
            file.write(
                f'version = "{release}"\nvariant = "default"\nsha256 = ""\ninstalled_at = "2026-09-01T00:00:00Z"\n'
            )
            file.write(f'library = "lib/python{minor}"\nexecutable = "bin/python{minor}"\n')
        for alias, target in ((minor, release), ("3", minor)):
            (home.runtimes / alias).unlink(missing_ok=True)
            os.symlink(target, home.runtimes / alias)


def offered(home, *releases):
    mirror = Mirror(home.environ["PYMAN_MIRROR"])
    for release in releases:
        mirror.add(release)


def one_venv(home):
    store(home, OLD, NEW)
    home.pyman("venv", "--without-pip", "a")


def three_venvs(home):
    store(home, "3.11.2", OLD, NEW)
    for name in "abc":
        home.pyman("venv", "--without-pip", name)


def three_unknown(home):
    three_venvs(home)
    shutil.rmtree(home.root / "venvs")


def three_stale(home):
    three_venvs(home)
    for name in "abc":
        link, cfg = home.project / name / "bin/python", home.project / name / "pyvenv.cfg"
        target = os.readlink(link).replace("/3.13/", f"/{OLD}/")
        link.unlink()
        link.symlink_to(target)
        cfg.write_text(cfg.read_text().replace("/3.13/", f"/{OLD}/"))


def three_to_rebuild(home):
    three_venvs(home)
    (home.runtimes / "3.11.2/lib/python3.11/ensurepip/_bundled").mkdir(parents=True)
    (home.runtimes / "3.11.2/lib/python3.11/ensurepip/_bundled/pip-24.0-py3-none-any.whl").touch()


def to_upgrade(home):
    store(home, "3.12.1", "3.14.0")
    home.pyman("venv", "--without-pip", "a")
    offered(home, "3.14.1", "3.12.4")


def strangers(home):
    home.runtimes.mkdir(parents=True)
    for release in ("3.12.4", "3.11.2"):
        write_stand_in(home.path / f".pyenv/versions/{release}", release)


def full_cache(home):
    home.runtimes.mkdir(parents=True)
    (home.cache / "archives").mkdir(parents=True)
    for release in ("3.13.5+20260901", "3.13.15+20261001"):
        name = f"cpython-{release}-x86_64-unknown-linux-gnu-default-19c2f234bfdd24c6.tar.gz"
        (home.cache / "archives" / name).touch()


# --- what the JSON names, and what is there; both as sets of names ---


def changed(answer):
    return {os.path.basename(path) for path in answer.get("changed", ())}


def versions(*keys):
    return lambda answer: {one["version"] for key in keys for one in answer.get(key, ())}


def paths(key, **fields):
    return lambda answer: {
        os.path.basename(one["path"]) for one in answer.get(key, ()) if fields.items() <= one.items()
    }


def releases(home):
    return {path.name for path in home.runtimes.glob("*.*.*") if not path.name.startswith(".")}


def files(*places):
    return lambda home: {path.name for place in places for path in home.path.glob(place)}


def through(name):
    return lambda home: {
        path.parent.parent.name for path in home.project.glob("?/bin/python") if f"/{name}/" in os.readlink(path)
    }


def gone(names, there):
    return lambda home: set(names) - there(home)


def recorded(home):
    return {os.path.basename(os.readlink(path)) for path in (home.root / "venvs").glob("[!.]*")}


def held(home):
    path = home.root / "holds"
    return {line.split()[0] for line in path.read_text().splitlines()} if path.exists() else set()


def without_cache(answer):
    return {name for name in changed(answer) if name.startswith("cpython")}


CASES = {
    "install 3.12 3.14": (lambda home: offered(home, "3.14.1", "3.12.4"), versions("installed"), releases),
    "upgrade": (to_upgrade, versions("installed"), lambda home: releases(home) - {"3.12.1", "3.14.0"}),
    "upgrade --prune": (
        to_upgrade,
        versions("installed", "removed"),
        lambda home: releases(home) ^ {"3.12.1", "3.14.0"},
    ),
    f"uninstall {OLDER} {OLD}": (lambda home: store(home, OLDER, OLD, NEW), changed, gone((OLDER, OLD), releases)),
    "prune": (lambda home: store(home, OLDER, OLD, NEW), changed, gone((OLDER, OLD), releases)),
    "adopt --all": (strangers, lambda answer: changed(answer) & {"3.12.4", "3.11.2"}, lambda home: releases(home) & {"3.12.4", "3.11.2"}),
    f"hold 3.13 {OLD}": (one_venv, changed, held),
    "rollback 3.13": (one_venv, changed, held),
    "use --global 3.13": (one_venv, changed, files(".local/share/pyman/default")),
    "use 3.13": (one_venv, changed, files("project/.python-version")),
    "shims": (one_venv, changed, files(".local/share/pyman/shims/*")),
    "venv b --without-pip": (one_venv, lambda answer: {os.path.basename(answer["path"])} & {"b"} if "path" in answer else set(), files("project/b")),
    "venv a --clear --without-pip -p 3.11": (three_venvs, lambda answer: {"a"} if "path" in answer else set(), lambda home: through("3.11")(home) & {"a"}),
    "pin a": (one_venv, changed, through(NEW)),
    "venvs --remove a b c": (three_venvs, changed, gone("abc", files("project/?"))),
    "register .": (three_unknown, changed, recorded),
    "forget a b c": (three_venvs, changed, gone("abc", recorded)),
    "doctor --fix": (three_stale, paths("findings", status="fixed"), through("3.13")),
    "rebuild a b c -p 3.11": (three_to_rebuild, paths("rebuilt"), through("3.11")),
    "mirror m 3.12 3.14": (lambda home: offered(home, "3.14.1", "3.12.4"), changed, files("project/m/*/cpython-*.gz", "project/m/advisories.json")),
    "cache clean": (full_cache, without_cache, lambda home: {path.name for path in home.saved.glob("archives/*")} - files(".cache/pyman/archives/*")(home)),
}  # fmt: skip


def venvs(home):
    """All that is in the project, by the first name, as one value each: but bytecode, and what names a process."""
    found = {}
    for folder, names, files in os.walk(home.project):
        for name in (*names, *files):
            path = os.path.join(folder, name)
            place = os.path.relpath(path, home.project)
            content = os.readlink(path) if os.path.islink(path) else ""
            if name == "pyvenv.cfg":
                with open(path, encoding="utf-8") as file:
                    content = file.read()
            found.setdefault(place.partition("/")[0], set()).add((place, content))
    return {name: frozenset(parts) for name, parts in found.items()}


def strikes_at(instant):
    return {instant + number: SIGNALS[(instant + number) % len(SIGNALS)] for number in range(_MORE + 1)}


@pytest.mark.parametrize("words", CASES)
def test_what_is_done_is_in_the_answer(tmp_path, words):
    make, told, done = CASES[words]
    home = Home(tmp_path, str(tmp_path / "mirror"))
    make(home)
    saved = tmp_path / "saved"
    subprocess.run(["cp", "-a", home.path, saved], check=True)
    home.saved = saved / ".cache/pyman"
    seen = set()
    whole = [venvs(home)]

    def strike(strikes):
        shutil.rmtree(home.path)
        subprocess.run(["cp", "-a", saved, home.path], check=True)
        result, instants = home.struck(strikes, *words.split(), "--json")
        assert "Traceback" not in result.err, result
        assert told(result.json) == done(home), (strikes, result)
        seen.add(frozenset(done(home)))
        first = min(strikes, default=instants + 1)
        if first <= instants:
            assert result.status == 128 + strikes[first], (strikes, result)
            assert result.json["error"]["code"] == "interrupted", (strikes, result)
        else:
            assert (result.status, "error" in result.json) == (0, False), result
        return instants

    instants = strike({})
    assert done(home)
    whole.append(venvs(home))
    # Odd, so that there are instants before changes and after them.
    step = 1 if _EVERY else max(1, instants // _STRIKES) | 1
    for instant in range(1, instants + 1, step):
        strike(strikes_at(instant))
        if "mirror" not in words:
            now = venvs(home)
            for name in {*whole[0], *whole[1], *now}:
                assert now.get(name) in [state.get(name) for state in whole], (instant, name)
    if _EVERY:
        # Before, after, and between any two parts.
        assert len(seen) >= 2
