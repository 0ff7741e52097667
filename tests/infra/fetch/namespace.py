"""Runs in an empty network namespace (test_namespace.py starts it): every address is local, and whoever connects
anywhere is seen. Prints a line of JSON: what came of each part of the corpus, of which it takes one of N.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import httpx

from domain.errors import ParleyError
from infra.asking import Limits
from infra.fetch import SafeFetcher
from infra.resolving import Resolver, SystemResolver
from tests.fakes_web import Names, Request, SeenHosts, SleepClock, answer, moved
from tests.infra.fetch import corpus
from tests.infra.fetch.authority import contexts
from tests.infra.fetch.name_server import NameServer

# One of some thousands would be late on a busy machine; the silent name server is waited for as long as names are.
LIMITS = Limits(refusal_s=0, deadline_s=30.0, resolve_s=3.0, connect_s=8.0)
NAMES = {**corpus.INSIDE_NAMES, **corpus.REBINDING, **corpus.OUTSIDE_NAMES}
OUTSIDE = {*corpus.OUTSIDE_V4, *corpus.OUTSIDE_V6, *(f"93.184.215.{n}" for n in range(1, 60))}


class Canary:
    """Listens at every address; remembers each TCP connection, and the Host of each request on it."""

    def __init__(self, folder: Path, redirects: Sequence[str]) -> None:
        names = [name for name in NAMES if "_" not in name]
        self.tls, self.trust = contexts(folder, *names, "under_score.example")
        self.redirects = redirects
        self.seen: list[tuple[str, int]] = []
        self.hosts: list[tuple[str, str]] = []

    async def listen(self) -> None:
        for host in ("0.0.0.0", "::"):  # noqa: S104
            for port in (80, 443, *corpus.PORTS):
                tls = self.tls if port == 443 else None
                sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if ":" in host:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind((host, port))
                sock.listen(1024)
                sock.setblocking(False)
                asyncio.create_task(self._accept(sock, tls))  # noqa: RUF006

    async def _accept(self, sock: socket.socket, tls: object) -> None:
        """Count what is accepted before a byte (or a handshake) is looked at."""
        loop = asyncio.get_running_loop()
        while True:
            one, _ = await loop.sock_accept(sock)
            address, port, *_ = one.getsockname()
            self.seen.append((str(ip_address(address)), port))
            asyncio.create_task(self._serve(one, tls, str(ip_address(address))))  # noqa: RUF006

    async def _serve(self, one: socket.socket, tls: object, address: str) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, one, ssl=tls)  # type: ignore[arg-type]
            request = Request(await reader.readuntil(b"\r\n\r\n"))
        except (OSError, asyncio.IncompleteReadError):
            return
        self.hosts.append((address, request.fields.get("host", "")))
        page = answer(b"<p>canary</p>")
        if request.path.startswith("/to/") and request.path[4:].isdigit():
            page = moved(self.redirects[int(request.path[4:])])
        transport.write(page)
        transport.close()

    async def settle(self) -> None:
        """A connection is at the listener before its client knows, so a few turns of the loop bring it in. One that
        came later all the same would be seen with the next address.
        """
        for _ in range(5):
            await asyncio.sleep(0)

    def forget(self) -> None:
        self.seen.clear()
        self.hosts.clear()

    def inside(self) -> list[tuple[str, int]]:
        return [one for one in self.seen if one[0] not in OUTSIDE or one[1] not in (80, 443)]


def enter() -> None:
    for line in ("link set lo up", "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo"):
        subprocess.run(["ip", *line.split()], check=True)


async def refuse(canary: Canary, urls: Iterable[str], resolver: Resolver, *, robots: bool = False) -> dict[str, object]:
    """Ask for each; count those that led inside, those that were answered, and errors of other kinds."""
    made = _fetcher(canary, resolver)
    count, inside, strange = 0, [], []
    for url in urls:
        count += 1
        canary.forget()
        try:
            await made.fetch(url, robots=robots)
        except ParleyError as error:
            if error.code not in ("url_refused", "page_failed"):
                strange.append((url, error.code))
        except Exception as error:  # noqa: BLE001
            strange.append((url, repr(error)))
        await canary.settle()
        inside += [(url, *one) for one in canary.inside()]
    return {"tried": count, "inside": inside, "strange": strange}


async def welcome(canary: Canary, urls: Iterable[tuple[str, str]], resolver: Resolver) -> dict[str, object]:
    """Ask for each; count those refused, and connections to others than the host's own addresses, or for another."""
    made = _fetcher(canary, resolver)
    count, refused = 0, []
    wrong: list[tuple[object, ...]] = []
    for url, host in urls:
        count += 1
        canary.forget()
        try:
            await made.fetch(url, robots=False)
        except ParleyError as error:
            refused.append((url, error.code))
        await canary.settle()
        own = {address for answers in NAMES.get(host, [[host]]) for address in answers}
        named = f"[{host}]" if ":" in host else host
        wrong += [(url, *one) for one in canary.seen if one[0] not in own]
        wrong += [(url, *one) for one in canary.hosts if one[1] != named]
    return {"tried": count, "refused": refused, "wrong": wrong}


async def rebind(canary: Canary, make: Mapping[str, Resolver]) -> dict[str, object]:
    """Each is asked four times over: when it is public the connection goes there, and never elsewhere."""
    inside, served = [], 0
    for resolver in make.values():
        made = _fetcher(canary, resolver)
        for name in corpus.REBINDING:
            for _ in range(4):
                canary.forget()
                try:
                    await made.fetch(f"http://{name}/", robots=True)
                    served += 1
                except ParleyError:
                    pass
                await canary.settle()
                inside += [(name, *one) for one in canary.inside()]
    return {"tried": 4 * len(make) * len(corpus.REBINDING), "inside": inside, "served": served}


async def bare(canary: Canary, urls: Iterable[str]) -> int:
    """The yardstick: how many of them lead a plain client inside. Were it none, the canary would be blind."""
    count = 0
    async with httpx.AsyncClient(trust_env=False, timeout=2, verify=False) as client:  # noqa: S501
        for url in urls:
            canary.forget()
            with suppress(Exception):
                await client.get(url)
            await canary.settle()
            count += bool(canary.inside())
    return count


async def silent(canary: Canary) -> dict[str, object]:
    """Ask of a name server that does not answer: the fetch ends by its own deadline, not by the system's."""
    loop, begun = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    code = ""
    try:
        await _fetcher(canary, SystemResolver()).fetch("http://silent.example/", robots=False)
    except ParleyError as error:
        code = error.code
    return {"code": code, "seconds": round(loop.time() - begun, 2)}


def _fetcher(canary: Canary, resolver: Resolver) -> SafeFetcher:
    clock = SleepClock()
    return SafeFetcher(
        SeenHosts(), clock, "ParleyBot/1.0", resolver=resolver, tls=canary.trust, limits=LIMITS, sleep=clock.sleep
    )


async def main(every: int) -> dict[str, object]:
    """Try one of `every` addresses of the long lists, and one of a sixth of that of the names."""
    literals, confusions, doors = corpus.literals()[::every], corpus.confusions()[::every], corpus.doors()[::every]
    led = [*literals[::7], *confusions, *doors, *(f"http://{name}/" for name in corpus.INSIDE_NAMES)]
    with tempfile.TemporaryDirectory() as folder:
        canary = Canary(Path(folder), led)
    await canary.listen()
    names = NameServer(NAMES)
    await names.listen()
    system = SystemResolver()
    some = max(1, every // 6)
    inside_names = [f"{scheme}://{name}/" for name in corpus.INSIDE_NAMES for scheme in corpus.PLAIN][::some]
    turns = [f"http://public.example/to/{number}" for number in range(len(led))]
    return {
        "literals": await refuse(canary, literals, system),
        "confusions": await refuse(canary, confusions, Names({"public.example": [[corpus.PUBLIC]]})),
        "doors": await refuse(canary, doors, Names({"public.example": [[corpus.PUBLIC]]})),
        "names": await refuse(canary, inside_names, _names()),
        "names with robots": await refuse(canary, inside_names, _names(), robots=True),
        "names of a real name server": await refuse(canary, [*inside_names, *names.aliases()[::some]], system),
        "redirects": await refuse(canary, turns, _names()),
        "rebinding": await rebind(canary, {"given": _names(), "real": system}),
        "honest": await welcome(canary, corpus.honest(), _names()),
        "honest of a real name server": await welcome(canary, corpus.honest(), system),
        "silent name server": await silent(canary),
        "a plain client": await bare(canary, [*literals[::3], *confusions[::3]]),
    }


def _names() -> Names:
    return Names(NAMES)


if __name__ == "__main__":
    enter()
    sys.stdout.write(json.dumps(asyncio.run(main(int(sys.argv[1])))) + "\n")
    sys.stdout.flush()
    os._exit(0)  # the thread that waits for the silent name server would hold the process for its ten seconds
