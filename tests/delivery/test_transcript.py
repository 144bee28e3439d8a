"""What was said to a server and by it, without its secrets."""

import base64

import pytest

from otae.delivery.mail.transcript import REDACTED, Transcript, certificate_names, redact
from otae.store.desk import Desk

pytestmark = pytest.mark.anyio


async def test_a_server_that_talks_without_end_is_cut(desk: Desk) -> None:
    transcript = Transcript(secrets=("sesame",))
    for at in range(1000):
        transcript.add("<", f"{at} the password is sesame\x1b[31m")
    assert len(transcript.lines) == 120
    assert transcript.lines[0] == f"< 0 the password is {REDACTED} [31m"


def test_no_form_of_a_secret_is_shown_and_the_longer_one_goes_first() -> None:
    encoded = base64.b64encode(b"sesame").decode()
    said = f"sesame, {encoded}, open sesame and ses"
    assert redact(said, ("sesame", "open sesame", "")) == f"{REDACTED}, {REDACTED}, {REDACTED} and ses"
    assert "sesame" not in repr(Transcript(secrets=("sesame",)))


def test_lines_stand_in_their_order_where_they_were_put() -> None:
    transcript = Transcript()
    transcript.add(">", "EHLO us")
    transcript.add("<", "220 hello\n220 again", at=0)
    transcript.add("<", "")
    assert transcript.lines == ["< 220 hello", "< 220 again", "> EHLO us"]


def test_a_certificate_s_names_are_those_a_client_compares() -> None:
    names = (("DNS", "mail.example.test"), ("IP Address", "127.0.0.1"), ("email", "it@example.test"))
    assert certificate_names({"subjectAltName": names}) == ["mail.example.test", "127.0.0.1"]
    assert certificate_names({}) == []
