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
    "passkey_added": (
        "A passkey was added to your Parley account",
        "Hello {username},\n\non {when} a passkey was added to your account, from {device} ({place}). Whoever has it "
        "can sign in.\n\nIf this was not you, remove it, end all other sessions and change your password:\n\n{link}\n",
    ),
    "passkey_removed": (
        "A passkey was removed from your Parley account",
        "Hello {username},\n\non {when} a passkey was removed from your account, from {device} ({place}). It opens "
        "nothing any more.\n\nIf this was not you, end all other sessions and change your password:\n\n{link}\n",
    ),
    "codes_made": (
        "New recovery codes for your Parley account",
        "Hello {username},\n\non {when} recovery codes were made for your account, from {device} ({place}). Older "
        "ones are no good any more.\n\nIf this was not you, change your password, end all other sessions and make new "
        "codes:\n\n{link}\n",
    ),
    "code_used": (
        "A recovery code of your Parley account was used",
        "Hello {username},\n\non {when} somebody set a new password for your account with one of its recovery codes, "
        "from {device} ({place}). That code is used up, and all sessions have ended.\n\nIf this was not you, set a new "
        "password at once, by a link to this address, and then make new codes:\n\n{link}\n",
    ),
    "phone_changed": (
        "The phone number of your Parley account was changed",
        "Hello {username},\n\non {when} the phone number of your account was set or taken away, from {device} "
        "({place}). Only the number that is there now signs in.\n\nIf this was not you, change your password and end "
        "all other sessions:\n\n{link}\n",
    ),
    "question_set": (
        "The extra question of your Parley account was changed",
        "Hello {username},\n\non {when} the question that is asked after a recovery link was set or taken away, from "
        "{device} ({place}).\n\nIf this was not you, change your password, end all other sessions and look at the "
        "question:\n\n{link}\n",
    ),
    "exported": (
        "A copy of your Parley account was made",
        "Hello {username},\n\non {when} everything that your account holds was downloaded, from {device} ({place}).\n\n"
        "If this was not you, change your password and end all other sessions:\n\n{link}\n",
    ),
    "receipt": (
        "Your receipt from Parley",
        "Hello {username},\n\nthank you. This is receipt number {number}:\n\n{what}: {sum}\n\nIt is good until "
        "{until}. Your receipt, and everything you have ordered:\n\n{link}\n",
    ),
    "refunded": (
        "Your money comes back",
        "Hello {username},\n\non {when} we gave {sum} back to you. Depending on your bank it takes some days until you "
        "see it. Where all of a payment was given back, the plan it paid for has ended.\n\n{link}\n",
    ),
    "not_granted": (
        "What you ordered at Parley could not be given",
        "Hello {username},\n\nan order of yours went through on {when}, but we could not give you the plan: it was "
        "paid after it was over, or your plan had changed meanwhile, or a trial was had before. Whatever you paid "
        "comes back to you without your doing anything. Nothing more will be taken.\n\nWhat you have now:\n\n{link}\n",
    ),
    "renewal_failed": (
        "Your payment to Parley did not go through",
        "Hello {username},\n\nthe payment for another period of {plan} did not go through. You keep everything until "
        "{until}; if the payment comes until then, nothing changes.\n\nHere you can pay in another way, or "
        "leave it:\n\n{link}\n",
    ),
    "membership_cancelled": (
        "Your Parley plan will not be renewed",
        "Hello {username},\n\nas you asked, {plan} is not renewed, and nothing more will be taken. You keep it until "
        "{until}. Until then you can change your mind here:\n\n{link}\n",
    ),
    "membership_ended": (
        "Your Parley plan has ended",
        "Hello {username},\n\n{plan} ended on {until}. Your conversations, files and pages are kept, and you can go on "
        "with what everybody has.\n\nIf you want it back:\n\n{link}\n",
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
        "设置新密码后，所有设备都会退出登录。如果您没有申请，请忽略此邮件：密码保持不变。\n",
    ),
    "changed": (
        "您的 Parley 密码已更改",
        "{username}，您好：\n\n您的账号密码已于 {when} 更改，来自 {device}（{place}）。其他设备均已退出登录。"
        "\n\n如果不是您本人，请立即重设密码：\n\n{link}\n",
    ),
    "new_sign_in": (
        "Parley 有新的登录",
        "{username}，您好：\n\n{when} 有人从我们不认识的浏览器登录了您的账号：{device}（{place}）。"
        "\n\n如果是您本人，无需操作。如果不是，请让该设备退出登录并更改密码：\n\n{link}\n",
    ),
    "email_change": (
        "请确认您的 Parley 新邮箱",
        "{username}，您好：\n\n点击以下链接，此邮箱将成为您账号的邮箱：\n\n{link}\n\n链接只能使用一次，一小时内有效。"
        "如果您没有申请，请忽略此邮件。\n",
    ),
    "email_changed": (
        "您的 Parley 账号邮箱已更改",
        "{username}，您好：\n\n您的账号已于 {when} 更换了邮箱，此邮箱不再属于该账号。\n\n如果不是您本人，"
        "请用用户名登录，更改密码并让其他设备退出登录。如果无法登录，请使用恢复码：\n\n{link}\n",
    ),
    "deleted": (
        "您的 Parley 账号将被删除",
        "{username}，您好：\n\n{when} 收到了删除您的账号及其全部内容的请求。七天后将执行删除，届时无法恢复。"
        "\n\n在此之前，登录即可保留账号：\n\n{link}\n",
    ),
    "passkey_added": (
        "您的 Parley 账号添加了通行密钥",
        "{username}，您好：\n\n您的账号已于 {when} 添加了一个通行密钥，来自 {device}（{place}）。持有它的人可以登录。"
        "\n\n如果不是您本人，请移除它，让其他设备退出登录并更改密码：\n\n{link}\n",
    ),
    "passkey_removed": (
        "您的 Parley 账号移除了通行密钥",
        "{username}，您好：\n\n您的账号已于 {when} 移除了一个通行密钥，来自 {device}（{place}）。它已不能用于登录。"
        "\n\n如果不是您本人，请让其他设备退出登录并更改密码：\n\n{link}\n",
    ),
    "codes_made": (
        "您的 Parley 账号有了新的恢复码",
        "{username}，您好：\n\n您的账号已于 {when} 生成了恢复码，来自 {device}（{place}）。旧的恢复码已失效。"
        "\n\n如果不是您本人，请更改密码，让其他设备退出登录并重新生成恢复码：\n\n{link}\n",
    ),
    "code_used": (
        "您的 Parley 账号使用了一个恢复码",
        "{username}，您好：\n\n{when} 有人用您账号的一个恢复码设置了新密码，来自 {device}（{place}）。"
        "该恢复码已失效，所有设备均已退出登录。\n\n如果不是您本人，请立即通过发往此邮箱的链接重设密码，"
        "然后重新生成恢复码：\n\n{link}\n",
    ),
    "phone_changed": (
        "您的 Parley 账号更改了手机号码",
        "{username}，您好：\n\n您的账号已于 {when} 设置或移除了手机号码，来自 {device}（{place}）。"
        "现在只能用账号中显示的号码登录。\n\n如果不是您本人，请更改密码并让其他设备退出登录：\n\n{link}\n",
    ),
    "question_set": (
        "您的 Parley 账号更改了附加问题",
        "{username}，您好：\n\n您的账号已于 {when} 设置或移除了恢复链接之后的附加问题，来自 {device}（{place}）。"
        "\n\n如果不是您本人，请更改密码，让其他设备退出登录并检查该问题：\n\n{link}\n",
    ),
    "exported": (
        "您的 Parley 账号数据已被下载",
        "{username}，您好：\n\n您账号中的全部内容已于 {when} 被下载，来自 {device}（{place}）。"
        "\n\n如果不是您本人，请更改密码并让其他设备退出登录：\n\n{link}\n",
    ),
    "receipt": (
        "您的 Parley 收据",
        "{username}，您好：\n\n感谢您的支持。这是第 {number} 号收据：\n\n{what}：{sum}\n\n有效期至 {until}。"
        "收据和所有订单见：\n\n{link}\n",
    ),
    "refunded": (
        "Parley 已为您退款",
        "{username}，您好：\n\n我们已于 {when} 退还 {sum}。视银行而定，可能需要几天到账。"
        "全额退款的订单，其套餐已随之结束。\n\n{link}\n",
    ),
    "not_granted": (
        "您在 Parley 的订单未能生效",
        "{username}，您好：\n\n您有一笔订单已于 {when} 完成，但我们无法为您开通：付款时订单已过期、"
        "您的套餐已发生变化，或者试用已经用过。您为此支付的款项会原路退回，无需任何操作，之后也不会再扣款。"
        "\n\n您目前的套餐：\n\n{link}\n",
    ),
    "renewal_failed": (
        "您的 Parley 续费未成功",
        "{username}，您好：\n\n{plan}的续费未能成功。在 {until} 之前您可以照常使用；在此之前付款成功，则一切不变。"
        "\n\n您可以在这里换一种方式付款，或者不再续费：\n\n{link}\n",
    ),
    "membership_cancelled": (
        "您的 Parley 套餐将不再续费",
        "{username}，您好：\n\n按您的要求，{plan}不再续费，今后不会再扣款。您可以继续使用到 {until}。"
        "在此之前，您可以在这里恢复续费：\n\n{link}\n",
    ),
    "membership_ended": (
        "您的 Parley 套餐已到期",
        "{username}，您好：\n\n{plan}已于 {until} 到期。您的对话、文件和资料都会保留，免费功能可以继续使用。"
        "\n\n如需再次开通：\n\n{link}\n",
    ),
}
TEXTS: dict[Language, dict[MailKind, tuple[str, str]]] = {"en": _EN, "zh": _ZH}


def write(kind: MailKind, language: Language, to: str, at: datetime, **words: str) -> Mail:
    """Return the mail. `words` fill its placeholders: username and link always; others in some."""
    subject, body = TEXTS[language][kind]
    told = {"when": f"{at:%Y-%m-%d %H:%M} UTC", **words}
    if "device" in words:
        told["device"] = _device(words["device"], language)
    return Mail(id=secrets.token_urlsafe(18), to=to, kind=kind, subject=subject, body=body.format(**told), at=at)


def _device(label: str, language: Language) -> str:
    """Return what domain.places calls a device ("Chromium on Linux", "? on iPhone", "?") as the reader would."""
    browser, _, system = label.partition(" on ")
    known = [part for part in (browser, system) if part not in ("", "?")]
    if language == "zh":
        return " 上的 ".join(reversed(known)) or "未知设备"
    return " on ".join(known) or "an unknown device"
