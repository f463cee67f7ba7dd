"""The web application: a page, images in, answers out."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from itertools import count
from typing import Any, TypeVar

from antialias._extras import require
from antialias.report.page import SHAPES, fill, joined, ramp, script_json

from ._explorer import Explorer, Position
from ._guard import HEADERS, Guard, body_of
from ._images import Held, Refused
from ._networks import Choice
from ._turns import Turns

T = TypeVar("T")
_PAGE = files("antialias.explore.page")
_BRACKETS = 128
"""A path needs half of them; lists in lists without end would use up the parser's stack."""


class Application:
    """Starlette's handlers for an explorer.

    Args:
        explorer: What is shown.
        token: What requests have to know, if anything.
        title: What the page is called.
    """

    def __init__(self, explorer: Explorer, token: str | None, title: str) -> None:
        self.explorer, self.title = explorer, title
        self.guard = Guard(token, explorer.limits)
        self.turns = Turns(explorer.limits.waiting)
        self.number, self.receiving = count(), asyncio.Semaphore(explorer.limits.uploads)
        self.responses = require("starlette.responses", extra="explore")

    @asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncIterator[None]:
        """Let clients have their turns while the application runs."""
        serving = asyncio.create_task(self.turns.serve())
        yield
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    async def page(self, _: Any) -> Any:
        """Return the page."""
        nonce = secrets.token_urlsafe(16)
        data = {"networks": {}, "shapes": SHAPES, "viewers": [], "detections": [], "filters": [], "ramp": ramp()}
        html = fill(
            "explore.html.j2",
            folder=_PAGE,
            title=self.title,
            state=self.explorer.state(),
            nonce=nonce,
            page_json=script_json(data | {"live": self.explorer.state()}),
            css=joined(".css") + _PAGE.joinpath("explore.css").read_text(encoding="utf-8"),
            script=joined(".js") + _PAGE.joinpath("explore.js").read_text(encoding="utf-8"),
        )
        policy = (
            f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return self.responses.HTMLResponse(html, headers={"Content-Security-Policy": policy})

    async def upload(self, request: Any) -> Any:
        """Take an image file, the body as it is; its name comes in the address."""
        async with self.receiving:  # or many clients could fill the memory with what they send
            data = await body_of(request, self.guard)
            name = request.query_params.get("name", "")
            return await self.in_turn(request, f"upload {next(self.number)}", lambda: self.explorer.upload(name, data))

    async def image(self, request: Any) -> Any:
        """Return an image."""
        await body_of(request, self.guard)
        held = self.explorer.held(request.path_params["id"])
        return await self.in_turn(request, f"image {next(self.number)}", lambda: self.explorer.image(held))

    async def answer(self, request: Any) -> Any:
        """Return what networks say at the last place of a path."""
        client, held, path, choice = await self.asked(request)
        return await self.in_turn(request, f"answer {client}", lambda: self.explorer.answer(held, path, choice))

    async def filters(self, request: Any) -> Any:
        """Return the filters that networks predict there."""
        client, held, path, choice = await self.asked(request)
        return await self.in_turn(request, f"filters {client}", lambda: self.explorer.filters(held, path[-1], choice))

    async def asked(self, request: Any) -> tuple[str, Held, list[Position], Choice]:
        """Return what a request asks for: the client, the image, the path of the window, and the switches.

        Raises:
            Refused: It asks for what there is not.
        """
        data = await body_of(request, self.guard)
        if data.count(b"[") + data.count(b"{") > _BRACKETS:
            raise Refused(
                400, f"The request has more than {_BRACKETS} brackets. Send an object with one list of places."
            )
        try:
            asks = json.loads(data)
        except ValueError as error:
            raise Refused(400, f"The request of {len(data):,} bytes is no JSON. Send an object.") from error
        if not isinstance(asks, dict):
            raise Refused(400, f"The request is a {type(asks).__name__}. Send an object.")
        client = asks.get("client")
        if not isinstance(client, str) or not 1 <= len(client) <= 64:
            raise Refused(422, f"client={str(client)[:80]} is no name. Send 1 to 64 letters of your own.")
        held = self.explorer.held(asks.get("image"))
        path = self.explorer.path_in(held, asks.get("path"))
        try:
            choice = self.explorer.networks.checked(asks.get("filter", "none"), asks.get("phases", 0))
        except ValueError as error:
            raise Refused(422, str(error)) from error
        return client, held, path, choice

    async def in_turn(self, request: Any, client: str, work: Callable[[], Any]) -> Any:
        """Return what the work returns as JSON when the client had its turn; one that goes away loses its place.

        Args:
            request: Whose connection is watched.
            client: Whose turn.
            work: Runs in the thread.

        Raises:
            Refused: The queue is full, or the same client wants something newer.
        """
        turn = asyncio.create_task(self.turns.of(client, work))
        gone = asyncio.create_task(left(request))
        try:
            await asyncio.wait({turn, gone}, return_when=asyncio.FIRST_COMPLETED)
            return self.responses.JSONResponse(await turn) if turn.done() else self.responses.Response(status_code=499)
        finally:
            for task in (turn, gone):
                task.cancel()
            await asyncio.gather(turn, gone, return_exceptions=True)

    async def refuse(self, request: Any, error: Exception) -> Any:
        """Return what is not done, as JSON."""
        if isinstance(error, Refused):
            wait = {"Retry-After": "1"} if error.status in (429, 503) else {}
            return self.responses.JSONResponse({"error": str(error)}, error.status, headers=wait)
        if isinstance(error, ValueError):  # what the library cannot do with this network
            return self.responses.JSONResponse({"error": str(error)}, 422)
        status, detail = getattr(error, "status_code", 500), getattr(error, "detail", "")
        if status in (404, 405):
            asked = f"{request.method} {request.url.path[:80]}"
            detail = f"Nothing answers to {asked!r}. Use GET /, POST /images, GET /images/ID, POST /answer or /filters."
        if status == 500:
            traceback.print_exception(error, file=sys.stderr)
            detail = f"Something failed ({type(error).__name__}). The terminal that runs the page says more."
        return self.responses.JSONResponse({"error": detail}, status)


async def left(request: Any) -> None:
    """Wait until a client goes away; its request has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def application(explorer: Explorer, *, token: str | None = None, title: str = "Drag your own image") -> Any:
    """Return the page and what it asks for, as an ASGI application.

    Args:
        explorer: What is shown.
        token: What requests have to know; without one only requests for names of this machine are answered.
        title: What the page is called.

    Raises:
        ImportError: Starlette is missing; the message names the extra.
    """
    starlette, routing = (require(f"starlette.{part}", extra="explore") for part in ("applications", "routing"))
    handlers = Application(explorer, token, title)
    routes = [
        routing.Route("/", handlers.page),
        routing.Route("/images", handlers.upload, methods=["POST"]),
        routing.Route("/images/{id}", handlers.image),
        routing.Route("/answer", handlers.answer, methods=["POST"]),
        routing.Route("/filters", handlers.filters, methods=["POST"]),
    ]
    exceptions = require("starlette.exceptions", extra="explore")
    refused = (Refused, ValueError, exceptions.HTTPException, Exception)
    inner = starlette.Starlette(
        routes=routes, lifespan=handlers.lifespan, exception_handlers=dict.fromkeys(refused, handlers.refuse)
    )

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await inner(scope, receive, send)

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            await send(message)

        try:
            handlers.guard.check(scope)
        except Refused as error:
            return await (await handlers.refuse(None, error))(scope, receive, with_headers)
        with suppress(Exception):  # Starlette raises anew what `refuse` has answered and printed
            await inner(scope, receive, with_headers)

    guarded.handlers = handlers  # type: ignore[attr-defined]
    return guarded
