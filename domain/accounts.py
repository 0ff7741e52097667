"""All that people do with their accounts, over the ports of domain/people.py.

    Registration      register, waiting, confirm
    SigningIn         sign_in, open_session, prove, sign_out, sessions, end_session, end_others
    Recovery          recover, recovering, finish_recovery, use_recovery_code, new_codes, codes_left, set_question
    AccountChanges    change_password, change_email, confirm_email, set_phone, delete, purge
    Exporting         export
    Administration    set_role, suspend, search

Every use case is async and counts, audits and mails by itself; the codes of what it raises have their words in
web/error_words.py.
"""

from domain.account_changes import AccountChanges
from domain.administration import Administration
from domain.desk import Rules as Rules
from domain.desk import SignedIn as SignedIn
from domain.exporting import Exporting
from domain.places import Place as Place
from domain.recovery import Recovery
from domain.registration import Registration
from domain.registration import Wish as Wish


class People(Registration, Recovery, AccountChanges, Exporting, Administration):
    pass
