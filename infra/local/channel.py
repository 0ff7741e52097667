"""The numbered chunks of one function call: what a generator yields, or the body of a web request."""

from collections.abc import AsyncIterator, Iterable

from modal_proto import api_pb2

from infra.local.bell import Bell


class Channel:
    """Chunks by index, from 1. A chunk that comes again with the same index is dropped, as both ends of Modal do."""

    def __init__(self) -> None:
        self.chunks: list[api_pb2.DataChunk] = []
        self.closed = False
        self._bell = Bell()

    def put(self, chunks: Iterable[api_pb2.DataChunk]) -> None:
        """Append those that are next in line, and wake the readers."""
        for chunk in chunks:
            if chunk.index == len(self.chunks) + 1:
                self.chunks.append(chunk)
        self._bell.ring()

    def close(self) -> None:
        """No more will come: readers end after the last chunk."""
        self.closed = True
        self._bell.ring()

    async def read(self, after: int = 0) -> AsyncIterator[api_pb2.DataChunk]:
        """Yield the chunks with an index above `after`, then those to come, until the channel is closed."""
        at = after
        while True:
            while at < len(self.chunks):
                yield self.chunks[at]
                at += 1
            if self.closed:
                return
            await self._bell.wait()
