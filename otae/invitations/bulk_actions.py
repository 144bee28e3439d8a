"""One action on many invitations, each in a transaction of its own, so that a refusal stops none of the others."""

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
from otae.translatable import N_

#: The bulk actions, by name; each does what it does in `lifecycle`.
CHANGES: Final[Mapping[str, Callable[..., Awaitable[object]]]] = {
    "resend": lifecycle.resend,
    "extend": lifecycle.extend,
    "revoke": lifecycle.revoke,
}


@dataclass
class Outcome:
    """Result of a bulk action.

    ``done``: how many invitations were changed. ``refused``: user name and reason of each that was not.
    ``unreachable``: domains whose directory did not answer.
    """

    done: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)


async def change(
    desk: Desk, action: str, invitation_ids: Iterable[UUID], *, now: datetime, actor: str, reach: Reach = EVERYBODY
) -> Outcome:
    """Apply one of `CHANGES` to each invitation of a person within ``reach``; others are skipped.

    Raises:
        KeyError: ``action`` is not a name of `CHANGES`.
    """
    apply, outcome, unreachable = CHANGES[action], Outcome(), set[str]()
    selected = Invitation.filter(reach.people("person_id"), id__in=list(invitation_ids), rehearsal=False)
    for invitation in await selected.order_by("created_at").prefetch_related("person"):
        # A directory that did not answer once is not waited for again.
        more = {} if action == "revoke" else {"ask_directory": invitation.person.domain not in unreachable}
        try:
            result = await apply(desk, invitation, now=now, actor=actor, **more)
        except InputRefused as refusal:
            outcome.refused.append((invitation.person.name, refusal.reasons))
        except Refusal as refusal:
            outcome.refused.append((invitation.person.name, refusal.words))
        except StaleState:
            outcome.refused.append((invitation.person.name, N_("it had moved on meanwhile")))
        else:
            outcome.done += 1
            if isinstance(result, lifecycle.Created) and result.unreachable:
                unreachable.add(invitation.person.domain)
    outcome.unreachable = sorted(unreachable)
    return outcome
