"""The audit log's actions in words, and the pages of their subjects."""

from typing import Final
from uuid import UUID

from otae import paths
from otae.words import gettext as _

#: Action → its title; an action without one is shown by its own name.
WORDS: Final = {
    "administrator.added": _("Administrator added"),
    "administrator.address-changed": _("Administrator's mail address changed"),
    "administrator.disabled": _("Administrator disabled"),
    "administrator.enabled": _("Administrator enabled"),
    "administrator.invitation-withdrawn": _("Setup link withdrawn"),
    "administrator.invited": _("Setup link made"),
    "administrator.password-changed": _("Administrator's password changed"),
    "administrator.removed": _("Administrator removed"),
    "administrator.renamed": _("Administrator renamed by the directory"),
    "administrator.role-changed": _("Administrator's role changed"),
    "administrator.sign-in-failed": _("Sign-in to the console failed"),
    "administrator.signed-out": _("Signed out of the console elsewhere"),
    "administrator.signed-in": _("Signed in to the console"),
    "audit.head-broken": _("The end of this log was missing or changed"),
    "audit.key-lost": _("The key of this log was missing"),
    "backup.restored": _("Backup restored"),
    "backup.taken": _("Backup taken"),
    "ca.created": _("Certificate authority created"),
    "ca.rotated": _("Device authority rotated"),
    "ca.service-ca-replaced": _("Service authority replaced"),
    "carrier.add": _("Carrier added"),
    "carrier.change": _("Carrier changed"),
    "carrier.remove": _("Carrier removed"),
    "carrier.restore": _("Usual carriers added again"),
    "certificate.revoked": _("Certificate of a Mac revoked"),
    "device.released": _("Mac released"),
    "directory.added": _("Directory connected"),
    "directory.changed": _("Directory changed"),
    "directory.default": _("Directory made the default"),
    "directory.removed": _("Directory removed"),
    "directory.test": _("Directory tested"),
    "group-invitation.cancelled": _("Group invitation cancelled"),
    "group-invitation.done": _("Group invitation finished"),
    "group-invitation.expanded": _("Group invitation: everybody invited"),
    "group-invitation.ordered": _("Group invitation prepared"),
    "group-invitation.paused": _("Group invitation paused"),
    "group-invitation.paused, its mode is off": _("Group invitation paused: its mode is off"),
    "group-invitation.read": _("Group invitation: file read"),
    "group-invitation.resumed": _("Group invitation resumed"),
    "group-invitation.started": _("Group invitation started"),
    "group.added": _("Group added"),
    "group.member-added": _("Person put into a group"),
    "group.member-removed": _("Person taken out of a group"),
    "group.removed": _("Group removed"),
    "invitation.created": _("Invitation created"),
    "invitation.extended": _("Invitation given more time"),
    "invitation.link-copied": _("Invitation's link copied"),
    "invitation.resent": _("Invitation sent again"),
    "invitation.revoked": _("Invitation revoked"),
    "keys.rotated": _("Master keys rotated"),
    "mail.opened": _("Caught message opened"),
    "mode.pin-channel": _("Way of a mode's PINs changed"),
    "mode.values": _("Enrollment mode changed"),
    "notification-server.activate": _("Notification server activated"),
    "notification-server.add": _("Notification server added"),
    "notification-server.change": _("Notification server changed"),
    "notification-server.remove": _("Notification server removed"),
    "notification-server.test": _("Notification server tested"),
    "people-import.cancelled": _("File of users cancelled"),
    "people-import.done": _("File of users imported"),
    "people-import.started": _("Import of a file of users started"),
    "people-import.taken": _("File of users taken"),
    "people-import.written": _("Users of a file written"),
    "person.added": _("User added"),
    "person.changed": _("User changed"),
    "person.password-link": _("Password link made"),
    "person.password-set": _("Password chosen"),
    "person.removed": _("User deleted"),
    "person.unlocked": _("User unlocked"),
    "profile-signer.imported": _("Own profile signer imported"),
    "profile-signer.removed": _("Own profile signer removed"),
    "profile-signer.renewed": _("Profile signer renewed"),
    "profile.written": _("Enrollment profile written to a file"),
    "property.reset": _("Server property reset"),
    "property.set": _("Server property changed"),
    "push.imported": _("Push certificate imported"),
    "ra.renewed": _("Registration authority renewed"),
    "role.added": _("Role added"),
    "role.assigned": _("Role given to a group"),
    "role.changed": _("Role changed"),
    "role.removed": _("Role removed"),
    "role.unassigned": _("Role taken from a group"),
    "root-key.removed": _("Root's key taken off this server"),
    "root-key.returned": _("Root's key brought back"),
    "root-key.exported": _("Root's key exported"),
    "template.changed": _("Template changed"),
    "template.cloned": _("Template copied"),
    "template.removed": _("Template removed"),
    "template.renamed": _("Template renamed"),
    "template.sent": _("Template sent as a sample"),
    "template.translated": _("Translation of a template changed"),
    "template.translation-removed": _("Translation of a template removed"),
    "tls.imported": _("Own TLS certificate imported"),
    "tls.removed": _("Own TLS certificate removed"),
    "tls.renewed": _("TLS certificate renewed"),
}

#: Prefix of an action whose subject is an id → path of the subject's page and the permission for it.
_PLACES: Final = {
    "invitation": (paths.INVITATION, "invitation.see"),
    "group-invitation": (paths.GROUP_INVITATION, "group-invitation.see"),
    "people-import": (paths.IMPORT, "person.import"),
    "mail": (paths.CAUGHT_MAIL, "mail.see"),
}


def words_of(action: str) -> str:
    """Return ``action`` in words."""
    return WORDS.get(action, action)


def place_of(action: str, subject: str) -> tuple[str, str] | None:
    """Return the page of the action's subject and the permission for that page; None when there is none."""
    place = _PLACES.get(action.partition(".")[0])
    if place is None or not _is_id(subject):
        return None
    return place[0](subject), place[1]


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
