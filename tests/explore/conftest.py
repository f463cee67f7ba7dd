"""Small networks that are quick and change their answers, and the page of each on a port of this machine."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
import torch
import uvicorn
from PIL import Image
from torch import Tensor, nn

from antialias.explore import Explorer, Limits, Networks, application
from antialias.explore._serve import config, listen
from antialias.models import TinyResNet

SIDE = 64


class TinyDetector(nn.Module):
    """Boxes of the brightest and the reddest place of a coarse map, which come and go as that moves."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse = nn.Sequential(nn.Conv2d(3, 3, 3, 4, 1), nn.ReLU(), nn.Conv2d(3, 3, 3, 2, 1))

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        answers = []
        for image in images:
            maps = self.coarse(image[None])[0]
            places = maps[:2].flatten(1).argmax(1)
            y, x = places // maps.shape[2] * 8.0, places % maps.shape[2] * 8.0
            boxes = torch.stack([x, y, x + 12, y + 12], 1)
            answers.append({"boxes": boxes, "labels": torch.tensor([1, 2]), "scores": torch.tensor([0.9, 0.7])})
        return answers


class TinySegmenter(nn.Module):
    """Three classes of pixels, from a map at a quarter of the size."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.up = nn.Conv2d(8, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(self.up(self.down(x)), x.shape[-2:], mode="nearest")


def network(kind: str) -> nn.Module:
    torch.manual_seed(1)
    kinds: dict[str, Callable[[], nn.Module]] = {
        "classes": lambda: TinyResNet(num_classes=5),
        "objects": TinyDetector,
        "labels": TinySegmenter,
        "values": lambda: TinySegmenter(1),
    }
    return kinds[kind]().eval()


def images(height: int = 80, width: int = 112) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    coarse = torch.rand(2, 3, height // 8, width // 8, generator=generator)
    fine = nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    noise = 0.3 * torch.rand(2, 3, height, width, generator=generator)
    return dict(zip(("hills", "<b>dunes</b>"), (255 * (0.7 * fine + noise)).byte(), strict=True))


def explorer(kind: str = "classes", *, mended: nn.Module | None = None, limits: Limits | None = None) -> Explorer:
    window = torch.rand(3, 7 * SIDE // 8, 7 * SIDE // 8, generator=torch.Generator().manual_seed(0))
    networks = Networks(network(kind), window, mended=mended)
    return Explorer(networks, images(), side=SIDE, limits=limits)


def png(height: int = 70, width: int = 90, **how: Any) -> bytes:
    file = io.BytesIO()
    pixels = torch.randint(0, 256, (height, width, 3), generator=torch.Generator().manual_seed(3)).byte().numpy()
    Image.fromarray(pixels).save(file, how.pop("format", "PNG"), **how)
    return file.getvalue()


@contextmanager
def served(one: Explorer, token: str | None = None) -> Iterator[str]:
    """Serve the page on a free port, as the verb does; yields `host:port`."""
    with listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(config(uvicorn, application(one, token=token)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def ask(
    address: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, dict[str, str]]:
    """Return status, JSON and headers of an answer."""
    connection = HTTPConnection(address, timeout=30)
    try:
        connection.request(method, path, body, headers or {}, encode_chunked="Transfer-Encoding" in (headers or {}))
        response = connection.getresponse()
        data = response.read()
        kept = {name.lower(): value for name, value in response.getheaders()}
        return response.status, json.loads(data) if "json" in kept.get("content-type", "") else data.decode(), kept
    finally:
        connection.close()


def asks(id: str, path: list[list[int]], client: str = "a", **more: Any) -> bytes:
    return json.dumps({"client": client, "image": id, "path": path, **more}).encode()


@pytest.fixture(scope="session")
def classifier() -> Explorer:
    return explorer("classes")


@pytest.fixture(scope="session")
def address(classifier: Explorer) -> Iterator[str]:
    with served(classifier) as where:
        yield where
