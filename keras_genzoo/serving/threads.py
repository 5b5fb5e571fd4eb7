"""Running work in threads, so that it does not block other requests."""

import asyncio

# For fewer bytes, switching threads takes longer than the work.
_SMALL = 2**16


def size_of(outputs):
    """Returns the size in bytes of a dict of arrays."""
    return sum(array.nbytes for array in outputs.values())


async def beside_the_loop(size, function, *arguments):
    """Calls a function of `size` bytes of input or output, in a separate thread if they are many."""
    if size < _SMALL:
        return function(*arguments)
    return await asyncio.to_thread(function, *arguments)
