#!/usr/bin/python

# Copyright (c) 2026 The pyman maintainers
# SPDX-License-Identifier: MIT

"""Checks and repairs virtual environments."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pyman_doctor
short_description: Check and repair virtual environments with pyman
version_added: 0.1.0
description:
  - Checks the virtual environments of a user, whichever tool made them, the Pythons in the store and the host, and
    repairs what can be repaired in place.
  - A virtual environment is read, never run. What needs a confirmation is reported and left alone unless
    O(confirm=true).
author:
  - The pyman maintainers (!UNKNOWN)
extends_documentation_fragment:
  - pyman.pyman.options
attributes:
  check_mode:
    description: Runs the same command with C(--dry-run). What would be repaired has the status V(planned).
    support: full
  diff_mode:
    description: Shows the problems that are open, before and after.
    support: full
options:
  paths:
    description:
      - Folders to search. By default every virtual environment that pyman knows of is checked, and those in the usual
        places of other tools.
      - What only a search of the home folder found is repaired if it is below one of them, or with
        O(confirm=true).
    type: list
    elements: path
    default: []
  all_users:
    description:
      - Whether to check the virtual environments of every user of the host. Each user's part is done by a process of
        that user.
      - Needs root, and is mutually exclusive with O(paths).
    type: bool
    default: false
  fix:
    description:
      - Whether to repair what is found.
    type: bool
    default: false
  foreign:
    description:
      - Whether to repair virtual environments of pipx, poetry and other tools that have their own command for it, too.
    type: bool
    default: false
  confirm:
    description:
      - Whether to do what needs a confirmation, such as recreating a virtual environment.
    type: bool
    default: false
  search:
    description:
      - Whether to search the home folder first. By default what earlier searches found is used.
    type: bool
  ignore:
    description:
      - Codes of findings to leave out.
    type: list
    elements: str
    default: []
  report:
    description:
      - Whether to return a RV(report) of everything that pyman knows of this host and user.
    type: bool
    default: false
  fail_on:
    description:
      - Fail if a problem of this severity, or a worse one, is left.
    type: str
    choices: [never, warning, error]
    default: never
"""

EXAMPLES = r"""
- name: Repair the virtual environments in the home folder of this user
  pyman.pyman.pyman_doctor:
    paths: ["~"]
    fix: true

- name: Repair those of every user of the host
  pyman.pyman.pyman_doctor:
    all_users: true
    fix: true
  become: true

- name: Fail the play if one of the deployed application's is broken
  pyman.pyman.pyman_doctor:
    paths: [/srv/app]
    fail_on: error
"""

RETURN = r"""
findings:
  description: >-
    The problems, each with C(code), C(severity), C(kind), C(path), C(message), C(repair), and C(status), which is
    V(open), V(fixed), V(failed), or V(planned). With O(all_users=true) each has an C(owner).
  returned: success
  type: list
  elements: dict
summary:
  description: How many virtual environments were C(checked), how many problems are C(open), were C(fixed), and so on.
  returned: success
  type: dict
repaired:
  description: Paths that were changed.
  returned: success
  type: list
  elements: str
report:
  description: What C(pyman report) says afterwards. C(pyman report --merge) puts the reports of many hosts together.
  returned: when O(report=true)
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pyman.pyman.plugins.module_utils.pyman import Pyman, arguments

SEVERITIES = {"never": (), "warning": ("warning", "error"), "error": ("error",)}


def lines(findings):
    """One line for each problem."""
    return "".join(f"{one['path']}: {one['code']}\n" for one in findings if one["severity"] != "info")


def words(params):
    """The command line of doctor."""
    command = ["doctor"] + params["paths"]
    command += ["--" + name for name in ("fix", "foreign") if params[name]]
    if params["confirm"]:
        command.append("--yes")
    if params["all_users"]:
        command.append("--all-users")
    for code in params["ignore"]:
        command += ["--ignore", code]
    return command + searching(params)


def searching(params):
    """What says whether to search."""
    return {None: [], True: ["--search"], False: ["--no-search"]}[params["search"]]


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=arguments(
            paths={"type": "list", "elements": "path", "default": []},
            all_users={"type": "bool", "default": False},
            fix={"type": "bool", "default": False},
            foreign={"type": "bool", "default": False},
            confirm={"type": "bool", "default": False},
            search={"type": "bool"},
            ignore={"type": "list", "elements": "str", "default": []},
            report={"type": "bool", "default": False},
            fail_on={"type": "str", "default": "never", "choices": ["never", "warning", "error"]},
        ),
        supports_check_mode=True,
    )
    if module.params["paths"] and module.params["all_users"]:
        module.fail_json(msg="all_users takes no paths: leave one of them out")
    pyman = Pyman(module)
    if pyman.is_missing():
        module.exit_json(changed=False, findings=[], repaired=[], msg="pyman is not installed on this host yet")
    answer = pyman.change(*words(module.params))
    findings = answer["findings"]
    result = {"findings": findings, "summary": answer["summary"], "repaired": answer["changed"]}
    left = [one for one in findings if one["status"] in ("open", "failed")]
    if module.params["report"]:
        report = pyman.look("report")
        del report["status"]
        result["report"] = report
    result["diff"] = {"before": lines(findings), "after": lines(left)}
    worst = [one for one in left if one["severity"] in SEVERITIES[module.params["fail_on"]]]
    if worst:
        first = worst[0]
        module.fail_json(
            msg=f"{len(worst)} problems are left; {first['path']}: {first['code']}: {first['message']}",
            changed=bool(pyman.changed),
            **result,
        )
    pyman.finish(**result)


if __name__ == "__main__":
    main()
