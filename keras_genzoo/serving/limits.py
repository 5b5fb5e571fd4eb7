"""The limits of a server."""

import dataclasses


def _limit(default, help):
    return dataclasses.field(default=default, metadata={"help": help})


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits on the requests that a server accepts. Each is also an option of `genzoo serve`.

    Raises:
        ValueError: If `max_waiting` is less than `max_num`.
    """

    max_num: int = _limit(256, "maximum number of samples, or array rows, per request")
    max_pixels: int = _limit(4_000_000, "maximum number of pixels of the pictures in a request")
    max_body: int = _limit(16 * 2**20, "maximum size of a request in bytes")
    max_waiting: int = _limit(
        1024, "maximum number of samples waiting for a network; more are answered with 429"
    )
    max_batch: int = _limit(64, "maximum batch size")
    max_connections: int = _limit(512, "maximum number of connections; more are answered with 503")
    batch_delay: float = _limit(0.001, "seconds that a request waits for others to join its batch")
    deadline: float = _limit(30.0, "seconds after which a request is answered with 504")

    def __post_init__(self):
        if self.max_waiting < self.max_num:
            raise ValueError(
                f"`max_waiting` must be at least `max_num`. Received: {self.max_waiting} and {self.max_num}"
            )
