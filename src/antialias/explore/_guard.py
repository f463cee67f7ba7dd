"""Who may ask for what: where a request comes from, its token, its size, and how often."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from antialias._extras import require

from ._images import Limits, Refused

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ADDRESSES = 1024


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Refuse requests before anything is read of them.

    Without a token only names of this machine are answered to, so that no other site's name can be made to lead here
    (DNS rebinding); and whatever a browser sends of another site's page is refused, with a token or without.

    Args:
        token: What requests have to know; none on this machine alone.
        limits: How much and how often.
    """

    def __init__(self, token: str | None, limits: Limits) -> None:
        self.token, self.limits = token, limits
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, scope: Mapping[str, Any]) -> None:
        """Let a request pass.

        Args:
            scope: Of the request, as ASGI has it.

        Raises:
            Refused: It comes from elsewhere, knows no token, is too long, or one of too many.
        """
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        name = host.lower() if host.endswith("]") else host.lower().rpartition(":")[0] or host.lower()
        if self.token is None and name not in LOOPBACK:
            raise Refused(421, f"The request is for the host {host[:80]!r}. Use one of: {', '.join(LOOPBACK)}.")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise Refused(403, f"The request comes from a page of {origin[:80]!r}. Open the page of {host[:80]!r}.")
        if scope["path"] != "/" and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refused(403, f"The request comes from another site's page. Open the page of {host[:80]!r}.")
        if self.token is not None and not self.knows_token(scope, headers):
            raise Refused(401, "The token is missing or another one. Use the address that was printed at the start.")
        self.count(scope["client"][0] if scope.get("client") else "")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.most(scope):
            raise self.too_long(scope, length)

    def knows_token(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
        """Whether a request has the token, compared in a time that does not depend on what is wrong with it."""
        given = headers.get("authorization", "").removeprefix("Bearer ")
        given = given or parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return secrets.compare_digest(given.encode(), (self.token or "").encode())

    def most(self, scope: Mapping[str, Any]) -> int:
        """Return how many bytes a request may have."""
        return self.limits.upload if scope["path"] == "/images" else self.limits.request

    def too_long(self, scope: Mapping[str, Any], length: str) -> Refused:
        """Return the refusal of a request of this length."""
        return Refused(413, f"The request has {length[:20]} bytes, more than {self.most(scope):,}. Send less.")

    def count(self, address: str) -> None:
        """Count a request of an address.

        Raises:
            Refused: There were too many.
        """
        now, rate, burst = time.monotonic(), self.limits.rate, self.limits.burst
        left, last = self._left.pop(address, (float(burst), now))
        left = min(float(burst), left + rate * (now - last))
        self._left[address] = (max(0.0, left - 1), now)
        while len(self._left) > _ADDRESSES:
            self._left.popitem(last=False)
        if left < 1:
            raise Refused(429, f"There were more than {rate:g} requests a second. Try again in a second.")


async def body_of(request: Any, guard: Guard) -> bytes:
    """Return what a request sends, however long it said it was.

    Args:
        request: Starlette's.
        guard: Knows how much it may be.

    Raises:
        Refused: It is too long, or takes too long.
    """
    data = bytearray()
    try:
        async with asyncio.timeout(guard.limits.seconds):
            async for piece in request.stream():
                data += piece
                if len(data) > guard.most(request.scope):
                    raise guard.too_long(request.scope, f"{len(data):,} or more")
    except require("starlette.requests", extra="explore").ClientDisconnect as error:
        raise Refused(499, "The client went away.") from error
    except TimeoutError as error:
        seconds = guard.limits.seconds
        raise Refused(408, f"The request took more than {seconds:g} seconds to arrive. Send it anew.") from error
    return bytes(data)
