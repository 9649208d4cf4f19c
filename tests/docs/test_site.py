"""The site: two programs build it without a warning, its links lead somewhere, and a browser shows it on every screen.

`PYMAN_TEST_DOCS` names the `bin` of an environment with these programs; `./tests/run --docs` makes it.
"""

from __future__ import annotations

import functools
import html
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

TOP = Path(__file__).resolve().parents[2]
BUILDERS = os.environ.get("PYMAN_TEST_DOCS", "")
BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
ORIGIN = "http://site.invalid/"

pytestmark = pytest.mark.skipif(not BUILDERS, reason="run by `./tests/run --docs`")


def build(folder: Path, program: str, *words: str) -> str:
    """Build the site of a copy of the checkout's documents, and return what the program said."""
    for name in ("mkdocs.yml", "CHANGELOG.md"):
        shutil.copy(TOP / name, folder)
    shutil.copytree(TOP / "docs", folder / "docs")
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"}
    result = subprocess.run(
        [os.path.join(BUILDERS, program), "build", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environ,
        check=False,
        timeout=300,
    )
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    said = build(folder, "mkdocs", "--strict")
    assert "WARNING" not in said, said
    return folder / "build/site"


class Page(HTMLParser):
    """What a page links to and loads, and the names in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        self.names |= {told[key] for key in ("id", "name") if told.get(key)}
        if tag == "a" and told.get("href"):
            self.links.append(told["href"])
        elif tag == "link" and told.get("href"):
            self.loaded.append(told["href"])
        elif told.get("src"):
            self.loaded.append(told["src"])


def pages(site: Path) -> dict[str, Page]:
    """Every page by its address."""
    return {
        f"{ORIGIN}{path.relative_to(site).as_posix().removesuffix('index.html')}": Page(path.read_text("utf-8"))
        for path in site.rglob("*.html")
        if path.name != "404.html"
    }


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    found = pages(site)
    assert len(found) > 25
    wrong = []
    for address, page in found.items():
        for link in page.links + page.loaded:
            target = urlsplit(urljoin(address, link))
            if f"{target.scheme}://{target.netloc}/" != ORIGIN:
                if link in page.loaded or target.scheme != "https":
                    wrong.append((address, link))
                continue
            whole = target._replace(fragment="", query="").geturl()
            if whole in found:
                if target.fragment and unquote(target.fragment) not in found[whole].names:
                    wrong.append((address, link))
            elif not (site / target.path.lstrip("/")).is_file():
                wrong.append((address, link))
    assert wrong == []
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert not re.search(r"url\(\s*[\"']?(?:https?:)?//", styles)


def test_zensical_builds_the_same_pages(site, tmp_path):
    build(tmp_path, "zensical")
    built = {str(path.relative_to(site)) for path in site.rglob("index.html")}
    assert built <= {
        str(path.relative_to(tmp_path / "build/site")) for path in (tmp_path / "build/site").rglob("*.html")
    }


WATCH = """<!doctype html><body>FRAMES<script>
const light = (text) => { const c = text.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
  .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };
const look = (frame) => {
  const page = frame.contentDocument, window_ = frame.contentWindow, style = (one) => window_.getComputedStyle(one);
  const ground = light(style(page.body).backgroundColor);
  const inks = [...page.querySelectorAll("article p, article li, article h1, article h2, article td")].map((one) => {
    const ink = light(style(one).color); return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05); });
  const root = page.documentElement;
  return [frame.getAttribute("src"), root.scrollWidth > root.clientWidth, ground < 0.2, Math.min(...inks)];
};
addEventListener("load", () => {
  document.body.setAttribute("data-seen", JSON.stringify([...document.querySelectorAll("iframe")].map(look)));
});
</script></body>"""


@pytest.fixture(scope="module")
def served(site):
    handler = functools.partial(QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
@pytest.mark.parametrize(("width", "mode"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_no_page_is_wider_than_the_window_and_text_stands_out(site, served, tmp_path, width, mode):
    addresses = sorted(urlsplit(address).path for address in pages(site) if "watch" not in address)
    frames = (f'<iframe src="{one}" style="border:0;height:900px;width:{width}px"></iframe>' for one in addresses)
    text = WATCH.replace("FRAMES", "".join(frames))
    (site / f"watch-{width}-{mode}.html").write_text(text)
    words = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,1000",
             f"--user-data-dir={tmp_path}/profile",
             *(["--blink-settings=preferredColorScheme=0"] if mode == "dark" else []),
             "--dump-dom", f"{served}/watch-{width}-{mode}.html"]  # fmt: skip
    result = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    told = re.search(r'data-seen="([^"]*)"', result.stdout)
    assert told, result.stdout[-500:] + result.stderr[-2000:]
    seen = json.loads(html.unescape(told[1]))
    assert [one[0] for one in seen] == addresses
    assert [one[0] for one in seen if one[1]] == []
    assert {one[2] for one in seen} == {mode == "dark"}
    assert [one for one in seen if one[3] < 4.5] == []  # WCAG 2.2, 1.4.3
