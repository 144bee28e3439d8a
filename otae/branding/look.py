"""How the portal looks and speaks: what an organization set under Settings → Branding."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from otae import paths
from otae.branding import logos, portal_texts, style
from otae.branding.logos import LogoRow
from otae.branding.portal_texts import HELP, PortalTextRow
from otae.errors import InputRefused
from otae.store import properties, property_changes
from otae.store.database import transaction

#: Field of `Branding` → the server property that holds it.
PROPERTIES: Final = {"name": "organization.name", "contact": "support.contact", "accent": "branding.accent"}


@dataclass(frozen=True)
class Branding:
    """What every page of the portal shows of its organization.

    ``contact``: whom people are told to ask; ``accent``: the colour of buttons and links, "" for the product's own;
    ``logos``: by theme, without their images; ``help``: the help text by language; ``language``: the language of the
    texts for people in whose own language there is none; ``region``: the country of phone numbers, as two letters.
    """

    name: str
    contact: str
    accent: str
    logos: Mapping[str, LogoRow]
    help: Mapping[str, PortalTextRow]
    language: str
    region: str

    @property
    def style(self) -> str:
        """The organization's style sheet, "" when it has none."""
        return style.sheet(self.accent, self.logos)

    @property
    def style_address(self) -> str:
        """The address of the style sheet, with its hash: a page that is open keeps the one that it was shown with."""
        return paths.BRAND_STYLE(style.mark(self.style), accent=self.accent)

    def help_in(self, language: str) -> PortalTextRow | None:
        """Return the help text for somebody who reads ``language``, in another language if need be; None for none."""
        return portal_texts.choose(self.help, language, self.language)


async def read(*, in_words: bool = False) -> Branding:
    """Return the branding that is in force.

    Args:
        in_words: Without logos and help text, which belong to whole pages.
    """
    fields = PROPERTIES | {"language": "notification.language", "region": "phone.region"}
    values = await properties.read_some(*fields.values())
    own = {field: str(values[name]) for field, name in fields.items()}
    if in_words:
        return Branding(**own, logos={}, help={})
    return Branding(**own, logos=await logos.stored(), help=await portal_texts.shown(HELP))


async def preview(entered: Mapping[str, str]) -> Branding:
    """Return the branding as ``entered``, which is not stored; what is not allowed stays as it is in force."""
    allowed: dict[str, Any] = {}
    for field, name in PROPERTIES.items():
        with suppress(ValueError):
            allowed[field] = properties.row_of(name).parse(entered[field].strip())
    return replace(await read(), **allowed)


async def change(entered: Mapping[str, str], *, now: datetime, actor: str) -> None:
    """Set the properties of PROPERTIES from ``entered``, all of them or none; audited.

    What is entered as it is already leaves its property alone, so that a default goes on following the product's.

    Raises:
        InputRefused: Values are not allowed; by the names of PROPERTIES.
    """
    refused: dict[str, str] = {}
    async with transaction():
        present = await properties.read_some(*PROPERTIES.values())
        for field, text in entered.items():
            if text == present[PROPERTIES[field]]:
                continue
            try:
                await property_changes.change(PROPERTIES[field], text, now=now, actor=actor)
            except InputRefused as refusal:
                refused[field] = refusal.fields["value"].removeprefix(f"{PROPERTIES[field]}: ")
        if refused:
            raise InputRefused(refused)
