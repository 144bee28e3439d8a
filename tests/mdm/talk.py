"""What tests of check-in share: Macs at its door, what is stored of them, and refusals."""

from collections.abc import Awaitable
from datetime import datetime

import pytest
from structlog.contextvars import get_contextvars

from otae.errors import (
    Refusal,
)
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import (
    Device,
    Enrollment,
    Event,
    UserChannel,
)
from tests.enrollment import lab
from tests.enrollment.lab import LabMac

OTHER = "AAAABBBB-1111"


async def ready(desk: Desk, mac: LabMac, who: str = "ben", way: str = "ota", **invited: object) -> tuple[str, datetime]:
    """Take ``mac`` to the door of check-in; returns the topic."""
    now = await database.now()
    session = await lab.signed_in(desk, now, who, way=way, columns=invited)
    install = mac.install_over_the_air if way == "ota" else mac.install_profile
    return await install(desk, session, now), now


async def enroll(desk: Desk, mac: LabMac, who: str = "ben", way: str = "ota") -> tuple[str, datetime]:
    topic, now = await ready(desk, mac, who, way)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    return topic, now


async def record(udid: str) -> tuple[object, ...]:
    """Give all that is stored of a Mac, to be compared."""
    enrollments = await Enrollment.filter(device__udid=udid).order_by("id").values()
    return await Device.filter(udid=udid).values(), enrollments, await UserChannel.all().order_by("id").values()


async def refused(saying: Awaitable[object], refusal: type[Refusal]) -> Refusal:
    """Say what must be refused and recorded with a support code."""
    with pytest.raises(refusal) as caught:
        await saying
    said = get_contextvars()
    assert (said["refusal"], said["support_code"]) == (refusal.code, caught.value.support_code)
    # the refusals of an invitation share its code, and one that was recorded a moment ago is not recorded again
    events = await Event.filter(kind="refused", support_code=caught.value.support_code)
    assert not events or refusal.code in {event.code for event in events}
    return caught.value
