#!/usr/bin/python

# Copyright (c) 2026 The pyman maintainers
# SPDX-License-Identifier: MIT

"""Creates, repairs and removes a virtual environment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pyman_venv
short_description: Create, repair or remove a virtual environment with pyman
version_added: 0.1.0
description:
  - Creates virtual environments that follow a minor version of Python, so that patch releases reach them.
  - One that exists keeps its packages. It is repaired in place, and recreated with the same packages only with
    O(rebuild=true).
author:
  - The pyman maintainers (!UNKNOWN)
extends_documentation_fragment:
  - pyman.pyman.options
attributes:
  check_mode:
    description: Runs the same commands with C(--dry-run).
    support: full
  diff_mode:
    description: Shows the Python, the policy and the state, before and after.
    support: full
options:
  path:
    description:
      - Folder of the virtual environment.
    type: path
    required: true
  state:
    description:
      - V(present) creates it, or repairs the one that is there.
      - V(absent) removes it. It fails if the folder holds anything else.
    type: str
    choices: [present, absent]
    default: present
  python:
    description:
      - The Python, as pyman writes it. By default what version files of the folder name, else the default.
      - One that runs another minor version is an error, unless O(rebuild=true).
    type: str
  policy:
    description:
      - V(follow) follows the minor version, V(pin) stays on the patch release. By default a new one follows, and one
        that exists is left as it is.
    type: str
    choices: [follow, pin]
  repair:
    description:
      - Whether to repair a virtual environment that exists.
    type: bool
    default: true
  rebuild:
    description:
      - Whether to recreate it, with the packages it has, if it runs another minor version than O(python) or cannot be
        repaired in place. This needs the packages' index, or a mirror of it.
    type: bool
    default: false
  confirm:
    description:
      - Whether to do what needs a confirmation, such as a move to an older patch release.
    type: bool
    default: false
  requirements:
    description:
      - File on the host that names packages to install into a new virtual environment. To keep packages up to date
        afterwards, use M(ansible.builtin.pip).
    type: path
  system_site_packages:
    description:
      - Whether a new virtual environment sees the packages of its Python.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: A virtual environment that follows 3.13
  pyman.pyman.pyman_venv:
    path: /srv/app/.venv
    python: "3.13"
    requirements: /srv/app/requirements.txt

- name: Move it to 3.14, with the packages that it has
  pyman.pyman.pyman_venv:
    path: /srv/app/.venv
    python: "3.14"
    rebuild: true
"""

RETURN = r"""
venv:
  description: The virtual environment at the end.
  returned: success
  type: dict
  contains:
    path:
      description: The folder.
      type: str
      sample: /srv/app/.venv
    python:
      description: The release that it runs, or V(null) if that is not known.
      type: str
      sample: 3.13.15
    policy:
      description: V(follow) or V(pin), or V(null) if that is not known.
      type: str
    state:
      description: V(healthy), or the code of its worst finding. V(absent) if it does not exist.
      type: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pyman.pyman.plugins.module_utils.pyman import Pyman, arguments

ABSENT = {"python": None, "policy": None, "state": "absent"}


class Venv:
    """The virtual environment of this task."""

    def __init__(self, pyman, params):
        self.pyman = pyman
        self.params = params
        self.path = params["path"]
        self.is_check = pyman.module.check_mode
        self.planned = {}

    def look(self):
        """What pyman says about it, or None if there is none."""
        if not os.path.isdir(self.path):
            return None
        # It may be named through a link to a folder above.
        places = (self.path, os.path.realpath(self.path))
        rows = self.pyman.look("venvs", self.path)["venvs"]
        return next((row for row in rows if row["path"] in places), None)

    def yes(self):
        """The word for a confirmation, if the task gives one."""
        return ["--yes"] if self.params["confirm"] else []

    def create(self):
        """Create it."""
        words = ["venv", self.path]
        if self.params["python"]:
            words += ["-p", self.params["python"]]
        if self.params["policy"] == "pin":
            words.append("--pin")
        if self.params["requirements"]:
            words += ["-r", self.params["requirements"]]
        if self.params["system_site_packages"]:
            words.append("--system-site-packages")
        answer = self.pyman.change(*words)
        self.planned = {"python": answer["python"], "policy": answer["policy"], "state": "healthy"}

    def remove(self):
        """Remove it: the task asks for that, so nobody is asked again."""
        self.pyman.change("venvs", "--remove", self.path, "--yes")
        self.planned = ABSENT

    def converge(self, now):
        """Bring one that exists to what the task asks for."""
        if self.params["repair"]:
            now = self.repair(now)
        if self.params["python"]:
            now = self.change_python(now)
        if self.params["policy"] and now["policy"] != self.params["policy"]:
            verb = self.params["policy"]
            self.pyman.change(verb, self.path, *self.yes())
            self.planned = dict(self.planned, policy=verb)

    def repair(self, now):
        """Repair it in place, or recreate it if that is allowed and needed."""
        answer = self.pyman.change("doctor", self.path, "--fix", *self.yes())
        left = [
            one
            for one in answer["findings"]
            if one["kind"] == "venv" and one["severity"] == "error" and one["status"] in ("open", "failed")
        ]
        if not left:
            if self.is_check:
                if any(one["status"] == "planned" for one in answer["findings"]):
                    self.planned = dict(self.planned, state="healthy")
                return now
            return self.look() or now
        if not self.params["rebuild"]:
            first = left[0]
            self.pyman.fail(
                {
                    "code": first["code"],
                    "message": f"{first['path']}: {first['message']}",
                    "hint": "`rebuild: true` recreates it with its packages",
                },
                answer,
            )
        return self.rebuild(now)

    def change_python(self, now):
        """Recreate it if it runs another Python than the task asks for; pin it if that is only another release."""
        wanted = self.pyman.ask("find", self.params["python"], allowed=("not-found",))
        if "error" in wanted and (now["request"] == self.params["python"] or self.is_check):
            return now
        if "error" in wanted:
            self.pyman.fail(wanted["error"], wanted)
        if now["python"] is None and self.planned:
            # It would be repaired. What it runs then, the run will compare.
            self.planned["python"] = wanted["version"]
            return now
        if now["python"] is not None and minor(now["python"]) == minor(wanted["version"]):
            if now["python"] == wanted["version"] or self.params["python"] != wanted["version"]:
                return now
            self.pyman.change("pin", self.path, wanted["version"], *self.yes())
            self.planned = dict(self.planned, python=wanted["version"], policy="pin", state="pinned")
            return now if self.is_check else self.look()
        if not self.params["rebuild"]:
            self.pyman.module.fail_json(
                msg=f"{self.path} runs {now['python'] or 'an unknown Python'}, not {wanted['version']};"
                " `rebuild: true` recreates it with its packages",
                changed=bool(self.pyman.changed),
            )
        return self.rebuild(now)

    def rebuild(self, now):
        """Recreate it with the packages that it has."""
        words = ["rebuild", self.path, *self.yes()]
        if self.params["python"]:
            words += ["-p", self.params["python"]]
        answer = self.pyman.change(*words)
        for one in answer["failed"]:
            self.pyman.fail({"message": f"{one['path']}: {one['reason']}", "code": "failed"}, answer)
        if not self.is_check:
            return self.look() or now
        for one in answer["rebuilt"]:
            self.planned = {"python": one["to"], "policy": now["policy"] or "follow", "state": "healthy"}
        return now


def minor(version):
    """The minor version of a release."""
    return version.split(".")[:2]


def facts(path, answer):
    """What the result says of it: apart, because beside a key `path` Ansible would put what it knows of the folder."""
    return dict({name: answer[name] for name in ("python", "policy", "state")}, path=path)


def text(venv):
    """What a diff shows of it."""
    return "".join(f"{name}: {venv[name]}\n" for name in ("python", "policy", "state"))


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=arguments(
            path={"type": "path", "required": True},
            state={"type": "str", "default": "present", "choices": ["present", "absent"]},
            python={"type": "str"},
            policy={"type": "str", "choices": ["follow", "pin"]},
            repair={"type": "bool", "default": True},
            rebuild={"type": "bool", "default": False},
            confirm={"type": "bool", "default": False},
            requirements={"type": "path"},
            system_site_packages={"type": "bool", "default": False},
        ),
        supports_check_mode=True,
    )
    module.params["path"] = os.path.abspath(module.params["path"])
    path, is_wanted = module.params["path"], module.params["state"] == "present"
    pyman = Pyman(module)
    if pyman.is_missing():
        module.exit_json(changed=is_wanted, venv=facts(path, ABSENT), msg="pyman is not installed on this host yet")
    venv = Venv(pyman, module.params)
    now = venv.look()
    before = now or ABSENT
    if is_wanted:
        venv.create() if now is None else venv.converge(now)
    elif now is not None:
        venv.remove()
    elif os.path.lexists(path):
        module.fail_json(msg=f"{path} is not a virtual environment; it was left alone")
    after = dict(before, **venv.planned) if module.check_mode else venv.look() or ABSENT
    pyman.finish(diff={"before": text(before), "after": text(after)}, venv=facts(path, after))


if __name__ == "__main__":
    main()
