# Copyright (c) 2026 The pyman maintainers
# SPDX-License-Identifier: MIT

"""Documentation of the options that every module has."""

from __future__ import annotations


class ModuleDocFragment:
    """What Ansible reads."""

    DOCUMENTATION = r"""
options:
  executable:
    description:
      - Path of pyman on the host.
      - By default C(pyman) is looked up in C(~/.local/bin), in C(/usr/local/bin), and then on E(PATH).
    type: path
  root:
    description:
      - The store to use instead of that of the user who runs the task.
    type: path
  mirror:
    description:
      - Folder on the host, or URL, from which Pythons are downloaded.
      - By default the one in the settings file of pyman, else upstream.
    type: str
  offline:
    description:
      - Whether to use no network at all.
    type: bool
    default: false
requirements:
  - pyman on the host (installed by the role P(pyman.pyman.pyman#role))
notes:
  - A store belongs to one user. Use C(become_user) to look after the store of another user.
  - In check mode, on a host without pyman, nothing can be looked at; the module says so.
"""
