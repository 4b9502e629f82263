"""What goes wrong around the proxy: log, network, clients, a kill. Traffic goes on, and nothing is hidden."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.capture.running import Proxy, ask, start
from tests.capture.server import Piece, Request, Upstream, chunked, message, reply, stream_head
from toolkit.cli import main
from toolkit.store.calls import Tally, calls

BODY = json.dumps(message()).encode()


def _plain(_: Request) -> list[bytes]:
    return [reply(BODY)]


def _wait(proxy: Proxy, **wanted: object) -> dict[str, object]:
    """The health once it says what is wanted."""
    for _ in range(150):
        told = proxy.health()[1]
        if all(told[name] == value for name, value in wanted.items()):
            return told
        time.sleep(0.02)
    raise AssertionError(told)


def _small_disk() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))


def test_a_full_disk_lets_traffic_go_on_and_is_shown(tmp_path: Path) -> None:
    with Upstream(_plain) as upstream:
        proxy = start(upstream.url, tmp_path / "log", before=_small_disk)
        for _ in range(8):
            assert ask(proxy.url, body=b"x" * 9_000)[::2] == (200, BODY)
        status, told = proxy.health()
        assert status == 503 and told["status"] == "gap" and told["calls_with_gap"] >= 3
        limits = resource.RLIM_INFINITY, resource.RLIM_INFINITY
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, limits)
        time.sleep(0.3)
        assert ask(proxy.url)[0] == 200
        assert proxy.health()[1]["writable"] is True
        code, said = proxy.stop()
    assert code == 0 and "calls pass unrecorded" in said and "not whole" in said
    found = list(calls(tmp_path / "log", tally := Tally()))
    assert len(tally.gaps) == 1 and tally.gaps[0]["calls"]
    assert [each.whole for each in found][-1] is True
    assert main(["capture", "status", str(tmp_path / "log")]) == 1


def test_a_full_disk_with_refuse_stops_calls(tmp_path: Path) -> None:
    with Upstream(_plain) as upstream:
        proxy = start(upstream.url, tmp_path / "log", "--on-error", "refuse", before=_small_disk)
        answers = [ask(proxy.url, body=b"x" * 9_000)[0] for _ in range(8)]
        assert answers[0] == 200 and answers[-1] == 503
        n = len(upstream.requests)
        assert ask(proxy.url, body=b"x" * 9_000)[0] == 503
        assert len(upstream.requests) == n
        proxy.stop()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Upstream(_plain) as upstream:
        proxy = start(upstream.url, tmp_path / "file" / "log")
        assert ask(proxy.url)[0] == 200
        assert proxy.health()[0] == 503
        assert "unrecorded" in proxy.stop()[1]
        with pytest.raises(AssertionError, match="cannot be written"):
            start(upstream.url, tmp_path / "file" / "log", "--on-error", "refuse")


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = ["capture", "proxy", "--upstream", "http://localhost:1", "--log", str(tmp_path / "log")]
        assert main([*command, "--port", port]) == 3
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and "in use" in said[0] and said[1].startswith("try: ")


@pytest.mark.parametrize(
    "options",
    [
        ["--upstream", "api.test"],
        ["--upstream", "ftp://api.test"],
        ["--upstream", "https://user:pass@api.test"],
        ["--upstream", "https://api.test:99999"],
        ["--upstream", "https://api.test", "--host", "0.0.0.0"],  # noqa: S104 - it must be refused
        ["--upstream", "https://api.test", "--upstream-ca", "none.pem"],
        ["--upstream", "https://api.test", "--fsync", "often"],
        ["--upstream", "https://api.test", "--on-error", "panic"],
    ],
)
def test_what_cannot_be_meant(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", "proxy", *options]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and said[0].startswith("error: ")
    assert "user:pass" not in said[0]


def test_an_upstream_that_is_not_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    proxy = start(f"http://127.0.0.1:{port}", tmp_path / "log")
    status, _, body = ask(proxy.url)
    assert status == 502 and "refused" in json.loads(body)["error"]["message"]
    proxy.stop()
    (call,) = proxy.calls()
    assert call.outcome == "unreachable" and bytes(call.request) == b"{}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    try:
        subprocess.run(
            ["openssl", *command.split(), "-keyout", f"{path}.key", "-out", str(path)], check=True, capture_output=True
        )
    except OSError:
        pytest.skip("openssl is not at hand to make a certificate")
    return path


def test_certificates(certificate: Path, tmp_path: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, f"{certificate}.key")
    with Upstream(_plain, context) as upstream:
        proxy = start(upstream.url, tmp_path / "bad")
        status, _, body = ask(proxy.url)
        assert status == 502 and b"certificate is not trusted" in body
        proxy.stop()
        proxy = start(upstream.url, tmp_path / "good", "--upstream-ca", str(certificate))
        for _ in range(3):
            assert ask(proxy.url, body=b"y" * 200_000)[::2] == (200, BODY)
        proxy.stop()
    assert [each.whole for each in proxy.calls()] == [True] * 3


def test_a_token(tmp_path: Path) -> None:
    with Upstream(_plain) as upstream:
        proxy = start(upstream.url, tmp_path / "log", TOOLKIT_CAPTURE_TOKEN="t0ken-of-the-proxy")
        assert ask(proxy.url)[0] == 401
        assert ask(proxy.url, x_toolkit_token="t0ken-of-the-proxx")[0] == 401
        assert ask(proxy.url, "/-/toolkit/health", None, "GET")[0] == 401
        assert ask(proxy.url, x_toolkit_token="t0ken-of-the-proxy")[0] == 200
        assert ask(proxy.url, "/-/toolkit/t/t0ken-of-the-proxy/v1/messages")[0] == 200
        proxy.stop()
        assert {each.target for each in upstream.requests} == {"/v1/messages"}
    assert b"t0ken-of" not in b"".join(each.read_bytes() for each in proxy.log.iterdir())


def test_drain_lets_a_reply_end_whose_client_is_gone(tmp_path: Path) -> None:
    pieces = [stream_head(), chunked(b"first"), 0.2, chunked(b"last"), b"0\r\n\r\n"]
    with Upstream(lambda _: pieces) as upstream:
        proxy = start(upstream.url, tmp_path / "log", "--drain")
        with socket.create_connection(("127.0.0.1", proxy.port)) as line:
            line.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            while b"first" not in line.recv(4096):
                pass
        _wait(proxy, outcomes={"complete": 1})
        proxy.stop()
    (call,) = proxy.calls()
    assert bytes(call.response) == b"firstlast" and call.end["client"] == "gone"


@pytest.mark.parametrize("cut", [0, 9])
@pytest.mark.parametrize(
    ("last", "outcome"), [(b"data: [DONE]\n\n", "complete"), (b"data: {}      \n\n", "client-gone")]
)
def test_a_client_that_hangs_up_after_the_last_event_has_all_of_it(
    last: bytes, outcome: str, cut: int, tmp_path: Path
) -> None:
    """As LiteLLM does, before the body has come to its end; the event may come in two pieces."""
    pieces = [chunked(each) for each in (last[:cut], last[cut:]) if each]
    said: list[Piece] = [stream_head(), *[part for each in pieces for part in (each, 0.05)], "stop"]
    with Upstream(lambda _: said) as upstream:
        proxy = start(upstream.url, tmp_path / "log")
        with socket.create_connection(("127.0.0.1", proxy.port)) as line:
            line.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            got = b""
            while not got.endswith(pieces[-1]):
                got += line.recv(4096)
        _wait(proxy, open=0)
        proxy.stop()
    (call,) = proxy.calls()
    assert (call.outcome, bytes(call.response)) == (outcome, last)


def test_stopping_lets_calls_end(tmp_path: Path) -> None:
    with Upstream(lambda _: [stream_head(), chunked(b"a"), 0.4, chunked(b"b"), b"0\r\n\r\n"]) as upstream:
        proxy = start(upstream.url, tmp_path / "log", "--fsync", "final")
        got: list[bytes] = []
        asking = threading.Thread(target=lambda: got.append(ask(proxy.url)[2]))
        asking.start()
        _wait(proxy, open=1)
        assert proxy.stop()[0] == 0
        asking.join(5)
    assert got == [b"ab"]
    assert [each.whole for each in proxy.calls()] == [True]


def test_many_idle_and_slow_connections_disturb_nobody(tmp_path: Path) -> None:
    """More connections than the proxy may have, half of them with the beginning of a head: bounded, and served."""
    with Upstream(_plain) as upstream:
        proxy = start(upstream.url, tmp_path / "log", "--connections", "100")
        lines = []
        for at in range(400):
            line = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
            if at % 2:
                line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nA")
            lines.append(line)
        assert ask(proxy.url)[0] == 200
        assert proxy.health()[1]["connections"] <= 101
        for line in lines:
            line.close()
        assert "Traceback" not in proxy.stop()[1]


@pytest.mark.soak
def test_ten_thousand_connections(tmp_path: Path) -> None:
    import psutil

    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with Upstream(_plain) as upstream:
        proxy = start(upstream.url, tmp_path / "log")
        ask(proxy.url)
        before = psutil.Process(proxy.process.pid).memory_info().rss
        lines = [socket.create_connection(("127.0.0.1", proxy.port), timeout=20) for _ in range(10_000)]
        assert ask(proxy.url)[0] == 200
        assert psutil.Process(proxy.process.pid).memory_info().rss - before < 40 << 20
        for line in lines:
            line.close()
        proxy.stop()


@pytest.mark.soak
def test_a_slow_head_is_cut_off(tmp_path: Path) -> None:
    with Upstream(_plain) as upstream:
        proxy = start(upstream.url, tmp_path / "log")
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=40) as line:
            began = time.monotonic()
            line.sendall(b"GET / HTTP/1.1\r\n")
            assert line.recv(4096).startswith(b"HTTP/1.1 408")
        assert 14 < time.monotonic() - began < 20
        proxy.stop()


@pytest.mark.soak
@pytest.mark.parametrize("round_", range(20))
def test_killed_under_load_every_byte_a_client_has_is_in_the_log(round_: int, tmp_path: Path) -> None:
    _kill(tmp_path, clients=32, after=0.4 + 0.05 * round_)


def test_killed_once(tmp_path: Path) -> None:
    _kill(tmp_path, clients=8, after=0.3)


def _kill(tmp_path: Path, clients: int, after: float) -> None:
    """Clients ask, streamed and not, until the proxy is killed; each keeps what it received of each call."""

    def answer(request: Request) -> list[bytes | float]:
        name = request.target.encode()
        if request.target.endswith("s"):
            body: list[bytes | float] = [stream_head()]
            for at in range(20):
                body += [chunked(b"%b event %d\n\n" % (name, at)), 0.005]
            return [*body, b"0\r\n\r\n"]
        return [reply(name * 300)]

    received: dict[str, bytes] = {}

    def client(port: int, who: int) -> None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
                for at in range(10_000):
                    path = f"/c{who}-{at}-{'s' if at % 2 else 'n'}"
                    line.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
                    received[path] = b""
                    whole = False
                    while not whole and (piece := line.recv(1 << 16)):
                        received[path] += piece
                        got = received[path]
                        whole = got.endswith(b"0\r\n\r\n") or (at % 2 == 0 and got.endswith(path.encode() * 300))
        except OSError:
            return

    with Upstream(answer) as upstream:
        proxy = start(upstream.url, tmp_path / "log")
        threads = [threading.Thread(target=client, args=(proxy.port, who)) for who in range(clients)]
        for thread in threads:
            thread.start()
        time.sleep(after)
        os.kill(proxy.process.pid, signal.SIGKILL)
        for thread in threads:
            thread.join(10)
        proxy.process.communicate()
    logged = {each.begin["url"]: each for each in proxy.calls()}
    assert len(received) > clients
    for path, got in received.items():
        body = got.partition(b"\r\n\r\n")[2]
        plain = b"".join(piece.partition(b"\r\n")[2] for piece in _chunks(body)) if path.endswith("s") else body
        assert not got or bytes(logged[path].response).startswith(plain), path


def _chunks(body: bytes) -> list[bytes]:
    """Each chunk of what came, its size before it; the last may be cut."""
    found = []
    while body:
        size = int(body.partition(b"\r\n")[0] or b"0", 16)
        start = body.find(b"\r\n") + 2
        found.append(body[: start + size])
        body = body[start + size + 2 :]
    return found
