"""How the portal looks and speaks: what an organization set under Settings → Branding."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from otae.branding import portal_texts
from otae.branding.portal_texts import HELP, PortalTextRow
from otae.errors import InputRefused
from otae.store import properties, property_changes
from otae.store.database import transaction

#: Field of `Branding` → the server property that holds it.
PROPERTIES: Final = {"name": "organization.name", "contact": "support.contact"}


@dataclass(frozen=True)
class Branding:
    """What every page of the portal shows of its organization.

    ``contact``: whom people are told to ask; ``help``: the help text by language; ``language``: the one that is used
    where there is no text in a person's own.
    """

    name: str
    contact: str
    help: Mapping[str, PortalTextRow]
    language: str

    def help_in(self, language: str) -> str:
        """Return the help text for somebody who reads ``language``, "" when there is none in any."""
        text = portal_texts.choose(self.help, language, self.language)
        return text.text if text else ""


async def read() -> Branding:
    """Return the branding that is in force."""
    values = await properties.read_some(*PROPERTIES.values(), "notification.language")
    own = {field: str(values[name]) for field, name in PROPERTIES.items()}
    return Branding(**own, help=await portal_texts.shown(HELP), language=str(values["notification.language"]))


async def change(entered: Mapping[str, str], *, now: datetime, actor: str) -> None:
    """Set the properties of PROPERTIES from ``entered``, all of them or none; audited.

    Raises:
        InputRefused: Values are not allowed; by the names of PROPERTIES.
    """
    refused: dict[str, str] = {}
    async with transaction():
        for field, text in entered.items():
            try:
                await property_changes.change(PROPERTIES[field], text, now=now, actor=actor)
            except InputRefused as refusal:
                refused[field] = refusal.fields["value"].removeprefix(f"{PROPERTIES[field]}: ")
        if refused:
            raise InputRefused(refused)
