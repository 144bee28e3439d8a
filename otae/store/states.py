"""The states of the five things that move, and the moves that are allowed."""

from enum import StrEnum
from types import MappingProxyType

from otae.store.models import Command, Delivery, Enrollment, EnrollmentSession, Invitation


class InvitationStatus(StrEnum):
    """`failed`: the tries are used up, or the URL message failed for good."""

    PENDING = "pending"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    REVOKED = "revoked"
    FAILED = "failed"


class DeliveryStatus(StrEnum):
    """Deferred is `queued` with a next try."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    BOUNCED = "bounced"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SessionStatus(StrEnum):
    """`refused`: a message that verified broke a policy."""

    OPENED = "opened"
    IDENTIFIED = "identified"
    CERTIFIED = "certified"
    CONFIGURED = "configured"
    ENROLLED = "enrolled"
    REFUSED = "refused"
    EXPIRED = "expired"


class EnrollmentStatus(StrEnum):
    """`enrolled` begins with TokenUpdate, not with Authenticate."""

    AUTHENTICATED = "authenticated"
    ENROLLED = "enrolled"
    UNENROLLED = "unenrolled"


class CommandStatus(StrEnum):
    """`notnow`: the Mac had no time for it and gets it again."""

    QUEUED = "queued"
    SENT = "sent"
    NOT_NOW = "notnow"
    ACKNOWLEDGED = "acknowledged"
    ERROR = "error"


_I, _D, _S, _E, _C = InvitationStatus, DeliveryStatus, SessionStatus, EnrollmentStatus, CommandStatus

#: From each state, the states that may follow. Anything else is a mistake of ours and raises ValueError.
MOVES: MappingProxyType[type, dict[str, frozenset[str]]] = MappingProxyType({
    Invitation: {
        _I.PENDING: frozenset({_I.PENDING, _I.REDEEMED, _I.EXPIRED, _I.REVOKED, _I.FAILED}),
        _I.EXPIRED: frozenset({_I.PENDING, _I.REDEEMED, _I.REVOKED}),
        _I.FAILED: frozenset({_I.PENDING, _I.REDEEMED, _I.REVOKED}),
        _I.REDEEMED: frozenset(),
        _I.REVOKED: frozenset(),
    },
    Delivery: {
        _D.QUEUED: frozenset({_D.SENDING, _D.CANCELLED, _D.FAILED}),
        _D.SENDING: frozenset({_D.SENDING, _D.QUEUED, _D.SENT, _D.FAILED, _D.CANCELLED}),
        _D.SENT: frozenset({_D.BOUNCED}),
        _D.BOUNCED: frozenset(),
        _D.FAILED: frozenset({_D.QUEUED}),
        _D.CANCELLED: frozenset(),
    },
    # On the profile way the order is opened, configured, certified, enrolled.
    EnrollmentSession: {
        _S.OPENED: frozenset({_S.IDENTIFIED, _S.CONFIGURED, _S.REFUSED, _S.EXPIRED}),
        _S.IDENTIFIED: frozenset({_S.IDENTIFIED, _S.CERTIFIED, _S.REFUSED, _S.EXPIRED}),
        _S.CERTIFIED: frozenset({_S.IDENTIFIED, _S.CONFIGURED, _S.ENROLLED, _S.REFUSED, _S.EXPIRED}),
        _S.CONFIGURED: frozenset({_S.IDENTIFIED, _S.CERTIFIED, _S.ENROLLED, _S.REFUSED, _S.EXPIRED}),
        _S.ENROLLED: frozenset(),
        _S.REFUSED: frozenset(),
        _S.EXPIRED: frozenset(),
    },
    Enrollment: {
        _E.AUTHENTICATED: frozenset({_E.ENROLLED, _E.UNENROLLED}),
        _E.ENROLLED: frozenset({_E.UNENROLLED}),
        _E.UNENROLLED: frozenset(),
    },
    # A command whose answer was lost is sent again; one that did its work without being sent is done.
    Command: {
        _C.QUEUED: frozenset({_C.SENT, _C.ACKNOWLEDGED}),
        _C.SENT: frozenset({_C.SENT, _C.NOT_NOW, _C.ACKNOWLEDGED, _C.ERROR}),
        _C.NOT_NOW: frozenset({_C.SENT, _C.NOT_NOW, _C.ACKNOWLEDGED, _C.ERROR}),
        _C.ACKNOWLEDGED: frozenset(),
        _C.ERROR: frozenset(),
    },
})  # fmt: skip
