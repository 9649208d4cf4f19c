# Copyright (c) 2026 The pyman maintainers
# SPDX-License-Identifier: MIT

"""Calls pyman with --json and hands its answer to a module."""

from __future__ import annotations

import json
import os

PLACES = ("~/.local/bin", "/usr/local/bin")

ARGUMENTS = {
    "executable": {"type": "path"},
    "root": {"type": "path"},
    "mirror": {"type": "str"},
    "offline": {"type": "bool", "default": False},
}


def arguments(**own):
    """The argument specification of a module: its own options and those of every module."""
    return dict(ARGUMENTS, **own)


class Pyman:
    """The pyman of the user who runs the module."""

    def __init__(self, module):
        self.module = module
        self.executable = module.params["executable"] or self._find()
        self.changed = []
        self.warnings = []

    def _find(self):
        places = [os.path.expanduser(place) for place in PLACES]
        return self.module.get_bin_path("pyman", opt_dirs=places)

    def is_missing(self):
        """Whether there is no pyman on this host. Without check mode, that is a failure."""
        if self.executable is not None:
            return False
        if not self.module.check_mode:
            places = ", ".join(PLACES)
            self.module.fail_json(
                msg=f"pyman was not found in {places} or on PATH; the role pyman.pyman.pyman installs it"
            )
        return True

    def ask(self, *words, **options):
        """One answer of pyman. It fails the module, unless `allowed` has the code of the error."""
        status, answer = self._call(words)
        error = answer.get("error")
        if error is not None and error.get("code") not in options.get("allowed", ()):
            self.fail(error, answer)
        answer["status"] = status
        return answer

    def look(self, *words, **options):
        """The answer of a command that may record what it sees; in check mode it does not."""
        if self.module.check_mode:
            words += ("--dry-run",)
        return self.ask(*words, **options)

    def change(self, *words, **options):
        """The answer of a command that changes something; in check mode it is that of --dry-run."""
        answer = self.look(*words, **options)
        self.changed += answer.get("changed", [])
        for move in answer.get("moved", []):
            for one in move["held_back"]:
                self.warnings.append(f"{one['path']} was held back on {move['from']}: {one['reason']}")
        return answer

    def fail(self, error, answer):
        """Fail as pyman did, and say what was done before."""
        words = [error.get("message"), error.get("hint")]
        self.module.fail_json(
            msg="; ".join(word for word in words if word),
            error=error,
            answer=answer,
            changed=bool(self.changed or answer.get("changed")),
        )

    def finish(self, **result):
        """End the module with this result."""
        for warning in self.warnings:
            self.module.warn(warning)
        self.module.exit_json(changed=bool(self.changed), **result)

    def _call(self, words):
        command = [self.executable, *words, "--json"]
        if self.module.params["root"]:
            command += ["--root", self.module.params["root"]]
        if self.module.params["offline"]:
            command.append("--offline")
        environ = {}
        if self.module.params["mirror"]:
            environ["PYMAN_MIRROR"] = self.module.params["mirror"]
        status, out, err = self.module.run_command(command, environ_update=environ)
        try:
            answer = json.loads(out)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or answer.get("schema") != "pyman/1":
            self.module.fail_json(
                msg=f"{self.executable} did not answer as pyman does", cmd=command, rc=status, stdout=out, stderr=err
            )
        return status, answer
