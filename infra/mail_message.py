"""From a Mail to the bytes that go over the wire. Nothing that somebody typed may become a header or a recipient."""

import re
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import msgspec

from domain.errors import BadInput
from domain.people import Mail

# 7bit: base64 or quoted-printable inside, so that a server without 8BITMIME takes it. CR LF at the ends of lines.
POLICY = policy.SMTP.clone(cte_type="7bit")
# One address and nothing else: no lists, groups, comments, quoted parts, routes or white space.
_SIGN = r"[^\s\x00-\x20\x7f-\x9f\ud800-\udfff@,;:<>()\[\]\\\"]"
_ADDRESS = re.compile(f"{_SIGN}{{1,64}}@{_SIGN}{{1,253}}")
SUBJECT_CHARS = 200


def readable(mail: Mail) -> Mail:
    """Return the mail with nothing in its words that cannot be stored or sent. Raises BadInput("email_bad")."""
    check_address(mail.to)
    subject = "".join(" " if ord(sign) < 32 or 127 <= ord(sign) < 160 else sign for sign in mail.subject)
    subject = " ".join(subject.split())[:SUBJECT_CHARS]
    return msgspec.structs.replace(mail, subject=_utf8(subject), body=_utf8(mail.body).replace("\0", "\ufffd"))


def check_address(address: str) -> None:
    if len(address) > 254 or not _ADDRESS.fullmatch(address):
        raise BadInput("email_bad")
    try:
        Address(addr_spec=address)
    except (ValueError, IndexError):  # the parser of the library agrees, or it is no address
        raise BadInput("email_bad") from None


def sender_of(text: str) -> Address:
    """Read "name@host" or "Name <name@host>". Raises BadInput("email_bad")."""
    name, address = parseaddr(text)
    if not text.isprintable() or text.count("@") != 1:  # parseaddr would take the first of a list
        raise BadInput("email_bad")
    check_address(address)
    return Address(display_name=name, addr_spec=address)


def message(mail: Mail, sender: str) -> EmailMessage:
    """Raises BadInput("email_bad")."""
    mail, who = readable(mail), sender_of(sender)
    made = EmailMessage(policy=POLICY)
    made["From"] = who
    made["To"] = Address(addr_spec=mail.to)
    made["Subject"] = mail.subject
    made["Date"] = format_datetime(mail.at)
    made["Message-ID"] = f"<{re.sub(r'[^A-Za-z0-9_-]', '', mail.id)}@{who.domain}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers to this, please
    made.set_content(mail.body, charset="utf-8")
    return made


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
