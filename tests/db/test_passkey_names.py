"""Passkeys are renamed by their owner, on every database."""

import pytest
from sqlalchemy import Engine

from db.accounts import SqlAccounts
from db.chats import SqlChats
from db.keys import SqlKeys
from db.passkey_names import SqlPasskeyNames
from db.sessions import SqlSessions
from db.tokens import SqlTokens
from domain.errors import BadInput, NotFound
from tests.db.conftest import Stores
from tests.db.test_accounts_contract import settle
from tests.db.test_keys_contract import passkey


def test_a_passkey_is_renamed_by_its_owner_alone(engine: Engine) -> None:
    keys, names = SqlKeys(engine), SqlPasskeyNames(engine)
    stores = Stores(SqlAccounts(engine), SqlSessions(engine), SqlTokens(engine), keys, SqlChats(engine))
    anna, ben = settle(stores), settle(stores, "ben")
    keys.add_passkey(passkey(anna.id, "k1"))
    keys.add_passkey(passkey(anna.id, "k2"))

    for _ in range(2):  # the same name again is no error
        names.rename(anna.id, "k1", "老手机 📱")

    for user, key in ((ben.id, "k1"), (anna.id, "k3"), (anna.id, "K1"), ("", "k1"), (anna.id, "\0"), (anna.id, "é")):
        with pytest.raises(NotFound, match="passkey_gone"):
            names.rename(user, key, "mine")
    with pytest.raises(BadInput):
        names.rename(anna.id, "k1", "\ud800")
    assert {one.id: one.name for one in keys.passkeys(anna.id)} == {"k1": "老手机 📱", "k2": "手机"}
