"""`python -m tests.slow`: the app with a scripted LLM that takes 12 seconds for a reply, for what happens meanwhile.

WORD_S=2 in the environment makes that 48 seconds.

It answers "Good morning" as fast as it can: that only fills a room.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing

from domain.ports import Prompt
from domain.usage import Meter
from functions.engines.scripted import ScriptedLlm
from web import __main__ as web

WORD_S = float(os.environ.get("WORD_S", "0.5"))
FAST = ("Good morning.", "早上好。")


async def slowly(self: ScriptedLlm, prompt: Prompt, meter: Meter | None = None) -> AsyncGenerator[str, None]:
    async with aclosing(_reply(self, prompt, meter)) as words:
        async for word in words:
            if prompt.lines[-1].text not in FAST:
                await asyncio.sleep(WORD_S)
            yield word


_reply = ScriptedLlm.reply
if __name__ == "__main__":
    ScriptedLlm.reply = slowly  # type: ignore[method-assign]
    sys.exit(web.main())
