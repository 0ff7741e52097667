"""A reply that was cut short: how long its last piece would have been, and what of it was heard."""

from domain.chat import Cue, Reply, heard_part


def whole(part: Cue, spoken: list[Cue]) -> Cue:
    """Estimate where a piece would have ended whose synthesis was cut: at the pace of what came before."""
    letters = sum(len(c.text) for c in spoken)
    pace = spoken[-1].end_ms / letters if letters else (200 if part.text[:1] >= "\u2e80" else 65)
    return Cue(part.text, part.start_ms, max(part.end_ms, part.start_ms + round(len(part.text) * pace)))


def cut_reply(reply: Reply, heard_ms: int) -> Reply:
    kept = tuple(
        Cue(c.text, c.start_ms, min(c.end_ms, heard_ms))
        if c.end_ms <= heard_ms
        else Cue(heard_part([c], heard_ms), c.start_ms, heard_ms)
        for c in reply.cues
        if c.start_ms < heard_ms
    )
    text = heard_part(reply.cues, heard_ms)
    return Reply(text, True, tuple(c for c in kept if c.text), reply.receipt, reply.sources)
