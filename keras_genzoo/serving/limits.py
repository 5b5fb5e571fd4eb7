"""What one server takes on."""

import dataclasses


def _limit(default, help):
    return dataclasses.field(default=default, metadata={"help": help})


@dataclasses.dataclass(frozen=True)
class Limits:
    """Each is an option of `genzoo serve` too."""

    max_num: int = _limit(256, "samples per request")
    max_pixels: int = _limit(4_000_000, "pixels of a picture to translate")
    max_body: int = _limit(32 * 2**20, "bytes of a request")
    max_waiting: int = _limit(
        1024, "samples or pictures that may wait for one network; beyond, 429 is answered"
    )
    max_batch: int = _limit(64, "samples or pictures that are computed at once")
    batch_delay: float = _limit(0.001, "seconds that a request waits for others to be computed with")
    deadline: float = _limit(30.0, "seconds after which 504 is answered")
