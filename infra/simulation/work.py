"""What the simulator assumes about visitors and engines. No figure here was measured on Modal; docs/capacity.md says
where each comes from and which of them matter. Seconds throughout.
"""

import msgspec


class Engine(msgspec.Struct, frozen=True):
    """One container of a pool: from its start to the first input, also from a memory snapshot."""

    boot: float
    snapshot_boot: float


# torch and its imports, then weights from a volume: about 1 GB (SenseVoice), 6 GB (IndexTTS2), 1.2 GB (Qwen3-0.6B).
# Published snapshots are 3 to 10 times faster; 4 to 5 is taken.
ENGINES = {
    "asr": Engine(12.0, 3.0),
    "queries": Engine(10.0, 2.5),
    "tts": Engine(30.0, 6.0),
    "voice": Engine(36.0, 8.0),  # all three in one container: their packages are imported once
}
ENDING = 1.0  # between being told to stop and being gone, billed
SLOWDOWN = 0.25  # an input takes so much longer for each other input in its container when it begins

# A turn. Each is a log-normal (median, sigma), and so never negative, often short and sometimes long.
HEARING = (0.15, 0.3)  # SenseVoice: 0.07 s per 10 s of speech are published, then decoding and the detector
SEARCHING = (0.05, 0.3)
THINKING = (0.7, 0.4)  # an LLM endpoint until its first clause; no container of ours waits for it
REPLY_AUDIO = (6.0, 0.5)
SPEAKING_RTF = 0.3  # IndexTTS2, compute time / audio time: 0.31 on an RTX 4090 is published
PAUSE = (15.0, 0.7)  # from the last piece of a reply to the end of the next utterance: listening, thinking, talking
WITH_SOURCES = 0.3  # share of turns that search

# A visit.
TURNS_PER_VISIT = 9.5
BOUNCES = 0.3  # share of page openings that no turn follows
READING = (5.0, 10.0)  # from opening the page to the end of the first utterance, evenly spread
DAY = 86_400.0
SWING = 0.8  # the busiest hour has 1 + SWING times the mean, the quietest 1 - SWING
BUSIEST = 16.0  # o'clock

LATE = 0.5  # a turn that waited longer for containers is late
