"""Run the page on this machine until somebody stops it."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from typing import Any

from antialias._extras import require

from ._app import application
from ._explorer import Explorer
from ._guard import is_loopback

_HEADER = 16 << 10


def serve(explorer: Explorer, *, host: str = "127.0.0.1", port: int = 8765, title: str = "Drag your own image") -> None:
    """Serve the page, print its address, and return when interrupted (Ctrl-C).

    On any address that other machines reach, every request needs the token of the printed address.

    Args:
        explorer: What is shown.
        host: Address to listen on; only this machine reaches `127.0.0.1`, `::1` and `localhost`.
        port: 0 for any that is free.
        title: What the page is called.

    Raises:
        OSError: The address or port cannot be had.
        ImportError: uvicorn or Starlette is missing; the message names the extra.
    """
    uvicorn = require("uvicorn", extra="explore")
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    listening = listen(host, port)
    with listening:
        app = application(explorer, token=token, title=title)
        print(address_of(listening, host, token), flush=True)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config(uvicorn, app)).run(sockets=[listening])
    print("Stopped.", flush=True)


def config(uvicorn: Any, app: Any) -> Any:
    """Return how uvicorn serves the page: no log of requests, no name of the server, no waiting for slow clients."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=256,
        h11_max_incomplete_event_size=_HEADER,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OSError: The address or port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(f"port {port} of {host} cannot be had: {reason}. Use --port 0 for one that is free.") from error


def address_of(listening: socket.socket, host: str, token: str | None) -> str:
    """Return where the page is, with the token where one is needed, and how to stop it."""
    port = listening.getsockname()[1]
    name = f"[{host}]" if ":" in host else socket.gethostname() if host in ("0.0.0.0", "::") else host
    secret = "" if token is None else f"/?token={token}"
    reach = "Only this machine reaches it." if token is None else "Whoever has this address can use it."
    return f"Open http://{name}:{port}{secret}\n{reach} Stop it with Ctrl-C."
