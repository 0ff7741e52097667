"""A guest who gets an account keeps what they had: their files become the account's, with it or not at all."""

import pytest
from sqlalchemy import Engine

from db.accounts import SqlAccounts
from db.files import SqlFiles
from domain.errors import Conflict, NotFound
from tests.db.test_accounts_contract import NOON, pending, user
from tests.db.test_files_contract import PLENTY, file, kept, written


def test_the_guests_files_become_the_accounts_with_the_confirmation_or_not_at_all(engine: Engine) -> None:
    accounts, files = SqlAccounts(engine), SqlFiles(engine)
    stored = kept(files, file(1, owner="guest-1", area="temporary", at=NOON), now=NOON)
    coming, others = file(2, owner="guest-1", at=NOON), kept(files, file(3, owner="guest-2", at=NOON), now=NOON)
    files.reserve(coming, PLENTY, NOON)
    accounts.pend(pending("t1", "anna"))
    accounts.pend(pending("t2", "ben", email="anna@x.org"))
    anna = accounts.confirm("t1", user("anna"), NOON)
    files.keep([written(coming)], NOON)  # it arrives while the guest becomes somebody
    assert {each.id for each in files.of(anna.id, NOON)} == {stored.id, coming.id}
    assert files.get(anna.id, stored.id, NOON).expires_at == stored.expires_at
    assert files.of("guest-1", NOON) == []
    assert files.of("guest-2", NOON) == [others]

    later = kept(files, file(4, owner="guest-1", at=NOON), now=NOON)
    with pytest.raises(Conflict):
        accounts.confirm("t2", user("ben", email="anna@x.org"), NOON)
    assert files.of("guest-1", NOON) == [later]


def test_what_another_account_has_is_no_guests(engine: Engine) -> None:
    accounts, files = SqlAccounts(engine), SqlFiles(engine)
    accounts.pend(pending("t1", "anna"))
    anna = accounts.confirm("t1", user("anna"), NOON)
    stored = kept(files, file(1, owner=anna.id, at=NOON), now=NOON)
    accounts.pend(pending("t2", "ben", guest=anna.id))
    ben = accounts.confirm("t2", user("ben"), NOON)
    assert files.of(anna.id, NOON) == [stored]
    with pytest.raises(NotFound):
        files.get(ben.id, stored.id, NOON)
