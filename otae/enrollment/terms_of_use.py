"""The terms of use that people accept when they sign in to enroll."""

from otae.branding import portal_texts
from otae.branding.portal_texts import TERMS_OF_USE, PortalTextRow
from otae.errors import InputRefused
from otae.translatable import N_


async def accepted(sha256: str) -> PortalTextRow | None:
    """Return the terms of use whose text has this SHA-256; None when there are none to accept.

    Raises:
        InputRefused: "terms_of_use": Nothing was accepted, or another text than those that are shown now.
    """
    texts = await portal_texts.shown(TERMS_OF_USE)
    if not texts:
        return None
    found = next((text for text in texts.values() if text.sha256 == sha256), None)
    if found is None and sha256:
        changed = N_("The terms of use have changed since you read them. Please read them again.")
        raise InputRefused({"terms_of_use": changed})
    if found is None:
        raise InputRefused({"terms_of_use": N_("Please read and accept the terms of use.")})
    return found
