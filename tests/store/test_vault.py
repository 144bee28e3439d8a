"""Sealed values: they open for their own row and purpose, with a key that is given, unchanged, and not otherwise."""

import os
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.store.vault import SealBroken, Vault

OLD, NEW, WRONG = (bytes([number]) * 32 for number in (1, 2, 3))
ROW = uuid4()


@given(plain=st.binary(max_size=5000), purpose=st.text(max_size=40))
def test_what_was_sealed_opens(plain: bytes, purpose: str) -> None:
    vault = Vault([OLD])
    assert vault.open(vault.seal(plain, ROW, purpose), ROW, purpose) == plain


def test_the_same_value_is_never_sealed_the_same_way() -> None:
    vault = Vault([OLD])
    assert len({vault.seal(b"12345678", ROW, "pin") for _ in range(50)}) == 50


def test_a_sealed_value_does_not_show_what_it_holds() -> None:
    assert b"PRIVATE KEY" not in Vault([OLD]).seal(b"PRIVATE KEY" * 20, ROW, "key")


def test_it_opens_for_no_other_row_and_no_other_purpose() -> None:
    vault = Vault([OLD])
    sealed = vault.seal(b"12345678", ROW, "pin")
    for row, purpose in ((uuid4(), "pin"), (ROW, "pin "), (ROW, ""), (ROW, "key")):
        with pytest.raises(SealBroken):
            vault.open(sealed, row, purpose)


def test_sealed_values_swapped_between_two_rows_do_not_open() -> None:
    vault, other = Vault([OLD]), uuid4()
    one, two = vault.seal(b"one", ROW, "key"), vault.seal(b"two", other, "key")
    for sealed, row in ((one, other), (two, ROW)):
        with pytest.raises(SealBroken):
            vault.open(sealed, row, "key")


def test_every_flipped_bit_is_noticed() -> None:
    vault = Vault([OLD])
    sealed = vault.seal(b"12345678", ROW, "pin")
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            vault.open(bytes(changed), ROW, "pin")


def test_every_shortened_and_lengthened_value_is_noticed() -> None:
    vault = Vault([OLD])
    sealed = vault.seal(b"12345678", ROW, "pin")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            vault.open(sealed[:length], ROW, "pin")
    with pytest.raises(SealBroken):
        vault.open(sealed + b"\0", ROW, "pin")


@given(garbage=st.binary(max_size=300))
def test_garbage_is_noticed(garbage: bytes) -> None:
    with pytest.raises(SealBroken):
        Vault([OLD]).open(garbage, ROW, "pin")


def test_another_master_key_does_not_open_and_the_refusal_says_so() -> None:
    sealed = Vault([OLD]).seal(b"12345678", ROW, "pin")
    with pytest.raises(SealBroken, match="master key that is not given"):
        Vault([WRONG]).open(sealed, ROW, "pin")


def test_every_given_key_opens_and_the_first_one_seals() -> None:
    before = Vault([OLD]).seal(b"before", ROW, "key")
    both = Vault([NEW, OLD])
    assert both.open(before, ROW, "key") == b"before"
    after = both.seal(b"after", ROW, "key")
    assert Vault([NEW]).open(after, ROW, "key") == b"after"
    with pytest.raises(SealBroken):
        Vault([OLD]).open(after, ROW, "key")


@pytest.mark.parametrize("keys", [[], [b""], [os.urandom(31)], [os.urandom(32), os.urandom(33)]])
def test_a_vault_takes_keys_of_32_bytes_only(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(keys)


def test_a_vault_does_not_print_its_keys() -> None:
    assert repr(Vault([OLD, NEW])) == "<Vault of 2 keys>"
