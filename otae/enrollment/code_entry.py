"""Entering a code at /go: wrong codes are counted like wrong passwords at the login page, before they are looked up."""

from datetime import datetime

from otae.accounts import throttle
from otae.enrollment.signin import BUDGET
from otae.errors import GoCodeUnknown
from otae.invitations import go_codes
from otae.store import properties
from otae.store.desk import Desk
from otae.store.models import Invitation


async def enter(desk: Desk, entered: str, *, network: str, now: datetime) -> Invitation:
    """Use up the code ``entered`` and return the invitation that it opens.

    Raises:
        GoCodeUnknown: It is wrong, used, replaced or too old, or its invitation has ended; the refusal does not say
            which.
        SlowDown: Too many wrong codes from this network, or too many failures of everybody.
    """
    attempt = await throttle.begin(desk, throttle.GO, network, now)
    share = await properties.number("enrollment.guess.network")
    budget = await properties.number("enrollment.guess.budget")
    await throttle.count_public_attempt(attempt, "", {"": share, BUDGET: budget})
    invitation = await go_codes.use(desk, entered, now=now)
    if invitation is None:
        raise GoCodeUnknown
    await attempt.give_back_to_limits()
    return invitation
