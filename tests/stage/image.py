"""An image built from a Dockerfile without Docker: each instruction is a layer of overlayfs on this machine's own root.

    with Image(folder, mirror) as image:
        image.build(dockerfile, context, left_out="apt-get")
        image.run("pyman list")                      # a container: one layer more

The layers are in memory: overlayfs takes none that are below another one, which is this machine's root.
Known are FROM, ENV, WORKDIR, USER, RUN, CMD and COPY of files. There is no network but loopback.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys

_RUN = """\
set -eu
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
mount -t proc proc "$4/proc"
mount --rbind /dev "$4/dev"
mount -t tmpfs tmpfs "$4/tmp"
chmod 1777 "$4/tmp"
mkdir -p "$4/tmp/mirror"
mount --bind "$5" "$4/tmp/mirror"
shift 5
exec chroot "$@"
"""


def why_not(folder):
    """Why this machine cannot build such images in a folder, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux, for overlayfs"
    try:
        with Image(folder, folder) as image:
            image.run("true")
            image.run("true")
    except AssertionError as error:
        return f"cannot mount overlayfs here: {error}"
    return None


class Image:
    """Layers, and what the Dockerfile set for the commands to come."""

    def __init__(self, folder, mirror):
        self.folder, self.mirror = str(folder), str(mirror)
        self.layers = []
        self.environ = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYMAN_MIRROR": "/tmp/mirror",
        }
        self.user = "root"
        self.work = "/"

    def __enter__(self):
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.folder],
            capture_output=True,
            text=True,
            check=False,
        )
        assert mounted.returncode == 0, mounted.stderr
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", self.folder], check=True)

    def build(self, dockerfile, context, left_out):
        """Carry out the instructions but for those RUN lines that have this word in them."""
        with open(dockerfile, encoding="utf-8") as file:
            text = re.sub(r"^#.*\n", "", file.read(), flags=re.MULTILINE).replace("\\\n", " ")
        for line in filter(None, text.splitlines()):
            word, _, rest = line.partition(" ")
            if word == "ENV":
                self.environ |= dict(part.split("=", 1) for part in shlex.split(rest))
            elif word == "USER":
                self.user = rest
            elif word == "WORKDIR":
                self.work = rest
            elif word == "COPY":
                self._copy(rest.split(), context)
            elif word == "RUN":
                if left_out not in rest:
                    self.run(rest)
            else:
                assert word in ("FROM", "CMD"), line

    def run(self, command):
        """Run a command of the shell in a new layer; what it printed."""
        upper, work, merged = (f"{self.folder}/{kind}{len(self.layers)}" for kind in ("layer", "work", "root"))
        for path in (upper, work, merged):
            os.mkdir(path)
        os.chmod(upper, 0o755)
        lower = ":".join([*reversed(self.layers), "/"])
        home = "/root" if self.user == "root" else f"/home/{self.user}"
        words = [f"--userspec={self.user}:", merged, "env", "-i", f"HOME={home}"]
        words += [f"{name}={value}" for name, value in self.environ.items()]
        words += ["sh", "-c", f"cd {shlex.quote(self.work)} && {command}"]
        result = subprocess.run(
            ["unshare", "--mount", "--net", "--", "sh", "-c", _RUN, "sh", lower, upper, work, merged, self.mirror, *words],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=300,
        )  # fmt: skip
        assert result.returncode == 0, (command, result.stdout, result.stderr)
        self.layers.append(upper)
        return result.stdout

    def _copy(self, words, context):
        options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        source, target = (word for word in words if not word.startswith("--"))
        if target == ".":
            target = f"{self.work}/{source}"
        # As `docker build` does it: a layer that has the one file, and the folders above as they are.
        upper = f"{self.folder}/layer{len(self.layers)}"
        os.makedirs(upper + os.path.dirname(target))
        self._like_below(upper, os.path.dirname(target))
        shutil.copy(f"{context}/{source}", upper + target)
        os.chmod(upper + target, int(options.get("chmod", "644"), 8))
        owner = options.get("chown", "root:root").partition(":")[0]
        self.layers.append(upper)
        if owner != "root":
            user, self.user = self.user, "root"
            self.run(f"chown {options['chown']} {shlex.quote(target)}")
            self.user = user

    def _like_below(self, upper, folder):
        """Give the folders of a layer the owner and mode that they have in the layers below."""
        os.chmod(upper, 0o755)
        while folder != "/":
            for layer in [*reversed(self.layers), ""]:
                if os.path.isdir(layer + folder):
                    status = os.stat(layer + folder)
                    os.chown(upper + folder, status.st_uid, status.st_gid)
                    os.chmod(upper + folder, status.st_mode & 0o7777)
                    break
            folder = os.path.dirname(folder)
