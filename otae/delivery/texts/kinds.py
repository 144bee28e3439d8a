"""The kinds of messages, and the properties that some of them share."""

from typing import Final

#: An invitation failed or its PIN did not arrive; a person objects to an identity confirmed at the desk; a notification
#: server refuses every message.
NOTICES: Final = ("notice", "objection", "trouble")
#: Somebody waits for an approval; they got it.
APPROVAL, APPROVED = "approval", "approved"
#: Somebody whom the receiver manages has not enrolled, although they were reminded.
MANAGER = "manager"
#: Every kind of template. ADMINISTRATIVE ones go to administrators and managers, all others to the invited person.
KINDS: Final = (
    "url",
    "pin",
    "confirmation",
    "reminder",
    "revoked",
    "expired",
    "identity",
    APPROVED,
    *NOTICES,
    APPROVAL,
    MANAGER,
)
ADMINISTRATIVE: Final = (*NOTICES, APPROVAL, MANAGER)
#: The kinds for which an invitation may name a template of its own.
CHOSEN: Final = ("url", "pin", "confirmation")
#: The kinds without which nobody can sign in: an administrator is notified when one does not arrive.
NEEDED: Final = ("url", "pin")
#: The kinds that carry the invitation's link.
LINKING: Final = ("url", "reminder")
#: The kinds that are sent whatever becomes of the invitation.
ALWAYS: Final = frozenset({"confirmation", "identity", "objection"})
#: The kinds that are sent although an invitation has ended.
AFTERWARDS: Final = frozenset({*ALWAYS, "revoked", "expired", *NOTICES})


def template_kind(kind: str) -> str:
    """Return the kind of template for a delivery of ``kind``: "reminder" for "reminder-1" and so on."""
    return "reminder" if kind.startswith("reminder-") else kind
