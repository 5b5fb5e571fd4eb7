"""Dynamic batching of requests."""

import asyncio
import time
from collections import deque
from typing import NamedTuple

import numpy as np


class Overloaded(Exception):
    """Raised if too many rows are waiting.

    Args:
        seconds: Int, suggested delay before a retry.
    """

    def __init__(self, seconds):
        super().__init__(f"The server is busy. Retry in {seconds} s.")
        self.seconds = seconds


class _Waiting(NamedTuple):
    arrays: tuple
    weight: int
    future: asyncio.Future
    arrived: float


class Batcher:
    """Runs a function of arrays on the rows of several callers at once.

    A batch runs as soon as it is full, or when its first row has waited for `max_delay`. While a batch runs, the next
    one is collected.

    Args:
        function: Function of NumPy arrays of equal length that returns a list of such arrays. It is called in
            `executor`, one batch at a time.
        executor: `concurrent.futures.Executor`.
        max_weight: Int, maximum weight of a batch. Larger calls are split into several batches.
        max_delay: Float, in seconds.
        max_waiting: Int, maximum weight of the waiting rows. `Overloaded` is raised if a call would exceed it.
        weigh: Function of the arrays that returns the weight of a row. Defaults to a weight of 1.
        observe: Function that is called with the number of rows of each batch.
    """

    def __init__(
        self,
        function,
        executor,
        max_weight,
        max_delay,
        max_waiting,
        weigh=lambda *arrays: 1,
        observe=lambda rows: None,
    ):
        self._function = function
        self._executor = executor
        self._max_weight = max_weight
        self._weigh = weigh
        self._max_delay = max_delay
        self._max_waiting = max_waiting
        self._observe = observe
        self._queue = deque()
        self._arrived = asyncio.Event()
        self._worker = None
        self._seconds_per_weight = 0.0
        self.waiting = 0

    async def __call__(self, *arrays):
        """Computes the results for the rows of a caller.

        Raises:
            Overloaded: If too many rows are waiting.
        """
        weight = self._weigh(*arrays)
        rows = len(arrays[0])
        if self.waiting + rows * weight > self._max_waiting:
            raise Overloaded(max(1, round(self.waiting * self._seconds_per_weight)))
        at_once = max(1, self._max_weight // weight)
        pieces = [[array[start : start + at_once] for array in arrays] for start in range(0, rows, at_once)]
        self.waiting += rows * weight
        try:
            if len(pieces) == 1:
                return await self._piece(arrays, weight)
            results = await asyncio.gather(*(self._piece(piece, weight) for piece in pieces))
            return [np.concatenate(parts) for parts in zip(*results, strict=True)]
        finally:
            self.waiting -= rows * weight

    async def _piece(self, arrays, weight):
        loop = asyncio.get_running_loop()
        if self._worker is None:
            self._worker = loop.create_task(self._work())
        future = loop.create_future()
        self._queue.append(_Waiting(arrays, len(arrays[0]) * weight, future, time.monotonic()))
        self._arrived.set()
        return await future

    async def _work(self):
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            await self._gather()
            if batch := self._next_batch():
                try:
                    await self._run(batch)
                except Exception as error:
                    for each in batch:
                        if not each.future.done():
                            each.future.set_exception(error)

    async def _run(self, batch):
        arrays = [np.concatenate(parts) for parts in zip(*(each.arrays for each in batch), strict=True)]
        self._observe(len(arrays[0]))
        begun = time.monotonic()
        loop = asyncio.get_running_loop()
        results = await loop.run_in_executor(self._executor, self._function, *arrays)
        self._seconds_per_weight = (time.monotonic() - begun) / sum(each.weight for each in batch)
        start = 0
        for each in batch:
            end = start + len(each.arrays[0])
            if not each.future.done():
                each.future.set_result([result[start:end] for result in results])
            start = end

    async def _gather(self):
        """Waits until a batch is full, or its first row has waited for `max_delay`."""
        while self._queue and sum(each.weight for each in self._queue) < self._max_weight:
            left = self._queue[0].arrived + self._max_delay - time.monotonic()
            if left <= 0:
                return
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), left)
            except TimeoutError:
                return

    def _next_batch(self):
        """Takes the first calls of the queue that can be joined into a batch, without canceled ones."""
        batch, weight = [], 0
        while self._queue:
            each = self._queue[0]
            if not each.future.done():
                is_full = weight + each.weight > self._max_weight
                if batch and (is_full or _shapes(each) != _shapes(batch[0])):
                    break
                batch.append(each)
                weight += each.weight
            self._queue.popleft()
        return batch


def _shapes(waiting):
    return [array.shape[1:] for array in waiting.arrays]
