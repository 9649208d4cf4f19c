"""What each finding means, what its repair does and what happens without it: `doctor --explain`, docs/findings.md."""

from __future__ import annotations

from pyman.core.diagnosis.finding import END_OF_LIFE, SEVERITIES
from pyman.core.immutable import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@record
class Explanation:
    """Three paragraphs, each of one line."""

    meaning: str
    repair: str
    otherwise: str
    """What happens if it stays, or how to keep it."""


_IGNORE = "To accept it, add it to `ignore` in the settings, or pass `--ignore {code}`."
_RELINK = (
    "`doctor --fix` links the venv to the alias of its minor version and rewrites the lines of `pyvenv.cfg` that name "
    "the Python. Packages stay as they are. The result is verified, and undone if it does not start."
)
_REBUILD = (
    "`doctor --fix --yes` recreates the venv with the same packages in the same versions, and keeps what you put into "
    "it. The old venv is restored if anything fails."
)

EXPLANATIONS: dict[str, Explanation] = {
    "held-back": Explanation(
        "The venv follows a minor version, but one of its packages does not fit the newest patch release. It stays on "
        "an older release, and the reason is given.",
        "`doctor --fix` relinks it once its packages fit. Each move of the alias tries it again.",
        "It works, without the fixes of the newer release. Update that package, or leave the venv as it is.",
    ),
    "unreadable": Explanation(
        "A file of the venv cannot be read, is not a regular file, or all files of an installed package are missing. "
        "pyman neither judges nor changes what it cannot read.",
        "There is no automatic repair. Restore the file or its permissions; `pyman rebuild VENV --force` installs the "
        "packages again.",
        "Importing what is missing fails. " + _IGNORE,
    ),
    "other-implementation": Explanation(
        "The venv runs an implementation of Python that this pyman does not repair.",
        "There is no repair. pyman lists such venvs and never changes them.",
        "Nothing is wrong with the venv itself.",
    ),
    "unfinished": Explanation(
        "Creating the venv was interrupted, or packages were still being installed into it.",
        "`doctor --fix --yes` recreates it with what is in it, and installs the requirements that were being "
        "installed. `pyman register VENV` keeps it as it is.",
        "Packages may be missing from it.",
    ),
    "not-executable": Explanation(
        "The interpreter of the venv, or a script that a package installed, is not executable. Artifacts of CI "
        "systems often lose these permissions.",
        "`doctor --fix` copies the interpreter again and makes the scripts executable.",
        "These programs cannot be started.",
    ),
    "minor-mismatch": Explanation(
        "The packages are in `lib/pythonX.Y`, and `bin/python` runs another minor version or variant, which does not "
        "see them. This happens when a `python3` that venvs are linked to is upgraded to the next minor version.",
        "`doctor --fix` links the venv to the minor version of its packages if that is installed. Otherwise "
        "`doctor --fix --yes` recreates it for the Python that runs.",
        "Nothing that is installed in the venv can be imported.",
    ),
    "dangling": Explanation(
        "`bin/python` or `home` refers to a Python that does not exist, or a link points to itself: the Python was "
        "removed, moved or upgraded by the tool that installed it.",
        _RELINK
        + " If that minor version is not installed, `doctor --fix --yes` installs it. A pinned venv gets its own "
        "release again.",
        "The venv cannot be started. Its packages are still there.",
    ),
    "mixed": Explanation(
        "`bin/python`, another name of the interpreter in `bin`, and `home` in `pyvenv.cfg` do not refer to the same "
        "Python. `python -m venv --upgrade` can leave a venv like this.",
        _RELINK,
        "The interpreter of one release runs with the standard library of another, and may crash.",
    ),
    "nested": Explanation(
        "The venv was created from another venv: `home` refers to that one, and breaks when that one is removed.",
        "`doctor --fix` links the venv to the Python that the other venv is based on.",
        "It works as long as the other venv exists. " + _IGNORE,
    ),
    "no-stdlib": Explanation(
        "There is no standard library beside `home` or beside the interpreter that the link points to.",
        _RELINK,
        "The interpreter does not start.",
    ),
    "copied-binary": Explanation(
        "`bin/python` is a copy (`venv --copies`) that differs from the Python that it was copied from: that one was "
        "upgraded, and the copy runs an old binary with a new library.",
        "`doctor --fix` copies the interpreter again. A script in its place is left alone.",
        "The venv may crash, and does not get the fixes in the interpreter itself.",
    ),
    "incompatible": Explanation(
        "A package does not fit the patch release that runs, but fits an older one that is installed.",
        "`doctor --fix` holds the venv back: it is linked to the older release until its packages fit.",
        "Imports of that package may fail or crash. Update the package instead.",
    ),
    "stale-patch": Explanation(
        "The venv is linked directly to an older patch release, so it gets no fixes when Python is upgraded.",
        _RELINK + " From then on it gets patch releases when the alias moves.",
        "It works as before. If you want this release, run `pyman pin VENV`.",
    ),
    "unfollowed": Explanation(
        "The venv is linked directly to the newest installed patch release. It works now, and will get no patch "
        "releases.",
        _RELINK,
        "It becomes `stale-patch` when Python is upgraded. If you want this release, run `pyman pin VENV`.",
    ),
    "pinned": Explanation(
        "The venv is pinned to a patch release, and a newer one is installed.",
        "None is needed: you chose this release. `pyman follow VENV` lets it get patch releases.",
        "It works, without the fixes of newer releases.",
    ),
    "borrows": Explanation(
        "The venv uses packages of its Python (`include-system-site-packages`), and the Python that the repair would "
        "link it to does not have them.",
        "`doctor --fix --yes` goes ahead without these packages.",
        "The finding that this one replaces remains. Install these packages into the venv first.",
    ),
    "wrong-abi": Explanation(
        "Packages of the venv contain modules that were compiled for a pre-release, another minor version or another "
        "processor, and cannot be loaded.",
        _REBUILD,
        "Importing these modules fails.",
    ),
    "editable-gone": Explanation(
        "A package was installed in editable mode, and the folder with its source does not exist.",
        "There is no automatic repair. Put the folder back, or install the package from where it is now.",
        "Importing the package fails. " + _IGNORE,
    ),
    "hidden-pth": Explanation(
        "`.pth` files of the venv are marked as hidden, and Python does not read a hidden one. macOS hides what is in "
        "folders such as `.venv` below Documents and Desktop.",
        "`doctor --fix` replaces them with files of the same content that are not hidden.",
        "Editable installs, and whatever else such a file adds, cannot be imported. It may happen again: a venv in a "
        "folder without a dot, or outside of these folders, is not affected. " + _IGNORE,
    ),
    "shared-files": Explanation(
        "Files of the venv are hard links to files that belong to another user, or that others can write: a change of "
        "these files changes this venv.",
        "`doctor --fix` replaces them with copies if their content is what was installed. Otherwise "
        "`pyman rebuild VENV --force` installs the packages again.",
        "Others can change what this venv runs. " + _IGNORE,
    ),
    "moved": Explanation(
        "Scripts, activation, kernels or editable installs refer to another place: the venv was moved, renamed or "
        "copied, or a script runs a Python that does not exist.",
        "`doctor --fix` rewrites generated files and paths of moved folders. It lists what still refers to the old "
        "place; your own scripts are not changed.",
        "The scripts fail, or run the venv at the other place.",
    ),
    "stale-metadata": Explanation(
        "`pyvenv.cfg` contains a different patch release than the one that runs. uv and pre-commit delete such venvs.",
        "`doctor --fix` rewrites these lines.",
        "The venv works. " + _IGNORE,
    ),
    "gone": Explanation(
        "A venv that pyman knew no longer exists, and the disk that it was on is mounted.",
        "`doctor --fix`, `uninstall` and `prune` forget it.",
        "It does no harm: a venv that is gone is not counted anywhere.",
    ),
    "alias-stale": Explanation(
        "An alias such as `3.13` does not point at the release that it should: the newest one, or the one that it is "
        "held at.",
        "`doctor --fix` moves it, after the packages of the venvs that follow it were checked.",
        "Venvs that follow the alias run another release. To keep it where it is, run `pyman hold ALIAS`.",
    ),
    "alias-dangling": Explanation(
        "An alias such as `3.13` is missing, or points at a release that is not installed.",
        "`doctor --fix` points it at an installed release, or removes it if there is none.",
        "Venvs that follow the alias cannot be started.",
    ),
    "alias-blocked": Explanation(
        "A file or a folder takes the place of an alias. pyman did not put it there and does not touch it.",
        "There is no automatic repair. Move it away, then run `pyman doctor --fix`.",
        "Venvs that follow the alias get no patch releases.",
    ),
    "runtime-broken": Explanation(
        "An installed Python lacks a part or does not start, or it was built from source and a system library is gone.",
        "`doctor --fix` installs a download again, and `pyman install VERSION --build` repeats a build. Otherwise use "
        "the tool that installed it.",
        "Every venv that runs it is broken.",
    ),
    "adopted-changed": Explanation(
        "An adopted Python is now a different release than when it was adopted.",
        "`doctor --fix` adopts it again under its new name.",
        "The store names a release that does not exist.",
    ),
    "adopted-gone": Explanation(
        "An adopted Python no longer exists.",
        "`doctor --fix` forgets it.",
        "Venvs that run it are `dangling`.",
    ),
    "interrupted": Explanation(
        "An operation was interrupted, or a work folder of pyman was left behind that this store has no record of.",
        "`doctor --fix` completes or undoes the operation. It never removes a folder that it has no record of; it "
        "says what is in it.",
        "A venv may still be in the work folder beside its usual place.",
    ),
    END_OF_LIFE: Explanation(
        "The developers of Python no longer publish fixes for this minor version, not even for security problems.",
        "There is no automatic repair. `pyman rebuild VENV -p 3.14` recreates a venv for a newer minor version.",
        "Venvs work as before, and known vulnerabilities stay open. " + _IGNORE,
    ),
    "unsearched": Explanation(
        "A folder that you named, or one below it, could not be searched. There may be venvs in it.",
        "There is no repair. Change the permissions, or give other folders.",
        "Nothing is known about venvs in that folder. " + _IGNORE,
    ),
    "update-available": Explanation(
        "A newer patch release than the installed one has been published.",
        "`pyman upgrade` installs it and moves the alias, and with it all venvs that follow.",
        "Everything works, without the fixes of the newer release.",
    ),
    "path-order": Explanation(
        "The shims are on `PATH`, but another `python` comes first.",
        "There is no automatic repair. Put the shims first, as `pyman init` says.",
        "`python` in a shell ignores `.python-version` and the default. " + _IGNORE,
    ),
    "own-python-outdated": Explanation(
        "The Python that pyman itself runs on no longer gets fixes, or a newer patch release is known. The "
        "Pythons of a distribution are not judged.",
        "`doctor` does not repair it. `pyman self update` replaces a Python that install.sh downloaded for pyman. "
        "Otherwise install pyman again on a newer Python, with the command given in the finding.",
        "Everything works as before, but pyman downloads and unpacks with a Python that lacks fixes. " + _IGNORE,
    ),
    "no-certificates": Explanation(
        "A Python finds no CA certificates where it looks for them.",
        "There is no automatic repair. Set `SSL_CERT_FILE`, or install the certificates of the system.",
        "Downloads over https fail in it, unless a program brings its own certificates. " + _IGNORE,
    ),
    "restart-needed": Explanation(
        "A newer patch release is installed, but the scheduled upkeep did not move the alias, because running "
        "processes use it: what they import after a move comes from the new release, and may fail.",
        "`pyman upgrade` or `doctor --fix` moves the alias. Restart the processes or services afterwards.",
        "They, and all venvs that follow the alias, keep running the older release. `move-running = true` in the "
        "settings lets the schedule move such aliases.",
    ),
    "unreachable": Explanation(
        "A venv that pyman knows cannot be reached: its disk may not be mounted.",
        "There is none. pyman keeps the Python that the venv needs. `pyman forget PATH` removes the record if the venv "
        "no longer exists.",
        "It is checked again as soon as it can be reached.",
    ),
}


def explained(code: str) -> tuple[str, ...]:
    """What people read about a code, a paragraph each. Raises KeyError for an unknown one."""
    told = EXPLANATIONS[code]
    return (
        f"{code} ({SEVERITIES[code]})",
        told.meaning,
        f"Repair: {told.repair}",
        f"If you do nothing: {told.otherwise.format(code=code)}",
    )


def reference() -> Iterator[str]:
    """The lines of docs/findings.md: every code, in the order in which doctor looks for them."""
    yield "# Findings"
    yield ""
    yield "What `pyman doctor` reports: `pyman doctor --explain CODE` prints the same text. This page is generated by"
    yield "`PYTHONPATH=src:tests python -m stage.findings_page`."
    for code in EXPLANATIONS:
        title, *paragraphs = explained(code)
        yield ""
        yield f"## {title}"
        for paragraph in paragraphs:
            yield ""
            head, colon, rest = paragraph.partition(": ")
            yield f"**{head}.** {rest}" if colon and head in ("Repair", "If you do nothing") else paragraph
