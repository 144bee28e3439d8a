"""What an administrator wants to be told by mail, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from otae.errors import InputRefused
from otae.store.models import NoticeChoice
from otae.store.notices import DAILY, KINDS, NOW, OFF
from otae.translatable import N_

#: When an administrator can be told.
WHEN: Final = (NOW, DAILY, OFF)
USUAL_HOUR: Final = 8


@dataclass(frozen=True)
class NoticeChoices:
    """``hour``: of the daily mail, in the administrator's time zone."""

    chosen: Mapping[str, str] = field(default_factory=dict)
    hour: int = USUAL_HOUR

    def when(self, kind: str) -> str:
        """Return one of WHEN for a kind of notice; what is usual where nothing was chosen."""
        found = self.chosen.get(kind)
        return found if found in WHEN else KINDS[kind].usually

    def next_daily(self, now: datetime, zone: ZoneInfo) -> datetime:
        """Return when the next daily mail is due."""
        local = now.astimezone(zone)
        at = local.replace(hour=self.hour, minute=0, second=0, microsecond=0)
        return (at if at > local else at + timedelta(days=1)).astimezone(now.tzinfo)


async def choices_of(administrator_id: UUID) -> NoticeChoices:
    """Return what one administrator chose."""
    return (await choices_of_all([administrator_id]))[administrator_id]


async def choices_of_all(ids: list[UUID]) -> dict[UUID, NoticeChoices]:
    """Return what each of these administrators chose."""
    rows = {row.administrator_id: row for row in await NoticeChoice.filter(administrator_id__in=ids)}
    return {each: NoticeChoices(row.choices, row.hour) if (row := rows.get(each)) else NoticeChoices() for each in ids}


async def set_choices(administrator_id: UUID, chosen: Mapping[str, str], hour: int) -> None:
    """Store what an administrator wants to be told; kinds that ``chosen`` does not name stay as they are.

    Raises:
        InputRefused: ("") for an unknown kind or time, ("hour").
    """
    if not set(chosen) <= KINDS.keys() or not set(chosen.values()) <= set(WHEN):
        raise InputRefused({"": N_("choose one of the list")})
    if not 0 <= hour <= 23:
        raise InputRefused({"hour": N_("choose an hour from 0 to 23")})
    before = await choices_of(administrator_id)
    values = {"choices": {**before.chosen, **chosen}, "hour": hour}
    if not await NoticeChoice.filter(administrator_id=administrator_id).update(**values):
        row = NoticeChoice(administrator_id=administrator_id, **values)
        await NoticeChoice.bulk_create([row], ignore_conflicts=True)  # two clicks at once choose the same
