#!/usr/bin/python

# Copyright (c) 2026 The pyman maintainers
# SPDX-License-Identifier: MIT

"""Installs, upgrades, holds and removes Pythons."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pyman_python
short_description: Install, upgrade, hold or remove a Python with pyman
version_added: 0.1.0
description:
  - Installs Pythons into the store of a user, and moves minor versions to their newest patch release.
  - When a minor version moves, all virtual environments that follow it move with it. Those whose packages do not fit
    the new release are held back; the module warns about each.
author:
  - The pyman maintainers (!UNKNOWN)
extends_documentation_fragment:
  - pyman.pyman.options
attributes:
  check_mode:
    description: Runs the same commands with C(--dry-run).
    support: full
  diff_mode:
    description: Shows the minor versions and releases in the store, before and after.
    support: full
options:
  name:
    description:
      - The Python, as pyman writes it, for example V(3.13), V(3.13.5), V(3.14t), V(pypy3.11), or V(>=3.11,<3.14).
      - Required unless O(state=latest); without a name, that upgrades every minor version in the store.
    type: str
  state:
    description:
      - V(present) installs a Python if none that fits is installed.
      - V(latest) installs one, or upgrades to the newest patch release. A minor version that is held stays where it is,
        see O(unhold).
      - V(held) keeps a minor version at O(version), and installs that before if need be.
      - V(absent) removes a release that nothing needs. It fails if a virtual environment or a process does.
    type: str
    choices: [present, latest, held, absent]
    default: present
  version:
    description:
      - With O(state=held), the release to hold O(name) at. By default the current one.
    type: str
  unhold:
    description:
      - With O(state=latest), whether to remove a hold of O(name) first.
    type: bool
    default: false
  relink:
    description:
      - With O(state=absent), whether to move virtual environments that are linked to the release to their minor version
        before it is removed.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Python 3.13, whichever patch release
  pyman.pyman.pyman_python:
    name: "3.13"

- name: The newest patch release of every minor version
  pyman.pyman.pyman_python:
    state: latest

- name: Stay on a release that is known to work
  pyman.pyman.pyman_python:
    name: "3.13"
    version: 3.13.5
    state: held

- name: Remove an old release, and let its virtual environments follow 3.13
  pyman.pyman.pyman_python:
    name: 3.13.5
    state: absent
    relink: true
"""

RETURN = r"""
version:
  description: The release that O(name) means at the end, or V(null) if there is none.
  returned: when O(name) is given
  type: str
  sample: 3.13.15
interpreter:
  description: Path of its interpreter, through the link of the minor version.
  returned: when O(name) is given
  type: str
  sample: /home/ann/.local/share/pyman/runtimes/3.13/bin/python3.13
held:
  description: Whether a hold keeps O(name) where it is.
  returned: when O(name) is given
  type: bool
moved:
  description: The minor versions that moved, with C(alias), C(from), C(to), and the number of virtual environments.
  returned: success
  type: list
  elements: dict
installed:
  description: Names of the releases that were installed.
  returned: success
  type: list
  elements: str
removed:
  description: Names of the releases that were removed.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pyman.pyman.plugins.module_utils.pyman import Pyman, arguments


class Store:
    """What is in the store, and what the commands of this task did to it or would do."""

    def __init__(self, pyman, name):
        self.pyman = pyman
        self.name = name
        self.before = pyman.ask("list")
        self.installed = []
        self.removed = []
        self.moved = []
        self.held = None

    def find(self, name):
        """The installed Python that fits, or None."""
        answer = self.pyman.ask("find", name, allowed=("not-found",))
        return None if "error" in answer else answer

    def is_held(self, name):
        """Whether a hold keeps this minor version at a release."""
        return any(alias["held"] for alias in self.before["aliases"] if alias["name"] == name)

    def change(self, *words, **options):
        """Run one command, and remember what it did."""
        answer = self.pyman.change(*words, **options)
        self.installed += [self._name(one) for one in answer.get("installed", []) if not one["already"]]
        self.removed += [self._name(one) for one in answer.get("removed", [])]
        self.moved += answer.get("moved", [])
        return answer

    def _name(self, runtime):
        return runtime["path"].rstrip("/").rpartition("/")[2]

    def present(self):
        """Install it if nothing fits."""
        if self.find(self.name) is None:
            self.change("install", self.name)

    def latest(self, unhold):
        """Install it, or upgrade; without a name, upgrade all."""
        if self.name is None:
            self.change("upgrade")
            return
        if self.find(self.name) is None:
            self.change("install", self.name)
            return
        if self.is_held(self.name):
            if not unhold:
                self.pyman.warnings.append(f"{self.name} is held and was not upgraded")
                return
            self.held = False
            self.change("unhold", self.name)
        self.change("upgrade", self.name)

    def hold(self, version):
        """Keep the minor version at a release, which is installed before."""
        wanted = version or self.name
        if self.find(wanted) is None:
            self.change("install", wanted)
            if self.pyman.module.check_mode:
                self.held = True
                return
        words = [self.name, version] if version else [self.name]
        if self.change("hold", *words)["changed"]:
            self.held = True

    def absent(self, relink):
        """Remove a release."""
        options = ["--relink"] if relink else []
        self.change("uninstall", self.name, *options, allowed=("not-found",))

    def after(self):
        """What `list` would say at the end."""
        if not self.pyman.module.check_mode:
            return self.pyman.ask("list")
        names = {self._name(one): one for one in self.before["runtimes"]}
        for name in self.removed:
            names.pop(name, None)
        for name in self.installed:
            names[name] = {"path": name}
        aliases = {one["name"]: dict(one) for one in self.before["aliases"]}
        for move in self.moved:
            if move["to"] is None:
                aliases.pop(move["alias"], None)
            else:
                aliases.setdefault(move["alias"], {"name": move["alias"], "held": False})["target"] = move["to"]
        if self.held is not None and self.name in aliases:
            aliases[self.name]["held"] = self.held
        return {"runtimes": list(names.values()), "aliases": list(aliases.values())}

    def text(self, listing):
        """Aliases and releases, one in a line."""
        lines = [
            f"{one['name']} -> {one['target']}{' (held)' if one['held'] else ''}"
            for one in listing["aliases"]
            if "." in one["name"]
        ]
        lines += [self._name(one) for one in listing["runtimes"]]
        return "".join(f"{line}\n" for line in sorted(lines))


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=arguments(
            name={"type": "str"},
            state={"type": "str", "default": "present", "choices": ["present", "latest", "held", "absent"]},
            version={"type": "str"},
            unhold={"type": "bool", "default": False},
            relink={"type": "bool", "default": False},
        ),
        required_if=[("state", "present", ["name"]), ("state", "held", ["name"]), ("state", "absent", ["name"])],
        supports_check_mode=True,
    )
    name, state = module.params["name"], module.params["state"]
    pyman = Pyman(module)
    if pyman.is_missing():
        module.exit_json(
            changed=state != "absent", installed=[], removed=[], moved=[], msg="pyman is not installed on this host yet"
        )
    store = Store(pyman, name)
    if state == "present":
        store.present()
    elif state == "latest":
        store.latest(module.params["unhold"])
    elif state == "held":
        store.hold(module.params["version"])
    else:
        store.absent(module.params["relink"])
    after = store.after()
    result = {"installed": store.installed, "removed": store.removed, "moved": store.moved}
    if name is not None:
        found = store.find(name) or {}
        result["version"] = found.get("version")
        result["interpreter"] = found.get("path")
        result["held"] = any(one["held"] for one in after["aliases"] if one["name"] == name)
    pyman.finish(diff={"before": store.text(store.before), "after": store.text(after)}, **result)


if __name__ == "__main__":
    main()
