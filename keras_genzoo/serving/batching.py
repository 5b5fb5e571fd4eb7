"""Requests that wait for one another to be computed together."""

import asyncio
import time
from collections import deque
from typing import NamedTuple

import numpy as np


class Overloaded(Exception):
    """As many rows wait as may.

    Args:
        seconds: Int, after which it is worth to ask again.
    """

    def __init__(self, seconds):
        super().__init__(f"The server is busy. Ask again in {seconds} s.")
        self.seconds = seconds


class _Waiting(NamedTuple):
    arrays: tuple
    future: asyncio.Future
    arrived: float


class Batcher:
    """Runs a function of arrays on the rows of several callers at once.

    A batch is run as soon as it is full, or its first row has waited `max_delay`; while one runs, the next gathers.

    Args:
        function: Function of NumPy arrays of equal length that returns a list of such arrays; called in `executor`,
            one batch at a time.
        executor: `concurrent.futures.Executor`.
        max_rows: Int, rows in a batch. A caller with more has a batch of its own.
        max_delay: Float, seconds.
        max_waiting: Int, rows that may wait; of a caller beyond that `Overloaded` is raised.
        observe: Function of the number of rows of each batch that runs.
    """

    def __init__(self, function, executor, max_rows, max_delay, max_waiting, observe=lambda rows: None):
        self._function = function
        self._executor = executor
        self._max_rows = max_rows
        self._max_delay = max_delay
        self._max_waiting = max_waiting
        self._observe = observe
        self._queue = deque()
        self._arrived = asyncio.Event()
        self._worker = None
        self._seconds_per_row = 0.0
        self.waiting = 0

    async def __call__(self, *arrays):
        """The results for a caller's rows.

        Raises:
            Overloaded: If too many rows wait.
        """
        rows = len(arrays[0])
        # Who asks for more than may ever wait is served when nobody waits.
        if self.waiting and self.waiting + rows > self._max_waiting:
            raise Overloaded(max(1, round(self.waiting * self._seconds_per_row)))
        loop = asyncio.get_running_loop()
        if self._worker is None:
            self._worker = loop.create_task(self._work())
        future = loop.create_future()
        self._queue.append(_Waiting(arrays, future, time.monotonic()))
        self.waiting += rows
        self._arrived.set()
        try:
            return await future
        finally:
            self.waiting -= rows

    async def _work(self):
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            await self._gather()
            batch = self._next_batch()
            if not batch:
                continue
            arrays = [np.concatenate(parts) for parts in zip(*(each.arrays for each in batch), strict=True)]
            self._observe(len(arrays[0]))
            begun = time.monotonic()
            try:
                loop = asyncio.get_running_loop()
                results = await loop.run_in_executor(self._executor, self._function, *arrays)
            except Exception as error:
                for each in batch:
                    if not each.future.done():
                        each.future.set_exception(error)
                continue
            self._seconds_per_row = (time.monotonic() - begun) / len(arrays[0])
            start = 0
            for each in batch:
                end = start + len(each.arrays[0])
                if not each.future.done():
                    each.future.set_result([result[start:end] for result in results])
                start = end

    async def _gather(self):
        """Waits until a batch is full, or its first row has waited long enough."""
        while self._queue and sum(len(each.arrays[0]) for each in self._queue) < self._max_rows:
            left = self._queue[0].arrived + self._max_delay - time.monotonic()
            if left <= 0:
                return
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), left)
            except TimeoutError:
                return

    def _next_batch(self):
        """Takes the first callers whose arrays can be joined; those who no longer wait are passed over."""
        batch, rows = [], 0
        while self._queue:
            each = self._queue[0]
            if not each.future.done():
                if batch and (
                    rows + len(each.arrays[0]) > self._max_rows or _shapes(each) != _shapes(batch[0])
                ):
                    break
                batch.append(each)
                rows += len(each.arrays[0])
            self._queue.popleft()
        return batch


def _shapes(waiting):
    return [array.shape[1:] for array in waiting.arrays]
