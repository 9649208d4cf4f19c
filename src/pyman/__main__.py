"""`pyman`, `python -m pyman`, `python -I pyman/__main__.py`.

Fast commands are answered at once, everything else goes to the command line.
"""

from __future__ import annotations

import gc
import os
import sys

_OBJECTS_BETWEEN_LOOKS = 50_000


def main() -> int:
    """Run the command line of this process and return its exit status."""
    if sys.platform == "win32":
        sys.stderr.write(
            "error: pyman does not run on Windows\nhint: use it inside WSL, or the Python install manager\n"
        )
        return 1
    try:
        return _main()
    except KeyboardInterrupt:  # The signal came while the handlers were being loaded.
        sys.stderr.write("\nerror: interrupted\n" if sys.stderr.isatty() else "error: interrupted\n")
        return 130


def _main() -> int:
    _leave_out_the_path_of_others()
    # Garbage collection costs a fast command half a millisecond, and imported modules are not garbage.
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
    from pyman.cli.fastpath import answer

    status = answer(sys.argv[1:], os.environ)
    if status is not None:
        # Everything is written and closed: cleaning up after the interpreter takes a fifth of a fast command's time.
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(status)
    from pyman.cli.app import run

    return run(sys.argv[1:])


def _leave_out_the_path_of_others() -> None:
    """Import nothing from PYTHONPATH or the working directory, which are meant for the user's own programs.

    A `typing.py` there would be pyman's. The folder that pyman itself is imported from stays.
    """
    if sys.flags.isolated:
        return  # Neither is in there, and the launcher of install.sh must start fast.
    try:
        here = os.getcwd()
    except OSError:
        here = ""  # It was deleted, and nothing can be imported from it.
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    named = [os.path.join(here, folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    others = {"", here, *map(os.path.normpath, named)} - {own}
    sys.path[:] = [folder for folder in sys.path if folder not in others and os.path.normpath(folder) not in others]


if __name__ == "__main__":
    if not __package__:
        # As a file, which a shim starts so (effects/shims.py): isolated, the folder of the package is not searched.
        sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.exit(main())
