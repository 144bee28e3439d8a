"""Which passwords people may not have, and that the reason says why without saying what."""

import pytest

from otae.directory.local import passwords
from otae.errors import InputRefused


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("seven77", "use 8 to 256 characters"),
        ("x" * 257, "use 8 to 256 characters"),
        ("password1", "first"),
        ("monkey123", "common"),
        ("qwertyuiop", "first"),
        ("aaaaaaaaaa", "repeat"),
        ("xyxyxyxyxyxy", "repeat"),
        ("ben.okafor", "name"),
        ("Ben.Okafor", "name"),
        ("rofako.neb", "name"),
        ("letmein2024", "first"),
        ("P@ssw0rd!", "first"),
    ],
)
def test_an_obvious_password_is_refused_with_its_reason(password: str, why: str) -> None:
    found = passwords.refuse_password(password, "ben.okafor", None, "ben@example.test")
    assert why in found["password"].lower()
    assert password not in found["password"]


@pytest.mark.parametrize("password", ["", None, "correct horse", "zwölf Zeichen", "k7#mQz!p", "a long one " * 20])
def test_others_are_taken(password: str | None) -> None:
    assert passwords.refuse_password(password, "ben") == {}


def test_what_is_looked_at_is_bounded() -> None:
    with pytest.raises(InputRefused):
        passwords.refuse_weak("1a" * 128, shortest=8, longest=256, score=4)
