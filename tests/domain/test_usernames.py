"""What people may be called, and which two names are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.usernames import check_email, check_phone, check_username, fold, kind_of


@pytest.mark.parametrize("name", ["anna", "Anna-Lee_2.0", "安娜的猫", "Жанна", "Zoë", "한국어", "李雷", "a1"])
def test_names_of_every_script_are_names(name: str) -> None:
    assert check_username(f" {name} ") == name


@pytest.mark.parametrize(
    "name",
    [
        "", "a", "x" * 33, "x" * 10**6, "123456", "-anna", "anna-", "anna lee", "anna@x", "+anna", "an/na", "a\0nna",
        "\ud800nna", "anna\u200b", "\u202eanna", "аnna", "annα", "<b>anna", "an'na", "an\nna", "ﷺ" * 10, "a\u0301" * 40,
    ],
    ids=ascii,
)  # fmt: skip
def test_what_could_pass_for_another_or_break_a_page_is_no_name(name: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_username(name)
    assert refused.value.detail["field"] == "username"


@pytest.mark.parametrize("name", ["admin", "ADMIN", "Ｐarley", "support", "客服"])
def test_names_of_the_house_are_kept(name: str) -> None:
    with pytest.raises(BadInput, match="username_reserved"):
        check_username(name)


def test_names_are_one_when_they_look_or_sound_the_same() -> None:
    for one, other in (("Anna", "aNNA"), ("Ａnna", "anna"), ("straße", "STRASSE"), ("ﬁona", "FIONA"), ("Å", "Å")):
        assert fold(one) == fold(other)
    assert fold("anna") != fold("anña")


@given(st.text(max_size=40))
def test_a_fold_folds_to_itself_and_a_name_never_reads_as_an_address_or_a_number(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    try:
        name = check_username(text)
    except BadInput:
        return
    assert kind_of(name) == ("username", fold(name))
    assert len(fold(name)) <= 64


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" Anna.Lee+tag@X.org ", "Anna.Lee+tag@X.org"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@b.co", "a@b.co"),
    ],
)
def test_an_address_is_kept_as_mail_servers_read_it(given: str, kept: str) -> None:
    assert check_email(given) == kept


@pytest.mark.parametrize(
    "address",
    [
        "", "@", "anna", "anna@", "@x.org", "anna@x", "a@b@x.org", "a b@x.org", "anna@x..org", ".a@x.org", "a.@x.org",
        "anna@-x.org", "anna@[127.0.0.1]", "anna@127.0.0.1", "a@x.org\r\nBcc: b@x.org", "a@x.org,b@x.org", "a\0@x.org",
        "\ud800@x.org", "a@\ud800.org", '"a b"@x.org', "a" * 65 + "@x.org", "a@" + "x" * 250 + ".org", "a" * 10**6,
        "mıke@x.org", "<a@x.org>", "a@x.org\u2028",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_a_mail_server_could_misread_is_no_address(address: str) -> None:
    if address == "a@x.org\u2028":  # a blank at the end, as any other
        assert check_email(address) == "a@x.org"
        return
    with pytest.raises(BadInput, match="email_bad"):
        check_email(address)


def test_numbers_are_kept_as_e164() -> None:
    assert check_phone("+86 138-0013-8000") == "+8613800138000"
    assert check_phone(" ") is None
    for bad in ("13800138000", "+0123456789", "+123", "+1234567890123456", "+12345abc", "+١٢٣٤٥٦٧٨٩", "+1" + " " * 99):
        with pytest.raises(BadInput, match="phone_bad"):
            check_phone(bad)
