"""What hostile and hasty clients send, against a page that is served as the verb serves it."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from antialias.explore import Explorer, Limits
from antialias.explore._guard import Guard
from antialias.explore._images import Refused

from .conftest import ask, asks, explorer, png, served


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header declares many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


def animated(format: str) -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(file, format, save_all=True, append_images=frames[1:])
    return file.getvalue()


HOSTILE = {
    "no image": (
        b"<svg onload=alert(1)>",
        415,
        "The file of 21 bytes is no image of a known format. Use one of: JPEG",
    ),
    "nothing": (b"", 415, "The file of 0 bytes is no image"),
    "a GIF": (animated("GIF"), 415, "is no image of a known format"),
    "cut short": (png()[:3000], 422, "The PNG of 90 x 70 pixels cannot be decoded"),
    "only a header": (png()[:40], 415, "is no image of a known format"),
    "many pixels": (
        bomb(9000, 9000),
        413,
        "The header declares 9,000 x 9,000 pixels, more than 40,000,000. Use a smaller",
    ),
    "a bomb": (bomb(60_000, 60_000), 413, "more than 40,000,000. Use a smaller image."),
    "one long side": (bomb(2**31 - 1, 1), 413, "more than 40,000,000"),
    "tiny": (png(8, 90), 422, "The image has 90 x 8 pixels. Use 32 or more on each side."),
    "animated PNG": (animated("PNG"), 415, "The file is animated, 2 frames. Use a still image."),
    "animated WebP": (animated("WEBP"), 415, "The file is animated, 2 frames"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_upload_gets_a_message_and_leaves_nothing(address: str, classifier: Explorer, name: str) -> None:
    data, expected, words = HOSTILE[name]
    before = len(classifier._uploads)
    status, said, headers = ask(address, "POST", f"/images?name={name.replace(' ', '+')}", data)
    assert (status, words in said["error"]) == (expected, True), said
    assert headers["x-content-type-options"] == "nosniff"
    assert len(classifier._uploads) == before


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP"])
def test_an_upload_can_be_looked_at(address: str, format: str) -> None:
    status, said, _ = ask(address, "POST", "/images?name=..%2F..%2Fetc%2Fpasswd.png", png(format=format))
    assert (status, said["name"]) == (200, "passwd.png")
    status, image, _ = ask(address, "GET", f"/images/{said['id']}")
    assert (status, image["width"], image["height"]) == (200, 82, 64)
    assert (image["window"], image["room"]) == ([56, 56], [26, 8])
    status, answer, _ = ask(address, "POST", "/answer", asks(said["id"], [[26, 8]]))
    assert (status, answer["networks"][0]["network"]) == (200, "as it is")


def test_uploads_are_upright(address: str, classifier: Explorer) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    status, said, _ = ask(address, "POST", "/images?name=a", png(64, 128, format="JPEG", exif=exif))
    assert (status, tuple(classifier.held(said["id"]).pixels.shape)) == (200, (3, 128, 64))


def test_the_longest_unused_upload_goes_first() -> None:
    one = explorer(limits=Limits(held=3 * 64 * 82 * 3))
    ids = [one.upload(f"{i}", png())["id"] for i in range(3)]
    one.held(ids[0])
    one.upload("3", png())
    assert one.held(ids[0]).name == "0"
    with pytest.raises(Refused, match=r"The image is not there any more\. Upload it again\."):
        one.held(ids[1])


BAD: dict[str, tuple[bytes, int, str]] = {
    "no JSON": (b"{", 400, "The request of 1 bytes is no JSON. Send an object."),
    "deep": (b"[" * 60_000, 400, "The request has more than 128 brackets."),
    "no text": (b"\xff\xfe\0", 400, "is no JSON"),
    "a list": (b"[]", 400, "The request is a list. Send an object."),
    "no client": (b"{}", 422, "client=None is no name"),
    "no image": (asks("../..", [[0, 0]]), 404, "The image is not there any more"),
    "an image that is no text": (b'{"client": "a", "image": {}, "path": [[0, 0]]}', 404, "not there"),
}
PLACES: dict[str, tuple[Any, str]] = {
    "outside": ([[1000, 0]], "The window cannot be at [1000, 0]. Use 0 to 34 and 0 to 8."),
    "below zero": ([[-1, 0]], "cannot be at [-1, 0]"),
    "between pixels": ([[0.5, 0]], "cannot be at [0.5, 0]"),
    "true": ([[True, 0]], "cannot be at"),
    "none": ([], "path=[] is no list of places. Send 1 to 48, each [left, top]."),
    "many": ([[0, 0]] * 49, "is no list of places"),
    "text": ("x" * 500, "is no list of places"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_request_that_is_none_is_told_so(address: str, name: str) -> None:
    data, expected, words = BAD[name]
    for path in ("/answer", "/filters"):
        status, said, _ = ask(address, "POST", path, data)
        assert (status, words in said["error"]) == (expected, True), said


@pytest.mark.parametrize("name", PLACES)
def test_places_outside_are_refused(address: str, classifier: Explorer, name: str) -> None:
    path, words = PLACES[name]
    status, said, _ = ask(address, "POST", "/answer", asks(next(iter(classifier.images)), path))
    assert (status, words in said["error"]) == (422, True), said


def test_switches_that_are_not_offered_are_refused(address: str, classifier: Explorer) -> None:
    id = next(iter(classifier.images))
    for more, words in (({"filter": "x"}, "filter='x' is not offered"), ({"phases": 99}, "phases=99 is not offered")):
        status, said, _ = ask(address, "POST", "/answer", asks(id, [[0, 0]], **more))
        assert (status, words in said["error"]) == (422, True)


def test_paths_and_methods_that_are_not_there(address: str) -> None:
    for method, path, expected in (("GET", "/../../etc/passwd", 404), ("DELETE", "/answer", 405)):
        status, said, _ = ask(address, method, path)
        assert (status, said["error"][:60]) == (
            expected,
            f"Nothing answers to {f'{method} {path}'!r}. Use GET /, POST /images"[:60],
        )


@pytest.mark.parametrize(
    ("headers", "expected", "words"),
    [
        ({"Host": "rebound.example"}, 421, "for the host 'rebound.example'. Use one of: localhost, 127.0.0.1, [::1]."),
        ({"Host": "127.0.0.1.example:80"}, 421, "for the host"),
        ({"Origin": "http://evil.example"}, 403, "comes from a page of 'http://evil.example'"),
        ({"Origin": "null"}, 403, "comes from a page of 'null'"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "comes from another site's page"),
        ({"Content-Length": "99999999"}, 413, "The request has 99999999 bytes, more than 65,536. Send less."),
        ({"Content-Length": "-1"}, 413, "The request has -1 bytes"),
    ],
)
def test_requests_from_elsewhere_are_refused(address: str, headers: dict[str, str], expected: int, words: str) -> None:
    try:
        status, said, _ = ask(address, "POST", "/answer", b"{}", headers)
    except OSError:
        assert headers == {"Content-Length": "-1"}  # uvicorn hangs up
        return
    if headers != {"Content-Length": "-1"}:
        assert (status, words in said["error"]) == (expected, True), said


def test_own_names_and_own_pages_pass(address: str) -> None:
    port = address.partition(":")[2]
    for headers in ({"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}, {"Host": "[::1]:1"}):
        assert ask(address, "GET", "/", headers=headers)[0] == 200
    assert ask(address, "GET", "/", headers={"Sec-Fetch-Site": "cross-site"})[0] == 200  # a link to the page


def test_a_long_body_is_cut_off_whatever_it_said(address: str) -> None:
    pieces = iter([b"x" * 60_000] * 3)
    status, said, _ = ask(address, "POST", "/answer", pieces, {"Transfer-Encoding": "chunked"})
    assert (status, "bytes, more than 65,536. Send less." in said["error"]) == (413, True)


def test_a_token_is_needed_and_compared_whole(classifier: Explorer) -> None:
    with served(classifier, token="secret-token") as where:
        for path, headers in (
            ("/", {}),
            ("/?token=", {}),
            ("/?token=secret-toke", {}),
            ("/images/x", {"Authorization": "Bearer secret-tokens"}),
            ("/?token=%C3%A9", {"Authorization": "Bearer \xe9"}),
        ):
            status, said, _ = ask(where, "GET", path, headers=headers)
            assert (status, said["error"]) == (
                401,
                "The token is missing or another one. Use the address that was printed at the start.",
            )
        assert ask(where, "GET", "/?token=secret-token", headers={"Host": "my-machine"})[0] == 200
        id = next(iter(classifier.images))
        headers = {"Authorization": "Bearer secret-token", "Host": "my-machine", "Origin": "http://other"}
        assert ask(where, "POST", "/answer", asks(id, [[0, 0]]), headers)[0] == 403
        assert ask(where, "POST", "/answer", asks(id, [[0, 0]]), headers | {"Origin": "http://my-machine"})[0] == 200


def test_too_many_requests_wait() -> None:
    guard = Guard(None, Limits(rate=1.0, burst=3))
    for _ in range(3):
        guard.count("1.2.3.4")
    with pytest.raises(Refused, match=r"more than 1 requests a second\. Try again in a second") as refused:
        guard.count("1.2.3.4")
    assert refused.value.status == 429
    guard.count("5.6.7.8")
    for number in range(3000):
        guard.count(str(number))
    assert len(guard._left) == 1024


class Slow:
    """Instead of an explorer's answers: waits until it may go on, and notes what was computed."""

    def __init__(self, one: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free, self.begun, self.computed = threading.Event(), threading.Event(), []
        answer: Callable[..., Any] = one.answer

        def slow(held: Any, path: Any, choice: Any) -> Any:
            self.computed.append(path[-1])
            self.begun.set()
            assert self.free.wait(20)
            return answer(held, path, choice)

        monkeypatch.setattr(one, "answer", slow)


def waiting(one: Any, count: int) -> None:
    for _ in range(1000):
        if len(one.waiting) == count:
            return
        time.sleep(0.01)
    pytest.fail(f"{len(one.waiting)} clients wait, not {count}")


def test_fifty_clients_are_served_in_turn_and_none_is_lost(address: str, classifier: Explorer) -> None:
    id = next(iter(classifier.images))

    def client(number: int) -> list[int]:
        return [
            ask(address, "POST", "/answer", asks(id, [[(number + i) % 30, i]], client=f"client {number}"))[0]
            for i in range(2)
        ]

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(client, range(50))) == [[200, 200]] * 50


def raw(address: str, body: bytes) -> socket.socket:
    host, _, port = address.partition(":")
    connection = socket.create_connection((host, int(port)))
    head = f"POST /answer HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_the_newest_place_of_a_client_is_computed_and_who_leaves_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    one = explorer(limits=Limits(waiting=4))
    slow, id = Slow(one, monkeypatch), next(iter(one.images))
    turns = []
    from antialias.explore import _app

    monkeypatch.setattr(_app, "Turns", lambda most: turns.append(_turns(most)) or turns[-1])
    with served(one) as where, ThreadPoolExecutor(8) as pool:
        first = pool.submit(ask, where, "POST", "/answer", asks(id, [[0, 0]], client="first"))
        assert slow.begun.wait(20)
        places = []
        for left in (1, 2, 3):  # one drags while the machine is busy
            places.append(pool.submit(ask, where, "POST", "/answer", asks(id, [[left, 0]], client="hasty")))
            waiting(turns[0], 1)
            time.sleep(0.1)
        leaving = raw(where, asks(id, [[9, 0]], client="leaving"))
        waiting(turns[0], 2)
        leaving.close()
        waiting(turns[0], 1)
        more = [pool.submit(ask, where, "POST", "/answer", asks(id, [[5, 0]], client=f"{i}")) for i in range(3)]
        waiting(turns[0], 4)
        status, said, headers = ask(where, "POST", "/answer", asks(id, [[6, 0]], client="too late"))
        assert (status, said, headers["retry-after"]) == (503, {"error": "4 clients wait. Try again in a second."}, "1")
        slow.free.set()
        assert [future.result(20)[0] for future in (first, *places, *more)] == [200, 409, 409, 200, 200, 200, 200]
    assert slow.computed == [(0, 0), (3, 0), (5, 0), (5, 0), (5, 0)]


def _turns(most: int) -> Any:
    from antialias.explore._turns import Turns

    return Turns(most)


def test_a_fault_of_the_page_is_answered_and_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = explorer()
    id = next(iter(one.images))
    monkeypatch.setattr(one, "answer", lambda *_: 1 / 0)
    with served(one) as where:
        status, said, _ = ask(where, "POST", "/answer", asks(id, [[0, 0]]))
        assert (status, said["error"]) == (
            500,
            "Something failed (ZeroDivisionError). The terminal that runs the page says more.",
        )
        assert ask(where, "GET", "/")[0] == 200
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_taken_port_is_told(address: str) -> None:
    from antialias.explore._serve import listen

    port = int(address.partition(":")[2])
    with pytest.raises(
        OSError, match=rf"port {port} of 127\.0\.0\.1 cannot be had: .*Use --port 0 for one that is free"
    ):
        listen("127.0.0.1", port)


def test_the_verb_serves_images_of_a_folder_until_interrupted(tmp_path: Path) -> None:
    (tmp_path / "images" / "few").mkdir(parents=True)
    (tmp_path / "images" / "few" / "one.png").write_bytes(png())
    command = "from antialias.cli import main; main()"
    words = [
        "explore",
        "antialias:TinyResNet",
        "--size",
        "64",
        "--port",
        "0",
        "--data",
        f"images:{tmp_path / 'images'}",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip().removeprefix("Open http://")
        status, page, headers = ask(address, "GET", "/")
        assert (status, "few/one.png" in page) == (200, True)
        assert "default-src 'none'" in headers["content-security-policy"]
    finally:
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest.splitlines()[-1], errors) == (0, "Stopped.", "")
    assert os.listdir(tmp_path) == ["images"]


def test_other_hosts_print_a_token() -> None:
    from antialias.explore._serve import address_of, listen

    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        assert address_of(listening, "127.0.0.1", None).startswith(f"Open http://127.0.0.1:{port}\nOnly this machine")
        printed = address_of(listening, "192.0.2.1", "abc")
    assert printed.startswith(f"Open http://192.0.2.1:{port}/?token=abc\nWhoever has this address can use it.")


def test_few_uploads_are_received_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one = explorer(limits=Limits(uploads=2))
    now, most, upload = [0], [0], one.upload

    def counted(name: str, data: bytes) -> Any:
        time.sleep(0.02)
        return upload(name, data)

    from antialias.explore import _app

    body_of = _app.body_of

    async def receiving(request: Any, guard: Guard) -> bytes:
        now[0] += 1
        most[0] = max(most[0], now[0])
        data = await body_of(request, guard)
        await asyncio.sleep(0.05)
        now[0] -= 1
        return data

    monkeypatch.setattr(one, "upload", counted)
    monkeypatch.setattr(_app, "body_of", receiving)
    with served(one) as where, ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(ask, where, "POST", "/images?name=a", png()) for _ in range(6)]
        assert [answer.result(20)[0] for answer in answers] == [200] * 6
    assert most[0] == 2
