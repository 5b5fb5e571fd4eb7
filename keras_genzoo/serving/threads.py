"""Where work is done that would hold up other requests."""

import asyncio

# Below so many bytes the change of the thread takes longer than the work.
_SMALL = 2**16


def size_of(outputs):
    """Bytes of a dict of arrays."""
    return sum(array.nbytes for array in outputs.values())


async def beside_the_loop(size, function, *arguments):
    """Calls a function of `size` bytes of input or output: in a thread of its own where they are many."""
    if size < _SMALL:
        return function(*arguments)
    return await asyncio.to_thread(function, *arguments)
