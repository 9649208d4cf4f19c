"""`pyman rebuild` installs from where the venv's own `pip.conf` says, whatever else names an index."""

import os
import tempfile

import pytest

from stage.mirror import MINOR, NEW, OTHER, OTHER_MINOR
from stage.package_index import PackageIndex
from stage.rebuilding import Bench, left_beside, picture
from stage.wheels import build_wheel

LOGIN = "me:hunter22"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    bench = Bench(folder, runtimes=(NEW, OTHER))
    for who in ("company", "public"):
        build_wheel(str(folder / who), "acmelib", "1.0", files={"acmewho.py": f"WHO = {who!r}\n"})
        setattr(bench, who, folder / who)
    return bench


@pytest.fixture(autouse=True)
def _nothing_is_left(bench):
    bench.with_uv(True)
    yield
    assert bench.journals() == []


def made(bench, conf):
    """A venv with the company's package, and a `pip.conf` of its own."""
    venv = bench.venv("eggs==1.0")
    bench.home.run(
        bench.uv, "pip", "install", "-q", "--python", venv / "bin/python", "acmelib", UV_FIND_LINKS=str(bench.company)
    )
    (venv / "pip.conf").write_text(conf)
    (venv / "pip.conf").chmod(0o600)
    return venv


def whose(bench, venv):
    return bench.home.run(venv / "bin/python", "-I", "-c", "import acmewho; print(acmewho.WHO)")


@pytest.fixture(params=["pip", "uv"])
def installer(request, bench):
    bench.with_uv(request.param == "uv")
    return request.param


@pytest.mark.parametrize("elsewhere", ["the user's file", "PIP_CONFIG_FILE", "variables"])
def test_its_own_file_goes_before_all_others(bench, installer, elsewhere, tmp_path):
    conf = f"[global]\nno-index = true\nfind-links = {bench.company} {bench.home.environ['PIP_FIND_LINKS']}\n"
    venv = made(bench, conf)
    before = (venv / "pip.conf").stat()
    other = tmp_path / "other.conf"
    other.write_text(f"[global]\nfind-links = {bench.public}\n[install]\nfind-links = {bench.public}\n")
    environ = {"PIP_CONFIG_FILE": str(other)}
    if elsewhere == "the user's file":
        (bench.home.path / ".config/pip").mkdir(parents=True, exist_ok=True)
        (bench.home.path / ".config/pip/pip.conf").write_text(other.read_text())
        environ = {"PIP_CONFIG_FILE": "/nonexistent", "PIP_FIND_LINKS": ""}
    elif elsewhere == "variables":
        environ = {"PIP_FIND_LINKS": str(bench.public), "UV_FIND_LINKS": str(bench.public)}
    told = bench.home.pyman("rebuild", "-p", OTHER_MINOR, venv, cwd=venv.parent, **environ)
    assert whose(bench, venv) == "company"
    assert bench.packages(venv) == {"acmelib": "1.0", "eggs": "1.0"}
    assert f"packages come from the sources in the venv's own pip.conf: {bench.company}" in told.err
    assert "kept as it is: pip.conf" in told.err
    if elsewhere == "variables":
        assert ("it takes precedence over PIP_FIND_LINKS, PIP_NO_INDEX" in told.err) == (installer == "pip")
    after = (venv / "pip.conf").stat()
    assert (venv / "pip.conf").read_text() == conf
    assert (after.st_mode, after.st_mtime_ns, after.st_nlink) == (before.st_mode, before.st_mtime_ns, 1)


def test_an_index_behind_a_password(bench, installer):
    """It is passed on, and never shown: not in the plan, not where it fails, not with -v, not in the JSON."""
    with PackageIndex(str(bench.company), LOGIN) as index:
        venv = made(bench, f"[global]\nindex-url = {index.url}\ntrusted-host = 127.0.0.1\n")
        bench.home.run(bench.uv, "pip", "uninstall", "-q", "--python", venv / "bin/python", "eggs")
        environ = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "UV_OFFLINE": "false", "NO_PROXY": "127.0.0.1"}
        environ |= {"PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
        told = [bench.home.pyman("rebuild", "-p", OTHER_MINOR, venv, "--dry-run", cwd=venv.parent, **environ)]
        told.append(bench.home.pyman("rebuild", "-p", OTHER_MINOR, venv, "-v", cwd=venv.parent, **environ))
        assert whose(bench, venv) == "company"
        assert any("acmelib" in path for path in index.asked)
    # Nobody answers there any more.
    (venv / "pip.conf").write_text((venv / "pip.conf").read_text().replace("/simple", "/simple?token=t0kent0ken"))
    before = picture(venv)
    for words in (("-v",), ("--json",)):
        failed = bench.home.pyman("rebuild", "-p", MINOR, venv, *words, cwd=venv.parent, status=1, **environ)
        told.append(failed)
    assert picture(venv) == before
    assert left_beside(venv) == []
    for one in told:
        assert "hunter22" not in one.out + one.err
        assert "t0kent0ken" not in one.out + one.err
    assert "http://127.0.0.1" in told[0].out + told[0].err


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("link", "it is a link to"),
        ("fifo", "is not a regular file"),
        ("garbage", "it is not a valid configuration file of pip"),
        ("bytes", "it is not UTF-8 text"),
        ("elsewhere", "it sets `target`"),
        ("dangling", "it is a link to"),
    ],
)
def test_a_file_that_cannot_be_followed_stops_it(bench, installer, kind, said, tmp_path):
    venv = made(bench, f"[global]\nno-index = true\nfind-links = {bench.company}\n")
    path = venv / "pip.conf"
    good = path.read_text()
    path.unlink()
    if kind == "link":
        (tmp_path / "shared.conf").write_text(good)
        path.symlink_to(tmp_path / "shared.conf")
    elif kind == "dangling":
        path.symlink_to("/nonexistent/pip.conf")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "bytes":
        path.write_bytes(good.encode() + b"# \xff\n")
    else:
        path.write_text({"garbage": "find-links\n", "elsewhere": f"{good}target = {tmp_path}\n"}[kind])
    before = bench.home.exact(venv)
    answer = bench.rebuild(venv, "-p", OTHER_MINOR, status=1)
    assert (answer["error"]["code"], said in answer["error"]["message"]) == ("pip-conf", True), answer
    assert bench.home.exact(venv) == before
    assert left_beside(venv) == []


def test_uv_is_not_used_where_it_cannot_be_told(bench):
    conf = f"[global]\nno-index = true\nonly-binary = :all:\nfind-links = {bench.company}\n"
    venv = made(bench, conf)
    bench.home.run(bench.uv, "pip", "uninstall", "-q", "--python", venv / "bin/python", "eggs")
    refused = bench.rebuild(venv, "-p", OTHER_MINOR, "--installer", "uv", status=1)["error"]
    assert (refused["code"], "only-binary" in refused["message"]) == ("pip-conf", True)
    assert refused["hint"] == f"run `pyman rebuild {venv} --installer pip`"
    told = bench.home.pyman("rebuild", "-p", OTHER_MINOR, venv, cwd=venv.parent)
    assert "using pip: uv does not read the venv's own pip.conf" in told.err
    assert whose(bench, venv) == "company"


def test_what_it_says_for_pips_own_files_is_not_obeyed(bench):
    """A cloned venv's `log` would let pip write into any file of the user's."""
    bench.with_uv(False)
    with tempfile.NamedTemporaryFile() as victim:
        venv = made(bench, f"[global]\nno-index = true\nfind-links = {bench.company}\nlog = {victim.name}\n")
        bench.home.run(bench.uv, "pip", "uninstall", "-q", "--python", venv / "bin/python", "eggs")
        bench.rebuild(venv, "-p", OTHER_MINOR)
        assert whose(bench, venv) == "company"
        assert os.path.getsize(victim.name) == 0


def test_the_old_venv_is_back_with_its_file(bench, installer):
    venv = made(bench, f"[global]\nno-index = true\nfind-links = {bench.public.parent}/nowhere\n")
    before = picture(venv)
    bench.rebuild(venv, "-p", OTHER_MINOR, status=1)
    assert picture(venv) == before
    assert left_beside(venv) == []
