"""install.sh as a user runs it: in a home of its own, with nothing on PATH but the tools that it names."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement

from stage.mirror import MINOR, NEW, OLD, mirror_folder, shared_folder
from stage.pyz import build_pyz, build_wheel, builder
from stage.server import Server, stall

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRIPT = os.path.join(CHECKOUT, "install.sh")
TOOLS = [
    "cat",
    "chmod",
    "cp",
    "curl",
    "date",
    "dirname",
    "env",
    "find",
    "grep",
    "gzip",
    "id",
    "kill",
    "ln",
    "mkdir",
    "mv",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "sh",
    "sha256sum",
    "tar",
    "tr",
    "uname",
]


class Person:
    """Somebody with a home folder whose name is not easy, and without any Python unless given."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.home = f"{folder}/it's home"
        self.tools = f"{folder}/tools"
        for made in (self.home, self.tools):
            os.mkdir(made)
        for tool in TOOLS:
            os.symlink(shutil.which(tool), f"{self.tools}/{tool}")
        self.root = f"{self.home}/.local/share/pyman"
        self.launcher = f"{self.home}/.local/bin/pyman"
        # Where pip finds an index is the machine's affair.
        self.environment = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        self.environment |= {
            "HOME": self.home,
            "PATH": self.tools,
            "PIP_CACHE_DIR": f"{shared_folder()}/pip",
        }

    def install(self, *words, shell=("/bin/sh",), **changes):
        return subprocess.run(
            [*shell, SCRIPT, *words], cwd=self.home, env=self.environment | changes, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip

    def pyman(self, *words, **changes):
        return subprocess.run(
            [self.launcher, *words], cwd=self.home, env=self.environment | changes, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    def everything(self):
        return sorted(
            os.path.join(folder, name) for folder, folders, files in os.walk(self.home) for name in (*folders, *files)
        )


@pytest.fixture
def person(tmp_path):
    return Person(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Somebody who has installed pyman, on the Python that runs the tests."""
    person = Person(tmp_path_factory.mktemp("installed"))
    result = person.install("--python", sys.executable)
    assert result.returncode == 0, result.stdout + result.stderr
    return person


def app_of(person):
    return os.path.realpath(f"{person.root}/app")


# --- the script as a text ---


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck reads the script")
def test_shellcheck_has_nothing_to_say():
    subprocess.run(["shellcheck", SCRIPT], check=True)


def test_a_download_that_was_cut_short_runs_nothing(person):
    with open(SCRIPT, encoding="utf-8") as file:
        text = file.read()
    last = text.rindex('main "$@"')
    assert text[last:] == 'main "$@"\n'
    for end in [*range(0, last, last // 40), last]:
        result = subprocess.run(
            ["/bin/sh"], input=text[:end], cwd=person.home, env=person.environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert result.stdout == ""
        assert person.everything() == []


def test_every_dependency_is_locked_by_hash_and_fits():
    with open(f"{CHECKOUT}/pyproject.toml", "rb") as file:
        wanted = [Requirement(text) for text in tomllib.load(file)["project"]["dependencies"]]
    with open(f"{CHECKOUT}/requirements.lock", encoding="utf-8") as file:
        lock = file.read().replace("\\\n", " ")
    lines = [line for line in lock.splitlines() if line and not line.startswith("#")]
    assert all("--hash=sha256:" in line for line in lines)
    pinned = {Requirement(line.split("--hash")[0]).name: Requirement(line.split("--hash")[0]) for line in lines}
    for requirement in wanted:
        (pin,) = pinned[requirement.name].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"{requirement} is locked at {pin.version}"


@pytest.mark.parametrize(("words", "said"), [(["--help"], "usage:"), (["-h"], "--uninstall")])
def test_help_changes_nothing(person, words, said):
    result = person.install(*words)
    assert result.returncode == 0
    assert said in result.stdout
    assert person.everything() == []


@pytest.mark.parametrize("words", [["--nonsense"], ["--python"], ["--uninstall", MINOR]])
def test_wrong_words(person, words):
    result = person.install(*words)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert person.everything() == []


# --- installed ---


def test_it_runs(installed):
    result = installed.pyman("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("pyman ")
    assert os.stat(installed.launcher).st_mode & 0o777 == 0o755
    assert json.loads(installed.pyman("list", "--json").stdout)["runtimes"] == []


def test_what_shims_start_runs_too(installed):
    result = subprocess.run(
        [f"{installed.root}/app/bin/pyman", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout == installed.pyman("--version").stdout


def test_everything_is_compiled_and_nothing_of_the_checkout_is_needed(installed):
    (site,) = [folder for folder, _, _ in os.walk(app_of(installed)) if folder.endswith("/site-packages")]
    sources = [
        os.path.join(folder, name)
        for folder, _, files in os.walk(f"{site}/pyman")
        for name in files
        if name.endswith(".py")
    ]
    assert len(sources) > 20
    for source in sources:
        folder, name = os.path.split(source)
        compiled = f"{folder}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc"
        assert os.path.getsize(compiled) > 0
    for shipped in ("shims/python", "completions/pyman.bash", "completions/_pyman", "completions/pyman.fish"):
        assert os.path.isfile(f"{site}/pyman/{shipped}")
    probe = "import sys; from pyman.effects.places import shipped; print(shipped('shims', 'python')); print(sys.path)"
    result = subprocess.run(
        [f"{installed.root}/app/bin/python", "-I", "-c", probe], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith(f"{site.replace(app_of(installed), f'{installed.root}/app')}/pyman/shims/python\n")
    assert f"{CHECKOUT}/" not in result.stdout


def test_the_users_own_settings_do_not_reach_pymans_python(installed):
    result = installed.pyman("--version", PYTHONPATH="/nonsense", PYTHONHOME="/nonsense", PYTHONSTARTUP="/nonsense")
    assert (result.returncode, result.stderr) == (0, "")


def demo(person):
    """What the venv that install.sh makes to show it runs, and what it follows."""
    with open(f"{person.root}/demo/pyvenv.cfg", encoding="utf-8") as file:
        home = next(line.split(" = ")[1].strip() for line in file if line.startswith("home = "))
    version = "import platform; print(platform.python_version())"
    result = subprocess.run(
        [f"{person.root}/demo/bin/python", "-c", version], capture_output=True, text=True, check=True
    )
    return result.stdout.strip(), home


def test_once_more_brings_it_up_to_date_in_place_and_adopts_where_nothing_can_be_fetched(installed):
    before = app_of(installed)
    minor = "{}.{}".format(*sys.version_info)
    base = os.path.dirname(os.path.realpath(sys.executable))
    result = installed.install("--python", sys.executable, minor, PYMAN_OFFLINE="1", PATH=f"{installed.tools}:{base}")
    assert result.returncode == 0, result.stderr
    assert app_of(installed) != before
    assert not os.path.exists(before)
    assert installed.pyman("--version").returncode == 0
    assert not os.path.exists(f"{installed.root}/.installing")
    assert "adopted" in result.stdout
    assert "the network is disabled" in result.stdout
    version, home = demo(installed)
    assert version.startswith(f"{minor}.")
    assert home == f"{installed.root}/runtimes/{minor}/bin"


def test_an_upgrade_that_fails_leaves_the_old_one(installed):
    before = installed.everything()
    result = installed.install("--python", sys.executable, PIP_INDEX_URL="http://127.0.0.1:9/", PIP_EXTRA_INDEX_URL="",
                               PIP_NO_INDEX="1", PIP_FIND_LINKS=installed.tools, PIP_CONFIG_FILE=os.devnull)  # fmt: skip
    assert result.returncode == 1
    assert "error: pyman's dependencies could not be installed; nothing was changed" in result.stderr
    assert installed.everything() == before
    assert installed.pyman("--version").returncode == 0


def test_the_launcher_survives_its_python_and_install_mends_it(installed):
    # A test that is skipped halfway would leave the others a pyman that does not start.
    mirror = mirror_folder()
    python = f"{app_of(installed)}/bin/{os.path.basename(os.readlink(f'{installed.root}/app/bin/python'))}"
    for name in ("python", "python3", os.path.basename(python)):
        path = f"{app_of(installed)}/bin/{name}"
        if os.path.lexists(path):
            os.unlink(path)
    os.symlink("/gone/bin/python3.11", f"{app_of(installed)}/bin/python")
    result = installed.pyman("list")
    assert (result.returncode, result.stdout) == (1, "")
    assert "error: the Python that pyman runs on is gone: /gone/bin/python3.11\n" in result.stderr
    assert "install.sh" in result.stderr
    command = result.stderr.partition("repair it with `")[2].partition("`;")[0]
    # And the whole set-up: a Python from upstream, here a mirror, shims and a venv to show it.
    mended = subprocess.run(
        ["/bin/sh", "-c", f"{command} --python {sys.executable} {MINOR}"],
        env=installed.environment | {"PYMAN_MIRROR": mirror}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert mended.returncode == 0, mended.stderr
    assert installed.pyman("--version").returncode == 0
    assert f"Python {NEW} is installed" in mended.stdout
    assert demo(installed) == (NEW, f"{installed.root}/runtimes/{MINOR}/bin")
    shim = subprocess.run(
        [f"{installed.root}/shims/python{MINOR}", "-V"], env=installed.environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert shim.stdout == f"Python {NEW}\n"


def test_a_python_of_another_minor_in_its_place_is_told(installed):
    packages = next(folder for folder, _, _ in os.walk(app_of(installed)) if folder.endswith("/site-packages"))
    os.rename(f"{packages}/pyman", f"{packages}/pyman-away")
    try:
        result = installed.pyman("list")
    finally:
        os.rename(f"{packages}/pyman-away", f"{packages}/pyman")
    assert result.returncode == 1
    assert "install.sh" in result.stderr
    assert "Traceback" not in result.stderr


# --- refusals ---


@pytest.mark.parametrize("kind", ["file", "link"])
def test_somebody_elses_pyman_is_not_overwritten(person, kind):
    os.makedirs(os.path.dirname(person.launcher))
    if kind == "file":
        with open(person.launcher, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho pipx\n")
    else:
        os.symlink("/nowhere/pipx/pyman", person.launcher)
    before = person.everything()
    result = person.install("--python", sys.executable)
    assert result.returncode == 1
    assert "was not created by install.sh" in result.stderr
    assert person.everything() == before
    assert person.install("--uninstall").returncode == 0
    assert person.everything() == before


def test_another_install_at_work_is_waited_for(person):
    os.makedirs(f"{person.root}/.installing")
    with open(f"{person.root}/.installing/process", "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    result = person.install("--python", sys.executable)
    assert result.returncode == 1
    assert f"process {os.getpid()}" in result.stderr
    assert os.path.exists(f"{person.root}/.installing")


def test_a_python_that_will_not_do(person):
    old = f"{person.folder}/python"
    with open(old, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexit 4\n")
    os.chmod(old, 0o755)
    result = person.install("--python", old)
    assert result.returncode == 1
    assert f"{old} is not CPython 3.11 or newer" in result.stderr
    assert not os.path.exists(person.root)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root could write into the folder of another user")


@needs_root
@pytest.mark.parametrize("place", ["home", "home and a root elsewhere", "root below a home", "uninstall"])
@pytest.mark.parametrize("how", ["sudo", "root"])
def test_root_changes_nothing_of_another_user(person, tmp_path, place, how):
    home, elsewhere = person.home, f"{tmp_path}/root's"
    os.mkdir(elsewhere)
    os.makedirs(os.path.dirname(person.launcher))
    with open(person.launcher, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n# pyman launcher, written by install.sh\n")
    for folder, folders, files in os.walk(home):
        for path in (folder, *(os.path.join(folder, name) for name in (*folders, *files))):
            os.chown(path, 12345, 12345)
    changes = {"SUDO_UID": "12345"} if how == "sudo" else {}
    if place == "home and a root elsewhere":
        changes["PYMAN_ROOT"] = f"{elsewhere}/pyman"
    elif place == "root below a home":
        changes |= {"HOME": elsewhere, "PYMAN_ROOT": f"{home}/deep/pyman"}
    before = person.everything()
    result = person.install(*(["--uninstall"] if place == "uninstall" else ["--python", sys.executable]), **changes)
    assert (result.returncode, result.stdout) == (1, "")
    error, hint = result.stderr.splitlines()
    assert error == f"error: {home} belongs to another user, and install.sh runs as root; nothing was changed"
    assert hint.startswith("hint: run install.sh as that user, without sudo; or for root itself: `")
    root = "PYMAN_ROOT= " if "PYMAN_ROOT" in changes else ""
    assert f"`{'sudo -H' if how == 'sudo' else f'{root}HOME=~root'} sh '{SCRIPT}'`" in hint
    assert person.everything() == before
    assert os.listdir(elsewhere) == []


@pytest.mark.parametrize("name", ["python3.11", "python3.15", "python3.27"])
def test_a_python_of_any_minor_version_is_found(person, name):
    """It says that it will do, and makes no environment."""
    program = f"{person.tools}/{name}"
    text = 'case $* in *wheels*) echo "$0"; echo pip ;; *) echo "asked: $*" >&2; exit 1 ;; esac\n'
    with open(program, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n{text}")
    os.chmod(program, 0o755)
    result = person.install()
    assert f"pyman will run on {program}\n" in result.stdout, result
    assert "asked: " in result.stderr
    assert result.returncode == 1
    assert not os.path.exists(f"{person.root}/app")


def test_on_a_mac_apples_placeholder_is_not_started_and_rosetta_is_seen_through(person):
    for name, text in (("uname", "case $1 in -s) echo Darwin ;; *) echo x86_64 ;; esac"), ("sysctl", "echo 1")):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{person.tools}/{name}")
        with open(f"{person.tools}/{name}", "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(f"{person.tools}/{name}", 0o755)
    result = person.install(PATH=f"{person.tools}:/usr/bin", PYMAN_MIRROR=mirror_folder())
    assert said(result)[0].endswith("has none for aarch64-apple-darwin")
    assert said(result)[0].startswith("error: no Python 3.11 or newer was found, and ")


# --- every failure has one error and one hint ---


def said(result, status=1):
    """The error and the hint of a failure, and nothing else."""
    assert result.returncode == status, (result.stdout, result.stderr)
    error, hint = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    return error, hint


def python_that_lacks(folder, module):
    """An interpreter like the one that runs the tests, without a module; pip too, which could do its work."""
    path = f"{folder}/python3.{sys.version_info[1]}"
    lines = ["import sys"]
    names = [module, "pip"] if module == "ensurepip" else [module]
    lines += [f"sys.modules[{json.dumps(name)}] = None" for name in names]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"""#!/bin/sh
[ "$2" = -c ] || exit 9
exec {sys._base_executable} -I -c '{"; ".join(lines)}; code = sys.argv.pop(1); sys.argv[0] = "-c"; exec(code, globals())' "$3" "$4"
""".replace(' "$4"', ' ${4+"$4"}'))  # fmt: skip
    os.chmod(path, 0o755)
    return path


@pytest.mark.parametrize("module", ["ensurepip", "ssl", "venv"])
def test_what_a_python_lacks_is_named(person, module):
    python = python_that_lacks(person.folder, module)
    error, hint = said(person.install("--python", python))
    assert error == f"error: {python} lacks the module {module}"
    assert ("python3-venv" in hint) == (module != "ssl")
    os.rename(python, f"{person.tools}/{os.path.basename(python)}")
    error, _ = said(person.install(PYMAN_OFFLINE="1"))
    assert f"({person.tools}" in error
    assert f"lacks the module {module}" in error


def test_a_home_that_cannot_be_written(person):
    with open(f"{person.home}/.local", "w", encoding="utf-8"):
        pass
    error, hint = said(person.install("--python", sys.executable))
    assert error == f"error: {person.home}/.local/bin is not writable; nothing was changed"
    assert "'\\''s home" in hint


def test_interrupted_it_says_so_and_leaves_nothing(person):
    import signal

    with Server(person.tools) as server:
        stuck = stall(0)
        for project in ("annotated-doc", "anyio"):
            server.fault(f"/{project}/", stuck)
        process = subprocess.Popen(
            ["/bin/sh", SCRIPT, "--python", sys.executable], cwd=person.home, start_new_session=True,
            env=person.environment | {"PIP_INDEX_URL": server.url, "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "",
                                      "PIP_NO_CACHE_DIR": "1", "PIP_EXTRA_INDEX_URL": ""},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert server.stalled.wait(60)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines() == [
        "error: interrupted; nothing was changed",
        "hint: run install.sh again to install pyman",
    ]
    assert not os.path.exists(person.root)


@pytest.mark.parametrize("shell", ["zsh", "bash", "busybox sh", "dash"])
def test_whatever_shell_runs_it(person, shell):
    words = shell.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not here")
    error, _ = said(person.install("--python", "/nowhere", shell=(shutil.which(words[0]), *words[1:])))
    assert error == "error: /nowhere is not CPython 3.11 or newer"
    assert not os.path.exists(person.root)


# --- what is installed ---


def test_nothing_that_nobody_needs_is_installed(installed):
    names = {name for _, folders, files in os.walk(app_of(installed)) for name in (*folders, *files)}
    assert not names & {"pip", "setuptools", "pip3", "wheel", "httpx.exe", "pygmentize", "markdown-it"}
    assert not [name for name in names if name.startswith("ensurepip")]
    size = sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, files in os.walk(app_of(installed))
        for name in files
    )
    assert size < 25 << 20


def test_a_wheelhouse_needs_no_network(person, tmp_path):
    house = tmp_path / "wheel house"
    builder().download_requirements(str(house))
    os.unlink(house / "requirements.txt")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "",
               "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}  # fmt: skip
    result = person.install("--python", sys.executable, "--wheelhouse", str(house), **nowhere)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("looking for a Python")
    assert person.pyman("--version").returncode == 0
    # As a user of pip does it.
    variables = nowhere | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": house.as_uri()}
    again = person.install("--python", sys.executable, **variables)
    assert again.returncode == 0, again.stderr
    next(house.glob("rich-*")).unlink()
    failed = person.install("--python", sys.executable, "--wheelhouse", str(house), **nowhere)
    assert failed.returncode == 1
    assert f"hint: put the wheels listed in requirements.lock into '{house}'" in failed.stderr
    assert person.pyman("--version").returncode == 0


def test_it_updates_and_uninstalls_itself(person, tmp_path):
    import hashlib

    assert person.install("--python", sys.executable).returncode == 0
    before = app_of(person)
    folder = tmp_path / "releases"
    folder.mkdir()
    (tmp_path / "wheel").mkdir()
    path = build_pyz(folder / "pyman-99.0.pyz", build_wheel(tmp_path / "wheel"), "99.0")
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  pyman-99.0.pyz\n")
    with Server(str(folder)) as server:
        updated = json.loads(person.pyman("self", "update", "--json", PYMAN_DOWNLOADS=server.url).stdout)
    assert (updated["version"], updated["installed_by"]) == ("99.0", "install.sh")
    assert person.pyman("--version").stdout == "pyman 99.0\n"
    assert app_of(person) == before
    assert json.loads(person.pyman("self", "--json").stdout)["installed_by"] == "install.sh"
    assert os.path.isfile(f"{person.root}/shims/python")
    assert json.loads(person.pyman("list", "--json").stdout)["runtimes"] == []
    site = updated["changed"][0]
    assert os.listdir(os.path.dirname(os.path.realpath(site))) == ["site-packages"]
    planned = json.loads(person.pyman("self", "uninstall", "--json", "--dry-run").stdout)
    done = json.loads(person.pyman("self", "uninstall", "--json").stdout)
    assert planned.pop("dry_run") is True
    assert planned == done
    assert person.launcher in done["changed"]
    assert [path for path in person.everything() if not os.path.isdir(path)] == []
    assert not os.path.exists(person.root)


def test_for_every_user_it_installs_no_python(person):
    result = person.install("--system", MINOR)
    assert result.returncode == 2
    assert "--system takes no version" in result.stderr


def in_a_machine_of_its_own(person, script):
    """Run a script as root where /opt and /usr/local/bin are empty folders of the test."""
    for name in ("opt", "local"):
        os.makedirs(f"{person.folder}/{name}", exist_ok=True)
    mounts = f"mount --bind '{person.folder}/opt' /opt && mount --bind '{person.folder}/local' /usr/local/bin"
    mounts += " && mount -t tmpfs -o mode=1777 none /mnt"
    return subprocess.run(
        ["unshare", "-m", "/bin/sh", "-c", f"{mounts} && {script}"], cwd="/", capture_output=True, text=True, check=False,
        env=person.environment | {"PATH": f"{person.tools}:/usr/sbin:/usr/bin:/bin"}, timeout=300,
    )  # fmt: skip


@needs_root
def test_every_user_runs_what_root_installed(person, tmp_path):
    if in_a_machine_of_its_own(person, "true").returncode != 0:
        pytest.skip("no namespace for mounts can be had here")
    house = tmp_path / "house"
    builder().download_requirements(str(house))
    os.unlink(house / "requirements.txt")
    umask = "umask 077; "
    result = in_a_machine_of_its_own(person, f"{umask}/bin/sh {SCRIPT} --system --wheelhouse '{house}'")
    if "no suitable Python was found" in result.stderr:
        pytest.skip("there is no Python of root's here")
    assert result.returncode == 0, result.stderr
    assert "installed pyman" in result.stdout
    other = "setpriv --reuid 12345 --regid 12345 --clear-groups env HOME=/mnt/home PATH=/usr/local/bin:/usr/bin:/bin"
    run = in_a_machine_of_its_own(
        person, f"{other} pyman self --json && {other} pyman list && {other} pyman self update"
    )
    assert '"installed_by": "install.sh"' in run.stdout, run.stderr
    assert "no Python is installed yet" in run.stdout + run.stderr, run.stderr
    assert "\nhint: " in run.stderr
    assert "Traceback" not in run.stderr
    refused = in_a_machine_of_its_own(person, f"{other} pyman self uninstall")
    assert refused.returncode == 1
    assert "sudo pyman self uninstall" in refused.stderr
    gone = in_a_machine_of_its_own(person, "HOME=/mnt/home /usr/local/bin/pyman self uninstall")
    assert gone.returncode == 0, gone.stderr
    assert os.listdir(f"{person.folder}/local") == []
    assert os.listdir(f"{person.folder}/opt") == []


# --- no Python at all ---


def only_archive(folder, *, sums):
    """A mirror beside the real one: the same archive and index, and the sums that are given."""
    mirror = f"{folder}/mirror"
    real = mirror_folder()
    shutil.copytree(
        real, mirror, ignore=lambda _, names: [name for name in names if name.endswith((".gz", ".sh", ".md"))]
    )
    for tag in os.listdir(mirror):
        if os.path.isdir(f"{mirror}/{tag}"):
            for name in os.listdir(f"{real}/{tag}"):
                if name.endswith(".gz"):
                    os.symlink(f"{real}/{tag}/{name}", f"{mirror}/{tag}/{name}")
            path = f"{mirror}/{tag}/SHA256SUMS"
            with open(path, encoding="utf-8") as file:
                text = file.read()
            os.unlink(path)
            with open(path, "w", encoding="utf-8") as file:
                file.write(sums(text))
    return mirror


def test_a_python_is_fetched_from_a_mirror_and_kept_by_upgrades(person):
    result = person.install(PYMAN_MIRROR=mirror_folder())
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"downloading cpython-{NEW}+" in result.stdout
    assert person.pyman("--version").returncode == 0
    assert os.path.realpath(f"{person.root}/app/bin/python").startswith(f"{app_of(person)}/python/bin/python{MINOR}")
    before = app_of(person)
    # It stays on its own Python, so that the user may remove every other, shims on PATH or not.
    assert person.pyman("install", MINOR, PYMAN_MIRROR=mirror_folder()).returncode == 0
    again = person.install(PATH=f"{person.root}/shims:{person.tools}")
    assert again.returncode == 0, again.stderr
    assert "downloading" not in again.stdout
    assert not os.path.exists(before)
    assert os.path.realpath(f"{person.root}/app/bin/python").startswith(f"{app_of(person)}/python/bin/python{MINOR}")
    removed = person.pyman("uninstall", NEW)
    assert (removed.returncode, removed.stderr) == (0, "")
    assert person.pyman("--version").returncode == 0
    gone = person.install("--uninstall")
    assert gone.returncode == 0
    assert [path for path in person.everything() if not os.path.isdir(path)] == []


def mirror_of(folder, release):
    """A mirror with this release alone."""
    done = subprocess.run(
        [sys.executable, "-m", "pyman", "mirror", folder, release], capture_output=True, text=True, check=False,
        env=os.environ | {"HOME": str(folder.parent), "PYTHONPATH": f"{CHECKOUT}/src", "PYMAN_MIRROR": mirror_folder()},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_self_update_replaces_the_outdated_python_that_install_sh_fetched(person, tmp_path):
    """On the release of the mirror of then; the next mirror has a newer one."""
    assert person.install(PYMAN_MIRROR=str(mirror_of(tmp_path / "then", OLD))).returncode == 0
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases/SHA256SUMS").write_text("")
    first = app_of(person)
    with Server(str(tmp_path / "releases")) as server:
        asked = {"PYMAN_MIRROR": mirror_folder(), "PYMAN_DOWNLOADS": server.url}
        planned = person.pyman("self", "update", "--json", "--dry-run", **asked)
        assert app_of(person) == first
        done = person.pyman("self", "update", "--json", **asked)
        assert json.loads(done.stdout)["changed"] == json.loads(planned.stdout)["changed"] == [f"{person.root}/app"]
        assert app_of(person) != first
        assert os.path.realpath(f"{person.root}/app/bin/python").startswith(
            f"{app_of(person)}/python/bin/python{MINOR}"
        )
        version = "import platform; print(platform.python_version())"
        run = subprocess.run(
            [f"{person.root}/app/bin/python", "-c", version], capture_output=True, text=True, check=True
        )
        assert run.stdout == f"{NEW}\n"
        # What ran went on in the old environment, which goes with the next update.
        again = person.pyman("self", "update", **asked)
        assert (again.returncode, "newest release" in again.stdout) == (0, True)
    assert not os.path.exists(first)
    assert person.pyman("self", "uninstall").returncode == 0
    assert not os.path.exists(person.root)


def test_an_update_of_pymans_python_that_fails_changes_nothing(person, tmp_path):
    assert person.install(PYMAN_MIRROR=str(mirror_of(tmp_path / "then", OLD))).returncode == 0

    def tree():
        return [path for path in person.everything() if path.startswith(f"{person.root}/app")]

    mirror, before = mirror_of(tmp_path / "bad", NEW), tree()
    busy = f"{person.root}/.installing"
    os.mkdir(busy)
    with open(f"{busy}/process", "w", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    asked = {"PYMAN_MIRROR": str(mirror), "PYMAN_DOWNLOADS": ""}
    refused = person.pyman("self", "update", **asked)
    assert (refused.returncode, "install.sh is running" in refused.stderr) == (1, True), refused.stderr
    shutil.rmtree(busy)
    shutil.rmtree(f"{person.home}/.cache/pyman")
    [archive] = mirror.rglob("cpython-*.tar.gz")
    archive.write_bytes(archive.read_bytes()[:-1000] + bytes(1000))
    failed = person.pyman("self", "update", **asked)
    assert (failed.returncode, "sha256" in failed.stderr) == (1, True), failed.stderr
    assert tree() == before


def test_a_python_is_fetched_over_http_and_refused_by_its_hash(person):
    mirror = only_archive(person.folder, sums=lambda text: re.sub("^[0-9a-f]{64}", "0" * 64, text, flags=re.MULTILINE))
    with Server(mirror) as server:
        result = person.install(PYMAN_MIRROR=server.url)
    assert result.returncode == 1
    assert f"downloading cpython-{NEW}+" in result.stdout
    assert "it was not used" in result.stderr
    assert not os.path.exists(person.root)


def test_from_upstream_over_https_only_and_by_the_hash_in_the_script(person):
    os.unlink(f"{person.tools}/curl")
    with open(f"{person.tools}/curl", "w", encoding="utf-8") as file:
        # A network that answers everything, as that of a hotel does.
        file.write('#!/bin/sh\nfor word in "$@"; do printf "<%s>" "$word"; done >>"$HOME/asked"\n'
                   'while [ "$1" != --output ]; do shift; done\necho login >"$2"\n')  # fmt: skip
    os.chmod(f"{person.tools}/curl", 0o755)
    result = person.install()
    assert result.returncode == 1
    assert "has the sha256" in result.stderr
    assert "it was not used" in result.stderr
    assert not os.path.exists(person.root)
    with open(f"{person.home}/asked", encoding="utf-8") as file:
        asked = file.read()
    assert "<--proto><=https><--proto-redir><=https>" in asked
    assert re.search(r"<https://github\.com/astral-sh/[^<>]*/20260901/cpython-3\.13\.15%2B20260901-[^<>]*>$", asked)


def test_a_mirror_without_the_hash_is_refused(person):
    result = person.install(PYMAN_MIRROR=only_archive(person.folder, sums=lambda _: ""))
    assert result.returncode == 1
    assert "SHA256SUMS does not list" in result.stderr
    assert not os.path.exists(person.root)


def test_a_mirror_that_is_none(person):
    result = person.install(PYMAN_MIRROR="/nowhere")
    assert result.returncode == 1
    assert "/nowhere has none" in result.stderr
    assert "install Python 3.11 or newer" in result.stderr
    assert not os.path.exists(person.root)


def test_offline_nothing_is_fetched(person):
    result = person.install(PYMAN_OFFLINE="1")
    assert result.returncode == 1
    assert "PYMAN_OFFLINE" in result.stderr


# --- uninstall ---


def test_uninstalling_says_what_it_keeps(installed):
    shutil.rmtree(f"{installed.root}/runtimes", ignore_errors=True)
    os.makedirs(f"{installed.root}/runtimes/{OLD}")
    os.makedirs(f"{installed.root}/shims", exist_ok=True)
    shutil.copy(f"{CHECKOUT}/shims/python", f"{installed.root}/shims/python")
    if not os.path.lexists(f"{installed.root}/shims/pip"):
        os.symlink("python", f"{installed.root}/shims/pip")
    with open(f"{installed.root}/shims/mine", "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n")
    result = installed.install("--uninstall")
    assert result.returncode == 0, result.stderr
    assert f"kept: the Pythons in {installed.root}/runtimes, which venvs may use: {OLD}" in result.stdout
    assert "kept: files in " in result.stdout
    assert not os.path.exists(installed.launcher)
    assert not os.path.exists(f"{installed.home}/.cache/pyman")
    assert os.listdir(f"{installed.root}/shims") == ["mine"]
    left = {os.path.relpath(path, installed.root) for path in installed.everything() if path.startswith(installed.root)}
    assert left - {"mounts"} == {".", "runtimes", f"runtimes/{OLD}", "shims", "shims/mine"}
    os.rename(f"{installed.root}/shims", f"{installed.folder}/away")
    os.rmdir(f"{installed.root}/runtimes/{OLD}")
    assert installed.install("--uninstall").returncode == 0
    assert not os.path.exists(installed.root)
