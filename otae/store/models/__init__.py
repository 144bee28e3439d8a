"""The tables, one module per subject."""

from otae.store.models.accounts import (
    Administrator,
    BrowserSession,
    KeptText,
    Passkey,
    RecoveryCode,
    Role,
    RoleAssignment,
    SetupLink,
)
from otae.store.models.approvals import Approval
from otae.store.models.branding import Logo, PortalText
from otae.store.models.campaigns import Campaign, CampaignDay
from otae.store.models.certificates import Certificate, InstallationSecret
from otae.store.models.challenges import Challenge
from otae.store.models.deliveries import Delivery
from otae.store.models.devices import Command, Device, Enrollment, ListedSerial, UserChannel
from otae.store.models.directories import DirectoryServer
from otae.store.models.enrollment import EnrollmentSession
from otae.store.models.groups import GroupInvitation, GroupInvitee
from otae.store.models.imports import PeopleImport, PeopleImportLine
from otae.store.models.invitations import Invitation, ModePolicy, Pin
from otae.store.models.notices import AdministratorMail, Notice, NoticeChoice, NoticeReceipt
from otae.store.models.notifications import (
    CarrierGateway,
    CaughtMail,
    NotificationServer,
    NotificationTemplate,
    ServerRefusal,
    TemplateTranslation,
)
from otae.store.models.people import Group, Membership, PasswordLink, Person
from otae.store.models.records import AuditEntry, AuditHead, Counter, Event, Heartbeat, Job, Property
from otae.store.models.rollout import RolloutCount, RolloutEntry

__all__ = [
    "Administrator",
    "AdministratorMail",
    "Approval",
    "AuditEntry",
    "AuditHead",
    "BrowserSession",
    "Campaign",
    "CampaignDay",
    "CarrierGateway",
    "CaughtMail",
    "Certificate",
    "Challenge",
    "Command",
    "Counter",
    "Delivery",
    "Device",
    "DirectoryServer",
    "Enrollment",
    "EnrollmentSession",
    "Event",
    "Group",
    "GroupInvitation",
    "GroupInvitee",
    "Heartbeat",
    "InstallationSecret",
    "Invitation",
    "Job",
    "KeptText",
    "ListedSerial",
    "Logo",
    "Membership",
    "ModePolicy",
    "Notice",
    "NoticeChoice",
    "NoticeReceipt",
    "NotificationServer",
    "NotificationTemplate",
    "Passkey",
    "PasswordLink",
    "PeopleImport",
    "PeopleImportLine",
    "Person",
    "Pin",
    "PortalText",
    "Property",
    "RecoveryCode",
    "Role",
    "RoleAssignment",
    "RolloutCount",
    "RolloutEntry",
    "ServerRefusal",
    "SetupLink",
    "TemplateTranslation",
    "UserChannel",
]

# The ORM would write the first docstring line into CREATE TABLE as a comment and split the statement at its semicolons.
for _name in __all__:
    globals()[_name]._meta.table_description = ""  # noqa: SLF001 - there is no public way
