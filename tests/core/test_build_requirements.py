"""What a build from source needs of the system."""

from __future__ import annotations

import pytest

from pyman.core.build_requirements import (
    PARTS,
    header_question,
    install_line,
    lacking_note,
    missing_parts,
    package_manager,
    parts_of,
    refuse_missing,
)
from pyman.core.version import Version
from pyman.errors import PymanError

V3135 = Version(3, 13, 5)


@pytest.mark.parametrize(
    ("text", "manager"),
    [("ID=debian\n", "apt"), ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt"), ('ID="rocky"\nID_LIKE="rhel centos fedora"', "dnf"),
     ("ID=opensuse-tumbleweed\n", "zypper"), ("ID=alpine", "apk"), ("ID=manjaro\nID_LIKE=arch\n", "pacman"),
     ("ID=nixos\n", ""), ("", "")],
)  # fmt: skip
def test_the_package_manager_of_a_system(text, manager):
    assert package_manager(text) == manager
    assert package_manager(text, is_mac=True) == "brew"


def test_the_command_that_installs_what_is_missing():
    ssl, zlib, ctypes = PARTS[:3]
    assert install_line("apt", [ssl, zlib]) == "sudo apt-get install libssl-dev zlib1g-dev"
    assert install_line("apk", [ctypes], compiler=True, root=True) == "apk add build-base linux-headers bash libffi-dev"
    assert install_line("pacman", [ssl], unpacker=True, root=True) == "pacman -S --needed xz openssl"
    assert install_line("brew", [ssl, ctypes]) == "brew install openssl@3"
    assert install_line("", [ssl]) == ""


def test_zstd_is_a_part_from_3_14_on():
    assert "compression.zstd" not in [part.name for part in parts_of(V3135)]
    assert "compression.zstd" in [part.name for part in parts_of(Version(3, 14, 0))]


def test_parts_whose_headers_the_preprocessor_does_not_find():
    question = header_question(PARTS)
    assert "#if __has_include(<readline/readline.h>) || __has_include(<editline/readline.h>)\n" in question
    answer = (
        '# 1 "headers.c"\n\npyman_finds 1\npyman_finds pyman_is_understood\n\npyman_finds zlib\n   \npyman_finds ssl'
    )
    assert [part.name for part in missing_parts(PARTS[:3], answer)] == ["ctypes"]
    assert missing_parts(PARTS, "an old compiler understands nothing of it") == ()


@pytest.mark.parametrize(
    ("programs", "names", "manager", "named", "said", "hint"),
    [
        (["gcc"], [], "apt", {}, "lacks gcc", "build-essential"),
        (["xz"], [], "brew", {}, "lacks xz", "brew install xz"),
        (["gcc"], [], "brew", {}, "lacks gcc", "run `xcode-select --install`"),
        ([], ["ssl"], "apt", {}, "lacks the headers of ssl", "libssl-dev"),
        (["make"], ["ssl"], "", {}, "lacks make, the headers of ssl", "install them with their development files"),
    ],
)
def test_what_a_build_cannot_do_without(programs, names, manager, named, said, hint):
    missing = [part for part in PARTS if part.name in names]
    with pytest.raises(PymanError) as refused:
        refuse_missing("3.13.5", programs, missing, manager, root=True, brings_ssl=False)
    assert said in refused.value.message
    assert hint in refused.value.hint


def test_what_a_build_can_do_without():
    optional = [part for part in PARTS if not part.required]
    required = [part for part in PARTS if part.required]
    refuse_missing("3.13.5", [], optional, "apt", root=True, brings_ssl=False)
    refuse_missing("3.13.5", [], required, "apt", root=True, brings_ssl=True)
    one = lacking_note(optional[:1], "apt", root=True)
    assert one.startswith(
        f"{optional[0].name} will be missing, because the headers are not installed: to have it, run `"
    )
    assert ": to have them, run `" in lacking_note(optional[:2], "apt", root=True)
    assert lacking_note(optional[:2], "", root=True).endswith("because the headers are not installed")
