"""Requests that are computed together get their own results."""

import asyncio
import concurrent.futures
import threading

import numpy as np
import pytest

from keras_genzoo.serving.batching import Batcher, Overloaded


class Doubling:
    """A function that notes its batches and, while it is held, does not return."""

    def __init__(self):
        self.sizes = []
        self.free = threading.Event()
        self.free.set()

    def __call__(self, array):
        self.sizes.append(len(array))
        assert self.free.wait(10)
        return [2 * array]


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def make_batcher(function, **options):
    options = {"max_weight": 4, "max_delay": 0.05, "max_waiting": 8, **options}
    return Batcher(function, concurrent.futures.ThreadPoolExecutor(1), **options)


def rows(*values):
    return np.array(values)


def test_callers_get_their_own_rows_from_one_batch():
    function = Doubling()

    async def ask():
        batcher = make_batcher(function)
        return await asyncio.gather(batcher(rows(1)), batcher(rows(2, 3)), batcher(rows(4)))

    (first,), (second,), (third,) = run(ask())
    assert (first.tolist(), second.tolist(), third.tolist()) == ([2], [4, 6], [8])
    assert function.sizes == [4]


def test_a_batch_that_is_not_full_runs_after_the_delay():
    function = Doubling()
    (results,) = run(make_batcher(function, max_weight=100, max_delay=0.01)(rows(5)))
    assert results.tolist() == [10] and function.sizes == [1]


def test_rows_of_other_shapes_are_batches_of_their_own():
    function = Doubling()

    async def ask():
        batcher = make_batcher(function)
        return await asyncio.gather(
            batcher(np.ones((1, 2))), batcher(np.ones((1, 3))), batcher(np.ones((1, 3)))
        )

    shapes = [result.shape for (result,) in run(ask())]
    assert shapes == [(1, 2), (1, 3), (1, 3)]
    assert function.sizes == [1, 2]


def test_more_rows_than_may_wait_are_refused_and_the_others_answered():
    function = Doubling()

    async def ask():
        function.free.clear()
        batcher = make_batcher(function, max_weight=2, max_waiting=4)
        waiting = [asyncio.ensure_future(batcher(rows(value))) for value in range(4)]
        await asyncio.sleep(0.1)
        with pytest.raises(Overloaded) as refusal:
            await batcher(rows(9))
        assert refusal.value.seconds >= 1
        function.free.set()
        answers = [results[0].tolist() for results in await asyncio.gather(*waiting)]
        return answers, batcher.waiting

    assert run(ask()) == ([[0], [2], [4], [6]], 0)


def test_a_failure_reaches_its_callers_and_later_batches_run():
    async def ask():
        batcher = make_batcher(lambda array: [1 / array if array.all() else 1 // 0], max_weight=1)
        with pytest.raises(ZeroDivisionError):
            await batcher(rows(0))
        # Nor do rows that cannot be joined end what computes the others.
        batcher._observe = lambda number: 1 // 0
        with pytest.raises(ZeroDivisionError):
            await batcher(rows(1))
        batcher._observe = lambda number: None
        return await batcher(rows(2))

    assert run(ask())[0].tolist() == [0.5]


def test_a_caller_with_many_rows_is_computed_in_several_batches():
    function = Doubling()
    (results,) = run(make_batcher(function, max_weight=3, max_waiting=100)(np.arange(8)))
    assert results.tolist() == [0, 2, 4, 6, 8, 10, 12, 14] and function.sizes == [3, 3, 2]


def test_more_than_may_ever_wait_is_refused():
    with pytest.raises(Overloaded):
        run(make_batcher(Doubling(), max_waiting=4)(np.arange(5)))


def test_rows_may_weigh_more_than_one():
    function = Doubling()

    async def ask():
        batcher = make_batcher(function, max_weight=8, max_waiting=100, weigh=lambda array: array.shape[1])
        await asyncio.gather(*(batcher(np.ones((1, 4))) for _ in range(4)))

    run(ask())
    assert function.sizes == [2, 2]


def test_who_gave_up_is_not_computed():
    function = Doubling()

    async def ask():
        function.free.clear()
        batcher = make_batcher(function, max_weight=1)
        first = asyncio.ensure_future(batcher(rows(1)))
        await asyncio.sleep(0.1)
        given_up = asyncio.ensure_future(batcher(rows(2)))
        last = asyncio.ensure_future(batcher(rows(3)))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        function.free.set()
        await asyncio.gather(first, last)
        return batcher.waiting

    assert run(ask()) == 0
    assert len(function.sizes) == 2
