"""pyman, started once and forked for every command line: tables of hundreds of cases in seconds.

    with Warm() as warm:
        result = warm.pyman("which", "python", cwd=folder, environ={...})

Every fork has arguments, environment, folder and streams of its own; only the start of the interpreter is shared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import traceback


class Warm:
    """The process that forks, while `with` lasts."""

    def __enter__(self):
        from stage.home import PACKAGE

        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": PACKAGE, "PATH": os.defpath},
        )
        self._folder = tempfile.TemporaryDirectory()
        self.turn = threading.Lock()
        """Held while somebody waits for an answer."""
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
        self._folder.cleanup()

    def pyman(self, *words, cwd, environ, strikes=None):
        """Run one command line and return status, stdout and stderr, as of `subprocess.run`.

        `strikes` are instants, and the number of the signal that comes then (`_arm`); `instants` counts them.
        """
        streams = [os.path.join(self._folder.name, name) for name in ("out", "err")]
        mask = os.umask(0)
        os.umask(mask)
        question = {
            "words": words,
            "cwd": cwd,
            "environ": environ,
            "streams": streams,
            "mask": mask,
            "strikes": strikes,
        }
        self.instants = 0
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        if strikes is not None:
            with open(os.path.join(self._folder.name, "instants"), encoding="utf-8") as file:
                self.instants = int(file.read())
        texts = []
        for path in streams:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                texts.append(file.read())
        return subprocess.CompletedProcess(words, status, *texts)


def _arm(strikes):
    """Have this process send itself signals at instants: each change of a file has one before it and one after it.

    Returns the count of them.
    """
    counted = [0]

    def instant():
        counted[0] += 1
        if number := strikes.get(str(counted[0])):
            os.kill(os.getpid(), number)

    def struck(change):
        def changed(*given, **named):
            if change is open_file and not given[1] & os.O_CREAT:
                return change(*given, **named)
            instant()
            result = change(*given, **named)
            instant()
            return result

        return changed

    open_file = os.open
    for name in ("mkdir", "rename", "replace", "link", "symlink", "unlink", "remove", "rmdir", "chmod", "open"):
        setattr(os, name, struck(getattr(os, name)))
    return counted


def _serve():
    # Loaded once, for all the forks.
    import pyman.cli.app
    import pyman.cli.fastpath  # noqa: F401
    from pyman.__main__ import main

    for line in sys.stdin.buffer:
        question = json.loads(line)
        child = os.fork()
        if child == 0:
            status = 70
            try:
                for number, path in enumerate([os.devnull, *question["streams"]]):
                    flags = os.O_RDWR | (os.O_CREAT | os.O_TRUNC if number else 0)
                    os.dup2(os.open(path, flags, 0o600), number)
                os.umask(question["mask"])
                os.chdir(question["cwd"])
                os.environ.clear()
                os.environ.update(question["environ"])
                sys.argv = ["pyman", *question["words"]]
                if question["strikes"] is not None:
                    counted = _arm(question["strikes"])
                status = main()
                if question["strikes"] is not None:
                    instants = str(counted[0])
                    with open(os.path.join(os.path.dirname(question["streams"][0]), "instants"), "w") as file:
                        file.write(instants)
                sys.stdout.flush()
                sys.stderr.flush()
            except Exception:  # noqa: BLE001 - whatever it is, the test is to see it
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
