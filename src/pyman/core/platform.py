"""What machine this is, as upstream names it: `x86_64-unknown-linux-gnu`, `aarch64-apple-darwin`.

The C library and, on Linux, the processor are those of the system's own programs: their loader says both, also where
a 32-bit system runs on a 64-bit kernel. The variants for newer processors (`x86_64_v3`) are never chosen: they crash
on the machine that the folder is copied to.

Import-light.
"""

from __future__ import annotations

from posixpath import basename

from pyman.errors import UNSUPPORTED, PymanError

# Names of the loader that an ELF program asks for, from the psABI of each processor and the headers of glibc's ports.
_GLIBC_LOADERS = {
    "ld-linux-x86-64.so.2": "x86_64-unknown-linux-gnu",
    "ld-linux-aarch64.so.1": "aarch64-unknown-linux-gnu",
    "ld-linux-armhf.so.3": "armv7-unknown-linux-gnueabihf",
    "ld-linux.so.3": "armv7-unknown-linux-gnueabi",
    "ld-linux.so.2": "i686-unknown-linux-gnu",
    "ld64.so.2": "ppc64le-unknown-linux-gnu",
    "ld64.so.1": "s390x-unknown-linux-gnu",
    "ld-linux-riscv64-lp64d.so.1": "riscv64-unknown-linux-gnu",
}
_MUSL_SUFFIX = {"armhf": ("armv7", "musleabihf"), "arm": ("armv7", "musleabi"), "i386": ("i686", "musl")}

# What `uname -m` says, where no loader is known.
_MACHINES = {
    "x86_64": "x86_64-unknown-linux-gnu",
    "amd64": "x86_64-unknown-linux-gnu",
    "aarch64": "aarch64-unknown-linux-gnu",
    "arm64": "aarch64-unknown-linux-gnu",
    "armv7l": "armv7-unknown-linux-gnueabihf",
    "armv8l": "armv7-unknown-linux-gnueabihf",
    "i686": "i686-unknown-linux-gnu",
    "ppc64le": "ppc64le-unknown-linux-gnu",
    "riscv64": "riscv64-unknown-linux-gnu",
    "s390x": "s390x-unknown-linux-gnu",
}


def platform_triple(system: str, machine: str, kernel: str = "", loader: str | None = None) -> str:
    """Return the triple of a machine.

    `system`, `machine` and `kernel` are `uname -s`, `-m` and `-v`; `loader` is the ELF interpreter of a program of
    the system, None where none could be read. Raises PymanError for a system that pyman does not support.
    """
    if system == "Darwin":
        # A translated process sees the machine as x86_64; the kernel's version string has the real one.
        arm = machine == "arm64" or "ARM64" in kernel
        return "aarch64-apple-darwin" if arm else "x86_64-apple-darwin"
    if system != "Linux":
        raise PymanError(
            f"pyman does not support {system or 'this system'}",
            hint="use it on Linux or macOS; on Windows it works in the Windows Subsystem for Linux",
            code=UNSUPPORTED,
        )
    triple = _triple_of_loader(basename(loader)) if loader else None
    triple = triple or _MACHINES.get(machine)
    if triple is None:
        raise PymanError(
            f"there are no builds of Python for Linux on {machine}",
            hint="adopt a Python of this machine with `pyman adopt PATH`",
            code=UNSUPPORTED,
        )
    return triple


def _triple_of_loader(name: str) -> str | None:
    if name.startswith("ld-musl-"):
        processor = name.removeprefix("ld-musl-").partition(".")[0]
        processor, libc = _MUSL_SUFFIX.get(processor, (processor, "musl"))
        return f"{processor}-unknown-linux-{libc}"
    return _GLIBC_LOADERS.get(name)


# The keys of uv name a platform otherwise: `linux-x86_64-gnu`, `macos-aarch64-none`, or only the start of it.

_SYSTEMS = {"linux": "linux", "macos": "darwin", "darwin": "darwin", "windows": "windows", "emscripten": "emscripten"}
_PROCESSORS = {"arm64": "aarch64", "amd64": "x86_64", "x86": "i686", "powerpc64le": "ppc64le", "riscv64gc": "riscv64"}


def split_platform(text: str) -> tuple[str, str]:
    """Split a key into what stands before the platform, and the platform, which is empty where there is none."""
    words = text.split("-")
    for number, word in enumerate(words):
        if word in _SYSTEMS and len(words) - number <= 3 and all(words[number:]):
            return "-".join(words[:number]), "-".join(words[number:])
    return text, ""


def is_this_platform(platform: str, triple: str) -> bool:
    """True where the platform of a key, or the start of one, is that of a machine, named as upstream does."""
    processor, _, rest = triple.partition("-")
    _, _, kernel = rest.partition("-")
    kernel, _, libc = kernel.partition("-")
    wanted = platform.split("-")
    if _SYSTEMS[wanted[0]] != kernel:
        return False
    if len(wanted) > 1 and _PROCESSORS.get(wanted[1], wanted[1]) != processor:
        return False
    return len(wanted) < 3 or wanted[2] == (libc or "none")


def is_triple(text: str) -> bool:
    """Tell whether a text could be a platform as upstream names them: what `--platform` may be given."""
    words = text.split("-")
    return (
        len(words) in (3, 4)
        and all(word and word.isascii() and word.replace("_", "").isalnum() for word in words)
        and words[1] in ("unknown", "apple")
        and words[2] in ("linux", "darwin")
    )
