"""NTLM's tokens: whatever a server sends for a challenge, nothing but the mail library's own error comes of it."""

import base64
import random
from pathlib import Path

import aiosmtplib
import pytest
import spnego

from otae.delivery.mail import ntlm


@pytest.fixture
def challenge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Give a challenge as a server makes it."""
    users = tmp_path / "users"
    users.write_text("EXAMPLE:otae:sesame\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    server = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    return server.step(ntlm.next_token(ntlm.begin("otae", "sesame"), None)) or b""


def bent(dice: random.Random, good: bytes) -> bytes:
    data = bytearray(good[: dice.randrange(len(good))] if dice.random() < 0.3 else good)
    for _ in range(dice.randrange(1, 6)):
        if data:
            data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data)


def test_a_bent_challenge_is_answered_or_refused(challenge: bytes) -> None:
    dice = random.Random(1)  # noqa: S311 - which bytes to bend, not a secret
    refused = 0
    for _ in range(500):
        context = ntlm.begin("otae", "sesame")
        ntlm.next_token(context, None)
        try:
            ntlm.next_token(context, base64.b64encode(bent(dice, challenge)).decode())
        except aiosmtplib.SMTPException:
            refused += 1
    assert 50 < refused < 450, "both ends are looked at"


@pytest.mark.parametrize("told", ["", "=", "ntlm supported", "\u00e4", "A" * 100_000])
def test_what_is_no_challenge_is_refused(told: str) -> None:
    context = ntlm.begin("otae", "sesame")
    ntlm.next_token(context, None)
    with pytest.raises(aiosmtplib.SMTPException, match="cannot be read"):
        ntlm.next_token(context, told)
