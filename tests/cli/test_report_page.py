"""The page of `report` in a real browser: with and without script, in both modes, at phone width, and of 5,000 venvs."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from core.test_report import finding, parsed, report, venv
from pyman.cli.show.report_page import page
from pyman.core.report import worst_first

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
HOSTILE = "/home/ann/</td><script>document.title='pwned'</script><img src=x onerror=document.title='pwned'>/.venv"

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")


def hosts(count=6):
    states = ("healthy", "stale-patch", "dangling")
    first = report("web1", venvs=[venv(f"/srv/app-{n}/.venv", states[n % 3], size=n << 20) for n in range(count)])
    first["findings"] = [
        finding(one["path"], one["state"], "error" if one["state"] == "dangling" else "warning")
        for one in first["venvs"]
        if one["state"] != "healthy"
    ]
    return worst_first(parsed(first, report("db1", venvs=[venv(HOSTILE)])))


def browse(tmp_path, text, script="", *options):
    """The page as the browser has it in the end. A script of the test runs after its own: the policy gives way for it."""
    if script:
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
        text = text.replace("</html>", f"<script>{script}</script></html>")
    path = tmp_path / "page.html"
    path.write_text(text)
    words = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             f"--user-data-dir={tmp_path}/profile", *options, "--dump-dom", f"file://{path}"]  # fmt: skip
    result = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


SHOWN = """
const shown = (id) => [...document.querySelectorAll(`#${id} tbody tr`)].filter((row) => !row.hidden).map((row) => row.cells[1].textContent);
const tell = (name, value) => { document.body.setAttribute(`data-${name}`, JSON.stringify(value)); };
"""


def told(dom, name):
    import html
    import json

    return json.loads(html.unescape(re.search(f'data-{name}="([^"]*)"', dom)[1]))


def test_it_sorts_and_filters(tmp_path):
    script = (
        SHOWN
        + """
    const section = document.querySelector("#venvs");
    const heads = [...section.querySelectorAll("th")];
    const room = heads.findIndex((head) => head.textContent === "Size");
    heads[room].querySelector("button").click();
    tell("up", shown("venvs"));
    heads[room].querySelector("button").click();
    tell("down", [shown("venvs"), heads[room].getAttribute("aria-sort")]);
    section.querySelector("input").value = "app 4";
    section.querySelector("input").dispatchEvent(new Event("input"));
    tell("words", [shown("venvs"), section.querySelector("output").textContent]);
    section.querySelector("input").value = "";
    section.querySelector("select").value = "dangling";
    section.querySelector("select").dispatchEvent(new Event("change"));
    tell("state", shown("venvs"));
    """
    )
    dom = browse(tmp_path, page(hosts()), script)
    apps = [f"/srv/app-{n}/.venv" for n in range(6)]
    up = told(dom, "up")
    assert [path for path in up if path in apps] == apps
    assert told(dom, "down") == [list(reversed(up)), "descending"]
    assert told(dom, "words") == [[apps[4]], "1 of 7 rows"]
    assert sorted(told(dom, "state")) == [apps[2], apps[5]]


def test_its_own_script_runs_and_no_other(tmp_path):
    dom = browse(tmp_path, page(hosts()))
    assert "<title>Pythons and venvs of 2 reports</title>" in dom
    assert '<div class="tools">' in dom  # shown by its script, which the policy lets run
    assert "7 rows" in dom
    foreign = page(hosts()).replace("</html>", "<script>document.title='pwned'</script></html>")
    assert "pwned</title>" not in browse(tmp_path, foreign)


def test_it_is_whole_without_script(tmp_path):
    text = re.sub(r"<script>.*?</script>", "", page(hosts()), flags=re.DOTALL)
    dom = browse(tmp_path, text)
    for n in range(6):
        assert f"/srv/app-{n}/.venv" in dom
    assert '<div class="tools" hidden' in dom


@pytest.mark.parametrize(("width", "mode"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_nothing_is_wider_than_the_window_and_text_stands_out(tmp_path, width, mode):
    script = (
        SHOWN
        + """
    const light = (text) => { const c = text.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };
    const ground = light(getComputedStyle(document.body).backgroundColor);
    const contrasts = [...document.querySelectorAll("h1, td, .quiet, .error, .warning")].map((one) => {
      const ink = light(getComputedStyle(one).color); return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05); });
    tell("least", Math.min(...contrasts));
    tell("dark", ground < 0.2);
    tell("wide", document.documentElement.scrollWidth > window.innerWidth);
    """
    )
    options = [f"--window-size={width},900", *(["--blink-settings=preferredColorScheme=0"] if mode == "dark" else [])]
    dom = browse(tmp_path, page(hosts()), script, *options)
    assert told(dom, "dark") == (mode == "dark")
    assert told(dom, "wide") is False
    assert told(dom, "least") >= 4.5  # WCAG 2.2, 1.4.3


def test_five_thousand_venvs(tmp_path):
    """Counted in elements, and that it comes to its end at all: sorting and filtering go through each row once."""
    script = (
        SHOWN
        + """
    document.querySelector("#venvs th button").click();
    const input = document.querySelector("#venvs input");
    input.value = "app-4999";
    input.dispatchEvent(new Event("input"));
    tell("words", shown("venvs"));
    tell("elements", document.querySelectorAll("*").length);
    """
    )
    text = page(hosts(5000))
    assert len(text) < 8 << 20
    dom = browse(tmp_path, text, script)
    assert told(dom, "words") == ["/srv/app-4999/.venv"]
    assert told(dom, "elements") < 120_000
