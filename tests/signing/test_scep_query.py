import base64
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otae.errors import (
    MessageUnreadable,
    Refusal,
    TooLarge,
)
from otae.signing import scep, scep_client
from tests.signing.conftest import Tree

NONCE = b"12345678"


def encodings(text: str) -> list[str]:
    return [
        quote(text, safe=""),
        text,
        text.replace("=", "%3D"),
        text.replace("+", "-").replace("/", "_"),
        text.replace("+", " "),
        text.rstrip("="),
    ]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_six_encodings_of_a_get_are_one_message(size: int) -> None:
    message = bytes(range(256)) * 4 + b"\xfb\xff\xfe" + b"x" * size
    text = base64.b64encode(message).decode()
    assert "+" in text
    assert "/" in text
    for encoded in encodings(text):
        for query in (f"operation=PKIOperation&message={encoded}", f"message={encoded}&operation=PKIOperation"):
            assert scep.message_from_query(query.encode()) == message


def test_line_breaks_in_a_get_are_no_matter() -> None:
    lines = base64.encodebytes(b"a message of more than one line, as base64 tools write it" * 3)
    assert scep.message_from_query(b"message=" + quote(lines).encode()).startswith(b"a message")


@pytest.mark.parametrize(
    "query",
    [b"", b"operation=PKIOperation", b"message=a", b"message=!!!!", b"message=YQ&message=YQ", b"message=Y\xffQ="],
)
def test_a_get_without_one_readable_message_is_refused(query: bytes) -> None:
    with pytest.raises(MessageUnreadable):
        scep.message_from_query(query)


def test_a_get_is_capped_before_and_after_decoding() -> None:
    with pytest.raises(TooLarge):
        scep.message_from_query(b"message=" + base64.b64encode(b"x" * (64 * 1024 + 1)))
    with pytest.raises(TooLarge):
        scep.message_from_query(b"message=" + b"%41" * 200_000)
    full = base64.b64encode(b"\xff" * 64 * 1024)
    everything = "".join(f"%{octet:02x}" for octet in full).encode()
    assert len(scep.message_from_query(b"operation=PKIOperation&message=" + everything)) == 64 * 1024


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_refused_by_name(tree: Tree, noise: bytes) -> None:
    for read in (scep.open_message, scep.message_from_query, scep_client.read_certificates):
        try:
            read(noise)
        except Refusal:
            continue
        assert read is scep.message_from_query
    try:
        scep.message_from_query(b"message=" + noise)
    except Refusal:
        return
