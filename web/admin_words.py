"""What the rows of the audit log are called on the page of admins, and the roles."""

from typing import get_args

from domain.audit import Action
from domain.people import Role
from web.i18n import N_

ROLE_WORDS: dict[Role, str] = {
    "guest": N_("guest"),
    "user": N_("user"),
    "member": N_("member"),
    "admin": N_("admin"),
}
ACTION_WORDS: dict[Action, str] = {
    "registered": N_("Asked for an account"),
    "confirmed": N_("Account made"),
    "signed_in": N_("Signed in"),
    "sign_in_failed": N_("Sign-in failed"),
    "signed_out": N_("Signed out"),
    "proved": N_("Gave the password again"),
    "prove_failed": N_("Gave a wrong password again"),
    "session_ended": N_("Ended a session"),
    "sessions_ended": N_("Ended all other sessions"),
    "token_reused": N_("Old token came back, session ended"),
    "recovery_asked": N_("Asked for a recovery link"),
    "recovered": N_("New password by a link"),
    "code_used": N_("Recovery code used"),
    "code_failed": N_("Wrong recovery code"),
    "codes_made": N_("New recovery codes"),
    "passkey_added": N_("Passkey added"),
    "passkey_removed": N_("Passkey removed"),
    "passkey_failed": N_("Passkey refused"),
    "question_set": N_("Extra question set"),
    "question_failed": N_("Extra question answered wrongly"),
    "password_changed": N_("Password changed"),
    "email_change_asked": N_("Asked for another address"),
    "email_changed": N_("Address changed"),
    "phone_changed": N_("Number changed"),
    "deletion_asked": N_("Asked to be erased"),
    "deletion_undone": N_("Came back before being erased"),
    "erased": N_("Account erased"),
    "exported": N_("Everything handed out"),
    "role_changed": N_("Role changed"),
    "suspended": N_("Account suspended"),
    "unsuspended": N_("Suspension lifted"),
    "admin_read": N_("An admin looked"),
    "operator_signed_in": N_("Operator signed in"),
    "operator_failed": N_("Wrong operator’s key"),
    "limit_reached": N_("A limit was reached"),
    "engine_failed": N_("An engine failed"),
}
ACTIONS: tuple[Action, ...] = get_args(Action)
