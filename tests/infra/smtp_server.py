"""A mail server on loopback that does what a test tells it to."""

import asyncio
import base64
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Letter(msgspec.Struct):
    sender: str
    to: list[str]
    data: bytes
    encrypted: bool
    user: str = ""


class Post(msgspec.Struct):
    """What the server got, and what it answers: `answer(command)` may return another reply, "" to hang up."""

    port: int = 0
    letters: list[Letter] = []
    commands: list[str] = []
    answer: Callable[[str], str | None] = lambda command: None
    offers: list[str] = []


@contextmanager
def post_office(
    context: ssl.SSLContext | None = None, whole: bool = False, offers: tuple[str, ...] = ()
) -> Iterator[Post]:
    """Serve until the block ends. With a context it offers STARTTLS, with `whole` TLS from the beginning."""
    post = Post(offers=[*offers, *(["STARTTLS"] if context and not whole else [])])
    loop, ready = asyncio.new_event_loop(), threading.Event()
    end = asyncio.Event()

    async def serve() -> None:
        talk = Talk(post, context)
        serving = await asyncio.start_server(talk.meet, "127.0.0.1", 0, ssl=context if whole else None, limit=2**22)
        post.port = serving.sockets[0].getsockname()[1]
        ready.set()
        await end.wait()
        serving.close()
        for task in talk.tasks:
            task.cancel()
        await asyncio.gather(*talk.tasks, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield post
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


class Talk:
    def __init__(self, post: Post, context: ssl.SSLContext | None) -> None:
        self.post, self.context = post, context
        self.tasks: set[asyncio.Task[None]] = set()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.tasks.add(task)
        try:
            await self.talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        letter = Letter("", [], b"", False)

        async def say(reply: str) -> None:
            writer.write(reply.encode() + b"\r\n")
            await writer.drain()

        await say(self.post.answer("") or "220 post.test ready")
        while line := (await reader.readline()).decode("utf-8", "replace").rstrip("\r\n"):
            verb = line.split(" ")[0].upper()  # smtplib says "mail FROM:"
            line = verb + line[len(verb) :]
            self.post.commands.append(line)
            other = self.post.answer(line)
            if other == "":
                return
            if other is not None:
                await say(other)
            elif verb == "EHLO":
                await say("\r\n".join(f"250-{offer}" for offer in ["post.test", *self.post.offers]) + "\r\n250 HELP")
            elif verb == "STARTTLS":
                await say("220 go on")
                await writer.start_tls(self.context)  # type: ignore[arg-type]
                letter.encrypted = True
                self.post.offers = [offer for offer in self.post.offers if offer != "STARTTLS"]
            elif verb == "AUTH":
                letter.user = base64.b64decode(line.split(" ")[2]).decode().split("\0")[1]
                await say("235 welcome")
            elif verb == "MAIL":
                letter = msgspec.structs.replace(letter, sender=line[10:].split(" ")[0], to=[], data=b"")
                await say("250 ok")
            elif verb == "RCPT":
                letter.to.append(line[8:].split(" ")[0])
                await say("250 ok")
            elif verb == "DATA":
                await say("354 go on")
                letter.data = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                taken = self.post.answer("received")
                if taken == "":
                    return
                if taken is None:
                    self.post.letters.append(msgspec.structs.replace(letter))
                await say(taken or "250 taken")
            elif verb == "QUIT":
                await say("221 bye")
                return
            else:
                await say("250 ok")


def certificate(folder: Path, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a server and a client need to trust each other."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "post.test")])
    try:
        alias: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alias = x509.DNSName(name)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alias]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert.pem").write_bytes(pem + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem")
    return server, ssl.create_default_context(cadata=pem.decode())
