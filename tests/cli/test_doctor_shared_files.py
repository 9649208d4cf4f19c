"""Files that venvs share by hard links, once somebody else may change them: found, and repaired without taking over more.

Who owns a file or may write to it is the same for all venvs that share it, so what is done to one of them counts.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading

import pytest

from pyman.core.diagnosis.finding import OWN_FILES, Finding
from pyman.core.plans.repair import plan_repair
from pyman.core.plans.steps import OwnCopy
from pyman.core.store import Store
from pyman.effects import transaction as own_copies
from pyman.effects.places import read_places
from pyman.effects.venvs import shared_files
from pyman.effects.venvs.inventory import read_one
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.shared_files import SharedFilesLook, read_shared_files, what_is_wrong
from pyman.errors import Changed
from stage.venvs import make_venv, write
from stage.wheels import install_distribution

SITE = "lib/python3.13/site-packages"
SOMEBODY = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
OWN = ("RECORD", "INSTALLER", "REQUESTED")


class Pair:
    """Two venvs with one package, whose files are the same in both as uv makes them."""

    def __init__(self, user):
        self.user = user
        self.one, self.other = (user.project / name / ".venv" for name in ("one", "other"))
        for venv in (self.one, self.other):
            make_venv(str(venv), str(user.runtimes / "3.13/bin/python3.13"))
        files = {"eggs/__init__.py": "x = 1\n", "eggs/empty.py": "", "eggs/deep/data.bin": bytes(3000)}
        install_distribution(str(self.one / SITE), "eggs", "1.0", files=files, scripts={"eggs": "eggs:main"})
        write(str(self.one / SITE / "eggs/__pycache__/__init__.cpython-313.pyc"), b"bytecode")
        self.shared = sorted(
            str(path.relative_to(self.one))
            for path in (self.one / SITE).rglob("*")
            if path.is_file() and path.name not in OWN
        )
        for path in (self.one / SITE).rglob("*"):
            place = self.other / path.relative_to(self.one)
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                shutil.copy2(path, place) if path.name in OWN else os.link(path, place)
        user.pyman("register", self.one, self.other)

    def spoil(self, how):
        """What somebody does to the first venv."""
        for path in self.shared:
            how(self.one / path)

    def findings(self, venv, *words, status=None):
        answer = self.user.json("doctor", venv, *words, status=status)
        return [(one["code"], one["status"]) for one in answer["findings"]], answer["findings"]

    def all_findings(self):
        """Those about venvs; in the store are no real Pythons."""
        return [one for one in self.user.json("doctor", status=None)["findings"] if one["kind"] == "venv"]


def give_away(path):
    os.chown(path, SOMEBODY, SOMEBODY)


def open_to_all(path):
    os.chmod(path, 0o666)


SPOILERS = [pytest.param(give_away, marks=needs_root), open_to_all]


@pytest.fixture
def pair(user):
    return Pair(user)


def state(venv):
    return {
        str(path.relative_to(venv)): (path.lstat().st_ino, path.lstat().st_mode, path.lstat().st_uid)
        for path in sorted(venv.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def contents(venv):
    return {name: (venv / name).read_bytes() for name in state(venv) if not name.endswith(".pyc")}


def test_sharing_alone_is_no_finding(pair):
    assert pair.findings(pair.other, status=0) == ([], [])
    assert pair.all_findings() == []


@pytest.mark.parametrize("how", SPOILERS)
def test_it_is_found_and_the_venv_gets_its_own_copies(pair, how):
    pair.spoil(how)
    before, times = contents(pair.other), {name: (pair.other / name).stat().st_mtime_ns for name in pair.shared}
    first = state(pair.one)
    _, [finding] = pair.findings(pair.other, status=1)
    assert (finding["code"], finding["severity"], finding["repair"]) == (
        "shared-files",
        "warning",
        "give it its own copies",
    )
    assert f"{len(pair.shared)} files that it shares with other venvs" in finding["message"]
    assert ("belong to user 12345" if how is give_away else "others may write to") in finding["message"]
    # Who looks at everything sees the same, and `venvs` as well.
    assert {one["code"] for one in pair.all_findings()} == {"shared-files"}
    states = {one["path"]: one["state"] for one in pair.user.json("venvs")["venvs"]}
    assert states[str(pair.other)] == "shared-files"
    untouched = state(pair.other)
    assert pair.findings(pair.other, "--dry-run", status=1)[0] == [("shared-files", "planned")]
    assert state(pair.other) == untouched
    assert pair.findings(pair.other, "--fix", status=0)[0] == [("shared-files", "fixed")]
    assert contents(pair.other) == before
    for name in pair.shared:
        path = pair.other / name
        if name.endswith(".pyc"):
            assert not path.exists()
            continue
        status = path.stat()
        assert (status.st_nlink, status.st_uid, status.st_mtime_ns) == (1, os.geteuid(), times[name])
        assert status.st_mode & 0o777 == 0o644
    assert state(pair.one) == first
    assert [name for name in os.listdir(pair.other / SITE) if name.startswith(".")] == []
    # Once more there is nothing to be done.
    after = state(pair.other)
    assert pair.findings(pair.other, "--fix", status=0) == ([], [])
    assert state(pair.other) == after


@pytest.mark.parametrize("how", SPOILERS)
@pytest.mark.parametrize("forged", ["source", "record", "not recorded"])
def test_what_somebody_else_may_have_written_is_not_taken_over(pair, how, forged):
    info = next((pair.other / SITE).glob("eggs-*.dist-info"))
    if forged == "source":
        (pair.one / SITE / "eggs/__init__.py").write_text("print('foreign')\n")
    elif forged == "record":
        # He who may write RECORD too has it say whatever he likes.
        how(info / "RECORD")
    else:
        rows = (info / "RECORD").read_text().splitlines()
        (info / "RECORD").write_text("".join(f"{row}\n" for row in rows if not row.startswith("eggs/__init__.py")))
    pair.spoil(how)
    before = state(pair.other)
    found, [finding] = pair.findings(pair.other, "--fix", "--yes", status=1)
    assert found == [("shared-files", "open")]
    assert f"{SITE}/eggs" in finding["message"]
    assert "cannot be verified to be as installed" in finding["message"]
    assert finding["repair"] == f"`pyman rebuild {pair.other} --force` installs its packages again"
    assert state(pair.other) == before


def test_a_folder_that_is_open_to_others_stays_as_open_as_it_was(pair):
    """Somebody may have meant it: `chmod -R` of a venv that a team shares. Then nothing is lost by copying."""
    for path in [pair.one, *pair.one.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o777 if path.is_dir() else 0o666)
    assert pair.findings(pair.one, "--fix", status=0)[0] == [("shared-files", "fixed")]
    kept = pair.one / SITE / "eggs/__init__.py"
    assert (kept.stat().st_nlink, kept.stat().st_mode & 0o777) == (1, 0o666)
    # The other venv's folders were never opened, so its files are not to be open, though it is the last that has them.
    _, [finding] = pair.findings(pair.other, status=1)
    assert finding["message"].startswith("others may write to 8 files of its packages, such as ")
    assert pair.findings(pair.other, "--fix", status=0)[0] == [("shared-files", "fixed")]
    assert (pair.other / SITE / "eggs/__init__.py").stat().st_mode & 0o777 == 0o644


def test_programs_that_are_linked_into_bin_are_among_them(pair):
    info = next((pair.other / SITE).glob("eggs-*.dist-info"))
    for venv in (pair.one, pair.other):
        write(str(venv / "bin/tool"), b"\x7fELF a program", 0o755)
    (pair.other / "bin/tool").unlink()
    os.link(pair.one / "bin/tool", pair.other / "bin/tool")
    digest = hashlib.sha256(b"\x7fELF a program").digest()
    import base64

    row = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    with (info / "RECORD").open("a") as record:
        record.write(f"../../../bin/tool,sha256={row},16\n")
    pair.spoil(open_to_all)
    (pair.one / "bin/tool").chmod(0o777)
    assert pair.findings(pair.other, "--fix", status=0)[0] == [("shared-files", "fixed")]
    assert ((pair.other / "bin/tool").stat().st_nlink, (pair.other / "bin/tool").stat().st_mode & 0o777) == (1, 0o755)


def test_what_is_linked_elsewhere_is_not_followed(pair, tmp_path):
    victim = tmp_path / "victim"
    shutil.copytree(pair.other / SITE / "eggs", victim)
    shutil.rmtree(pair.other / SITE / "eggs")
    (pair.other / SITE / "eggs").symlink_to(victim)
    os.link(victim / "__init__.py", tmp_path / "second name")
    (victim / "__init__.py").chmod(0o666)
    pair.spoil(open_to_all)
    before = state(victim)
    pair.findings(pair.other, "--fix", status=0)
    assert state(victim) == before


@pytest.mark.parametrize("how", SPOILERS)
def test_the_last_venv_that_has_them_is_repaired_too(pair, how):
    """The one where it was done is gone, and the second to last has its own copies."""
    pair.spoil(how)
    answer = pair.user.json("doctor", pair.one, pair.other, "--fix", status=0)
    assert [(one["code"], one["status"]) for one in answer["findings"]] == [("shared-files", "fixed")] * 2
    for venv in (pair.one, pair.other):
        for name in pair.shared:
            if not name.endswith(".pyc"):
                status = (venv / name).stat()
                assert (status.st_uid, status.st_mode & 0o777) == (os.geteuid(), 0o644)


@needs_root
def test_what_a_team_installs_into_a_venv_of_one_of_them_is_no_finding(pair):
    """Folders that others may write to, and files of theirs in them that nobody else has."""
    for path in [pair.one / SITE / "eggs", *(pair.one / SITE / "eggs").rglob("*")]:
        content = path.read_bytes() if path.is_file() else None
        if content is not None:
            path.unlink()
            path.write_bytes(content)
        os.chown(path, SOMEBODY, SOMEBODY)
    info = next((pair.one / SITE).glob("eggs-*.dist-info"))
    (info / "METADATA").chmod(0o666)
    shutil.copy2(info / "METADATA", info / "copy")
    os.replace(info / "copy", info / "METADATA")
    info.chmod(0o777)
    assert pair.findings(pair.one, status=0) == ([], [])


@needs_root
def test_a_venv_of_another_user_is_his_to_repair(pair):
    pair.spoil(open_to_all)
    os.chown(pair.other, SOMEBODY, SOMEBODY)
    before = state(pair.other)
    found, [finding] = pair.findings(pair.other, "--fix", status=1)
    assert found == [("shared-files", "open")]
    assert "another user" in finding["repair"]
    assert state(pair.other) == before


@needs_root
def test_the_venv_that_was_given_away_is_well(pair):
    pair.spoil(give_away)
    for path in [pair.one, *pair.one.rglob("*")]:
        os.chown(path, SOMEBODY, SOMEBODY, follow_symlinks=False)
    assert pair.findings(pair.one, status=0) == ([], [])


def test_a_venv_of_another_tool_is_repaired_with_foreign(user):
    venv = user.path / ".local/share/pipx/venvs/eggs"
    make_venv(str(venv), str(user.runtimes / "3.13/bin/python3.13"))
    write(str(venv / "pipx_metadata.json"), "{}")
    install_distribution(str(venv / SITE), "eggs", "1.0")
    info = next((venv / SITE).glob("eggs-*.dist-info"))
    os.link(info / "METADATA", user.path / "second name")
    (info / "METADATA").chmod(0o666)
    [finding] = user.json("doctor", venv, "--fix", status=1)["findings"]
    assert finding["repair"] == f"run `pyman doctor {venv} --fix --foreign`"
    [finding] = user.json("doctor", venv, "--fix", "--foreign", status=0)["findings"]
    assert finding["status"] == "fixed"


def test_a_repair_that_was_killed_is_taken_up_again(pair):
    """What it had put aside is not a file of a package, and the file that tells of the others is the last of them."""
    pair.spoil(open_to_all)
    left = pair.one / SITE / f".empty.py.pyman-{1 << 23}-0123abcd"
    os.rename(pair.one / SITE / "eggs/empty.py", left)
    write(str(pair.one / SITE / "eggs/empty.py"), "")
    facts = read_one(read_places(pair.user.environ), str(pair.one))
    files = [file for file, _ in read_shared_files(facts)]
    finding = Finding("shared-files", "venv", str(pair.one), "", action=OWN_FILES)
    steps = plan_repair(finding, facts, Store(""), shared=files).plan.steps
    assert len(steps) == len(pair.shared) - 1
    assert [os.path.basename(step.path) for step in steps].index("METADATA") == len(steps) - 1
    assert pair.findings(pair.one, "--fix", status=0)[0] == [("shared-files", "fixed")]
    assert not left.exists()


# --- the look ---


def test_what_is_remembered_is_not_listed_again_and_a_change_of_owner_is_seen(pair, tmp_path, monkeypatch):
    for venv in (pair.one, pair.other):
        os.utime(venv / SITE, (1, 1))
    facts = [read_venv(str(venv)) for venv in (pair.one, pair.other)]
    look = SharedFilesLook(str(tmp_path / "cache"))
    assert [look.complete(one).shared for one in facts] == [None, None]
    look.store(all_asked=True)
    real, listed, looked = os.listdir, [], []
    monkeypatch.setattr(shared_files.os, "listdir", lambda folder: listed.append(folder) or real(folder))
    stat = os.lstat
    monkeypatch.setattr(shared_files.os, "lstat", lambda path, **more: looked.append(path) or stat(path, **more))
    again = SharedFilesLook(str(tmp_path / "cache"))
    assert [again.complete(one).shared for one in facts] == [None, None]
    assert listed == []
    # Two folders, and the one file that both have.
    assert len(looked) == 3
    pair.spoil(open_to_all)
    third = SharedFilesLook(str(tmp_path / "cache"))
    assert [third.complete(one).shared.count for one in facts] == [len(pair.shared)] * 2


def test_damaged_memory_costs_a_look_and_no_more(pair, tmp_path):
    (tmp_path / "cache").mkdir()
    for content in (b"\0", b"\t\t\t", os.fsencode(f"{pair.one}/{SITE}\0x\ty=z\n"), b"\xff" * 100):
        (tmp_path / "cache/shared-files").write_bytes(content)
        look = SharedFilesLook(str(tmp_path / "cache"))
        assert look.complete(read_venv(str(pair.one))).shared is None
        look.store(all_asked=True)


@pytest.mark.parametrize(
    ("uid", "gid", "mode", "wrong"),
    [
        (1000, 1000, 0o644, None),
        (0, 0, 0o644, None),
        (1001, 1000, 0o644, "foreign"),
        (1000, 1000, 0o666, "writable"),
        (1000, 50, 0o664, "writable"),
        # Whoever has the umask 002 has a group of his own for it.
        (1000, 1000, 0o664, None),
        (1000, 50, 0o644, None),
    ],
)
def test_who_else_may_change_a_file(uid, gid, mode, wrong, monkeypatch):
    monkeypatch.setattr(shared_files, "is_shared_group", lambda gid, _uid, _user: gid == 50)
    assert what_is_wrong(uid, gid, 0o100000 | mode, 1000) == wrong


# --- the copies ---


def test_what_is_copied_is_what_was_promised_whoever_writes_meanwhile(tmp_path):
    """Somebody keeps the file open and writes into it, thousands of times while it is copied."""
    good, bad = b"x = 1\n" * 3000, b"print('foreign')\n" + b"#" * 17983
    (tmp_path / "shared").write_bytes(good)
    step = OwnCopy(str(tmp_path / "shared"), "", "sha256", hashlib.sha256(good).hexdigest())
    descriptor, ended, writes = os.open(tmp_path / "shared", os.O_WRONLY), threading.Event(), [0]

    def write_into_it():
        while not ended.is_set():
            os.pwrite(descriptor, bad, 0)
            os.pwrite(descriptor, good, 0)
            writes[0] += 2

    writer = threading.Thread(target=write_into_it)
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    copied = refused = 0
    try:
        writer.start()
        while copied < 100 or refused < 100 or writes[0] < 2000:
            try:
                name, _ = own_copies.copy_beside(step, "shared", folder, folder)
            except Changed:
                refused += 1
                continue
            assert (tmp_path / name).read_bytes() == good
            os.unlink(tmp_path / name)
            copied += 1
    finally:
        ended.set()
        writer.join()
        os.close(descriptor)
        os.close(folder)
    assert os.listdir(tmp_path) == ["shared"]


def test_two_names_are_exchanged_where_the_system_cannot_in_one_step(tmp_path, monkeypatch):
    monkeypatch.setattr(own_copies, "exchange", lambda *_, **__: False)
    for folder, text in (("a", "one"), ("b", "two")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text(text)
    one, other = (os.open(tmp_path / name, os.O_RDONLY | os.O_DIRECTORY) for name in "ab")
    try:
        own_copies.swap("file", one, "file", other)
        assert [(tmp_path / name / "file").read_text() for name in "ab"] == ["two", "one"]
        real = os.rename
        calls = []

        def fails_once(*arguments, **options):
            calls.append(arguments)
            if len(calls) == 2:
                raise OSError(errno.EIO, "Input/output error")
            return real(*arguments, **options)

        monkeypatch.setattr(own_copies.os, "rename", fails_once)
        with pytest.raises(OSError, match="Input/output"):
            own_copies.swap("file", one, "file", other)
        assert [(tmp_path / name / "file").read_text() for name in "ab"] == ["two", "one"]
    finally:
        os.close(one)
        os.close(other)
    assert [os.listdir(tmp_path / name) for name in "ab"] == [["file"], ["file"]]


def test_a_file_that_is_another_one_by_now_is_left_alone(pair, monkeypatch):
    pair.spoil(open_to_all)
    real = own_copies.copy_beside

    def replaced_meanwhile(step, name, folder, work):
        answer = real(step, name, folder, work)
        if name == "data.bin":
            # As pip does it.
            write(f"{step.path}.new", "newer")
            os.replace(f"{step.path}.new", step.path)
        return answer

    monkeypatch.setattr("pyman.effects.transaction.copy_beside", replaced_meanwhile)
    from pyman.core.diagnosis.finding import Finding
    from pyman.core.plans.repair import plan_repair
    from pyman.effects.store import read_store
    from pyman.effects.transaction import Transaction

    places = read_places(pair.user.environ)
    facts = read_one(places, str(pair.other))
    finding = Finding("shared-files", "venv", str(pair.other), "", "", "own-files")
    plan = plan_repair(
        finding, facts, read_store(places.root), shared=[file for file, _ in read_shared_files(facts)]
    ).plan
    before = state(pair.other)
    with pytest.raises(Changed), Transaction(places) as transaction:
        transaction.take(plan)
    data = f"{SITE}/eggs/deep/data.bin"
    assert (pair.other / data).read_text() == "newer"
    after = state(pair.other)
    assert {name: what for name, what in after.items() if name != data} == {
        name: what for name, what in before.items() if name != data
    }
