"""What an administrator prefers in the console: the time zone of its times, and its language."""

from uuid import UUID

from otae import time_zones
from otae.errors import InputRefused
from otae.store.models import Administrator
from otae.translatable import N_
from otae.words import CONSOLE_LANGUAGES


async def set_preferences(administrator_id: UUID, *, time_zone: str, language: str) -> None:
    """Set an administrator's time zone and language, each "" for the browser's.

    Raises:
        InputRefused: ("time_zone", "language").
    """
    if time_zone and time_zone not in time_zones.names():
        raise InputRefused({"time_zone": N_("use a time zone's name such as Europe/Berlin or UTC")})
    if language and language not in CONSOLE_LANGUAGES:
        raise InputRefused({"language": N_("choose one of these languages")})
    await Administrator.filter(id=administrator_id).update(time_zone=time_zone, language=language)
