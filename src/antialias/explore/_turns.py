"""Clients take turns at the one thread that computes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ._images import Refused

T = TypeVar("T")


class Turns:
    """A queue with a place for each client, whose newest wish takes that of an older one that still waits.

    Args:
        most: Clients that may wait.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting: OrderedDict[str, tuple[Callable[[], Any], asyncio.Future[Any]]] = OrderedDict()
        self._some = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="antialias-explore")

    async def of(self, client: str, work: Callable[[], T]) -> T:
        """Return what the work returns, when the client has had its turn; whoever is cancelled loses its place.

        Args:
            client: Whose turn.
            work: Runs in the thread.

        Raises:
            Refused: The queue is full, or the same client wants something newer.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if client in self.waiting:
            older = self.waiting[client][1]
            if not older.done():
                older.set_exception(Refused(409, "A newer position was asked for. Nothing is to be done."))
        elif len(self.waiting) >= self.most:
            raise Refused(503, f"{len(self.waiting)} clients wait. Try again in a second.")
        self.waiting[client] = (work, future)
        self._some.set()
        try:
            return await future
        finally:
            if self.waiting.get(client, (work, None))[1] is future:
                del self.waiting[client]

    async def serve(self) -> None:
        """Let one client after the other have its turn, until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._some.wait()
                if not self.waiting:
                    self._some.clear()
                    continue
                _, (work, future) = self.waiting.popitem(last=False)
                if future.done():
                    continue
                try:
                    result = await loop.run_in_executor(self._thread, work)
                except Exception as error:
                    if not future.done():
                        future.set_exception(error)
                else:
                    if not future.done():
                        future.set_result(result)
        finally:
            for _, future in self.waiting.values():
                future.cancel()
            self._thread.shutdown(wait=False, cancel_futures=True)
