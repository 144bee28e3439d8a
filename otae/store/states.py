"""The states of stored rows (invitations, messages, sessions, jobs and so on), and which may follow which (`MOVES`).

`records.advance` moves a row to another state.
"""

from enum import StrEnum
from types import MappingProxyType

from otae.store.models import (
    Approval,
    Campaign,
    Command,
    Delivery,
    Enrollment,
    EnrollmentSession,
    GroupInvitation,
    Invitation,
    Job,
    PeopleImport,
)


class InvitationStatus(StrEnum):
    """The states of an invitation. `failed`: the tries are used up, or the URL message failed for good."""

    PENDING = "pending"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    REVOKED = "revoked"
    FAILED = "failed"


class DeliveryStatus(StrEnum):
    """The states of a delivery. A deferred message is `queued` with a time for its next attempt."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    BOUNCED = "bounced"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SessionStatus(StrEnum):
    """The states of an enrollment session. `refused`: a message with a valid signature broke a rule, which ends it."""

    OPENED = "opened"
    IDENTIFIED = "identified"
    CERTIFIED = "certified"
    CONFIGURED = "configured"
    ENROLLED = "enrolled"
    REFUSED = "refused"
    EXPIRED = "expired"


class ApprovalStatus(StrEnum):
    """The states of a request for approval. `approved` holds until `Approval.ends_at`."""

    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"


class EnrollmentStatus(StrEnum):
    """The states of an enrollment. `enrolled` begins with TokenUpdate, not with Authenticate."""

    AUTHENTICATED = "authenticated"
    ENROLLED = "enrolled"
    UNENROLLED = "unenrolled"


class CommandStatus(StrEnum):
    """The states of a command. `notnow`: the Mac put it off, and gets it again."""

    QUEUED = "queued"
    SENT = "sent"
    NOT_NOW = "notnow"
    ACKNOWLEDGED = "acknowledged"
    ERROR = "error"


class GroupInvitationStatus(StrEnum):
    """The states of a group invitation.

    `reading`: the lines of a file are being stored. `matching`: somebody has to agree to its columns. `sending`: all
    invitations are made, and messages are queued.
    """

    READING = "reading"
    MATCHING = "matching"
    DRY_RUN = "dry-run"
    READY = "ready"
    EXPANDING = "expanding"
    PAUSED = "paused"
    SENDING = "sending"
    DONE = "done"
    CANCELLED = "cancelled"


class CampaignStatus(StrEnum):
    """The states of a campaign. `asking`: its group changed more than it may follow without an administrator."""

    DRAFT = "draft"
    RUNNING = "running"
    ASKING = "asking"
    PAUSED = "paused"
    ENDED = "ended"


class ImportStatus(StrEnum):
    """The states of an import. `ready`: every line was compared, and nothing is written yet."""

    READING = "reading"
    CHECKING = "checking"
    READY = "ready"
    IMPORTING = "importing"
    DONE = "done"
    CANCELLED = "cancelled"


class JobStatus(StrEnum):
    """The states of a job. `failed`: the work did not succeed, or an error ended it."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


_I, _D, _S, _E, _C = InvitationStatus, DeliveryStatus, SessionStatus, EnrollmentStatus, CommandStatus
_G, _P, _J, _A, _K = GroupInvitationStatus, ImportStatus, JobStatus, ApprovalStatus, CampaignStatus

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
    # Administrators may change their mind.
    Approval: {
        _A.WAITING: frozenset({_A.APPROVED, _A.DECLINED}),
        _A.APPROVED: frozenset({_A.DECLINED}),
        _A.DECLINED: frozenset({_A.APPROVED}),
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
    # That of a campaign is ready again after each wave.
    GroupInvitation: {
        _G.READING: frozenset({_G.MATCHING, _G.DRY_RUN, _G.CANCELLED}),
        _G.MATCHING: frozenset({_G.DRY_RUN, _G.CANCELLED}),
        _G.DRY_RUN: frozenset({_G.READY, _G.CANCELLED}),
        _G.READY: frozenset({_G.EXPANDING, _G.DONE, _G.CANCELLED}),
        _G.EXPANDING: frozenset({_G.PAUSED, _G.SENDING, _G.READY, _G.DONE, _G.CANCELLED}),
        _G.PAUSED: frozenset({_G.EXPANDING, _G.CANCELLED}),
        _G.SENDING: frozenset({_G.EXPANDING, _G.READY, _G.DONE}),
        _G.DONE: frozenset(),
        _G.CANCELLED: frozenset(),
    },
    Campaign: {
        _K.DRAFT: frozenset({_K.RUNNING, _K.ENDED}),
        _K.RUNNING: frozenset({_K.ASKING, _K.PAUSED, _K.ENDED}),
        _K.ASKING: frozenset({_K.RUNNING, _K.PAUSED, _K.ENDED}),
        _K.PAUSED: frozenset({_K.RUNNING, _K.ENDED}),
        _K.ENDED: frozenset(),
    },
    PeopleImport: {
        _P.READING: frozenset({_P.CHECKING, _P.CANCELLED}),
        _P.CHECKING: frozenset({_P.READY, _P.CANCELLED}),
        _P.READY: frozenset({_P.IMPORTING, _P.CANCELLED}),
        _P.IMPORTING: frozenset({_P.DONE, _P.CANCELLED}),
        _P.DONE: frozenset(),
        _P.CANCELLED: frozenset(),
    },
    # A job whose worker died is running again: that is a claim, and no move.
    Job: {
        _J.QUEUED: frozenset({_J.RUNNING}),
        _J.RUNNING: frozenset({_J.DONE, _J.FAILED}),
        _J.DONE: frozenset(),
        _J.FAILED: frozenset(),
    },
})  # fmt: skip
