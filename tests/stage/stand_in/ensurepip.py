"""ensurepip of a stand-in: that of a distribution may look for its wheels elsewhere, or be another minor's."""

import os
import subprocess
import sys

_BUNDLED = os.path.join(os.path.dirname(__file__), "_bundled")


def _wheels():
    return {name.partition("-")[0]: os.path.join(_BUNDLED, name) for name in sorted(os.listdir(_BUNDLED))}


def version():
    return os.path.basename(_wheels()["pip"]).split("-")[1]


def bootstrap(*, upgrade=False, default_pip=False, **_):
    words = [name for name, wanted in (("--upgrade", upgrade), ("--default-pip", default_pip)) if wanted]
    if _main(words):
        raise RuntimeError("pip could not be installed")


def _main(words=None):
    words = sys.argv[1:] if words is None else words
    wheels = _wheels()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment["PIP_CONFIG_FILE"] = os.devnull
    options = [
        "--no-cache-dir",
        "--no-index",
        "--find-links",
        _BUNDLED,
        *(["--upgrade"] if "--upgrade" in words else []),
    ]
    command = [
        sys.executable,
        "-W",
        "ignore::DeprecationWarning",
        "-I",
        f"{wheels['pip']}/pip",
        "install",
        *options,
        *wheels,
    ]
    status = subprocess.run(command, env=environment, check=False).returncode
    unwanted = os.path.join(os.path.dirname(sys.executable), "pip")
    if status == 0 and "--default-pip" not in words and os.path.exists(unwanted):
        os.unlink(unwanted)
    return status


if __name__ == "__main__":
    sys.exit(_main())
