import pytest
from hypothesis import given, settings

from pyman.core.platform import is_this_platform, is_triple, platform_triple, split_platform
from pyman.errors import PymanError
from stage.hostile import damaged, text_of


@pytest.mark.parametrize(
    ("machine", "loader", "expected"),
    [
        ("x86_64", "/lib64/ld-linux-x86-64.so.2", "x86_64-unknown-linux-gnu"),
        ("x86_64", "/nix/store/abc-glibc-2.40/lib/ld-linux-x86-64.so.2", "x86_64-unknown-linux-gnu"),
        ("x86_64", "/lib/ld-musl-x86_64.so.1", "x86_64-unknown-linux-musl"),
        ("aarch64", "/lib/ld-linux-aarch64.so.1", "aarch64-unknown-linux-gnu"),
        ("aarch64", "/lib/ld-musl-aarch64.so.1", "aarch64-unknown-linux-musl"),
        ("aarch64", "/lib/ld-linux-armhf.so.3", "armv7-unknown-linux-gnueabihf"),
        ("armv7l", "/lib/ld-linux.so.3", "armv7-unknown-linux-gnueabi"),
        ("armv7l", "/lib/ld-musl-armhf.so.1", "armv7-unknown-linux-musleabihf"),
        ("x86_64", "/lib/ld-linux.so.2", "i686-unknown-linux-gnu"),
        ("ppc64le", "/lib64/ld64.so.2", "ppc64le-unknown-linux-gnu"),
        ("s390x", "/lib/ld64.so.1", "s390x-unknown-linux-gnu"),
        ("riscv64", "/lib/ld-linux-riscv64-lp64d.so.1", "riscv64-unknown-linux-gnu"),
        ("x86_64", None, "x86_64-unknown-linux-gnu"),
        ("armv7l", "/lib/unheard-of.so", "armv7-unknown-linux-gnueabihf"),
    ],
)
def test_linux_by_the_loader_of_its_programs(machine, loader, expected):
    assert platform_triple("Linux", machine, loader=loader) == expected
    assert is_triple(expected)


@pytest.mark.parametrize(
    ("machine", "kernel", "expected"),
    [
        ("arm64", "Darwin Kernel Version 25.0.0: root:xnu-12377/RELEASE_ARM64_T6000", "aarch64-apple-darwin"),
        ("x86_64", "Darwin Kernel Version 22.6.0: root:xnu-8796/RELEASE_X86_64", "x86_64-apple-darwin"),
        ("x86_64", "Darwin Kernel Version 25.0.0: root:xnu-12377/RELEASE_ARM64_T6000", "aarch64-apple-darwin"),
    ],
)
def test_macos_by_the_kernel_also_under_translation(machine, kernel, expected):
    assert platform_triple("Darwin", machine, kernel) == expected
    assert is_triple(expected)


@pytest.mark.parametrize("system", ["Windows", "MSYS_NT-10.0", "CYGWIN_NT-10.0", "FreeBSD", ""])
def test_other_systems_are_one_clear_error(system):
    with pytest.raises(PymanError) as caught:
        platform_triple(system, "AMD64")
    assert caught.value.code == "unsupported"
    assert system in caught.value.message
    assert "Linux or macOS" in caught.value.hint


def test_a_processor_that_nobody_builds_for_is_named():
    with pytest.raises(PymanError, match="mips64"):
        platform_triple("Linux", "mips64", loader="/lib64/ld.so.1")


@pytest.mark.parametrize(
    "text", ["", "linux", "x86_64-unknown-linux-gnu-more", "../unknown/linux-gnu", "x86_64-pc-windows-msvc", "a--linux"]
)
def test_what_is_no_platform(text):
    assert not is_triple(text)


@settings(max_examples=100)
@given(
    damaged(b"Linux", b"Darwin"),
    damaged(b"x86_64", b"arm64"),
    damaged(b"/lib64/ld-linux-x86-64.so.2", b"/lib/ld-musl-armhf.so.1"),
)
def test_whatever_a_machine_says_of_itself(system, machine, loader):
    try:
        triple = platform_triple(text_of(system), text_of(machine), text_of(system), text_of(loader))
    except PymanError as error:
        assert error.code == "unsupported"
        return
    assert "/" not in triple


@pytest.mark.parametrize(
    ("platform", "triple", "is_it"),
    [("linux", "x86_64-unknown-linux-gnu", True), ("linux-x86_64", "x86_64-unknown-linux-musl", True),
     ("linux-x86_64-gnu", "x86_64-unknown-linux-gnu", True), ("linux-x86_64-musl", "x86_64-unknown-linux-gnu", False),
     ("linux-aarch64", "x86_64-unknown-linux-gnu", False), ("macos", "x86_64-unknown-linux-gnu", False),
     ("macos-aarch64-none", "aarch64-apple-darwin", True), ("macos-arm64", "aarch64-apple-darwin", True),
     ("linux-armv7-gnueabihf", "armv7-unknown-linux-gnueabihf", True), ("windows-x86_64-none", "x86_64-unknown-linux-gnu", False)],
)  # fmt: skip
def test_the_platform_of_a_key_of_uv(platform, triple, is_it):
    assert split_platform(f"cpython-3.13.5-{platform}") == ("cpython-3.13.5", platform)
    assert is_this_platform(platform, triple) is is_it
