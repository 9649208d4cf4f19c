"""A stand-in for pyenv's python-build: called like it, with definitions like its own, and with a result like its result.

It checks the tarball in its cache as the real one does, logs into TMPDIR, and "builds" by copying a tree that a mirror's
archive has, in which it writes what a real build would have left there: its own folder in scripts, flags and variables.
What it is asked to do wrong stands among the options of configure, where the real one takes anything, too.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from stage.mirror import runtime_tree

_ENGINE = r"""#!/bin/bash
# Stand-in for python-build: -v DEFINITION PREFIX
set -e
[ "$1" = -v ] && [ "$#" = 3 ] || { echo "usage" >&2; exit 1; }
here=$(dirname "$(readlink -f "$0")")/..
definition=$2 prefix=$3
[ -f "$definition" ] || definition=$here/share/python-build/$2
[ -f "$definition" ] || { echo "python-build: definition not found: $2" >&2; exit 2; }
log=$TMPDIR/python-build.20260901.$$.log
: >"$log"
mkdir "$TMPDIR/python-build.20260901.$$"
say() { echo "$1" >>"$log"; echo "$1"; }
install_package() {
    name=$1 sum=${2##*#}
    file=$PYTHON_BUILD_CACHE_PATH/$1.tar.${2%%#*}
    file=$PYTHON_BUILD_CACHE_PATH/$1.tar.xz
    echo "$sum  $file" | sha256sum -c --status || { say "checksum mismatch: $file"; exit 1; }
}
has_tar_xz_support() { true; }
. "$definition"
echo "Installing $name..." >&2
[ "$PYTHON_PREFIX_PATH" = /install ] && [ "$PYTHON_MAKE_INSTALL_OPTS" = "DESTDIR=${prefix%/install}" ] || exit 3
env | sort >"@ASIDE@/environment"
umask >"@ASIDE@/umask"
echo "$definition" >"@ASIDE@/definition"
say "checking build system type... x86_64-pc-linux-gnu"
say "checking for --enable-optimizations... no"
say "creating Makefile"
say "gcc -c -o Modules/_ssl.o ./Modules/_ssl.c"
case $PYTHON_CONFIGURE_OPTS in
    *--with-fault=compile*)
        say "./Modules/_ssl.c:57:10: fatal error: openssl/rsa.h: No such file or directory"
        say "compilation terminated."
        say "make: *** [Makefile:3068: Modules/_ssl.o] Error 1"
        for number in 1 2 3 4 5 6 7 8 9 10; do say "make: *** Waiting for unfinished jobs.... $number"; done
        echo "BUILD FAILED (Debian 12 using python-build 2.6.30)" >&2
        exit 1
        ;;
    *--with-fault=hang*)
        sleep 3600 &
        echo "$$ $!" >"@ASIDE@/processes.new"
        mv "@ASIDE@/processes.new" "@ASIDE@/processes"
        wait
        ;;
esac
say "Creating directory /install/bin"
cp -al "@TREE@" "$prefix" 2>/dev/null || cp -a "@TREE@" "$prefix"
cd "$prefix"
change() { sed "$2" "$1" >"$1.new" && chmod --reference="$1" "$1.new" && mv "$1.new" "$1"; }
for data in lib/python3.*/_sysconfigdata*.py; do
    change "$data" "
        s|\([\"']\)LDFLAGS[\"']: .*|\1LDFLAGS\1: \1-L$prefix/lib -Wl,--as-needed\1,|
        s|\([\"']\)CPPFLAGS[\"']: .*|\1CPPFLAGS\1: \1-I. -I./Include -I$prefix/include\1,|
        s|\([\"']\)LDSHARED[\"']: .*|\1LDSHARED\1: \1gcc -shared -L$prefix/lib\1,|"
done
for makefile in lib/python3.*/config-*/Makefile; do
    { cat "$makefile"; printf 'BUILD_LDFLAGS=\t-L%s/lib\n' "$prefix"; } >"$makefile.new" && mv "$makefile.new" "$makefile"
done
for pc in lib/pkgconfig/python-3.*.pc; do
    [ -L "$pc" ] || change "$pc" 's|^prefix=.*|prefix=/install|; s|^libdir=.*|libdir=/install/lib|'
done
minor=$(cd lib && echo python3.*)
printf '# built with -L%s/lib\n' "$prefix" >bin/own-config.new && mv bin/own-config.new "bin/$minor-own-config"
chmod 755 "bin/$minor-own-config"
ln -s "$minor-own-config" bin/python3-own-config
printf '#!%s/bin/%s\nimport sys\nprint(sys.prefix)\n' "$prefix" "$minor" >bin/own-pip.new
printf '#!/install/bin/%s -E\nimport sys\nprint(sys.prefix)\n' "$minor" >bin/own-pydoc.new
chmod 775 bin/own-pip.new bin/own-pydoc.new
mv bin/own-pip.new bin/own-pip; mv bin/own-pydoc.new bin/own-pydoc
: >"lib/lib$minor.a"
rm -rf "$TMPDIR/python-build.20260901.$$"
"""


class PythonBuild:
    """A checkout of pyenv with the stand-in, and a mirror with the tarballs that it knows."""

    def __init__(self, folder: Path, root: Path, *releases: str, tree: str = "3.13.5") -> None:
        """`folder` is for the mirror and what the engine tells, `root` becomes the checkout."""
        self.folder = folder
        folder.mkdir(parents=True)
        self.plugin = root / "plugins/python-build"
        self.program = self.plugin / "bin/python-build"
        self.definitions = self.plugin / "share/python-build"
        self.definitions.mkdir(parents=True)
        self.program.parent.mkdir()
        text = _ENGINE.replace("@ASIDE@", str(folder)).replace("@TREE@", runtime_tree(tree))
        self.program.write_text(text)
        self.program.chmod(0o755)
        self.mirror = folder / "mirror"
        self.mirror.mkdir()
        self._lines: list[str] = []
        for release in releases:
            self.define(release)
            self.offer(release)

    def tarball(self, release: str) -> bytes:
        """What passes for the source of a release."""
        return f"the source of {release}".encode()

    def define(self, release: str, sha256: str = "") -> None:
        """Give the engine a definition of a release."""
        sha256 = sha256 or hashlib.sha256(self.tarball(release)).hexdigest()
        address = f"https://www.python.org/ftp/python/{release}/Python-{release}"
        (self.definitions / release).write_text(
            "if has_tar_xz_support; then\n"
            f'    install_package "Python-{release}" "{address}.tar.xz#{sha256}" standard verify_py313 ensurepip\n'
            "else\n"
            f'    install_package "Python-{release}" "{address}.tgz#{"0" * 64}" standard verify_py313 ensurepip\nfi\n'
        )

    def offer(self, release: str) -> None:
        """Put the tarball of a release into the mirror."""
        content = self.tarball(release)
        (self.mirror / f"Python-{release}.tar.xz").write_bytes(content)
        artifact = {
            "platform": "any",
            "variant": "source",
            "url": f"Python-{release}.tar.xz",
            "archive_format": "tar.xz",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }
        self._lines.append(json.dumps({"version": f"{release}+20260901", "artifacts": [artifact]}))
        (self.mirror / "index.ndjson").write_text("".join(f"{line}\n" for line in self._lines))

    def told(self, name: str) -> str:
        """What the engine has written aside: `environment`, `umask`, `definition`, `processes`."""
        return (self.folder / name).read_text()

    @property
    def environment(self) -> dict[str, str]:
        """The environment that it was started in."""
        lines = self.told("environment").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    @property
    def has_run(self) -> bool:
        """True once it was started."""
        return os.path.exists(self.folder / "environment")
