"""The layout of a venv: what each minor and variant has, and a `pyvenv.cfg` that everybody can read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.choice import Choice
from pyman.core.new_venv import VenvSpec, plan_layout
from pyman.core.pyvenv_cfg import parse_pyvenv_cfg
from pyman.core.store import executable_of
from pyman.core.version import parse_version, split_release
from pyman.errors import BadRequest


def choice_of(release: str, policy: str = "follow", home: str = "/r/runtimes/alias/bin") -> Choice:
    numbers, prerelease, variant = split_release(release)
    version = parse_version(".".join(map(str, numbers)) + prerelease)
    name = executable_of(version, variant).removeprefix("bin/")
    return Choice(version, variant, home, f"{home}/{name}", policy)


def layout_of(release: str, **options):
    options = {"lib64": True, **options}
    return plan_layout(VenvSpec("/p/.venv", release), choice_of(release), **options)


FOLDERS = {
    "3.6.15": ["bin", "include", "lib", "lib/python3.6", "lib/python3.6/site-packages"],
    "3.10.13": ["bin", "include", "lib", "lib/python3.10", "lib/python3.10/site-packages"],
    "3.11.2": ["bin", "include", "include/python3.11", "lib", "lib/python3.11", "lib/python3.11/site-packages"],
    "3.12.1d": ["bin", "include", "include/python3.12d", "lib", "lib/python3.12", "lib/python3.12/site-packages"],
    "3.13.0t": ["bin", "include", "include/python3.13t", "lib", "lib/python3.13t", "lib/python3.13t/site-packages"],
    "3.14.2": ["bin", "include", "lib", "lib/python3.14", "lib/python3.14/site-packages"],
    "3.14.2t": ["bin", "include", "lib", "lib/python3.14t", "lib/python3.14t/site-packages"],
    "3.15.0a7": ["bin", "include", "lib", "lib/python3.15", "lib/python3.15/site-packages"],
}
NAMES = {
    "3.6.15": ["python3", "python3.6"],
    "3.9.18": ["python3", "python3.9"],
    "3.13.15": ["python3", "python3.13"],
    "3.13.0t": ["python3", "python3.13", "python3.13t"],
    "3.12.1d": ["python3", "python3.12", "python3.12d"],
    "3.14.2": ["python3", "python3.14", "𝜋thon"],
    "3.15.0a7": ["python3", "python3.15"],
}


@pytest.mark.parametrize("release", FOLDERS)
def test_each_minor_has_its_folders(release):
    layout = layout_of(release)
    assert list(layout.folders) == FOLDERS[release]
    assert layout.site_packages == layout.folders[-1]


@pytest.mark.parametrize("release", NAMES)
def test_only_python_leaves_the_venv(release):
    links = dict(layout_of(release, lib64=False).links)
    outside = links.pop("bin/python")
    assert outside == choice_of(release).executable
    assert links == {f"bin/{name}": "python" for name in NAMES[release]}


def test_lib64_is_a_link_until_3_14():
    assert ("lib64", "lib") in layout_of("3.14.2").links
    assert "lib64" not in dict(layout_of("3.14.2", lib64=False).links)
    assert "lib64" not in dict(layout_of("3.15.0").links)


def test_fedora_has_two_folders_of_packages_from_3_15():
    layout = layout_of("3.15.0t", platlib="lib64")
    assert layout.folders[-3:] == ("lib64", "lib64/python3.15t", "lib64/python3.15t/site-packages")
    assert layout.site_packages == "lib/python3.15t/site-packages"
    assert "lib64" not in layout_of("3.14.2", platlib="lib64").folders


def settings_of(spec: VenvSpec, choice: Choice):
    text = dict(plan_layout(spec, choice, lib64=True).files)["pyvenv.cfg"]
    assert text.isprintable() or set(text) - {"\n"} == {letter for letter in text if letter.isprintable()}
    text.encode("utf-8")
    return parse_pyvenv_cfg(text)


def test_a_venv_that_follows_names_its_minor_alone():
    settings = settings_of(VenvSpec("/p/.venv", "3.13", prompt="work"), choice_of("3.13.15"))
    assert dict(settings.values) == {
        "home": "/r/runtimes/alias/bin",
        "include-system-site-packages": "false",
        "version": "3.13",
        "executable": "/r/runtimes/alias/bin/python3.13",
        "command": "pyman venv /p/.venv",
        "prompt": "'work'",
        "pyman-request": "3.13",
        "pyman-policy": "follow",
    }


def test_a_pinned_venv_names_its_release():
    settings = settings_of(VenvSpec("/p", "3.13.5", system_site_packages=True), choice_of("3.13.5", "pin"))
    assert settings.get("version") == "3.13.5"
    assert settings.policy == "pin"
    assert settings.has_system_site_packages
    assert "prompt" not in settings.values


PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30).map(
    lambda text: f"/p/{text}"
)


@given(
    path=PATHS,
    prompt=st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
)
def test_every_path_and_prompt_can_be_written(path, prompt):
    settings = settings_of(VenvSpec(path, "3.13", prompt=prompt), choice_of("3.13.15"))
    assert settings.prompt == prompt
    assert settings.home == "/r/runtimes/alias/bin"
    assert settings.get("command").startswith("pyman venv /p/")
    assert (settings.request, settings.policy) == ("3.13", "follow")


def test_a_path_that_is_no_text_is_written_as_python_would():
    settings = settings_of(VenvSpec("/p/a\nb\udcff é", "3.13"), choice_of("3.13.15"))
    assert settings.get("command") == "pyman venv /p/a\\nb\\udcff é"


@pytest.mark.parametrize("home", ["/r/a\nb/bin", "/r/bin ", "/r/\udcff/bin", "/r/a\rb/bin"])
def test_an_interpreter_that_no_file_can_name_is_refused(home):
    with pytest.raises(BadRequest, match="no venv can name the interpreter"):
        plan_layout(VenvSpec("/p", "x"), choice_of("3.13.15", home=home), lib64=True)
