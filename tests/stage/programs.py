"""Programs that stand where an interpreter is expected: binary ones, for pyman starts no script, that do what a text says.

On Linux it is an ELF file of a few hundred bytes whose only instructions hand its words over to `/bin/sh -c TEXT`; its own
path is `$0`. Elsewhere the C compiler makes one.
"""

from __future__ import annotations

import functools
import os
import shutil
import struct
import subprocess
import sys
import tempfile

import pytest

_BASE = 0x400000
_HEADERS = 64 + 56

# On the stack lie the number of words, the words, an empty one, and the environment. Three words go before the first:
# `/bin/sh`, `-c` and the text, the last of them in the place of the number.
_X86_64 = bytes.fromhex(
    "488b0424"  # mov rax, [rsp]             the number of words
    "488d54c410"  # lea rdx, [rsp+rax*8+16]  the environment
    "488d1d00000000"  # lea rbx, [rip+TEXT]
    "48891c24"  # mov [rsp], rbx
    "488d1d00000000"  # lea rbx, [rip+OPTION]
    "53"  # push rbx
    "488d3d00000000"  # lea rdi, [rip+SHELL]
    "57"  # push rdi
    "4889e6"  # mov rsi, rsp
    "b83b000000"  # mov eax, 59              execve
    "0f05"  # syscall
    "bf7f000000"  # mov edi, 127
    "b83c000000"  # mov eax, 60              exit
    "0f05"  # syscall
)
_X86_64_ADDRESSES = ((12, "text"), (23, "option"), (31, "shell"))

_SHELL, _OPTION = b"/bin/sh\0", b"-c\0"


def program(text: str) -> bytes:
    """The content of a binary program that runs a text as `/bin/sh` does; skips the test where none can be made."""
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in ("x86_64", "aarch64"):
        return _compiled(text)
    return _elf_x86_64(text) if machine == "x86_64" else _elf_aarch64(text)


def write_program(path: object, text: str) -> str:
    """Put a binary program in a place, and return that."""
    os.makedirs(os.path.dirname(str(path)), exist_ok=True)
    with open(str(path), "wb") as file:
        file.write(program(text))
    os.chmod(str(path), 0o755)
    return str(path)


def _elf_x86_64(text: str) -> bytes:
    code = bytearray(_X86_64)
    data = _SHELL + _OPTION + text.encode() + b"\0"
    places = {"shell": 0, "option": len(_SHELL), "text": len(_SHELL) + len(_OPTION)}
    for offset, name in _X86_64_ADDRESSES:
        struct.pack_into("<i", code, offset, len(code) + places[name] - (offset + 4))
    return _elf(62, bytes(code) + data)


def _elf_aarch64(text: str) -> bytes:
    data = _SHELL + _OPTION + text.encode() + b"\0"
    places = {"shell": 0, "option": len(_SHELL), "text": len(_SHELL) + len(_OPTION)}
    size = 14 * 4

    def adr(register: int, name: str, number: int) -> int:
        distance = size + places[name] - number * 4
        return 0x10000000 | (distance & 3) << 29 | (distance >> 2 & 0x7FFFF) << 5 | register

    words = [
        0xF94003E8,  # ldr x8, [sp]             the number of words
        0x910043E2,  # add x2, sp, #16
        0x8B080C42,  # add x2, x2, x8, lsl #3   the environment
        adr(9, "text", 3),
        0xF90003E9,  # str x9, [sp]
        adr(9, "option", 5),
        adr(0, "shell", 6),
        0xA9BF27E0,  # stp x0, x9, [sp, #-16]!  twice eight bytes: the stack stays aligned
        0x910003E1,  # mov x1, sp
        0xD2801BA8,  # mov x8, #221             execve
        0xD4000001,  # svc #0
        0xD2800FE0,  # mov x0, #127
        0xD2800BA8,  # mov x8, #93              exit
        0xD4000001,  # svc #0
    ]
    return _elf(183, struct.pack(f"<{len(words)}I", *words) + data)


def _elf(machine: int, content: bytes) -> bytes:
    """One segment, loaded whole, whose first instruction follows the headers (System V ABI, chapters 4 and 5)."""
    size = _HEADERS + len(content)
    header = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)
    return header + segment + content


@functools.cache
def _compiled(text: str) -> bytes:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("neither the machine code nor the compiler for a small program is there")
    letters = "".join(f"\\{byte:03o}" for byte in text.encode())
    source = (
        "#include <stdlib.h>\n#include <unistd.h>\nint main(int count, char **words) {\n"
        "  char **all = calloc(count + 4, sizeof *all);\n"
        f'  all[0] = "/bin/sh"; all[1] = "-c"; all[2] = "{letters}";\n'
        "  for (int i = 0; i < count; i++) all[i + 3] = words[i];\n  execv(all[0], all);\n  return 127;\n}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/it.c", "w", encoding="ascii") as file:
            file.write(source)
        subprocess.run([compiler, "-o", f"{folder}/it", f"{folder}/it.c"], check=True)
        with open(f"{folder}/it", "rb") as file:
            return file.read()
