"""What `integrations/` has for CI, images and direnv: their commands are run, but by no GitHub, GitLab or Docker."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stage.home import Home, installed_once
from stage.image import Image, why_not
from stage.mirror import MINOR, NEW, OLD, mirror_folder, mirror_of
from stage.pyz import build_pyz, build_wheel

INTEGRATIONS = Path(__file__).parents[2] / "integrations"
ANSIBLE = os.environ.get("PYMAN_TEST_ANSIBLE", "")

pytestmark = pytest.mark.real_archives("real Pythons")


@pytest.fixture(scope="module")
def pyz(tmp_path_factory):
    wheel = build_wheel(tmp_path_factory.mktemp("wheel"))
    return build_pyz(tmp_path_factory.mktemp("pyz") / "pyman.pyz", wheel)


@pytest.fixture
def workspace(tmp_path, pyz):
    """A checkout on a runner, whose .venv a cache restored."""
    home = Home(tmp_path)
    (home.project / "tools").mkdir()
    shutil.copy(pyz, home.project / "tools/pyman.pyz")
    (home.project / "requirements.txt").write_text("")
    home.environ |= {"CI": "true", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    del home.environ["PYTHONPATH"]
    return home


def loaded(path):
    """A YAML file. The environment of Ansible can read it."""
    if not os.path.exists(f"{ANSIBLE}/python"):
        pytest.skip("needs a YAML parser: `tests/run --machines` installs one")
    program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))"
    with open(path, encoding="utf-8") as file:
        return json.loads(subprocess.check_output([f"{ANSIBLE}/python", "-c", program], stdin=file, text=True))


def restored_venv(place):
    """A venv whose Python is gone."""
    python = f"{installed_once(OLD)}/bin/python3"
    subprocess.run([python, "-m", "venv", "--without-pip", place], check=True)
    for name in ("python", "python3", f"python{MINOR}"):
        path = f"{place}/bin/{name}"
        if os.path.isabs(os.readlink(path)):
            os.unlink(path)
            os.symlink(f"/nowhere/bin/python{MINOR}", path)
    config = Path(place, "pyvenv.cfg")
    config.write_text(config.read_text().replace(os.path.dirname(python), "/nowhere/bin"))


def steps_of_the_action(home, **inputs):
    """Run its steps as a runner does; the outputs."""
    action = loaded(INTEGRATIONS / "github-action/action.yml")
    given = {name: one.get("default", "") for name, one in action["inputs"].items()} | inputs
    files = {name: home.path / name.lower() for name in ("GITHUB_PATH", "GITHUB_ENV", "GITHUB_OUTPUT")}
    environ = home.environ | {name: str(path) for name, path in files.items()}
    environ |= {
        "GITHUB_WORKSPACE": str(home.project), "RUNNER_TEMP": str(home.path / "temp"),
        "GITHUB_ACTION_PATH": str(INTEGRATIONS / "github-action"),
    }  # fmt: skip
    for step in action["runs"]["steps"]:
        own = {
            name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: given[found[1]], text)
            for name, text in step.get("env", {}).items()
        }
        # A value that is put into the script would be run: they are all variables.
        assert "${{" not in step["run"]
        assert not any("${{" in text for text in own.values())
        for path in files.values():
            path.touch()
        result = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=home.project, env=environ | own, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, (step["name"], result.stdout, result.stderr)
        folders = files["GITHUB_PATH"].read_text().splitlines()
        environ["PATH"] = ":".join([*reversed(folders), home.environ["PATH"]])
        environ |= dict(line.split("=", 1) for line in files["GITHUB_ENV"].read_text().splitlines())
    release = subprocess.check_output(["python", "-V"], env=environ, text=True).strip()
    return release, dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())


def test_the_action_repairs_what_a_cache_restored(workspace):
    restored_venv(str(workspace.project / ".venv"))
    marker = next((workspace.project / ".venv/lib").glob("python3.*")) / "site-packages/kept.py"
    marker.touch()
    answer = steps_of_the_action(workspace, pyz="tools/pyman.pyz", python=MINOR, mirror=mirror_folder())
    assert answer == (f"Python {NEW}", {"created": "false"})
    assert marker.exists()


def test_the_action_creates_a_venv_for_what_the_version_file_names(workspace):
    (workspace.project / ".python-version").write_text(f"{OLD}\n")
    answer = steps_of_the_action(
        workspace, pyz="tools/pyman.pyz", requirements="requirements.txt", mirror=mirror_folder()
    )
    assert answer == (f"Python {OLD}", {"created": "true"})


@pytest.mark.parametrize("is_restored", [True, False])
def test_the_job_of_gitlab(workspace, is_restored):
    job = loaded(INTEGRATIONS / "gitlab/pyman.gitlab-ci.yml")[".pyman"]
    if is_restored:
        restored_venv(str(workspace.project / ".venv"))
    environ = workspace.environ | {"CI_PROJECT_DIR": str(workspace.project), "PYMAN_MIRROR": mirror_folder()}
    for name, value in job["variables"].items():
        environ[name] = value.replace("$CI_PROJECT_DIR", str(workspace.project))
    # The runner makes one script of them.
    script = "\n".join(["set -e", *job["before_script"], "python -V"])
    result = subprocess.run(
        ["sh", "-c", script], cwd=workspace.project, env=environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"Python {NEW}"


def test_direnv_keeps_the_venv(workspace, tmp_path):
    if shutil.which("direnv") is None:
        pytest.skip("needs direnv")
    command = workspace.path / ".local/bin/pyman"
    command.parent.mkdir(parents=True)
    shutil.copy(workspace.project / "tools/pyman.pyz", command)
    settings = workspace.path / ".config/direnv"
    settings.mkdir(parents=True)
    shutil.copy(INTEGRATIONS / "direnv/pyman.sh", settings / "direnvrc")
    (workspace.project / ".envrc").write_text(f"layout pyman {MINOR}\n")
    environ = {"PATH": f"{command.parent}:{workspace.environ['PATH']}"}
    (tmp_path / "mirror").mkdir()
    environ["PYMAN_MIRROR"] = mirror_of(str(tmp_path / "mirror"), OLD)
    workspace.run("pyman", "install", MINOR, **environ)
    workspace.run("direnv", "allow", ".", **environ)
    assert workspace.run("direnv", "exec", ".", "python", "-V", **environ) == f"Python {OLD}"
    created = (workspace.project / ".venv").stat().st_ino
    mirror_of(str(tmp_path / "mirror"), NEW, OLD)
    workspace.run("pyman", "upgrade", **environ)
    assert workspace.run("direnv", "exec", ".", "python", "-V", **environ) == f"Python {NEW}"
    assert (workspace.project / ".venv").stat().st_ino == created


def test_direnv_s_layout_runs_nothing_of_a_venv(tmp_path):
    """A clone may bring its .venv along. What direnv defines is stood in for."""
    venv, ran, asked = tmp_path / ".venv", tmp_path / "ran", tmp_path / "asked"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").touch()
    python = venv / "bin/python"
    stubs = f"watch_file() {{ :; }}; PATH_add() {{ echo added $1; }}; pyman() {{ echo $* >>'{asked}'; }}"

    def layout():
        words = ["bash", "-c", f"{stubs}; . '{INTEGRATIONS}/direnv/pyman.sh'; layout_pyman"]
        return subprocess.run(
            words, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
        )

    python.write_text(f"#!/bin/sh\n: >'{ran}'\n")
    python.chmod(0o755)
    assert layout().stdout == f"added {venv}/bin\n"
    assert not ran.exists()
    assert not asked.exists()
    # One that cannot be run is repaired: a file without the mode, a link to nothing, a folder, nothing at all.
    python.chmod(0o644)
    layout()
    python.unlink()
    python.symlink_to("/nowhere/python3")
    layout()
    python.unlink()
    layout()
    python.mkdir()
    layout()
    assert asked.read_text() == f"doctor {venv} --fix\n" * 4


def test_upgrade_rebuild_uninstall_and_prune_work_in_layers_of_an_image(tmp_path, pyz):
    (tmp_path / "probe").mkdir()
    reason = why_not(tmp_path / "probe")
    if reason is not None:
        pytest.skip(reason)
    for name in ("context", "layers", "mirror"):
        (tmp_path / name).mkdir()
    shutil.copy(pyz, tmp_path / "context/pyman.pyz")
    (tmp_path / "context/requirements.txt").write_text("")
    mirror_of(str(tmp_path / "mirror"), OLD)
    with Image(tmp_path / "layers", tmp_path / "mirror") as image:
        # The base is this machine's root, which has a Python; there is no network for more.
        image.build(INTEGRATIONS / "docker/Dockerfile", tmp_path / "context", left_out="apt-get")
        assert image.run(".venv/bin/python -V") == f"Python {OLD}\n"

        mirror_of(str(tmp_path / "mirror"), NEW, OLD)
        image.run("pyman upgrade")
        assert image.run(".venv/bin/python -V") == f"Python {NEW}\n"
        rebuilt = json.loads(image.run("pyman rebuild .venv --yes --json"))["rebuilt"]
        assert [(one["path"], one["status"]) for one in rebuilt] == [("/app/.venv", "rebuilt")]
        assert json.loads(image.run(f"pyman uninstall {OLD} --json"))["changed"] == [OLD]
        assert json.loads(image.run("pyman prune --json"))["changed"] == []
        found = json.loads(image.run("pyman doctor --json"))
        assert [one for one in found["findings"] if one["severity"] == "error"] == []
        assert json.loads(image.run("pyman venvs --json"))["venvs"][0]["state"] == "healthy"
        assert image.run(".venv/bin/python -V") == f"Python {NEW}\n"
