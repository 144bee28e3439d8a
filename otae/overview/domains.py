"""What depends on a directory: the people of its domain, and their pending invitations."""

from dataclasses import dataclass

from otae.store.models import Invitation, Person


@dataclass(frozen=True)
class DomainUsage:
    """``people``: number of people of a domain; ``pending``: number of their pending invitations."""

    people: int
    pending: int


async def domain_usage(domain: str) -> DomainUsage:
    """Count the people of ``domain``, without removed ones, and their pending invitations."""
    return DomainUsage(
        people=await Person.filter(domain=domain, removed_at=None).count(),
        pending=await Invitation.filter(person__domain=domain, status="pending").count(),
    )
