"""Every command that changes the store, with a fault at each of its changes (trials.py)."""

from __future__ import annotations

from faults import worlds
from faults.tables import Case, try_cases

world_made_by, test_faults = try_cases(
    [
        Case(worlds.nothing, "install 3.13.5"),
        Case(worlds.one, "install 3.13"),
        Case(worlds.one, "install 3.13.5 --force"),
        Case(worlds.held_behind, "install 3.13", large=True),
        Case(worlds.adopted_newer, "install 3.13.15", large=True),
        Case(worlds.one, "upgrade"),
        Case(worlds.tried, "upgrade --try imports"),
        Case(worlds.above, "install 3.13.15"),
        Case(worlds.overtaken, "doctor --fix"),
        Case(worlds.unused, "prune"),
        Case(worlds.two, "uninstall 3.13.15 --force"),
        Case(worlds.fitting, "uninstall 3.13.5 --relink"),
        Case(worlds.two, "hold 3.13 3.13.5"),
        Case(worlds.held, "unhold 3.13"),
        Case(worlds.two, "rollback 3.13"),
        Case(worlds.strange, "adopt {home}/opt/3.11.2"),
        Case(worlds.adopted, "forget 3.11.2"),
        Case(worlds.adopted, "uninstall 3.11.2", large=True),
        Case(worlds.without_shims, "shims"),
        Case(worlds.scheduled, "schedule weekly --fix --with systemd"),
        Case(worlds.scheduled, "schedule off"),
        Case(worlds.two, "use --global 3.13"),
        Case(worlds.one, "cache clean"),
        Case(worlds.measured, "cache clean", large=True),
        Case(worlds.two, "report --html {home}/page.html", looks=False),
        Case(worlds.scheduled, "self uninstall"),
        Case(worlds.cleared, "self uninstall", large=True),
        Case(worlds.one, "mirror {home}/copy 3.13.15"),
    ],
    budget=3,
)
