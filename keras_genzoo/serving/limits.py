"""What one server takes on."""

import dataclasses


def _limit(default, help):
    return dataclasses.field(default=default, metadata={"help": help})


@dataclasses.dataclass(frozen=True)
class Limits:
    """Each is an option of `genzoo serve` too.

    Raises:
        ValueError: If `max_waiting` is less than `max_num`.
    """

    max_num: int = _limit(256, "samples, or rows of arrays, per request")
    max_pixels: int = _limit(4_000_000, "pixels of the pictures that are translated at once")
    max_body: int = _limit(16 * 2**20, "bytes of a request")
    max_waiting: int = _limit(1024, "samples that may wait for a network; beyond, 429 is answered")
    max_batch: int = _limit(64, "samples that are computed at once")
    max_connections: int = _limit(512, "connections; beyond, 503 is answered")
    batch_delay: float = _limit(0.001, "seconds that a request waits for others to be computed with")
    deadline: float = _limit(30.0, "seconds after which 504 is answered")

    def __post_init__(self):
        if self.max_waiting < self.max_num:
            raise ValueError(
                f"`max_waiting` must be at least `max_num`. Received: {self.max_waiting} and {self.max_num}"
            )
