"""What tests of the authority share: a Mac's key, and somebody's enrollment session."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.signing.certificates import new_key
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession, Person


@pytest.fixture(scope="session")
def mac_key() -> rsa.RSAPrivateKey:
    """Give a key as a Mac makes it; one for all tests, for making one takes long."""
    return new_key()


@pytest.fixture(scope="session")
def other_key() -> rsa.RSAPrivateKey:
    """Give the key of another Mac."""
    return new_key()


@pytest.fixture
async def session(desk: Desk) -> EnrollmentSession:
    """Give Ben's enrollment session."""
    now = await database.now()
    ben = Person(name="ben", display_name="Ben", email="ben@example.test", created_at=now)
    await ben.save()
    made = EnrollmentSession(
        person_id=ben.id, mode="two_factor", ownership="corporate", way="ota", opened_at=now, expires_at=now
    )
    await made.save()
    return made
