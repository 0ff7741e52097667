"""Errors to HTTP, once: which status, which words, and as what (page, fragment or JSON)."""

import logging
import math
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from domain.errors import (
    BadInput,
    Conflict,
    NotAllowed,
    NotFound,
    ParleyError,
    TooLong,
    TooMany,
    Unavailable,
)
from domain.persona import Language
from web.i18n import N_, gettext, reading
from web.render import Pages

log = logging.getLogger(__name__)

STATUS: dict[type[ParleyError], int] = {
    BadInput: 400,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    TooLong: 413,
    TooMany: 429,
    Unavailable: 503,
}

WORDS: dict[str, str] = {
    "account_gone": N_("There is no such account."),
    "account_suspended": N_("This account has been suspended."),
    "admins_only": N_("Only an admin may do this."),
    "answer_weak": N_("The answer must have 8 characters or more and must not be easy to guess."),
    "answer_wrong": N_("The answer is not right."),
    "asr_failed": N_("The hearing engine stopped working. Please try again."),
    "broken": N_("Something went wrong on our side. Please try again."),
    "character_gone": N_("This character is no longer here. Your conversation is kept."),
    "chat_gone": N_("There is no such conversation, or it has been deleted."),
    "clip_bad": N_("The reference recording cannot be used. Please record it again."),
    "clip_short": N_("The reference recording must be at least {seconds} seconds long."),
    "clip_silent": N_("Nobody is to be heard in the reference recording."),
    "clip_too_long": N_("The reference recording may be at most {seconds} seconds long."),
    "code_wrong": N_("The name or the recovery code is not right."),
    "confirm_password": N_("Give the password you chose when you registered."),
    "costs_gone": N_("The ledger holds no calls of this turn."),
    "cross_site": N_("This request came from another website, so it was refused."),
    "csrf_bad": N_("This page was open for too long. Please reload it and try again."),
    "dimension_wrong": N_("The index was made for vectors of {expected} numbers, this model makes {found}."),
    "email_bad": N_("This is not an e-mail address we can write to."),
    "email_taken": N_("There is an account with this e-mail address already. Sign in instead."),
    "embed_failed": N_("The memory engine stopped working. Please try again."),
    "emotion_bad": N_("Give one emotion: a name, eight shares that add up to at most 1, or a recording."),
    "emotion_unknown": N_("No voice knows the emotion {emotion}. There are: {known}."),
    "engine_busy": N_("Many people are talking right now. Please try again in {retry_after} seconds."),
    "engine_late": N_("That took too long. Please try again."),
    "engine_resting": N_("An engine has stopped working and is resting. Please try again in {retry_after} seconds."),
    "engine_waking": N_("The voice models are still waking up. Please try again in a moment."),
    "field_empty": N_("Please fill this in."),
    "form_bad": N_("One of the fields sent cannot be used."),
    "form_unreadable": N_("The form that was sent could not be read."),
    "functions_away": N_("The voice models cannot be reached just now. Please try again in a moment."),
    "functions_missing": N_("The voice models have not been set up yet."),
    "https_needed": N_("Signing in needs a secure connection (https)."),
    "json_bad": N_("The JSON that was sent could not be read."),
    "key_bad": N_("The request has no usable key. Please reload the page."),
    "kind_unknown": N_("A text is embedded as a query or as a passage."),
    "language_unknown": N_("The language {language} is not spoken here yet."),
    "link_gone": N_("This link has been used, has expired or was not copied whole. Ask for a new one."),
    "llm_failed": N_("The thinking engine stopped working. Please try again."),
    "message_gone": N_("There is no such line in this conversation."),
    "method_bad": N_("This address does not take that kind of request."),
    "model_broken": N_("The model {model} could not be loaded."),
    "model_missing": N_("The model {model} is not there."),
    "not_yourself": N_("Nobody changes their own rights. Ask another admin."),
    "nothing_said": N_("Nothing was said: send speech or text."),
    "operator_wait": N_("Too many wrong keys. Please wait a minute."),
    "page_gone": N_("There is nothing at this address."),
    "passkey_bad": N_("This passkey is not known here, or could not be checked. Please try again."),
    "passkey_gone": N_("There is no such passkey."),
    "passkey_late": N_("That took too long, or this answer was used already. Please try again."),
    "passkey_name": N_("A passkey’s name has 1 to 64 characters."),
    "passkey_taken": N_("This passkey is registered already."),
    "passkeys_full": N_("An account has at most {most} passkeys. Remove one first."),
    "passkeys_off": N_("Passkeys cannot be used at this address."),
    "password_common": N_("Too many people use this password. Please choose another."),
    "password_guessable": N_("This password would soon be guessed. Add a word or two that nobody expects."),
    "password_long": N_("A password has at most {most} characters."),
    "password_own_words": N_("This password is made of your name, your address or ours. Please choose another."),
    "password_repeats": N_("This password repeats itself. Please choose one that does not."),
    "password_sequence": N_("This password follows the alphabet, the numbers or the keyboard. Please choose another."),
    "password_short": N_("A password has {least} characters or more. A sentence is easy to remember."),
    "password_wrong": N_("The password is not right."),
    "phone_bad": N_("Write the number with its country, like +44 20 7946 0958."),
    "phone_taken": N_("This number belongs to another account. Leave it out or give another."),
    "prove_first": N_("Please give your password again first."),
    "question_bad": N_("A question has 8 to 200 characters."),
    "question_off": N_("Questions are not in use here."),
    "recently_recovered": N_(
        "The password of this account was recovered less than a day ago. This can be done after a day."
    ),
    "request_bad": N_("The request could not be understood."),
    "sampling_bad": N_("The setting {name} is no number that can be used."),
    "segment_bad": N_("A piece of the recording did not fit. The whole recording will be sent again."),
    "session_gone": N_("There is no such session, or it has ended."),
    "setting_bad": N_("The setting {setting} cannot be used: {problem}."),
    "setting_missing": N_("The setting {name} is missing."),
    "sign_in_busy": N_("Many people are signing in right now. Please try again in {retry_after} seconds."),
    "sign_in_failed": N_("The name or the password is not right."),
    "sign_in_first": N_("Please sign in first."),
    "slow_down": N_("That was too often. Please try again in {retry_after} seconds."),
    "speech_empty": N_("The recording is empty. Please check your microphone."),
    "speech_too_long": N_("That was more than {seconds} seconds. Please say it in smaller parts."),
    "speech_unreadable": N_("The recording could not be read. Please try again, or type instead."),
    "store_unavailable": N_("The memory of conversations cannot be reached. Please try again in a moment."),
    "style_unknown": N_("This voice engine has one way of speaking and imitates nobody."),
    "text_empty": N_("Please write something first."),
    "text_too_long": N_("That is more than {characters} characters. Please write less at once."),
    "text_unreadable": N_("The text holds characters that cannot be read."),
    "texts_too_many": N_("At most {texts} texts at once."),
    "title_too_long": N_("A title can have at most {characters} characters."),
    "token_bad": N_("This sign-in is not valid any more. Please sign in again."),
    "too_large": N_("That is too large to send."),
    "tts_failed": N_("The voice engine stopped working. Please try again."),
    "tts_waking": N_("This voice is still waking up. Please try again in a moment."),
    "turn_exists": N_("This was already said once."),
    "turn_failed": N_("Something went wrong during the reply. Please try again."),
    "turn_gone": N_("This reply is no longer here."),
    "turns_busy": N_("Many people are talking right now. Please try again in a moment."),
    "username_bad": N_(
        "A user name is made of letters, digits, hyphens, dots and underscores, begins with a letter or "
        "digit, and mixes no alphabets."
    ),
    "username_length": N_("A user name has 2 to 32 characters."),
    "username_reserved": N_("This user name is kept for the house. Please choose another."),
    "username_taken": N_("Somebody has this user name already. Please choose another."),
    "voice_bad": N_("The voice is asked to speak in a way that no mouth can."),
    "voice_unknown": N_("There is no voice called {voice}."),
}
_HTTP_CODES = {404: "page_gone", 405: "method_bad", 413: "too_large", 500: "broken", 503: "engine_waking"}
RETRY_AFTER_S = "5"


class Trouble(msgspec.Struct, frozen=True):
    """An error as the reader meets it."""

    status: int
    code: str
    message: str
    retry: bool


def words(code: str, detail: dict[str, object], language: Language) -> str:
    """Return what an error code means, in the reader's language; an unknown one is told generally."""
    with reading(language):
        text = gettext(WORDS.get(code, WORDS["broken"]))
    try:
        return text.format(**detail)
    except (LookupError, ValueError):
        log.error("the words of %s do not fit its detail", code)
        return text


def status_of(error: ParleyError) -> int:
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def retry_after(error: ParleyError) -> str:
    """Return after how many seconds to come back, empty where that would not help."""
    if not isinstance(error, Unavailable | TooMany):
        return ""
    seconds = error.detail.get("retry_after")
    return str(max(1, math.ceil(seconds))) if isinstance(seconds, int | float) else RETRY_AFTER_S


def route_of(request: Request[Any, Any, Any]) -> str:
    """Return the route for the log, never the address itself: that of a mailed link is as good as a password."""
    return str(request.scope.get("path_template") or "an address without a route")


class ErrorPages:
    """The exception handlers of the application."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self.handlers: dict[type[Exception], Any] = {
            ParleyError: self.of_domain,
            HTTPException: self.of_http,
            Exception: self.unexpected,
        }

    def of_domain(self, request: Request[Any, Any, Any], error: ParleyError) -> Response[bytes]:
        return self._answer(request, status_of(error), error.code, error.detail, retry_after(error))

    def of_http(self, request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
        """Litestar's own refusals: unknown addresses, wrong methods, bodies too large, unusable parameters."""
        status = error.status_code
        if status >= 500:
            return self.unexpected(request, error)
        response = self._answer(request, status, _HTTP_CODES.get(status, "request_bad"), {}, "")
        if allow := (error.headers or {}).get("allow"):
            response.headers["allow"] = allow
        return response

    def unexpected(self, request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        if "disconnected" in str(getattr(error, "detail", "")):
            log.info("the client left while it was still sending")  # nobody reads the answer
        else:
            log.error("unexpected error at %s", route_of(request), exc_info=error)
        return self._answer(request, 500, "broken", {}, RETRY_AFTER_S)

    def _answer(
        self, request: Request[Any, Any, Any], status: int, code: str, detail: dict[str, object], wait: str
    ) -> Response[bytes]:
        ui = self._pages.ui(request)
        trouble = Trouble(status, code, words(code, detail, ui.language), wait != "")
        headers = {"cache-control": "no-store"}
        if wait:
            headers["retry-after"] = wait
        if wants_json(request):
            response = Response(msgspec.json.encode(trouble), media_type="application/json", status_code=status)
        else:
            template = "errors/_fragment.html" if is_htmx(request) else "errors/page.html"
            response = self._pages.page(request, template, status_code=status, **msgspec.structs.asdict(trouble))
        response.headers.update(headers)
        return response


def is_htmx(request: Request[Any, Any, Any]) -> bool:
    return request.headers.get("hx-request") == "true"


def wants_json(request: Request[Any, Any, Any]) -> bool:
    """Whether JSON is asked for by name: browsers ask for text/html, htmx too."""
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept
