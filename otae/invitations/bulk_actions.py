"""One change to many invitations, each in its own transaction: what cannot be changed keeps nobody else waiting."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InputRefused, Refusal, StaleState
from otae.invitations import lifecycle
from otae.store.desk import Desk
from otae.store.models import Invitation

#: What can be done to many: each as in `lifecycle`.
CHANGES: Final[Mapping[str, Callable[..., Awaitable[object]]]] = {
    "resend": lifecycle.resend,
    "extend": lifecycle.extend,
    "revoke": lifecycle.revoke,
}


@dataclass
class Outcome:
    """How many were changed, and who was not: user name and why. ``away``: directories that did not answer."""

    done: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    away: list[str] = field(default_factory=list)


async def change(
    desk: Desk, what: str, invitation_ids: Iterable[UUID], *, now: datetime, actor: str, reach: Reach = EVERYBODY
) -> Outcome:
    """Do ``what`` (a name of CHANGES, else KeyError) to each invitation; those not within ``reach`` are left out."""
    work, outcome, away = CHANGES[what], Outcome(), set[str]()
    wanted = Invitation.filter(reach.people("person_id"), id__in=list(invitation_ids), rehearsal=False)
    for invitation in await wanted.order_by("created_at").prefetch_related("person"):
        # A directory that did not answer once is not waited for again.
        more = {} if what == "revoke" else {"look": invitation.person.domain not in away}
        try:
            made = await work(desk, invitation, now=now, actor=actor, **more)
        except InputRefused as refusal:
            outcome.refused.append((invitation.person.name, "; ".join(refusal.fields.values())))
        except Refusal as refusal:
            outcome.refused.append((invitation.person.name, refusal.words))
        except StaleState:
            outcome.refused.append((invitation.person.name, "it had moved on meanwhile"))
        else:
            outcome.done += 1
            if isinstance(made, lifecycle.Created) and made.away:
                away.add(invitation.person.domain)
    outcome.away = sorted(away)
    return outcome
