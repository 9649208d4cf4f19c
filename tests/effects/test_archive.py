"""Unpacking, with real files: what upstream makes, and everything that a tar could do to us."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
import zlib

import pytest
from hypothesis import given, settings

from pyman.core.archive import Limits
from pyman.core.version import Version
from pyman.effects.archives.archive import release_in_tree, release_of, unpack
from pyman.effects.observer import Observer
from pyman.errors import IntegrityError, NotFound, PymanError
from stage.hostile import damaged
from stage.mirror import LIBRARY, OLD, archive_path, runtime_tree
from stage.somebody import SOMEBODY, as_root

END = bytes(1024)


def block(name: bytes, kind: bytes = b"0", size: int | bytes = 0, mode: int = 0o644, target: bytes = b"") -> bytes:
    """One header, byte by byte (POSIX.1-1990 ustar), so that it may hold what no library would write."""
    header = bytearray(512)
    header[0 : len(name)] = name
    header[100:108] = b"%07o\0" % mode
    header[108:124] = b"0000000\0" * 2
    header[124:136] = size if isinstance(size, bytes) else b"%011o\0" % size
    header[136:148] = b"%011o\0" % 1704067200
    header[156:157] = kind
    header[157 : 157 + len(target)] = target
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def entry(name: bytes, content: bytes = b"", kind: bytes = b"0", mode: int = 0o644, target: bytes = b"") -> bytes:
    return block(name, kind, len(content), mode, target) + content + bytes(-len(content) % 512)


def pax(**records: str) -> bytes:
    content = b""
    for name, value in records.items():
        body = f" {name.replace('__', '.')}={value}\n".encode("utf-8", "surrogateescape")
        length = next(n for n in range(len(body), len(body) + 6) if len(str(n)) + len(body) == n)
        content += str(length).encode() + body
    return entry(b"./PaxHeaders/x", content, b"x")


GOOD = [
    entry(b"python/bin/python3.13", b"\x7fELF" * 300, mode=0o775),
    entry(b"python/bin/python", kind=b"2", target=b"python3.13"),
    entry(b"python/lib/python3.13/os.py", b"import sys\n"),
    entry(b"python/lib/python3.13/empty.py"),
]


@pytest.fixture
def place(tmp_path):
    """A folder to unpack into, deep enough that climbing out of it would be seen; what was there is checked after."""
    outside = tmp_path / "a" / "b"
    destination = outside / "destination"
    destination.mkdir(parents=True)
    (outside / "witness").write_text("untouched")
    yield destination
    assert sorted(os.listdir(outside)) == ["destination", "witness"]
    assert os.listdir(tmp_path / "a") == ["b"]
    assert (outside / "witness").read_text() == "untouched"
    assert not [thread for thread in threading.enumerate() if thread.name == "decompress"]


@pytest.fixture
def write(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")

    def write(content: bytes, name: str = "archive.tar.gz") -> str:
        (folder / name).write_bytes(content)
        return str(folder / name)

    return write


def packed(*entries: bytes, end: bytes = END) -> bytes:
    return gzip.compress(b"".join(entries) + end, 1, mtime=0)


def listing(folder) -> dict[str, tuple]:
    found = {}
    for where, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(where, name)
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                what = ("link", os.readlink(path))
            elif stat.S_ISDIR(status.st_mode):
                what = ("folder", stat.S_IMODE(status.st_mode))
            else:
                with open(path, "rb") as file:
                    what = ("file", stat.S_IMODE(status.st_mode), zlib.crc32(file.read()), status.st_size)
            found[os.path.relpath(path, folder)] = what
    return found


class TestWhatUpstreamMakes:
    @pytest.mark.parametrize("version", ["3.13.5", "3.11.2"])
    def test_the_tree_is_the_one_that_tar_makes(self, place, version, tmp_path):
        unpack(archive_path(version), str(place))
        # Not the tree of all tests: what ran from that has left bytecode in it.
        subprocess.run(["tar", "-xzf", archive_path(version), "-C", tmp_path, "--no-same-owner"], check=True)
        ours, theirs = listing(place), listing(tmp_path / "python")
        assert ours.keys() == theirs.keys()
        for path, what in theirs.items():
            if what[0] == "file":
                assert ours[path] == ("file", 0o755 if what[1] & 0o100 else 0o644, *what[2:])
            else:
                assert ours[path] == (("folder", 0o755) if what[0] == "folder" else what)

    def test_it_runs(self, place):
        unpack(archive_path(OLD), str(place))
        said = subprocess.run(
            [place / "bin/python", "-IBc", "import ssl, sqlite3; print(ssl.__file__)"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.strip() == f"{place}/{LIBRARY}/ssl.py"

    def test_modes_do_not_depend_on_the_umask_and_carry_nothing_special(self, place, write):
        before = os.umask(0o277)
        try:
            unpack(
                write(packed(entry(b"python/x/a", b"a", mode=0o6777), entry(b"python/b", b"b", mode=0o666))), str(place)
            )
        finally:
            os.umask(before)
        modes = {path: what[1] for path, what in listing(place).items()}
        assert modes == {"x": 0o755, "x/a": 0o755, "b": 0o644}

    def test_what_it_tells_while_it_works(self, place, write):
        class Listener(Observer):
            def __init__(self):
                self.told = []

            def began(self, task, total):
                self.told.append(("began", task, total))

            def advanced(self, task, amount):
                self.told.append(("advanced", task, amount))

            def finished(self, task):
                self.told.append(("finished", task, 0))

        listener = Listener()
        archive = write(packed(*GOOD))
        unpack(archive, str(place), listener, "3.13.5")
        size = os.path.getsize(archive)
        assert listener.told[0] == ("began", "3.13.5", size)
        assert listener.told[-1] == ("finished", "3.13.5", 0)
        assert sum(amount for word, _, amount in listener.told if word == "advanced") == size

    @pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
    def test_memory_does_not_grow_with_the_archive(self, place, write):
        big = random.Random(1).randbytes(1 << 12) * (20 << 10)
        archive = write(gzip.compress(block(b"python/big", size=len(big)) + big + END, 1))
        script = (
            "import sys\nfrom pyman.effects.archives.archive import unpack\nunpack(sys.argv[1], sys.argv[2])\n"
            "print([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1])"
        )
        said = subprocess.run(
            [sys.executable, "-c", script, archive, place],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert os.path.getsize(place / "big") == len(big)
        assert int(said.stdout) < 40 * 1024  # kB


FORMS = {"ustar": tarfile.USTAR_FORMAT, "GNU": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


class TestFormats:
    @pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
    def test_long_names_in_every_dialect(self, place, write, form):
        long = "python/" + "/".join(["folder" * 4] * 8)
        target = "../" * 4 + "x" * 80
        with tarfile.open(fileobj=(file := io.BytesIO()), mode="w:gz", format=form, compresslevel=1) as tar:
            info = tarfile.TarInfo(f"{long}/file.py")
            info.size = 3
            tar.addfile(info, io.BytesIO(b"abc"))
            info = tarfile.TarInfo(f"{long}/link")
            info.type, info.linkname = tarfile.SYMTYPE, target if form == tarfile.USTAR_FORMAT else target + "y" * 50
            tar.addfile(info)
            info = tarfile.TarInfo(f"{long}/folder")
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
        unpack(write(file.getvalue()), str(place))
        folder = place.joinpath(*long.split("/")[1:])
        assert (folder / "file.py").read_bytes() == b"abc"
        assert os.readlink(folder / "link").startswith(target)
        assert (folder / "folder").is_dir()

    def test_what_an_extended_header_says_wins(self, place, write):
        entries = [
            pax(path="python/naïve", size="3") + block(b"python/other", size=0) + b"abc" + bytes(509),
            pax(path="python/link", linkpath="naïve", mtime="1.5") + entry(b"x", kind=b"2", target=b"/etc/passwd"),
        ]
        unpack(write(packed(*entries)), str(place))
        assert listing(place).keys() == {"naïve", "link"}
        assert (place / "link").read_bytes() == b"abc"

    def test_an_old_tar_of_before_posix(self, place, write):
        header = bytearray(block(b"python/a", b"\0", 1))
        header[257:265] = bytes(8)
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        folder = bytearray(block(b"python/folder/", b"\0"))
        unpack(write(packed(bytes(header) + b"x" + bytes(511), bytes(folder))), str(place))
        assert listing(place).keys() == {"a", "folder"}

    def test_hard_links_share_their_file(self, place, write):
        entries = [entry(b"python/a", b"abc", mode=0o755), entry(b"python/x/b", kind=b"1", target=b"python/a")]
        unpack(write(packed(*entries)), str(place))
        assert os.stat(place / "a").st_ino == os.stat(place / "x/b").st_ino

    @pytest.mark.parametrize("mode", [0o664, 0o646])
    def test_what_others_may_write_is_compared_as_it_is_read(self, place, write, mode):
        """It was checked by its path before, and may be another file by now."""
        content = packed(*GOOD)
        archive = write(content)
        os.chmod(archive, mode)
        with pytest.raises(IntegrityError, match="was changed by another process"):
            unpack(archive, str(place), sha256=hashlib.sha256(b"what was checked").hexdigest())
        shutil.rmtree(place)
        place.mkdir()
        unpack(archive, str(place), sha256=hashlib.sha256(content).hexdigest())

    @as_root
    def test_so_is_what_somebody_else_put_there(self, place, write):
        archive = write(packed(*GOOD))
        os.chown(archive, SOMEBODY, SOMEBODY)
        with pytest.raises(IntegrityError, match="was changed by another process"):
            unpack(archive, str(place), sha256=hashlib.sha256(b"what was checked").hexdigest())

    def test_several_gzip_members_in_a_row_are_one_file(self, place, write):
        whole = b"".join(GOOD) + END
        unpack(write(gzip.compress(whole[:700]) + gzip.compress(b"", mtime=0) + gzip.compress(whole[700:])), str(place))
        assert "lib/python3.13/os.py" in listing(place)

    def test_padding_of_any_length(self, place, write):
        unpack(write(packed(*GOOD, end=bytes(10240 * 100))), str(place))
        assert "lib/python3.13/os.py" in listing(place)

    def test_zstd(self, tmp_path, write):
        zstd = pytest.importorskip("compression.zstd", reason="needs Python 3.14")
        whole = zstd.compress(b"".join(GOOD) + END, options={zstd.CompressionParameter.checksum_flag: 1})
        (tmp_path / "right").mkdir()
        unpack(write(whole), str(tmp_path / "right"))
        assert "lib/python3.13/os.py" in listing(tmp_path / "right")
        changed = bytearray(whole)
        changed[-9] ^= 1
        for number, broken in enumerate((whole[:-1], whole[: len(whole) // 2], whole + b"more", bytes(changed))):
            destination = tmp_path / str(number)
            destination.mkdir()
            with pytest.raises(IntegrityError):
                unpack(write(broken), str(destination))

    @pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python reads zstd")
    def test_zstd_where_python_has_none(self, place, write):
        with pytest.raises(PymanError, match=r"3\.14") as caught:
            unpack(write(b"\x28\xb5\x2f\xfd" + bytes(50), "x.tar.zst"), str(place))
        assert "tar.gz" in caught.value.hint
        assert not isinstance(caught.value, IntegrityError)


HOSTILE = {
    "absolute name": [entry(b"/python/x", b"x")],
    "absolute name elsewhere": [entry(b"/tmp/pyman-was-here", b"x")],
    "goes up": [entry(b"python/../../x", b"x")],
    "goes up without the top": [entry(b"../x", b"x")],
    "beside the top": [entry(b"x", b"x")],
    "the top is a link": [entry(b"python", kind=b"2", target=b".."), entry(b"python/x", b"x")],
    "the top is a file": [entry(b"python", b"x")],
    "a link upward, and a file through it": [entry(b"python/a", kind=b"2", target=b".."), entry(b"python/a/x", b"x")],
    "an absolute link, and a file through it": [
        entry(b"python/a", kind=b"2", target=b"/tmp"),
        entry(b"python/a/pyman-was-here", b"x"),
    ],
    "a link to a folder inside, and a file through it": [
        entry(b"python/b/x", b"x"),
        entry(b"python/a", kind=b"2", target=b"b"),
        entry(b"python/a/y", b"y"),
    ],
    "a link over a file, and the file again": [
        entry(b"python/a", kind=b"2", target=b"../../witness"),
        entry(b"python/a", b"x"),
    ],
    "a folder, then a link in its place": [
        entry(b"python/a", kind=b"5"),
        entry(b"python/a", kind=b"2", target=b"../.."),
        entry(b"python/a/x", b"x"),
    ],
    "a link to outside": [*GOOD, entry(b"python/lib/a", kind=b"2", target=b"../../x")],
    "an absolute link": [*GOOD, entry(b"python/lib/a", kind=b"2", target=b"/etc/passwd")],
    "a chain of links that climbs": [
        *GOOD,
        entry(b"python/lib/python3.13/up", kind=b"2", target=b"../.."),
        entry(b"python/out", kind=b"2", target=b"lib/python3.13/up/../.."),
    ],
    "an empty link": [*GOOD, entry(b"python/a", kind=b"2")],
    "a hard link to outside": [*GOOD, entry(b"python/a", kind=b"1", target=b"python/../../witness")],
    "an absolute hard link": [*GOOD, entry(b"python/a", kind=b"1", target=b"/etc/passwd")],
    "a hard link to a later file": [entry(b"python/a", kind=b"1", target=b"python/b"), entry(b"python/b", b"b")],
    "a hard link to a link": [
        entry(b"python/a", kind=b"2", target=b"b"),
        entry(b"python/b", b"b"),
        entry(b"python/c", kind=b"1", target=b"python/a"),
    ],
    "a hard link, then a write through it": [
        entry(b"python/a", b"a"),
        entry(b"python/b", kind=b"1", target=b"python/a"),
        entry(b"python/b", b"changed"),
    ],
    "a named pipe": [entry(b"python/a", kind=b"6")],
    "a character device": [entry(b"python/a", kind=b"3")],
    "a block device": [entry(b"python/a", kind=b"4")],
    "a contiguous file": [entry(b"python/a", b"x", kind=b"7")],
    "an unknown type": [entry(b"python/a", b"x", kind=b"Z")],
    "a Solaris header": [entry(b"x", b"9 path=a\n", kind=b"X"), entry(b"python/a", b"x")],
    "a multi-volume part": [entry(b"python/a", b"x", kind=b"M")],
    "a GNU sparse file": [block(b"python/a", b"S", 0) + bytes(0)],
    "a pax sparse file": [pax(GNU__sparse__major="1"), entry(b"python/a", b"x")],
    "the same file twice": [entry(b"python/a", b"a"), entry(b"python/a", b"b")],
    "below a file": [entry(b"python/a", b"a"), entry(b"python/a/b", b"b")],
    "a huge size": [block(b"python/a", size=0o77777777777)],
    "a size in base 256": [block(b"python/a", size=b"\x80" + b"\0" * 3 + b"\xff" * 8)],
    "a negative size": [block(b"python/a", size=b"\xff" * 12)],
    "a negative size in octal": [block(b"python/a", size=b"-0000000001\0")],
    "a size that is no number": [block(b"python/a", size=b"garbagegarba")],
    "a negative size of an extended header": [block(b"x", b"x", size=b"\xff" * 12), entry(b"python/a")],
    "a huge extended header": [block(b"x", b"x", size=1 << 30)],
    "a huge long name": [block(b"x", b"L", size=1 << 30)],
    "a link with content": [entry(b"python/a", b"abc", kind=b"2", target=b"b")],
    "a hard link with content": [entry(b"python/a", b"a"), entry(b"python/b", b"abc", kind=b"1", target=b"python/a")],
    "a folder with content": [entry(b"python/a", b"abc", kind=b"5")],
    "a control character": [entry(b"python/a\x1b[2J", b"a")],
    "a line feed": [entry(b"python/a\nb", b"a")],
    "no UTF-8": [entry(b"python/\xff\xfe", b"a")],
    "no UTF-8 in a link": [entry(b"python/a", kind=b"2", target=b"\xff")],
    "a zero byte by pax": [pax(path="python/a\0b"), entry(b"python/a", b"a")],
    "upward by pax": [pax(path="python/../../x"), entry(b"python/a", b"a")],
    "absolute by pax": [pax(path="/etc/x"), entry(b"python/a", b"a")],
    "a link to outside by pax": [pax(linkpath="../.."), entry(b"python/a", kind=b"2", target=b"b")],
    "no UTF-8 by pax": [pax(path="python/\udcff"), entry(b"python/a", b"a")],
    "an empty name by pax": [pax(path=""), entry(b"python/a", b"a")],
    "a wrong size by pax": [pax(size="abc"), entry(b"python/a", b"a")],
    "a negative size by pax": [pax(size="-1"), entry(b"python/a", b"a")],
    "a huge size by pax": [pax(size="9" * 18), entry(b"python/a", b"a")],
    "a size that swallows the next header": [pax(size="600"), entry(b"python/a", b"a"), entry(b"/x", b"x")],
    "a malformed extended header": [entry(b"x", b"99 path=python/x\n", kind=b"x"), entry(b"python/a", b"a")],
    "a global name": [entry(b"x", b"19 path=python/a/b\n", kind=b"g"), entry(b"python/a", b"a")],
    "two extended headers": [pax(path="python/a"), pax(path="python/../x"), entry(b"python/a", b"a")],
    "two kinds of long name": [entry(b"x", b"python/a\0", kind=b"L"), pax(path="python/b"), entry(b"python/a", b"a")],
    "a long name with a zero byte": [entry(b"x", b"python/a\0/../../x\0", kind=b"L"), entry(b"python/a", b"a")],
    "a long name upward": [entry(b"x", b"python/../../x\0", kind=b"L"), entry(b"python/a", b"a")],
    "a prefix upward": [],  # made below
    "a header that describes nothing": [*GOOD, pax(path="python/a")],
    "no member": [],
    "no file": [entry(b"python/", kind=b"5"), entry(b"python/a", kind=b"2", target=b"b")],
    "a damaged checksum": [entry(b"python/a", b"a"), entry(b"python/b", b"b").replace(b"python/b", b"python/c")],
    "noise instead of a header": [entry(b"python/a", b"a"), b"noise" * 200],
    "more after the end": [*GOOD, END, entry(b"python/late", b"x")],
}
_header = bytearray(block(b"x"))
_header[345:354] = b"python/.."
_header[148:156] = b" " * 8
_header[148:156] = b"%06o\0 " % sum(_header)
HOSTILE["a prefix upward"] = [bytes(_header)]


@pytest.mark.parametrize("entries", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_archives(place, write, entries):
    archive = write(packed(*entries))
    with pytest.raises(IntegrityError) as caught:
        unpack(archive, str(place))
    assert archive in caught.value.message
    assert caught.value.message.isprintable()
    assert not os.path.lexists("/tmp/pyman-was-here")
    assert not any(what[0] == "link" for what in listing(place).values())


class TestLimits:
    def test_bytes(self, place, write):
        with pytest.raises(IntegrityError, match="contains more than 1000 bytes"):
            unpack(
                write(packed(entry(b"python/a", bytes(600)), entry(b"python/b", bytes(600)))),
                str(place),
                limits=Limits(size=1000),
            )
        assert not (place / "b").exists()

    def test_members(self, place, write):
        entries = [entry(b"python/%d" % number) for number in range(11)]
        with pytest.raises(IntegrityError, match="10 members"):
            unpack(write(packed(*entries)), str(place), limits=Limits(members=10))

    def test_headers_that_only_describe_are_counted_too(self, place, write):
        entries = [entry(b"x", b"", kind=b"x")] * 11
        with pytest.raises(IntegrityError, match="10 members"):
            unpack(write(packed(*entries)), str(place), limits=Limits(members=10))

    def test_a_bomb_in_the_padding(self, place, write):
        """300 MB of zeros behind the end: its reading stops, whatever the compression promises."""
        zeros = gzip.compress(bytes(10 << 20), 9)
        with pytest.raises(IntegrityError, match="more than its members"):
            unpack(write(packed(*GOOD) + zeros * 30), str(place), limits=Limits(size=1 << 20))


class TestDamage:
    def test_cut_at_every_byte(self, tmp_path, write):
        whole = packed(*GOOD)
        for length in range(len(whole)):
            destination = tmp_path / str(length)
            destination.mkdir()
            with pytest.raises(IntegrityError):
                unpack(write(whole[:length]), str(destination))

    def test_every_byte_changed(self, tmp_path, write):
        """What comes out is refused or is what went in: not every bit bears on the content."""
        whole = packed(*GOOD)
        right = tmp_path / "right"
        right.mkdir()
        unpack(write(whole), str(right))
        accepted = []
        for position in range(len(whole)):
            destination = tmp_path / str(position)
            destination.mkdir()
            changed = bytearray(whole)
            changed[position] ^= 1 << random.Random(position).randrange(8)
            try:
                unpack(write(bytes(changed)), str(destination))
            except IntegrityError:
                continue
            assert listing(destination) == listing(right)
            accepted.append(position)
        assert len(accepted) < len(whole) // 8  # another distance in a run of zeros, for one, means the same

    def test_a_tar_that_was_cut_before_it_was_compressed(self, tmp_path, write):
        whole = b"".join(GOOD)
        for length in range(0, len(whole) + 1, 256):
            destination = tmp_path / str(length)
            destination.mkdir()
            with pytest.raises(IntegrityError):
                unpack(write(gzip.compress(whole[:length], 1)), str(destination))

    def test_the_real_archive_cut(self, tmp_path, write):
        with open(archive_path(OLD), "rb") as file:
            whole = file.read()
        for number, length in enumerate(
            (0, 1, 9, 10, 20, 5000, 1 << 16, len(whole) // 2, len(whole) - 8, len(whole) - 1)
        ):
            destination = tmp_path / str(number)
            destination.mkdir()
            with pytest.raises(IntegrityError):
                unpack(write(whole[:length]), str(destination))

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "empty"),
            (b"<!DOCTYPE html><title>Log in</title>", "web page"),
            (b"\xef\xbb\xbf \r\n<html>", "web page"),
            (b"".join(GOOD) + END, "is not a"),
            (b"PK\x03\x04" + bytes(100), "is not a"),
            (gzip.compress(b"<html>" + bytes(600), mtime=0), "damaged"),
            (gzip.compress(b"", mtime=0), "truncated"),
            (packed(*GOOD) + b"garbage", "damaged"),
            (packed(*GOOD) + bytes(10), "damaged"),
            (packed(*GOOD) + gzip.compress(b"garbage", mtime=0), "after its end"),
            (packed(*GOOD)[:-4] + bytes(4), "damaged"),
        ],
    )
    def test_what_is_no_archive(self, place, write, content, sentence):
        with pytest.raises(IntegrityError, match=sentence):
            unpack(write(content), str(place))


class TestTheSystem:
    def test_no_such_archive(self, place, tmp_path):
        with pytest.raises(NotFound):
            unpack(str(tmp_path / "none.tar.gz"), str(place))

    def test_a_pipe_or_a_folder_in_its_place(self, place, tmp_path_factory):
        folder = tmp_path_factory.mktemp("odd")
        os.mkfifo(folder / "pipe")
        for odd in (folder / "pipe", folder):
            with pytest.raises(PymanError, match="not a regular file"):
                unpack(str(odd), str(place))

    def test_a_destination_that_holds_something(self, place, write):
        (place / "there").touch()
        with pytest.raises(PymanError, match="not empty"):
            unpack(write(packed(*GOOD)), str(place))
        assert os.listdir(place) == ["there"]

    def test_no_destination(self, place, write):
        with pytest.raises(PymanError, match="cannot be written"):
            unpack(write(packed(*GOOD)), f"{place}/missing")

    @pytest.mark.parametrize("options", ["size=256k", "nr_inodes=5", "ro"])
    def test_a_disk_that_is_full_or_read_only(self, place, write, options):
        if sys.platform != "linux" or os.geteuid() != 0:
            pytest.skip("mounting a small disk needs root on Linux")
        if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False
        ).returncode:
            pytest.skip("this container may not mount")
        noise = random.Random(3).randbytes(600_000)
        try:
            with pytest.raises(PymanError) as caught:
                unpack(write(packed(*GOOD, entry(b"python/z/large", noise))), str(place))
        finally:
            subprocess.run(["umount", place], check=True)
        assert str(place) in caught.value.message
        assert not isinstance(caught.value, IntegrityError)
        assert caught.value.code == ("read-only" if options == "ro" else "disk-full")
        assert caught.value.hint


class TestReleases:
    @pytest.mark.parametrize(("version", "numbers"), [("3.13.5", (3, 13, 5)), ("3.11.2", (3, 11, 2))])
    def test_by_name_and_by_tree(self, version, numbers):
        named = release_of(archive_path(version))
        assert named is not None
        assert (named.version, named.variant, named.flavor) == (Version(*numbers), "default", "install_only_stripped")
        inside = release_in_tree(runtime_tree(version))
        assert (inside.version, inside.variant) == (Version(*numbers), "default")

    def test_a_tree_that_says_nothing(self, tmp_path):
        with pytest.raises(IntegrityError):
            release_in_tree(str(tmp_path))
        (tmp_path / "include/python3.13").mkdir(parents=True)
        (tmp_path / "include/python3.13/patchlevel.h").write_text("#define PY_MAJOR_VERSION 3\n")
        (tmp_path / "include/python3.13/pyconfig.h").write_text("")
        with pytest.raises(IntegrityError):
            release_in_tree(str(tmp_path))


WHOLE = b"".join(
    (
        *GOOD,
        pax(path="python/lib/é.py"),
        entry(b"x", b"1"),
        entry(b"python/bin/again", kind=b"1", target=b"python/bin/python3.13"),
    )
)


@settings(max_examples=150)
@given(tar=damaged(WHOLE + END, WHOLE), outside=damaged(b""))
def test_a_damaged_archive_is_unpacked_inside_or_refused(tmp_path_factory, tar, outside):
    """Inside of the compression, whose checksums would find everything, and around it."""
    folder = tmp_path_factory.mktemp("unpacked")
    archive = tmp_path_factory.getbasetemp() / "damaged.tar.gz"
    archive.write_bytes(gzip.compress(tar, 1, mtime=0) + outside)
    try:
        unpack(str(archive), str(folder))
    except (IntegrityError, PymanError):
        pass
    for where, folders, files in os.walk(folder):
        for name in folders + files:
            end = os.path.realpath(os.path.join(where, name))
            assert end.startswith(f"{os.path.realpath(folder)}/")
    assert not [thread for thread in threading.enumerate() if thread.name == "decompress"]
    shutil.rmtree(folder)


@settings(max_examples=100)
@given(content=damaged(gzip.compress(WHOLE + END, 9, mtime=0)))
def test_damaged_compression_is_seen(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("unpacked")
    archive = tmp_path_factory.getbasetemp() / "damaged.tar.gz"
    archive.write_bytes(content)
    try:
        unpack(str(archive), str(folder))
    except PymanError:
        pass
    else:
        assert gzip.decompress(content).rstrip(b"\0") == WHOLE.rstrip(b"\0")
    shutil.rmtree(folder)
