"""What the house writes to people: text only, in the reader's language, nothing in it that counts who reads.

A mail never holds a password or a code, and says what to do when it comes unasked.
"""

import secrets
from datetime import datetime

from domain.people import Mail, MailKind
from domain.persona import Language

_EN: dict[MailKind, tuple[str, str]] = {
    "confirm": (
        "Confirm your address for Parley",
        "Hello {username},\n\nwith this link your account is made:\n\n{link}\n\nIt is good once, for one day. If you "
        "did not ask for an account, do nothing: none is made, and nobody has signed in.\n",
    ),
    "exists": (
        "You have an account with Parley already",
        "Hello {username},\n\nsomebody, perhaps you, wanted to use this address for an account of Parley. You have "
        "one: sign in with your user name, {username}, or this address.\n\n{link}\n\nIf you have forgotten the "
        "password, ask for a new one there. If this was not you, do nothing: nothing has changed.\n",
    ),
    "recover": (
        "Set a new password for Parley",
        "Hello {username},\n\nwith this link you can set a new password:\n\n{link}\n\nIt is good once, for 30 minutes. "
        "Setting a new password ends every session. If you did not ask for it, do nothing: your password stays as it "
        "is.\n",
    ),
    "changed": (
        "Your Parley password was changed",
        "Hello {username},\n\nthe password of your account was changed on {when}, from {device} ({place}). All other "
        "sessions have ended.\n\nIf this was not you, set a new one at once:\n\n{link}\n",
    ),
    "new_sign_in": (
        "A new sign-in to Parley",
        "Hello {username},\n\nsomebody signed in to your account on {when}, from a browser that we did not know: "
        "{device} ({place}).\n\nIf this was you, all is well. If not, end that session and change your password:\n\n"
        "{link}\n",
    ),
    "email_change": (
        "Confirm your new address for Parley",
        "Hello {username},\n\nwith this link this address becomes the one of your account:\n\n{link}\n\nIt is good "
        "once, for one hour. If you did not ask for it, do nothing.\n",
    ),
    "email_changed": (
        "The address of your Parley account was changed",
        "Hello {username},\n\non {when} your account got another e-mail address; this one no longer belongs to it.\n\n"
        "If this was not you, sign in with your user name, change your password and end all other sessions. If you "
        "can't sign in, use one of your recovery codes:\n\n{link}\n",
    ),
    "deleted": (
        "Your Parley account will be deleted",
        "Hello {username},\n\non {when} it was asked to delete your account with everything in it. This is done in "
        "seven days, and can't be undone then.\n\nUntil then, signing in keeps the account:\n\n{link}\n",
    ),
}
_ZH: dict[MailKind, tuple[str, str]] = {
    "confirm": (
        "请确认您的 Parley 邮箱",
        "{username}，您好：\n\n点击以下链接即可创建您的账号：\n\n{link}\n\n链接只能使用一次，一天内有效。"
        "如果您没有申请账号，请忽略此邮件：不会创建账号，也没有人登录。\n",
    ),
    "exists": (
        "您已经有 Parley 账号",
        "{username}，您好：\n\n有人（也许是您）想用此邮箱注册 Parley 账号。您已经有账号了："
        "请用用户名 {username} 或此邮箱登录。\n\n{link}\n\n"
        "如果忘记了密码，可以在那里重设。如果不是您本人，请忽略：什么都没有改变。\n",
    ),
    "recover": (
        "重设您的 Parley 密码",
        "{username}，您好：\n\n点击以下链接可以设置新密码：\n\n{link}\n\n链接只能使用一次，30 分钟内有效。"
        "设置新密码后，所有会话都会结束。如果您没有申请，请忽略此邮件：密码保持不变。\n",
    ),
    "changed": (
        "您的 Parley 密码已更改",
        "{username}，您好：\n\n您的账号密码已于 {when} 更改，来自 {device}（{place}）。其他会话均已结束。"
        "\n\n如果不是您本人，请立即重设密码：\n\n{link}\n",
    ),
    "new_sign_in": (
        "Parley 有新的登录",
        "{username}，您好：\n\n{when} 有人从我们不认识的浏览器登录了您的账号：{device}（{place}）。"
        "\n\n如果是您本人，无需操作。如果不是，请结束该会话并更改密码：\n\n{link}\n",
    ),
    "email_change": (
        "请确认您的 Parley 新邮箱",
        "{username}，您好：\n\n点击以下链接，此邮箱将成为您账号的邮箱：\n\n{link}\n\n链接只能使用一次，一小时内有效。"
        "如果您没有申请，请忽略此邮件。\n",
    ),
    "email_changed": (
        "您的 Parley 账号邮箱已更改",
        "{username}，您好：\n\n您的账号已于 {when} 更换了邮箱，此邮箱不再属于该账号。\n\n如果不是您本人，"
        "请用用户名登录，更改密码并结束其他会话。如果无法登录，请使用恢复码：\n\n{link}\n",
    ),
    "deleted": (
        "您的 Parley 账号将被删除",
        "{username}，您好：\n\n{when} 收到了删除您的账号及其全部内容的请求。七天后将执行删除，届时无法恢复。"
        "\n\n在此之前，登录即可保留账号：\n\n{link}\n",
    ),
}
TEXTS: dict[Language, dict[MailKind, tuple[str, str]]] = {"en": _EN, "zh": _ZH}


def write(kind: MailKind, language: Language, to: str, at: datetime, **words: str) -> Mail:
    """Return the mail. `words` fill its placeholders: username and link always; when, device and place in some."""
    subject, body = TEXTS[language][kind]
    told = {"when": f"{at:%Y-%m-%d %H:%M} UTC", **words}
    return Mail(id=secrets.token_urlsafe(18), to=to, kind=kind, subject=subject, body=body.format(**told), at=at)
