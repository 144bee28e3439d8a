"""What hangs on a directory: how many people came from its domain, and how many of them still have to enroll."""

from dataclasses import dataclass

from otae.store.models import Invitation, Person


@dataclass(frozen=True)
class Dependents:
    """``people``: who came from a domain; ``pending``: invitations of theirs that wait to be used."""

    people: int
    pending: int


async def dependents(domain: str) -> Dependents:
    """Count who came from ``domain``, those who were removed left out."""
    return Dependents(
        people=await Person.filter(domain=domain, removed_at=None).count(),
        pending=await Invitation.filter(person__domain=domain, status="pending").count(),
    )
