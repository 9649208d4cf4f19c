"""The `pip.conf` of a venv: what it says, what uv can be told of it, and what may never be shown."""

import tomllib

import pytest
from hypothesis import given

from pyman.core.packages.pip_conf import NotUnderstood, overruled_by, parse_pip_conf, pip_variables, uv_settings
from stage.hostile import damaged

COMPANY = "https://me:s3cret@pkgs.example.com/simple?token=abcdef"
WHOLE = f"""\
[global]
index_url = {COMPANY}
extra-index-url =
    https://mirror.example.com/simple
    https://tokentoken@other.example.com/simple
timeout = 60

[install]
find-links = /srv/wheels wheels
trusted-host = pkgs.example.com

[list]
format = columns
"""


def test_sections_keys_and_several_values_as_pip_reads_them():
    conf = parse_pip_conf(WHOLE)
    assert conf.index_url == COMPANY
    assert conf.words("extra-index-url")[0] == "https://mirror.example.com/simple"
    assert conf.words("find-links") == ("/srv/wheels", "wheels")
    assert conf.names_sources
    assert not conf.no_index
    # What is for other commands is nobody's business here, and `install` goes before `global`.
    assert "format" not in conf.values
    both = parse_pip_conf("[install]\nindex-url = https://b/\n[global]\n--index-url = https://a/\n")
    assert both.index_url == "https://b/"
    assert parse_pip_conf("").values == {}
    assert not parse_pip_conf("[global]\ntimeout = 3\nindex-url =\n").names_sources


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("index-url = https://a/", "not a valid configuration file of pip"),
        ("[global]\nindex-url", "not a valid configuration file of pip"),
        ("[global]\nindex-url = https://a/\nindex-url = https://b/", "not a valid configuration file of pip"),
        ("\ufeff[global]\nindex-url = https://a/", "not a valid configuration file of pip"),
        ("[global]\nno-index = perhaps", "neither true nor false"),
        ("[install]\ntarget = /home/me/.local/lib", "`target`"),
        ("[global]\nroot = /", "`root`"),
        ("[global]\nprefix = /usr", "`prefix`"),
        ("[install]\nreport = /home/me/.bashrc", "`report`"),
        ("[install]\nrequirement = more.txt", "`requirement`"),
        ("[global]\npython = /tmp/python", "`python`"),
        ("[install]\nsrc = /home/me", "`src`"),
        ("[global]\npypi-url = https://a/", "`pypi-url`"),
    ],
)
def test_what_is_not_understood_or_would_go_elsewhere_is_refused(text, told):
    with pytest.raises(NotUnderstood, match=told):
        parse_pip_conf(text)


def test_a_parsers_complaint_does_not_repeat_the_file():
    with pytest.raises(NotUnderstood) as error:
        parse_pip_conf("[global]\nindex-url = https://me:hunter22@a/\n hunter22\nhunter22\n")
    assert "hunter22" not in str(error.value)


@pytest.mark.parametrize(
    ("lines", "lost"),
    [
        ("index-url = https://a/simple", ()),
        ("no-index = yes\nfind-links = /srv/wheels", ()),
        ("index-url = https://me:pw@a/\nextra-index-url = file:///srv/simple\ntrusted-host = a\nretries = 1", ()),
        ("timeout = 3", ()),
        ("cert = /etc/ca.pem", ("cert",)),
        ("index-url = https://a/simple\nonly-binary = :all:", ("only-binary",)),
        # The first index is named elsewhere, where uv does not look.
        ("extra-index-url = https://a/", ("extra-index-url",)),
        ("find-links = /srv/wheels\nno-index = false", ("find-links", "no-index")),
        # pip would ask for the password, or look for a folder.
        ("index-url = https://me@a/simple", ("index-url",)),
        ("index-url = ../simple", ("index-url",)),
        ("no-index = 1\nfind-links = ~/wheels", ("find-links",)),
    ],
)
def test_what_uv_cannot_be_told_exactly(lines, lost):
    assert tuple(sorted(parse_pip_conf(f"[global]\n{lines}").lost_on_uv)) == lost


def test_pip_and_uv_are_told_the_same():
    conf = parse_pip_conf(WHOLE)
    variables = pip_variables(conf, "/tmp/x")
    assert variables["PIP_INDEX_URL"] == COMPANY
    assert variables["PIP_FIND_LINKS"].split() == ["/srv/wheels", "wheels"]
    assert set(variables) == {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST"}
    assert set(overruled_by(conf)) == {*variables, "PIP_CONFIG_FILE"}
    assert tomllib.loads(uv_settings(conf, "/work")) == {
        "index-strategy": "unsafe-best-match",
        "index-url": COMPANY,
        "extra-index-url": list(conf.words("extra-index-url")),
        "find-links": ["/srv/wheels", "/work/wheels"],
        "allow-insecure-host": ["pkgs.example.com"],
    }
    alone = parse_pip_conf("[global]\nno-index = on\nindex-url = https://a/\nfind-links = https://b/wheels\n")
    assert tomllib.loads(uv_settings(alone, "/work"))["no-index"] is True
    assert "index-url" not in tomllib.loads(uv_settings(alone, "/work"))


def test_files_that_pip_writes_beside_stay_out_of_the_way():
    variables = pip_variables(parse_pip_conf("[global]\nlog = /home/me/.bashrc\nquiet = 3\n"), "/tmp/x")
    assert variables == {"PIP_LOG": "/tmp/x/pip.log", "PIP_CACHE_DIR": "/tmp/x/cache", "PIP_QUIET": "0"}


def test_what_is_told_holds_no_secrets():
    conf = parse_pip_conf(WHOLE)
    assert conf.told == (
        "https://pkgs.example.com, https://mirror.example.com, https://other.example.com, /srv/wheels, wheels"
    )
    assert set(conf.secrets) == {"me:s3cret", "s3cret", "token=abcdef", "tokentoken"}
    assert parse_pip_conf("[global]\nno-index = true\n").told == "nowhere"


@given(damaged(WHOLE.encode()))
def test_any_damage_gives_an_answer_or_the_documented_failure(content):
    try:
        conf = parse_pip_conf(content.decode("utf-8", "surrogateescape"))
    except NotUnderstood as error:
        assert "s3cret" not in str(error)
        return
    assert not any(secret in conf.told for secret in conf.secrets)
    assert isinstance(conf.lost_on_uv, tuple)
    pip_variables(conf, "/tmp/x")
    if not conf.lost_on_uv:
        tomllib.loads(uv_settings(conf, "/work"))
