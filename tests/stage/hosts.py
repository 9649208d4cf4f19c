"""Hosts on this machine: each has a network, users, homes and an sshd of its own, and reaches the others and nothing else.

    with Hosts(folder, {"web1": ["ann"], "db1": ["bob", "eve"]}) as hosts:
        hosts.run("ssh", ...)                 # from the controller's network
        hosts.serve(folder)                   # http://10.213.0.1:8000/ on it

Every host is a network namespace with a mount, process and name namespace inside: what is written below /home, /root,
/usr/local, /etc/ssh, /tmp and /run is its own, what is read elsewhere is this machine's. It takes root and Linux.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys

CONTROLLER = "10.213.0.1"
FIRST_USER = 2001
PORT = 22

_SSHD_CONFIG = """\
Port 22
HostKey /etc/ssh/key
AuthorizedKeysFile /etc/ssh/authorized
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
PidFile none
Subsystem sftp internal-sftp
"""

_START = """\
set -eu
mount --make-rprivate /
for place in passwd group shadow; do mount --bind "$1/etc/$place" "/etc/$place"; done
mount --bind "$1/ssh" /etc/ssh
mount --bind "$1/home" /home
mount --bind "$1/root" /root
mount --bind "$1/local" /usr/local
mount -t tmpfs tmpfs /tmp
chmod 1777 /tmp
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd
hostname "$2"
exec /usr/sbin/sshd -D -e
"""


def why_not():
    """Why this machine cannot have such hosts, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux, for namespaces"
    for tool in ("ip", "unshare", "ssh", "ssh-keygen"):
        if shutil.which(tool) is None:
            return f"needs {tool}"
    if not os.path.exists("/usr/sbin/sshd"):
        return "needs sshd"
    python = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"],
        capture_output=True, check=False,
    ) if os.path.exists("/usr/bin/python3") else None  # fmt: skip
    if python is None or python.returncode != 0:
        return "needs a Python 3.11 or newer with ensurepip in /usr/bin, which the hosts share"
    probe = f"pyman-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode == 0:
        made = subprocess.run(
            ["ip", "-n", probe, "link", "add", "br0", "type", "bridge"], capture_output=True, text=True, check=False
        )
        subprocess.run(["ip", "netns", "del", probe], check=True)
    return None if made.returncode == 0 else f"cannot make networks here: {made.stderr.strip()}"


class Hosts:
    """A controller's network, and these hosts with their users."""

    def __init__(self, folder, users):
        self.folder = str(folder)
        self.users = users
        self.prefix = f"pyman-{os.getpid()}-{os.path.basename(self.folder)}"[:40]
        self.addresses = {host: f"10.213.0.{number}" for number, host in enumerate(users, 11)}
        self.key = f"{self.folder}/key"
        self._ended = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as started:
            self._ended = started
            self._make_network()
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
            for host in self.users:
                self._start(host)
            self._ended = started.pop_all()
        return self

    def __exit__(self, *_):
        self._ended.close()

    def home(self, host, user):
        """A user's home, as this machine sees it."""
        return f"{self.folder}/{host}/root" if user == "root" else f"{self.folder}/{host}/home/{user}"

    def give(self, host, user):
        """Let a user own what was put into the home."""
        number = str(self._number(host, user))
        _run("chown", "-hR", f"{number}:{number}", self.home(host, user))

    def run(self, *words, **options):
        """Run a program in the controller's network."""
        return subprocess.run(
            ["ip", "netns", "exec", self._network("controller"), *map(str, words)],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=600, **options,
        )  # fmt: skip

    def ssh(self, host, user, command):
        """What a command prints on a host."""
        options = [f"-oUserKnownHostsFile={self.folder}/known", "-oStrictHostKeyChecking=yes", "-oBatchMode=yes"]
        result = self.run("ssh", "-F", "none", "-i", self.key, *options, f"{user}@{self.addresses[host]}", command)
        assert result.returncode == 0, (command, result.stdout, result.stderr)
        return result.stdout.strip()

    def serve(self, folder):
        """Serve a folder to the hosts; its address."""
        words = [sys.executable, "-m", "http.server", "8000", "--bind", CONTROLLER, "--directory", str(folder)]
        self._background("controller", words, (CONTROLLER, 8000))
        return f"http://{CONTROLLER}:8000"

    def inventory(self, **variables):
        """An inventory of every user of every host, called `host` for the first user and `host-user` for the others."""
        common = {
            "ansible_ssh_private_key_file": self.key,
            "ansible_ssh_common_args": f"-F none -oUserKnownHostsFile={self.folder}/known",
            "ansible_python_interpreter": "/usr/bin/python3",
        } | variables
        hosts = {
            host if user == self.users[host][0] else f"{host}-{user}": {
                "ansible_host": self.addresses[host],
                "ansible_user": user,
            }
            for host in self.users
            for user in self.users[host]
        }
        return {"all": {"hosts": hosts, "vars": common}}

    # ------------------------------------------------------------------------------------------------------------------

    def _network(self, name):
        return f"{self.prefix}-{name}"

    def _number(self, host, user):
        return 0 if user == "root" else FIRST_USER + self.users[host].index(user)

    def _make_network(self):
        for name in ("controller", *self.users):
            network = self._network(name)
            _run("ip", "netns", "add", network)
            self._ended.callback(_remove_network, network)
            _run("ip", "-n", network, "link", "set", "lo", "up")
        controller = self._network("controller")
        _run("ip", "-n", controller, "link", "add", "br0", "type", "bridge")
        _run("ip", "-n", controller, "addr", "add", f"{CONTROLLER}/24", "dev", "br0")
        _run("ip", "-n", controller, "link", "set", "br0", "up")
        for number, host in enumerate(self.users):
            wire, network = f"wire{number}", self._network(host)
            _run("ip", "-n", controller, "link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", network)
            _run("ip", "-n", controller, "link", "set", wire, "master", "br0", "up")
            _run("ip", "-n", network, "addr", "add", f"{self.addresses[host]}/24", "dev", "eth0")
            _run("ip", "-n", network, "link", "set", "eth0", "up")

    def _start(self, host):
        own = f"{self.folder}/{host}"
        for name in ("etc", "ssh", "home", "root", "local/bin"):
            os.makedirs(f"{own}/{name}")
        accounts = {"root": (0, "/root")}
        accounts |= {user: (self._number(host, user), f"/home/{user}") for user in self.users[host] if user != "root"}
        _write(f"{own}/etc/passwd", [f"{user}:x:{n}:{n}::{home}:/bin/sh" for user, (n, home) in accounts.items()])
        _write(f"{own}/etc/group", [f"{user}:x:{n}:" for user, (n, _) in accounts.items()])
        _write(f"{own}/etc/shadow", [f"{user}:*:19000:0:99999:7:::" for user in accounts])
        # sshd drops its rights to this one.
        _write(f"{own}/etc/passwd", ["sshd:x:109:65534::/run/sshd:/usr/sbin/nologin"], "a")
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{own}/ssh/key")
        shutil.copy(f"{self.key}.pub", f"{own}/ssh/authorized")
        _write(f"{own}/ssh/sshd_config", [_SSHD_CONFIG])
        with open(f"{own}/ssh/key.pub", encoding="utf-8") as public:
            kind, key = public.read().split()[:2]
        _write(f"{self.folder}/known", [f"{self.addresses[host]} {kind} {key}"], "a")
        for user in accounts:
            if user != "root":
                os.mkdir(self.home(host, user), 0o755)
                self.give(host, user)
        words = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._background(host, [*words, "sh", "-c", _START, "sh", own, host], (self.addresses[host], PORT))

    def _background(self, name, words, address):
        with open(f"{self.folder}/{name}.log", "ab") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self._network(name), *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._ended.callback(_end, process)
        while not self._answers(address):
            if process.poll() is not None:
                with open(f"{self.folder}/{name}.log", encoding="utf-8") as log:
                    raise AssertionError(log.read())

    def _answers(self, address):
        """Whether somebody listens there, asked from the controller."""
        program = (
            "import socket, sys\n"
            "try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()\n"
            "except OSError: sys.exit(1)"
        )
        return self.run(sys.executable, "-I", "-c", program, *map(str, address)).returncode == 0


def _remove_network(network):
    """Remove it, and what still runs in it: connections that ssh keeps open for the next task."""
    pids = subprocess.run(["ip", "netns", "pids", network], capture_output=True, text=True, check=True).stdout.split()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    _run("ip", "netns", "del", network)


def _end(process):
    process.kill()
    process.wait(30)


def _run(*words):
    result = subprocess.run([*words], capture_output=True, text=True, check=False)
    assert result.returncode == 0, (words, result.stderr)


def _write(path, lines, mode="w"):
    with open(path, mode, encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
