"""One mail server: its address, its TLS, and what its refusals mean."""

import smtplib
import ssl
from email.message import EmailMessage
from types import TracebackType
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

import msgspec

from domain.places import loopback

WAIT_S = 15.0  # for a connection and for each answer
Tls = Literal["none", "starttls", "whole"]


class Refused(Exception):
    """The server will not take this mail, today or tomorrow."""


class Later(Exception):
    """Try again: the server is away, full, or does not know us yet."""


class Server(msgspec.Struct, frozen=True):
    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = ""


def server(url: str) -> Server:
    """Read `smtp://user:password@host:port` (STARTTLS) or `smtps://...` (TLS from the beginning).

    Without TLS mail goes only to this very machine: a recovery link is as good as a password. Raises ValueError.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("MAIL cannot be used: give `outbox` or smtp://user:password@host:port")
    whole = parts.scheme == "smtps"
    tls: Tls = "whole" if whole else "none" if loopback(parts.hostname) else "starttls"
    port = parts.port or (465 if whole else 587)
    return Server(parts.hostname, port, tls, unquote(parts.username or ""), unquote(parts.password or ""))


class Connection:
    """`with Connection(server) as line: line.send(message, sender, to)`. Raises Later when it cannot be opened."""

    def __init__(self, server: Server, context: ssl.SSLContext | None = None, wait_s: float = WAIT_S) -> None:
        self._server, self._wait_s = server, wait_s
        self._context = context or ssl.create_default_context()  # checks certificate and name

    def __enter__(self) -> Self:
        try:
            self._smtp = self._open()
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            raise Later(_cause(error)) from error
        return self

    def _open(self) -> smtplib.SMTP:
        to = self._server
        if to.tls == "whole":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(to.host, to.port, timeout=self._wait_s, context=self._context)
        else:
            smtp = smtplib.SMTP(to.host, to.port, timeout=self._wait_s)
        try:
            if to.tls == "starttls":
                smtp.starttls(context=self._context)  # raises where it is not offered: somebody may have cut that out
            if to.user:
                smtp.login(to.user, to.password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self._smtp.close()

    def send(self, message: EmailMessage, sender: str, to: str) -> None:
        """Raises Refused, Later."""
        try:
            self._smtp.send_message(message, sender, [to])
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise (Refused if codes and min(codes) >= 500 else Later)(f"recipient {codes}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise Refused("the address needs SMTPUTF8, which the server lacks") from error
        except smtplib.SMTPDataError as error:
            raise (Refused if error.smtp_code >= 500 else Later)(f"content {error.smtp_code}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Later(_cause(error)) from error


def _cause(error: Exception) -> str:
    """Return what may stand in a log: servers repeat addresses, and sometimes more, in what they say."""
    code = getattr(error, "smtp_code", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__
