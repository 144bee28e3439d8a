"""Whom the portal's pages tell people to ask: the organization, and a contact that can be clicked."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from otae.branding import look
from otae.branding.look import Branding
from otae.contacts import MailAddressRefused, NumberRefused, e164, mail_address
from otae.store import properties
from otae.translatable import N_
from otae.web.pages import is_fragment_request

#: What may be a mail address or a phone number in a contact, which may hold more words than these.
_CLICKABLE = re.compile(r"[^\s,;:<>()|]+@[^\s,;:<>()|]+|\+?[0-9(][0-9 ()/.-]{5,}[0-9]")
#: The contact while none is set, as pages say it.
_NOBODY: Final = N_("your IT department")


@dataclass(frozen=True)
class ContactPart:
    """A piece of the contact; ``href``: "mailto:" or "tel:" with the address, "" for other words."""

    text: str
    href: str = ""


async def read(request: Request) -> None:
    """Keep the branding that is in force as `keep` does; for a part of a page, which is polled, what it may say."""
    keep(request, await look.read(in_words=is_fragment_request(request)))


def keep(request: Request, branding: Branding) -> None:
    """Keep ``branding`` and its contact in the request's state, where `pages.render` finds them."""
    request.state.branding = branding
    request.state.support_contact = contact_parts(branding.contact, branding.region)


def contact_parts(contact: str, region: str) -> list[ContactPart]:
    """Return ``contact`` in pieces: each mail address and phone number with its link, and the words between.

    Args:
        region: The country of numbers without "+", as two letters; "" for none.
    """
    if contact == properties.row_of("support.contact").default:
        return [ContactPart(_NOBODY)]
    parts, at = [], 0
    for found in _CLICKABLE.finditer(contact):
        if href := _href(found[0], region):
            parts += [ContactPart(contact[at : found.start()]), ContactPart(found[0], href)]
            at = found.end()
    return [part for part in [*parts, ContactPart(contact[at:])] if part.text]


def _href(text: str, region: str) -> str:
    if "@" in text:
        with suppress(MailAddressRefused):
            return f"mailto:{mail_address(text)}"
    else:
        with suppress(NumberRefused):
            return f"tel:{e164(text, region=region)}"
    return ""
