"""What a moved venv's files must say at their new place."""

import base64
import hashlib
import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.immutable import replace
from pyman.core.relocation import (
    Edit,
    MovedFiles,
    edits_of_move,
    is_activation,
    is_easy_install,
    is_pointer,
    link_edits_of_move,
    moved_roots,
    named_paths,
    replace_place,
    rewrite_script,
    sources_in,
    still_names_old_place,
    where_they_would_be,
)
from pyman.core.script_header import header_for, read_header
from stage.hostile import HUGE, damaged, text_of

OLD, NEW = "/old/app/.venv", "/new/place/.venv"
SITE = f"{NEW}/lib/python3.13/site-packages"
FILES = MovedFiles(OLD, NEW, None, {}, {}, {}, {}, {}, 127)
BODY = "import sys\nsys.exit(main())  # from /old/app/.venv/bin/python\n"


def named_in(files):
    return named_paths(files.pointers, files.old, files.new)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("VIRTUAL_ENV=/old/app/.venv\n", "VIRTUAL_ENV=/new/place/.venv\n"),
        ("'/old/app/.venv/bin'", "'/new/place/.venv/bin'"),
        ('"/old/app/.venv"', '"/new/place/.venv"'),
        ("PATH=/a:/old/app/.venv:/b", "PATH=/a:/new/place/.venv:/b"),
        (
            "A=/old/app/.venv/bin:/old/app/.venv2:/old/app/.venv;",
            "A=/new/place/.venv/bin:/old/app/.venv2:/new/place/.venv;",
        ),
        ("/old/app/.venv2", "/old/app/.venv2"),
        ("/old/app/.venv-x", "/old/app/.venv-x"),
        ("/old/app/.venvé", "/old/app/.venvé"),
        ("/old/app/.venv\x7f", "/new/place/.venv\x7f"),
        ("/mnt/old/app/.venv", "/mnt/old/app/.venv"),
        ("nothing", "nothing"),
        ("", ""),
    ],
)
def test_whole_paths_only(text, after):
    assert replace_place(text, OLD, NEW) == after


@given(st.text(alphabet="/oldap.venv '=:", max_size=60))
def test_nothing_but_the_place_changes(text):
    assert replace_place(replace_place(text, OLD, "/\0"), "/\0", OLD) == text


LONG = "/new/" + "x" * 130
SPACED = "/new place/.venv"


@pytest.mark.parametrize(
    ("header", "new", "limit", "after"),
    [
        ("#!/old/app/.venv/bin/python\n", NEW, 127, f"#!{NEW}/bin/python\n"),
        ("#!/old/app/.venv/bin/python3.13 -sE\n", NEW, 127, f"#!{NEW}/bin/python3.13 -sE\n"),
        ("#!/old/app/.venv/bin/python\n", LONG, 127, f"#!/bin/sh\n'''exec' {LONG}/bin/python \"$0\" \"$@\"\n' '''\n"),
        ("#!/old/app/.venv/bin/python\n", LONG, 512, f"#!{LONG}/bin/python\n"),
        (
            "#!/old/app/.venv/bin/python\n",
            SPACED,
            127,
            f"#!/bin/sh\n'''exec' '{SPACED}/bin/python' \"$0\" \"$@\"\n' '''\n",
        ),
        ("#!/bin/sh\n'''exec' '/old/app/.venv/bin/python' \"$0\" \"$@\"\n' '''\n", NEW, 127, f"#!{NEW}/bin/python\n"),
        ("#!/bin/sh\n'''exec' \"/old/app/.venv/bin/python\" \"$0\" \"$@\"\n' '''\n", NEW, 127, f"#!{NEW}/bin/python\n"),
        (
            "#!/bin/sh\n'''exec' /old/app/.venv/bin/python -E \"$0\" \"$@\"\n' '''\n",
            SPACED,
            127,
            f"#!/bin/sh\n'''exec' '{SPACED}/bin/python' -E \"$0\" \"$@\"\n' '''\n",
        ),
    ],
)
def test_generated_headers(header, new, limit, after):
    files = replace(FILES, new=new, shebang_limit=limit)
    assert rewrite_script(header + BODY, files) == after + BODY
    # There and back again, in the form that fits.
    back = replace(files, old=new, new=OLD, shebang_limit=127)
    assert rewrite_script(after + BODY, back).startswith("#!/old/app/.venv/bin/python")


@pytest.mark.parametrize(
    "script",
    [
        "#!/usr/bin/env python3\n",
        "#!/bin/sh\nexec /old/app/.venv/bin/python\n",
        "#!/old/app/.venv2/bin/python\n",
        "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python' \"$0\" \"$@\"\n' '''\n",
        "#!/bin/sh\n'''exec' '/old/app/.venv/bin/python \"$0\" \"$@\"\n' '''\n",
        "#!/bin/sh\n'''exec' /old/app/.venv/bin/python \"$0\" \"$@\"\nno end\n",
        "#!/old/app/.venv/bin/python",
        "import os\n",
        "",
    ],
)
def test_other_scripts_stay_as_they_are(script):
    assert rewrite_script(script, FILES) == script


@given(
    st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), min_size=1, max_size=150),
    st.sampled_from(["", "-E", "-sE"]),
)
def test_a_header_reads_back_and_is_python(folder, arguments):
    executable = f"/{folder.strip('/ ')}/bin/python"
    header = header_for(executable, arguments, 127)
    compile(header + "pass\n", "script", "exec")
    if "\\" in executable:
        assert executable not in header
    else:
        assert read_header(header + BODY) == (executable, arguments, BODY)


def digest(content):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def test_record_gets_the_new_hashes_and_keeps_its_other_rows():
    script = f"#!{OLD}/bin/python\n{BODY}".encode()
    moved = f"#!{NEW}/bin/python\n{BODY}".encode()
    record = (
        f"../../../bin/demo,{digest(script)},{len(script)}\r\n"
        "demo/__init__.py,sha256=abc,3\r\n"
        f'"odd, name.py",sha256=def,4\r\n'
        f"{OLD}/share/x,sha256=ghi,5\r\n"
        "demo-1.dist-info/RECORD,,\r\n"
        f"{OLD}/share/y,sha256=ghi,5,more of it \r\n"
        f"../../../bin/demo,{digest(script)},{len(script)},XX\r\n"
    )
    files = replace(
        FILES, scripts={f"{NEW}/bin/demo": script}, records={f"{SITE}/demo-1.dist-info/RECORD": record.encode()}
    )
    edits = {edit.path: edit for edit in edits_of_move(files, {})}
    assert edits[f"{NEW}/bin/demo"] == Edit(f"{NEW}/bin/demo", script, moved)
    after = edits[f"{SITE}/demo-1.dist-info/RECORD"].after.decode()
    assert after == record.replace(f"{digest(script)},{len(script)}", f"{digest(moved)},{len(moved)}").replace(OLD, NEW)


def test_a_row_of_record_with_a_hash_alone_gets_the_size_too():
    old, new = (f"#!{place}/bin/python\n{BODY}".encode() for place in (OLD, NEW))
    path = f"{SITE}/demo-1.dist-info/RECORD"
    record = f"../../../bin/demo,{digest(old)},\n../../../bin/demo,,\n".encode()
    edits = edits_of_move(replace(FILES, scripts={f"{NEW}/bin/demo": old}, records={path: record}), {})
    assert edits[0].after.decode() == f"../../../bin/demo,{digest(new)},{len(new)}\n../../../bin/demo,,\n"


def test_a_row_of_record_is_one_row_whatever_is_in_the_new_place():
    record = f"{OLD}/share/x,sha256=ghi,5\n".encode()
    for place, row in (
        ("/a,b", '"/a,b/share/x"'),
        ('/a"b', '"/a""b/share/x"'),
        ("/a\nb", '"/a\nb/share/x"'),
        ("/a\rb", '"/a\rb/share/x"'),
        ("/a b", "/a b/share/x"),
    ):
        path = f"{place}/lib/python3.13/site-packages/demo-1.dist-info/RECORD"
        [edit] = edits_of_move(replace(FILES, new=place, records={path: record}), {})
        assert edit.after.decode() == f"{row},sha256=ghi,5\n"


def test_whoever_is_cut_off_finds_all_that_is_left_to_do():
    """RECORD goes before the scripts that it tells hashes of, and what shows that the venv was moved comes last."""
    script = f"#!{OLD}/bin/python\n{BODY}".encode()
    paths = [
        *(f"{SITE}/demo-1.dist-info/RECORD", f"{NEW}/bin/demo", f"{NEW}/pyvenv.cfg"),
        *(f"{NEW}/bin/activate.fish", f"{NEW}/bin/activate"),
    ]
    files = replace(
        FILES,
        settings=(paths[2], f"command = python -m venv {OLD}\n".encode()),
        activation={path: f"VIRTUAL_ENV={OLD}\n".encode() for path in reversed(paths[3:])},
        scripts={paths[1]: script},
        records={paths[0]: f"../../../bin/demo,{digest(script)},{len(script)}\n".encode()},
    )
    assert [edit.path for edit in edits_of_move(files, {})] == paths


def test_record_is_put_right_for_a_script_that_is_so_already():
    """An undo that the system refused leaves the new script, and RECORD with the hash of the old one."""
    old, new = (f"#!{place}/bin/python\n{BODY}".encode() for place in (OLD, NEW))
    mine = f"#!{NEW}/bin/python\nprint('changed by the user')\n".encode()
    record = f"../../../bin/demo,{digest(old)},{len(old)}\n../../../bin/mine,{digest(old)},{len(old)}\n"
    files = replace(
        FILES,
        scripts={f"{NEW}/bin/demo": new, f"{NEW}/bin/mine": mine},
        records={f"{SITE}/demo-1.dist-info/RECORD": record.encode()},
    )
    [edit] = edits_of_move(files, {})
    assert edit.after.decode() == record.replace(f"{digest(old)},{len(old)}", f"{digest(new)},{len(new)}", 1)


def test_settings_and_activation():
    cfg = f"home = /x\ncommand = /x/python -m venv {OLD}\nprompt = {OLD}\n".encode()
    activate = f'VIRTUAL_ENV="{OLD}"\n'.encode()
    files = replace(FILES, settings=(f"{NEW}/pyvenv.cfg", cfg), activation={f"{NEW}/bin/activate": activate})
    edits = {edit.path: edit.after.decode() for edit in edits_of_move(files, {})}
    assert edits == {
        f"{NEW}/pyvenv.cfg": f"home = /x\ncommand = /x/python -m venv {NEW}\nprompt = {OLD}\n",
        f"{NEW}/bin/activate": f'VIRTUAL_ENV="{NEW}"\n',
    }


def test_activation_is_written_anew_where_quoting_would_matter():
    old = {
        f"{SPACED}/bin/activate": b"VIRTUAL_ENV=/old/app/.venv\n",
        f"{SPACED}/bin/activate.nu": b"r#'/old/app/.venv'#",
    }
    ours = {f"{SPACED}/bin/activate": b"VIRTUAL_ENV='/new place/.venv'\n", f"{SPACED}/bin/Activate.ps1": b"x"}
    files = replace(FILES, new=SPACED, activation=old, rendered=ours)
    assert {edit.path: edit.after for edit in edits_of_move(files, {})} == {
        f"{SPACED}/bin/activate": b"VIRTUAL_ENV='/new place/.venv'\n",
        f"{SPACED}/bin/activate.nu": b"r#'/new place/.venv'#",
    }
    odd = replace(files, new="/it's", activation={"/it's/bin/activate.nu": b"r#'/old/app/.venv'#"}, rendered={})
    assert edits_of_move(odd, {}) == ()


def test_a_command_that_no_line_can_hold_is_left():
    cfg = f"command = venv {OLD}\n".encode()
    files = replace(FILES, new="/new\nplace", settings=("/new\nplace/pyvenv.cfg", cfg))
    assert edits_of_move(files, {}) == ()


POINTERS = {
    f"{SITE}/demo.pth": "/old/app/src\n/old/app/other\nimport x; x.run('/old/app/src')\nrelative\n",
    f"{SITE}/__editable___demo_finder.py": "MAPPING: dict[str, str] = {'demo': '/old/app/src', \"b\": \"/old/elsewhere\"}\n",
    f"{SITE}/easy-install.pth": f"{OLD}/src/lib\r\n",
    f"{SITE}/demo-1.dist-info/direct_url.json": json.dumps(
        {"url": "file:///old/app/s%20p", "dir_info": {"editable": True}}
    ),
}


def test_pointers_name_source_folders_that_may_have_moved_along():
    files = replace(FILES, pointers={path: text.encode() for path, text in POINTERS.items()})
    assert dict(named_in(files)) == {
        "/old/app/src": "/new/place/src",
        "/old/app/other": "/new/place/other",
        f"{OLD}/src/lib": f"{NEW}/src/lib",
        "/old/app/s p": "/new/place/s p",
    }
    relocated = {"/old/app/src": "/new/place/src", "/old/app/s p": "/new/place/s p", f"{OLD}/src/lib": f"{NEW}/src/lib"}
    edits = {edit.path: edit.after.decode() for edit in edits_of_move(files, relocated)}
    assert edits == {
        f"{SITE}/demo.pth": "/new/place/src\n/old/app/other\nimport x; x.run('/new/place/src')\nrelative\n",
        f"{SITE}/__editable___demo_finder.py": POINTERS[f"{SITE}/__editable___demo_finder.py"].replace(
            "/old/app/src", "/new/place/src"
        ),
        f"{SITE}/easy-install.pth": f"{NEW}/src/lib\r\n",
        f"{SITE}/demo-1.dist-info/direct_url.json": '{"url": "file:///new/place/s%20p", "dir_info": {"editable": true}}',
    }
    assert edits_of_move(files, {}) == ()


@pytest.mark.parametrize(
    ("old", "new", "roots"),
    [
        ("/old/app/.venv", "/new/app/.venv", [("/old", "/new")]),
        ("/w/old/a/b/.venv", "/w/new/a/b/.venv", [("/w/old", "/w/new")]),
        ("/w/app/.venv", "/w/shop/.venv", [("/w/app", "/w/shop")]),
        ("/w/app/a", "/w/app/b", [("/w/app/a", "/w/app/b")]),
        ("/w/app/.venv", "/w/shop/venv", [("/w/app/.venv", "/w/shop/venv"), ("/w/app", "/w/shop")]),
        ("/old/app/.venv", "/new/app/venv", [("/old/app/.venv", "/new/app/venv"), ("/old", "/new")]),
        # Nothing is told of the root of the file system, which everything lies in.
        ("/app/.venv", "/srv/app/.venv", [("/app", "/srv/app")]),
        ("/srv/app/.venv", "/app/.venv", [("/srv/app", "/app")]),
        ("/.venv", "/env", [("/.venv", "/env")]),
    ],
)
def test_what_was_moved_is_told_by_equal_tails(old, new, roots):
    assert list(moved_roots(old, new)) == roots


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4), st.lists(st.sampled_from("abc"), min_size=1, max_size=4)
)
def test_what_was_moved_leads_from_one_place_to_the_other(before, after):
    old, new = f"/{'/'.join(before)}/.venv", f"/{'/'.join(after)}/.venv"
    ((root, now),) = moved_roots(old, new)
    assert old.startswith(root) and new == now + old[len(root) :]
    assert dict(where_they_would_be([old, f"{old}/x", "/elsewhere", f"{root}x"], old, new)) == {
        old: new,
        f"{old}/x": f"{new}/x",
    }


# How the build backends write editable installs, and what installers and tools leave beside them; @ is the folder that
# holds the project. `tests/cli/test_moved_backends.py` has the backends themselves.
SHAPES = {
    "setuptools, static": ("__editable__.lib-1.pth", "@/lib/src\n"),
    "setuptools, finder": (
        "__editable___lib_1_finder.py",
        "MAPPING: dict[str, str] = {'lib': '@/lib/lib'}\nNAMESPACES: dict[str, list[str]] = {'ns': ['@/lib/ns']}\n",
    ),
    "setuptools, develop": ("easy-install.pth", "@/lib\n"),
    "setuptools, egg-link": ("lib.egg-link", "@/lib\n."),
    "hatchling": ("_editable_impl_lib.pth", "@/lib/src"),
    "hatchling, exact": (
        "_editable_impl_lib.py",
        "from editables.redirector import RedirectingFinder as F\nF.install()\nF.map_module('lib', '@/lib/__init__.py')",
    ),
    "flit": ("lib.pth", "@/lib/src"),
    "pdm-backend, poetry-core, maturin, uv_build": ("lib.pth", "@/lib/src\n"),
    "meson-python": (
        "_lib_editable_loader.py",
        "finder = MesonpyMetaFinder(\n    'lib',\n    {'lib'},\n    '@/lib/build/cp313',\n    ['/usr/bin/ninja'],\n)\n",
    ),
    "scikit-build-core": (
        "_lib_editable.py",
        "install({'lib': '@/lib/__init__.py', 'lib.a': '@/lib/a.py'}, {}, {'lib': ['@/lib']}, None, False)\n",
    ),
    "scikit-build-core, pth": ("_lib_editable.pth", "import _lib_editable\n@/lib/src\n"),
    "path insertion": ("own.pth", "import sys; sys.path.insert(0, '@/lib/src')\n"),
    "direct_url.json": ("lib-1.dist-info/direct_url.json", '{"url": "file://@/lib", "dir_info": {"editable": true}}'),
    "kernel": ("kernel.json", '{\n "argv": ["@/app/.venv/bin/python", "-m", "ipykernel_launcher"]\n}\n'),
    "kernel, environment": (
        "kernel.json",
        '{"argv": ["python", "--dir=@/app/data"], "env": {"PYTHONPATH": "@/lib/src:/usr/lib:@/lib/b"}}',
    ),
}


@pytest.mark.parametrize("new", ["/new", "/srv/näw place"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_folder_above_was_renamed(shape, new):
    name, text = SHAPES[shape]
    site_packages = f"{new}/app/.venv/lib/python3.13/site-packages"
    files = replace(
        FILES,
        old="/old/app/.venv",
        new=f"{new}/app/.venv",
        pointers={f"{site_packages}/{name}": text.replace("@", "/old").encode()},
    )
    # Whoever looks finds no list of paths on the disk.
    relocated = {path: moved for path, moved in named_in(files) if ":" not in path}
    (edit,) = edits_of_move(files, relocated)
    after = edit.after.decode()
    if name.endswith(".json"):
        wanted = new if name == "kernel.json" else quote(new)
        assert json.loads(after) == json.loads(text.replace("@", wanted))
    else:
        assert after == text.replace("@", new)
    assert not still_names_old_place(files, (edit,), ())


def test_a_kernel_of_another_python_stays():
    text = '{"argv": ["/usr/bin/python3", "-f", "{connection_file}"], "x": "\\ud800 /old/app2", "y": "/old/app/data"}'
    files = replace(FILES, old="/old/app/.venv", new="/new/app/.venv", pointers={"/k/kernel.json": text.encode()})
    assert edits_of_move(files, {"/old/app/gone": "/new/app/gone"}) == ()


def test_what_setuptools_generated_without_an_installer():
    body = "# EASY-INSTALL-DEV-SCRIPT: 'lib','run'\n__file__ = '/old/lib/run'\nexec(open('/old/lib/run').read())\n"
    script = f"#!/old/app/.venv/bin/python\n{body}"
    assert is_easy_install(script) and not is_easy_install("#!/old/app/.venv/bin/python\n# mine\n" + body)
    files = replace(FILES, old="/old/app/.venv", new="/new/app/.venv", scripts={"/n/bin/run": script.encode()})
    (edit,) = edits_of_move(files, {"/old/lib/run": "/new/lib/run"})
    assert edit.after.decode() == script.replace("/old/", "/new/")


def test_links_to_what_moved_along():
    links = (
        ("/n/lib64", f"{OLD}/lib"),
        ("/n/bin/a", "/usr/bin/a"),
        ("/n/bin/b", f"{OLD}/gone"),
        ("/n/s/lib", "/old/lib"),
    )
    files = replace(FILES, new="/n", links=links)
    edits = link_edits_of_move(files, {f"{OLD}/lib": "/n/lib", "/old/lib": "/new/lib"})
    assert [(edit.path, edit.before, edit.after) for edit in edits] == [
        ("/n/lib64", f"{OLD}/lib", "/n/lib"),
        ("/n/s/lib", "/old/lib", "/new/lib"),
    ]
    assert still_names_old_place(files, (), edits) == ("bin/b",)


@pytest.mark.parametrize(
    ("text", "old", "new", "named"),
    [
        (f"cd {OLD}/..", OLD, NEW, True),
        (f"cd {OLD}2", OLD, NEW, False),
        (f"cd {NEW}", OLD, NEW, False),
        # One place lies in the other.
        ("cd /srv/app/env", "/srv/app", "/srv/app/env", False),
        ("cd /srv/app/x", "/srv/app", "/srv/app/env", True),
        ("cd /srv/app/env", "/srv/app/env", "/srv/app", True),
        ("cd /srv/app/x", "/srv/app/env", "/srv/app", False),
    ],
)
def test_files_of_the_users_that_name_the_old_place_are_told(text, old, new, named):
    for content in (text.encode(), text.encode() + b" # \xff"):
        files = replace(FILES, old=old, new=new, others=((f"{new}/bin/mine", content),))
        assert still_names_old_place(files, (), ()) == (("bin/mine",) if named else ())


def test_a_source_that_is_nowhere_is_told():
    files = replace(FILES, new="/n", pointers={"/n/a.pth": b"/old/never\n"}, gone=frozenset(["/old/never"]))
    assert still_names_old_place(files, (), ()) == ("a.pth",)


def test_a_venv_that_was_only_renamed_points_at_the_same_sources():
    files = replace(FILES, new="/old/app/env", pointers={f"{SITE}/demo.pth": b"/old/app/src\n"})
    assert named_in(files) == ()
    assert named_in(replace(files, old="/.venv", new="/env", pointers={f"{SITE}/d.pth": b"/etc\n"})) == ()


@given(st.binary(max_size=200))
def test_random_files_never_crash(content):
    content = content.replace(b"\1", OLD.encode()).replace(b"\2", b"/old/app/src")
    files = replace(
        FILES,
        settings=("/n/pyvenv.cfg", content),
        activation={"/n/activate": content},
        scripts={"/n/bin/x": content, "/n/bin/y": b"#!/bin/sh\n'''exec' " + content},
        pointers={
            "/n/a.pth": content,
            "/n/b.py": content,
            "/n/c.json": content,
            "/n/d.json": b'{"url": "' + content,
            "/n/kernel.json": b'{"argv": ["/old/app/src", "' + content,
        },
        records={"/n/x.dist-info/RECORD": content},
    )
    named_in(files)
    for edit in edits_of_move(files, {"/old/app/src": "/new/place/src"}):
        assert edit.before != edit.after


def test_names():
    assert all(map(is_activation, ["activate", "activate.fish", "Activate.ps1", "activate_this.py", "activate.csh"]))
    assert not any(map(is_activation, ["deactivate", "python", "activate.pyc", "activate~"]))
    assert all(map(is_pointer, ["x.pth", "__editable___demo_finder.py", "_demo_editable_loader.py", "demo.egg-link"]))
    assert not any(map(is_pointer, ["x.py", "editable", "RECORD"]))


SCRIPTS = (
    b"#!/old/app/.venv/bin/python3.13 -sE\nimport sys\n",
    b"#!/bin/sh\n'''exec' '/old/app dir/.venv/bin/python' -E \"$0\" \"$@\"\n' '''\nimport sys\n",
)


@settings(max_examples=200)
@given(damaged(*SCRIPTS))
def test_a_damaged_header_is_read_or_not_and_the_rest_stays(content):
    text = text_of(content)
    header = read_header(text)
    assert header is None or text.endswith(header[2])
    files = replace(FILES, scripts={"/n/bin/x": content}, records={})
    for edit in edits_of_move(files, {}):
        assert header is None or edit.path != "/n/bin/x" or text_of(edit.after).endswith(header[2])


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_stays_as_it_is(kind):
    content = HUGE[kind][: 1 << 18]
    files = replace(
        FILES,
        settings=("/n/pyvenv.cfg", content),
        activation={"/n/activate": content},
        scripts={"/n/bin/x": b"#!" + content, "/n/bin/y": b"#!/bin/sh\n'''exec' " + content},
        pointers={"/n/a.pth": content, "/n/b.py": content, "/n/c.json": content, "/n/kernel.json": content},
        records={"/n/x.dist-info/RECORD": content},
    )
    assert named_in(files) == ()
    assert edits_of_move(files, {}) == ()


@pytest.mark.parametrize("place", ["/srv/b\\x", "/srv/b\udcff"], ids=["a backslash", "no UTF-8"])
def test_a_script_in_a_place_that_no_python_can_name_finds_its_interpreter_beside_it(place):
    header = header_for(f"{place}/.venv/bin/python3.13", "-I")
    assert place not in header
    assert header.startswith("#!/bin/sh\n'''exec' \"$(dirname ")
    assert '"/python3.13 -I "$0" "$@"\n' in header or '"/\'python3.13\' -I "$0" "$@"\n' in header
    compile(header + "answer = 1\n", "script", "exec")


def test_a_line_that_is_longer_than_any_path_is_no_header():
    def script(length):
        return f"#!/bin/sh\n'''exec' {'/x' * (length // 2)} \"$0\" \"$@\"\n' '''\n{BODY}"

    assert read_header(script(8_000)) == ("/x" * 4_000, "", BODY)
    assert read_header(script(10_000)) is None


def test_settings_that_name_the_old_place_are_told():
    files = replace(FILES, settings=(f"{NEW}/pyvenv.cfg", f"home = {OLD}/../base\n".encode()))
    assert still_names_old_place(files, (), ()) == ("pyvenv.cfg",)


def test_a_file_without_the_command_that_made_it_keeps_its_lines():
    files = replace(FILES, settings=(f"{NEW}/pyvenv.cfg", b"home = /usr/bin\nversion = 3.13.5\n"))
    assert edits_of_move(files, {}) == ()


def test_a_row_of_record_that_cannot_be_read_stays():
    huge = b"x" * 200_000 + b",,\n"
    files = replace(FILES, records={f"{SITE}/demo-1.dist-info/RECORD": huge + f"{OLD}/share/x,,\n".encode()})
    [edit] = edits_of_move(files, {})
    assert edit.after == huge + f"{NEW}/share/x,,\n".encode()


def test_an_address_that_is_not_understood_stays():
    for text in (b"{", b"[]", b"{}", b'{"url": 7}', b'{"url": "https://h/old/app"}', b"[" * 100_000):
        files = replace(FILES, pointers={f"{SITE}/demo-1.dist-info/direct_url.json": text})
        assert edits_of_move(files, {"/old/app": "/new/app"}) == ()


def test_a_folder_whose_name_is_no_utf_8_is_named_as_an_address_names_it():
    text = b'{"url": "file:///old/caf%E9", "dir_info": {"editable": true}}'
    files = replace(FILES, pointers={f"{SITE}/demo-1.dist-info/direct_url.json": text})
    [edit] = edits_of_move(files, {"/old/caf\udce9": "/new/caf\udce9"})
    assert edit.after == text.replace(b"/old/", b"/new/")


@pytest.mark.parametrize("place", ["/it's", '/a"b', "/a\\b", "/a\nb"])
def test_a_finder_stays_where_no_literal_holds_the_new_place_as_it_is(place):
    files = replace(FILES, pointers={f"{SITE}/__editable___demo_finder.py": b"MAPPING = {'demo': '/old/app/src'}\n"})
    assert edits_of_move(files, {"/old/app/src": place}) == ()


def test_a_path_with_a_space_in_a_kernel_is_one_path():
    """What stands before the space is another folder, which may not have moved."""
    text = b'{"argv": ["/old/my app/.venv/bin/python"], "env": {"A": "/old/my"}}'
    files = replace(FILES, pointers={"/k/kernel.json": text})
    moved = {"/old/my app/.venv/bin/python": "/new/my app/.venv/bin/python"}
    [edit] = edits_of_move(files, moved)
    assert edit.after == text.replace(b"/old/my app", b"/new/my app")
    [edit] = edits_of_move(files, moved | {"/old/my": "/elsewhere"})
    assert edit.after == text.replace(b"/old/my app", b"/new/my app").replace(b"/old/my", b"/elsewhere")


@pytest.mark.parametrize(
    ("path", "text", "sources"),
    [
        ("x.pth", "/a\n# /b\nimport x\n", ("/a",)),
        ("finder.py", "A = '/a'\nB = \"/b\"\n", ("/a", "/b")),
        # Where a text is not whole, or has a meaning beyond its letters, no path is read out of it.
        ("finder.py", "A = '/a\n", ()),
        ("finder.py", "A = X/aX\n", ()),
        ("x.pth", "/a b \t\n", ("/a b",)),
        ("finder.py", "A = '/a\\x41'\nB = '/b'\n", ("/b",)),
        ("finder.py", "A = '/a\nb'\n", ()),
        ("x.pth", b"/a\xff\n", ("/a\udcff",)),
        ("kernel.json", '{"argv": ["/a", "--x=/b", "\\ud8/c"]}', ("/a", "/b")),
        # All of it may be one path, or a list of some.
        ("kernel.json", '{"argv": ["/a b/c", "/d:/e"]}', ("/a b/c", "/a", "/d:/e", "/d", "/e")),
    ],
)
def test_the_paths_that_a_pointer_names(path, text, sources):
    content = text.encode() if isinstance(text, str) else text
    assert tuple(dict.fromkeys(sources_in(path, content))) == sources
