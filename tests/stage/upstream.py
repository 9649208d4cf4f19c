"""What upstream's builds say of the machine that they were made on, written into a tree that another one has built.

The values are those of python-build-standalone: compilers and tools below /tools, flags that only clang understands (in
releases of some years ago also in `pythonX.Y-config`), an SDK of macOS, a prefix in the files of pkg-config.
"""

from __future__ import annotations

import glob
import json
import os
import re

LEFT_BY_UPSTREAM = re.compile(
    r"clang|/tools/|-fdebug-default-version|-isysroot|-Werror=unguarded-availability-new|(?:(?<![\w.])|(?<=-[IL]))/install\b"
)

_FLAGS = (
    "-fdebug-default-version=4 -I/tools/deps/include -I/tools/deps/include/ncursesw "
    "-isystem /tools/deps/linux-uapi/usr/include -Werror=unguarded-availability-new -isysroot /Applications/MacOSX14.2.sdk"
)
_VARIABLES = {
    "AR": "/tools/llvm/bin/llvm-ar",
    "BLDSHARED": f"clang -pthread -shared {_FLAGS} -L/tools/deps/lib",
    "CC": "clang -pthread",
    "CFLAGS": f"-fno-strict-overflow -Wsign-compare -DNDEBUG -g -O3 -Wall -fPIC {_FLAGS}",
    "CXX": "clang++ -pthread",
    "LDCXXSHARED": "clang++ -pthread -shared",
    "LDFLAGS": "-L/tools/deps/lib -Wl,--exclude-libs,ALL",
    "LDSHARED": f"clang -pthread -shared {_FLAGS} -L/tools/deps/lib",
    "LINKCC": "clang -pthread",
    "MAINCC": "clang -pthread",
    "CPP": "clang -E",
}


def like_upstream(tree: str) -> None:
    """Change the files of a runtime that was unpacked so that they say what upstream's say."""
    [library] = [os.path.dirname(path) for path in glob.glob(f"{tree}/lib/python3.*/os.py")]
    [data] = glob.glob(f"{library}/_sysconfigdata*.py")
    module: dict[str, dict[str, object]] = {}
    with open(data, encoding="utf-8") as file:
        exec(file.read(), module)
    variables = module["build_time_vars"] | _VARIABLES
    text = json.dumps(variables, indent=4, sort_keys=True)
    _write(data, f"# system configuration generated and used by the sysconfig module\nbuild_time_vars = {text}")
    _write(data.replace("_sysconfigdata", "_sysconfig_vars").removesuffix(".py") + ".json", json.dumps(variables))
    [makefile] = glob.glob(f"{library}/config-*/Makefile")
    lines = []
    with open(makefile, encoding="utf-8") as file:
        for line in file:
            name, equals, _ = line.partition("=")
            lines.append(f"{name}=\t\t{_VARIABLES[name]}\n" if equals and name in _VARIABLES else line)
    _write(makefile, "".join(lines))
    for pc in glob.glob(f"{tree}/lib/pkgconfig/python-3.*.pc"):
        _replace(pc, "prefix=${pcfiledir}/../..", "prefix=/install")
    for config in glob.glob(f"{tree}/bin/python3.*-config"):
        with open(config, encoding="utf-8") as file:
            text = file.read()
        changed = re.sub(
            r'^(BASECFLAGS="|CFLAGS=[^"\n]*")', lambda found: f"{found[0]}{_FLAGS} ", text, flags=re.MULTILINE
        )
        assert changed.count(_FLAGS) == 2, config
        _write(config, changed)


def _replace(path: str, old: str, new: str) -> None:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert old in text, f"{path} has no {old}"
    _write(path, text.replace(old, new))


def _write(path: str, text: str) -> None:
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o644
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
