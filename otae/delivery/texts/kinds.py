"""The kinds of messages: which template each is made from, and which go out after their invitation has ended."""

from typing import Final

#: Every kind of template. ADMINISTRATIVE ones go to the administrator who invited, all others to who is invited.
KINDS: Final = ("url", "pin", "confirmation", "reminder", "revoked", "expired", "notice", "trouble")
#: That an invitation failed or its PIN did not arrive, and that a notification server refuses every message.
ADMINISTRATIVE: Final = ("notice", "trouble")
#: The kinds for which an invitation may name a template of its own.
CHOSEN: Final = ("url", "pin", "confirmation")
#: The kinds that somebody needs to sign in with: what of them does not arrive, an administrator has to see.
NEEDED: Final = ("url", "pin")
#: The kinds that carry the invitation's link.
LINKING: Final = ("url", "reminder")
#: The kinds that tell of an end: they go out although, and because, the invitation can no longer be used.
AFTERWARDS: Final = frozenset({"confirmation", "revoked", "expired", *ADMINISTRATIVE})


def template_kind(kind: str) -> str:
    """Return which kind of template a delivery of ``kind`` is made from: "reminder" for "reminder-1" and so on."""
    return "reminder" if kind.startswith("reminder-") else kind
