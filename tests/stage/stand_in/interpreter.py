"""What `bin/python3.X` of a stand-in runs, twice over, in the Python that runs the tests.

At first it reads the options that it was started with, and starts that Python again, with them and with this text. There it
takes itself for what it was started as, in its release, its folders and its venv, and runs what was asked for.
"""

import os
import sys

RELEASE = "@RELEASE@"
PYTHON = "@PYTHON@"


def read_options(words):
    """Return the interpreter's own options, the kind of what is to be run (`c`, `m` or nothing), and the rest."""
    options = []
    while words and words[0].startswith("-") and words[0] not in ("-", "--"):
        word = words.pop(0)
        if word in ("-V", "-VV", "--version"):
            os.write(1, f"Python {RELEASE}\n".encode())
            sys.exit()
        if word == "--check-hash-based-pycs":
            options += [word, words.pop(0)]
            continue
        for place, letter in enumerate(word[1:], 2):
            rest = word[place:]
            if letter in "cm":
                return options, letter, [*([rest] if rest else []), *words]
            if letter in "WX":
                options += [f"-{letter}", rest or words.pop(0)]
                break
            options.append(f"-{letter}")
    return options, "", words


def start(me, words):
    if "/" not in me:
        # A shell hands over the name that was typed.
        places = [f"{folder}/{me}" for folder in os.environ.get("PATH", os.defpath).split(":")]
        me = next((place for place in places if os.access(place, os.X_OK)), me)
    options, kind, words = read_options(words)
    # `site` waits until it knows what it is the site of.
    site = "" if "-S" in options else "site"
    text = sys.orig_argv[sys.orig_argv.index("-c") + 1]
    os.execv(PYTHON, [PYTHON, *options, "-S", "-c", text, "become", me, site, kind, *words])


LOST = """\
Could not find platform independent libraries <prefix>
Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding
ModuleNotFoundError: No module named 'encodings'
"""


class VersionInfo(tuple):
    """As `sys.version_info`, of which nobody can make another."""

    __slots__ = ()
    real = tuple(sys.version_info)
    major, minor, micro, releaselevel, serial = (property(lambda self, n=n: self[n]) for n in range(5))

    # Its fields say which Python it is. Who compares it wants to know what that Python can do, as pip does.
    def __ge__(self, other):
        return self.real >= other

    def __lt__(self, other):
        return self.real < other

    def __repr__(self):
        return f"sys.version_info(major={self[0]}, minor={self[1]}, micro={self[2]}, releaselevel={self[3]!r}, serial={self[4]})"


def take_release(release):
    major, minor, patch = map(int, release.split("."))
    sys.version = release + sys.version[sys.version.index(" ") :]
    sys.version_info = sys.implementation.version = VersionInfo((major, minor, patch, "final", 0))
    sys.hexversion = sys.implementation.hexversion = major << 24 | minor << 16 | patch << 8 | 0xF0
    sys.implementation.cache_tag = f"cpython-{major}{minor}"


def read_home(me):
    """Return the venv that a program belongs to, and its `home`: as getpath.py finds them."""
    for folder in (os.path.dirname(me), os.path.dirname(os.path.dirname(me))):
        try:
            with open(f"{folder}/pyvenv.cfg", encoding="utf-8", errors="surrogateescape") as file:
                lines = [line.partition("=") for line in file]
        except OSError:
            continue
        homes = [value.strip() for key, _, value in lines if key.strip().lower() == "home"]
        return os.path.dirname(os.path.dirname(me)), (homes or [""])[0]
    return "", ""


def take_place(me, *, knows_venvs):
    venv, home = read_home(me)
    base = os.path.dirname(home or os.path.dirname(os.path.realpath(me)))
    minor = "{}.{}".format(*sys.version_info)
    library = f"{base}/lib/python{minor}"
    if not os.path.isfile(f"{library}/os.py"):
        os.write(2, LOST.encode())
        os._exit(1)
    # What stands before the folders of its own, from PYTHONPATH, stays.
    before = sys.path[: next(number for number, place in enumerate(sys.path) if place.endswith("@ZIP@"))]
    own = [f"{base}/lib/python{minor.replace('.', '')}.zip", library, f"{library}/lib-dynload"]
    sys.path[:] = [*(place for place in before if place), *own]
    sys.executable = me
    sys._base_executable = f"{home}/{os.path.basename(me)}" if home else me
    sys.base_prefix = sys.base_exec_prefix = base
    # Before 3.14 it is `site` that finds the venv.
    sys.prefix = sys.exec_prefix = venv if knows_venvs and venv else base
    sys._stdlib_dir = library
    os.__file__ = f"{library}/os.py"


def code_of(kind, words):
    """Return what is to be run, or run it."""
    safe = sys.flags.safe_path
    sys.argv = words
    if kind == "m":
        import runpy

        if not safe:
            sys.path.insert(0, os.getcwd())
        runpy._run_module_as_main(words[0])
        sys.exit()
    if kind == "c":
        text, name = words[0], "<string>"
        sys.argv[0] = "-c"
        folder = ""
    elif words[:1] in ([], ["-"]):
        text, name = sys.stdin.read(), "<stdin>"
        sys.argv[:1] = words[:1] or [""]
        folder = ""
    elif os.path.isfile(words[0]) and (text := read_source(words[0])) is not None:
        name = words[0]
        globals()["__file__"] = name
        folder = os.path.dirname(os.path.realpath(name))
    else:
        import runpy

        runpy.run_path(words[0], run_name="__main__")
        sys.exit()
    if not safe:
        sys.path.insert(0, folder)
    return compile(text, name, "exec")


def read_source(path):
    """Return a script's text, None for an archive."""
    with open(path, "rb") as file:
        content = file.read()
    return None if content.startswith(b"PK") or b"\0" in content else content


def become(me, site, kind, *words):
    knows_venvs = sys.version_info >= (3, 14)
    take_release(RELEASE)
    take_place(os.path.abspath(me), knows_venvs=knows_venvs)
    if site:
        import site as module

        module.main()
    code = code_of(kind, list(words[1:] if words[:1] == ("--",) and not kind else words))
    for name in [name for name in globals() if name[:2] != "__"]:
        del globals()[name]
    return code


if sys.argv[1] == "start":
    start(sys.argv[2], sys.argv[3:])
exec(become(*sys.argv[2:]))
