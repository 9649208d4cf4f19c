"""The client against real servers and proxies on loopback."""

import base64
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.effects.observer import Observer
from pyman.effects.web.http import PassingError, Web
from pyman.errors import NetworkError, Offline, UsageError
from stage.hostile import damaged
from stage.proxy import Proxy
from stage.server import Server, cut, redirect, silence, stall, status, without_length
from stage.somebody import as_root

CONTENT = bytes(range(256)) * 1000


@pytest.fixture(autouse=True)
def _no_proxies_of_the_machine(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("SSL_CERT_", "PYMAN_")):
            monkeypatch.delenv(name)


@pytest.fixture
def server():
    with Server() as server:
        server.files["/file"] = CONTENT
        yield server


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def web(pauses):
    with Web(sleep=pauses.append, environ={"PYMAN_HTTP_TIMEOUT": "5"}) as web:
        yield web


def fetch(web, url, **headers):
    with web.get(url, headers) as answer:
        return b"".join(answer.pieces())


def fetch_patiently(web, *urls):
    return web.transfer("the file", urls, lambda url: fetch(web, url))


@pytest.fixture
def dead_url():
    """An address where nobody listens: the port was ours a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/file"


def test_what_is_asked_for_comes_and_we_say_who_asks(server, web):
    assert fetch(web, f"{server.url}/file") == CONTENT
    assert server.requests("/file")[0].headers["User-Agent"].startswith("pyman/")


def test_offline_asks_nobody(server):
    with Web(offline=True) as web, pytest.raises(Offline) as caught:
        fetch_patiently(web, f"{server.url}/file")
    assert "127.0.0.1" in caught.value.message
    assert server.requests() == []


def test_a_status_in_passing_is_tried_again_with_growing_pauses(server, web, pauses):
    server.fault("/file", status(500, 1), status(503, 1), status(502, 1))
    assert fetch_patiently(web, f"{server.url}/file") == CONTENT
    assert pauses == sorted(pauses)
    assert len(pauses) == 3
    assert len(set(pauses)) == 3


def test_a_server_that_says_when_is_asked_then(server, web, pauses):
    server.fault("/file", status(429, 1, Retry_After="7"))
    assert fetch_patiently(web, f"{server.url}/file") == CONTENT
    assert pauses == [7.0]


def test_a_server_that_asks_for_an_hour_is_not_waited_for_that_long(server, web, pauses):
    server.fault("/file", status(503, 1, Retry_After="3600"))
    fetch_patiently(web, f"{server.url}/file")
    assert pauses == [30.0]


def test_an_error_that_stays_is_given_up(server, web, pauses):
    server.fault("/file", status(500))
    with pytest.raises(NetworkError, match="HTTP 500"):
        fetch_patiently(web, f"{server.url}/file")
    assert len(server.requests()) == len(pauses) + 1 == 4


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 418])
def test_what_will_not_change_is_asked_once(server, web, code):
    server.fault("/file", status(code))
    with pytest.raises(NetworkError, match=str(code)) as caught:
        fetch_patiently(web, f"{server.url}/file")
    assert caught.value.hint
    assert len(server.requests()) == 1


def test_the_second_address_is_asked_where_the_first_fails(server, web, dead_url, pauses):
    assert fetch_patiently(web, f"{server.url}/missing", f"{server.url}/file") == CONTENT
    assert fetch_patiently(web, dead_url, f"{server.url}/file") == CONTENT
    assert pauses == []


def test_a_refused_connection_names_the_host(web, dead_url, pauses):
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:\d+ cannot be reached: Connection refused") as caught:
        fetch_patiently(web, dead_url)
    assert "PYMAN_MIRROR" in caught.value.hint
    # Once more after a moment, and no longer: most likely there is no network.
    assert len(pauses) == 1


def test_a_host_that_nobody_knows_is_named(web):
    with pytest.raises(NetworkError, match="cannot be reached"):
        fetch(web, "http://no-such-host.invalid/file")


@pytest.mark.parametrize(
    "url", ["http://[::1/file", "http:///file", "ftp://127.0.0.1/file", "http://127.0.0.1:99999/f"]
)
def test_an_address_that_is_none_is_one_sentence(web, url):
    with pytest.raises(NetworkError):
        fetch(web, url)


def test_redirects_are_followed(server, web):
    server.fault("/here", redirect("/there"))
    server.fault("/there", redirect(f"{server.url}/file"))
    assert fetch(web, f"{server.url}/here") == CONTENT


def test_a_redirect_loop_ends(server, web):
    server.fault("/here", redirect("/there"))
    server.fault("/there", redirect("/here"))
    with pytest.raises(NetworkError, match="redirects in a loop"):
        fetch_patiently(web, f"{server.url}/here")
    assert len(server.requests()) == 11


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/file", "http://[::1/x"])
def test_a_redirect_out_of_the_web_is_refused(server, web, to):
    server.fault("/here", redirect(to))
    with pytest.raises(NetworkError):
        fetch(web, f"{server.url}/here")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that only those trust who are told to."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    paths = str(folder / "certificate.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-out", paths[0], "-keyout", paths[1]],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return paths


@pytest.fixture
def secure(certificate):
    with Server(certificate=certificate[0], key=certificate[1]) as server:
        server.files["/file"] = CONTENT
        yield server


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(secure, pauses):
    with Web(sleep=pauses.append, environ={}) as web, pytest.raises(NetworkError, match="certificate") as caught:
        fetch_patiently(web, f"{secure.url}/file")
    assert "PYMAN_CA_BUNDLE" in caught.value.hint
    assert pauses == []


@pytest.mark.parametrize("name", ["PYMAN_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_environment_says_whom_to_trust(secure, certificate, name):
    with Web(environ={name: certificate[0]}) as web:
        assert fetch(web, f"{secure.url}/file") == CONTENT


def test_a_folder_of_certificates_is_understood(secure, certificate, tmp_path):
    subject = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", certificate[0]], capture_output=True, text=True, check=True
    ).stdout.strip()
    shutil.copy(certificate[0], tmp_path / f"{subject}.0")
    with Web(environ={"SSL_CERT_DIR": str(tmp_path)}) as web:
        assert fetch(web, f"{secure.url}/file") == CONTENT


def test_pymans_own_variable_wins(secure, certificate, tmp_path):
    with Web(environ={"PYMAN_CA_BUNDLE": certificate[0], "SSL_CERT_FILE": str(tmp_path / "missing")}) as web:
        assert fetch(web, f"{secure.url}/file") == CONTENT


@pytest.mark.parametrize("content", [None, "", "no certificate\n"])
def test_a_bundle_that_is_none_is_named(tmp_path, content):
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_text(content)
    environ = {"PYMAN_CA_BUNDLE": str(path)}
    with Web(environ=environ) as web, pytest.raises(UsageError, match="PYMAN_CA_BUNDLE") as caught:
        web.get("https://127.0.0.1:1/file")
    assert str(path) in caught.value.message


def test_https_never_leads_to_http(secure, server, certificate):
    secure.fault("/here", redirect(f"{server.url}/file"))
    with Web(environ={"PYMAN_CA_BUNDLE": certificate[0]}) as web, pytest.raises(NetworkError, match="https to http"):
        fetch_patiently(web, f"{secure.url}/here")
    assert server.requests() == []


def test_http_may_lead_to_https(secure, server, certificate):
    server.fault("/here", redirect(f"{secure.url}/file"))
    with Web(environ={"PYMAN_CA_BUNDLE": certificate[0]}) as web:
        assert fetch(web, f"{server.url}/here") == CONTENT


@pytest.mark.parametrize("after", [0, 1, 100_000])
def test_a_cut_transfer_is_an_error_in_passing(server, web, after):
    server.fault("/file", cut(after))
    with pytest.raises(PassingError, match="interrupted the transfer"):
        fetch(web, f"{server.url}/file")


def test_chunks_that_end_too_early_are_noticed(server, web):
    def half(handler, content):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.write(b"5\r\nhello\r\n")
        handler.close_connection = True

    fault = without_length()
    fault.act = half
    server.fault("/file", fault)
    with pytest.raises(PassingError, match="interrupted the transfer"):
        fetch(web, f"{server.url}/file")


def test_an_answer_that_is_no_http_is_an_error(web):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(PassingError, match="interrupted the transfer"):
            fetch(web, f"http://127.0.0.1:{listener.getsockname()[1]}/file")
        thread.join()


@pytest.mark.parametrize("after", [0, 1000])
def test_a_stalled_transfer_ends_after_the_longest_silence(server, after):
    server.fault("/file", stall(after))
    with Web(environ={"PYMAN_HTTP_TIMEOUT": "0.2"}) as web, pytest.raises(PassingError, match=r"nothing for 0\.2 sec"):
        fetch(web, f"{server.url}/file")


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_timeout_that_is_no_number_is_wrong_usage(text):
    with Web(environ={"PYMAN_HTTP_TIMEOUT": text}) as web, pytest.raises(UsageError, match="PYMAN_HTTP_TIMEOUT"):
        web.get("http://127.0.0.1:1/")


def test_progress_makes_patience_but_not_for_ever(web, pauses):
    grown = iter(range(1000))

    def once(url):
        raise PassingError("cut")

    with pytest.raises(NetworkError) as caught:
        web.transfer("the file", ["http://127.0.0.1/"], once, lambda: next(grown))
    assert type(caught.value) is NetworkError
    assert 10 < len(pauses) <= 50


def test_the_observer_hears_of_every_new_try(server, pauses):
    heard = []

    class Listener(Observer):
        def retrying(self, task, reason, seconds):
            heard.append((task, reason, seconds))

    server.fault("/file", status(503, 2))
    with Web(sleep=pauses.append, observer=Listener()) as web:
        fetch_patiently(web, f"{server.url}/file")
    assert [seconds for _, _, seconds in heard] == pauses
    assert all(task == "the file" and "503" in reason for task, reason, _ in heard)


def test_proxies_of_the_environment_are_used(server, monkeypatch):
    with Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with Web() as web:
            assert fetch(web, f"{server.url}/file") == CONTENT
        assert [request.path for request in proxy.requests()] == [f"{server.url}/file"]


def test_https_goes_through_the_proxy_in_a_tunnel(secure, certificate, monkeypatch):
    with Proxy("Basic " + base64.b64encode(b"user:word").decode()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:word@127.0.0.1:{proxy.port}")
        with Web(environ={"PYMAN_CA_BUNDLE": certificate[0]}) as web:
            assert fetch(web, f"{secure.url}/file") == CONTENT
        assert [request.path for request in proxy.requests()] == [f"127.0.0.1:{secure.port}"]


def test_hosts_that_need_no_proxy_get_none(server, monkeypatch):
    with Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with Web() as web:
            assert fetch(web, f"{server.url}/file") == CONTENT
        assert proxy.requests() == []


def test_a_proxy_that_refuses_us_is_named_as_the_reason(secure, server, certificate, monkeypatch):
    with Proxy("Basic secret") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with Web(environ={"PYMAN_CA_BUNDLE": certificate[0]}) as web:
            with pytest.raises(NetworkError, match="proxy") as caught:
                fetch_patiently(web, f"{secure.url}/file")
            assert "HTTPS_PROXY" in caught.value.hint
            with pytest.raises(NetworkError, match="407"):
                fetch_patiently(web, f"{server.url}/file")
    assert secure.requests() == server.requests() == []


def test_a_proxy_that_cannot_be_used_is_wrong_usage_without_its_password(monkeypatch):
    for proxy in ("socks5://user:word@127.0.0.1:1", "gopher://user:word@127.0.0.1:1"):
        monkeypatch.setenv("ALL_PROXY", proxy)
        with Web() as web, pytest.raises(UsageError, match="proxy") as caught:
            web.get("http://127.0.0.1:1/")
        assert "word" not in caught.value.message


def test_passwords_of_netrc_are_sent_to_the_server_that_it_names(server, tmp_path):
    netrc = tmp_path / ".netrc"
    mine = "Basic " + base64.b64encode(b"me:word").decode()
    for text, sent in (
        ("machine 127.0.0.1 login me password word\n", mine),
        ("machine elsewhere.example login me password word\n", None),
        ("default login me password word\n", None),
        ("machine 127.0.0.1 nonsense\n", None),
    ):
        netrc.write_text(text)
        with Web(environ={"HOME": str(tmp_path)}) as web:
            assert fetch(web, f"{server.url}/file") == CONTENT
        assert server.requests()[-1].headers["Authorization"] == sent, text
    netrc.write_text("machine 127.0.0.1 login me password word\n")
    with Web(environ={"NETRC": str(netrc)}) as web:
        fetch(web, f"{server.url}/file")
        assert server.requests()[-1].headers["Authorization"] == mine
        fetch(web, server.url.replace("://", "://user:other@") + "/file")
    assert server.requests()[-1].headers["Authorization"] == "Basic " + base64.b64encode(b"user:other").decode()


@as_root
def test_netrc_of_another_user_says_nothing(server, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password word\n")
    os.chown(tmp_path / ".netrc", 12345, 12345)
    with Web(environ={"HOME": str(tmp_path)}) as web:
        fetch(web, f"{server.url}/file")
    assert server.requests()[-1].headers["Authorization"] is None


def test_passwords_in_an_address_are_sent_but_never_shown(server, web):
    url = server.url.replace("://", "://user:word@")
    assert fetch(web, f"{url}/file") == CONTENT
    assert server.requests()[0].headers["Authorization"] == "Basic " + base64.b64encode(b"user:word").decode()
    server.files["/cut"] = CONTENT
    server.fault("/broken", status(500))
    server.fault("/cut", cut(0))
    for path in ("missing", "broken", "cut"):
        with pytest.raises(NetworkError) as caught:
            fetch(web, f"{url}/{path}")
        assert "word" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("after", [None, 10])
@pytest.mark.parametrize("kind", ["plain", "tls"])
def test_an_interrupt_wakes_a_thread_that_waits_for_a_silent_server(server, secure, certificate, kind, after):
    stage = {"plain": server, "tls": secure}[kind]
    stage.fault("/file", silence() if after is None else stall(after))
    raised = []
    with Web(environ={"PYMAN_CA_BUNDLE": certificate[0], "PYMAN_HTTP_TIMEOUT": "60"}) as web:

        def wait():
            try:
                fetch_patiently(web, f"{stage.url}/file")
            except NetworkError as error:
                raised.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        assert stage.stalled.wait(30)
        web.interrupt()
        thread.join(30)
        assert len(raised) == 1
        stage.heal()
        web.resume()
        assert fetch(web, f"{stage.url}/file") == CONTENT


def test_nothing_of_the_web_is_loaded_before_it_is_needed():
    source = os.path.join(os.path.dirname(__file__), "..", "..", "src")
    script = (
        "import sys, pyman.effects.web.http; print([n for n in ('httpx', 'ssl', 'truststore') if n in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": source}, capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"


def test_trust_is_the_systems_where_the_environment_says_nothing():
    from pyman.effects.web.http import trusted

    context = trusted({})
    assert type(context).__module__.startswith("truststore")
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


@settings(max_examples=60)
@given(
    code=st.sampled_from([200, 206, 301, 302, 304, 307, 404, 416, 429, 503]) | st.integers(100, 999),
    location=damaged(b"/file", b"http://127.0.0.1:1/x", b"https://xn--a/", b"//user@[::1]/"),
    header=st.sampled_from(
        ["Content-Length", "ETag", "Content-Type", "Retry-After", "Content-Encoding", "Content-Range"]
    ),
    value=damaged(b"5", b'"tag"', b"text/html; charset=utf-8", b"gzip", b"bytes 0-4/5"),
)
def test_whatever_headers_a_server_sends(loose, code, location, header, value):
    """One server for all: what it answers next is put down before it is asked."""
    location, value = (re.sub(rb"[\r\n]", b"", one) for one in (location, value))
    loose.answer = b"HTTP/1.1 %d X\r\nConnection: close\r\nLocation: %s\r\n%s: %s\r\n\r\nhello" % (
        code, location, header.encode(), value,
    )  # fmt: skip
    with Web(rounds=1, sleep=lambda _: None, environ={"PYMAN_HTTP_TIMEOUT": "5"}) as web:
        try:
            with web.get(loose.url) as answer:
                assert answer.length is None or answer.length >= 0
                answer.tag.encode("ascii")
                assert len(b"".join(answer.pieces(decoded=True))) <= 5
        except NetworkError:
            return
        web.close()
        with web.get(loose.quiet, {"If-None-Match": answer.tag}) as again:
            assert again.status == 200


class Loose:
    """A server that answers with bytes, whatever they are, and closes the connection."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/file"
        self.quiet = f"{self.url}?quiet"
        self.answer = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                asked = b""
                while b"\r\n\r\n" not in asked and (piece := connection.recv(1 << 16)):
                    asked += piece
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                                       if b"?quiet" in asked.partition(b"\r\n")[0] else self.answer)  # fmt: skip
                except OSError:
                    pass  # the client has left, as it may

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture(scope="module")
def loose():
    server = Loose()
    yield server
    server.close()


@pytest.mark.parametrize("url", ["https://me:sec/ret@host.example/x", "https://me:sec ret@host.example:port/x"])
def test_a_password_is_in_no_failure(web, url):
    with pytest.raises(NetworkError) as caught:
        fetch(web, url)
    assert "sec" not in str(caught.value.message)


def test_a_password_of_a_proxy_is_in_no_failure(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:sec/ret@proxy.example:3128")
    with pytest.raises(UsageError) as caught, Web() as web:
        web.get("https://host.example/x")
    assert "sec" not in str(caught.value.message)
