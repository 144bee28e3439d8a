"""The audit log's actions in words, and the pages of their subjects."""

from typing import Final
from uuid import UUID

from otae import paths
from otae.translatable import N_

#: Action → its title; an action without one is shown by its own name.
WORDS: Final = {
    "administrator.added": N_("Administrator added"),
    "administrator.address-changed": N_("Administrator's mail address changed"),
    "administrator.display-name-changed": N_("Administrator's full name changed"),
    "administrator.disabled": N_("Administrator disabled"),
    "administrator.enabled": N_("Administrator enabled"),
    "administrator.invitation-withdrawn": N_("Setup link withdrawn"),
    "administrator.invited": N_("Setup link made"),
    "administrator.password-accepted": N_("Password for the console accepted; a second factor is asked for"),
    "administrator.password-changed": N_("Administrator's password changed"),
    "administrator.recovery-codes-made": N_("Recovery codes made"),
    "administrator.removed": N_("Administrator removed"),
    "administrator.renamed": N_("Administrator renamed by the directory"),
    "administrator.role-changed": N_("Administrator's role changed"),
    "administrator.second-factor-added": N_("Second factor set up"),
    "administrator.second-factor-failed": N_("Second factor wrong"),
    "administrator.second-factor-removed": N_("Second factor removed"),
    "administrator.second-factor-reset": N_("Second factors reset by somebody else"),
    "administrator.sign-in-failed": N_("Sign-in to the console failed"),
    "administrator.signed-out": N_("Signed out of the console elsewhere"),
    "administrator.signed-in": N_("Signed in to the console"),
    "audit.head-broken": N_("The end of this log was missing or changed"),
    "audit.key-lost": N_("The key of this log was missing"),
    "backup.restored": N_("Backup restored"),
    "backup.taken": N_("Backup taken"),
    "ca.created": N_("Certificate authority created"),
    "ca.rotated": N_("Device authority rotated"),
    "ca.service-ca-replaced": N_("Service authority replaced"),
    "carrier.add": N_("Carrier added"),
    "carrier.change": N_("Carrier changed"),
    "carrier.remove": N_("Carrier removed"),
    "carrier.restore": N_("Usual carriers added again"),
    "certificate.revoked": N_("Certificate of a Mac revoked"),
    "device.released": N_("Mac released"),
    "directory.added": N_("Directory connected"),
    "directory.changed": N_("Directory changed"),
    "directory.default": N_("Directory made the default"),
    "directory.removed": N_("Directory removed"),
    "directory.test": N_("Directory tested"),
    "group-invitation.cancelled": N_("Group invitation cancelled"),
    "group-invitation.done": N_("Group invitation finished"),
    "group-invitation.expanded": N_("Group invitation: everybody invited"),
    "group-invitation.matched": N_("Group invitation: columns of the file checked"),
    "group-invitation.ordered": N_("Group invitation prepared"),
    "group-invitation.paused": N_("Group invitation paused"),
    "group-invitation.paused, its mode is off": N_("Group invitation paused: its mode is off"),
    "group-invitation.put-back": N_("Person put back into a group invitation"),
    "group-invitation.read": N_("Group invitation: file read"),
    "group-invitation.resumed": N_("Group invitation resumed"),
    "group-invitation.scheduled": N_("Group invitation set to start at a time"),
    "group-invitation.started": N_("Group invitation started"),
    "group-invitation.taken-out": N_("Person taken out of a group invitation"),
    "group-invitation.unscheduled": N_("Group invitation no longer set to start at a time"),
    "group-invitation.wave-done": N_("Group invitation: a wave was invited"),
    "campaign.agreed": N_("Agreed to what a campaign asked"),
    "campaign.asked": N_("Campaign asks: its group changed much"),
    "campaign.changed": N_("Campaign changed"),
    "campaign.ended": N_("Campaign ended"),
    "campaign.paused": N_("Campaign paused"),
    "campaign.resumed": N_("Campaign resumed"),
    "campaign.settled": N_("Campaign asks no more: its group is as before"),
    "campaign.started": N_("Campaign started"),
    "group.added": N_("Group added"),
    "group.member-added": N_("Person put into a group"),
    "group.member-removed": N_("Person taken out of a group"),
    "group.removed": N_("Group removed"),
    "help.changed": N_("Help text of the portal changed"),
    "help.removed": N_("Help text of the portal removed"),
    "identity.confirmed": N_("Identity confirmed at the desk"),
    "identity.objected": N_("Identity at the desk denied by the person"),
    "invitation.created": N_("Invitation created"),
    "invitation.deleted": N_("Invitation deleted"),
    "invitation.extended": N_("Invitation given more time"),
    "invitation.link-copied": N_("Invitation's link copied"),
    "invitation.resent": N_("Invitation sent again"),
    "invitation.restored": N_("Deletion of an invitation undone"),
    "invitation.revoked": N_("Invitation revoked"),
    "invitations.changed": N_("Many invitations changed"),
    "approval.approved": N_("Enrollment approved"),
    "approval.declined": N_("Enrollment declined"),
    "guessing.seen": N_("Alert about guessing seen"),
    "keys.rotated": N_("Master keys rotated"),
    "logo.changed": N_("Logo changed"),
    "logo.removed": N_("Logo removed"),
    "mail.opened": N_("Caught message opened"),
    "mode.pin-channel": N_("Way of a mode's PINs changed"),
    "mode.values": N_("Enrollment mode changed"),
    "notification-server.activate": N_("Notification server activated"),
    "notification-server.add": N_("Notification server added"),
    "notification-server.change": N_("Notification server changed"),
    "notification-server.remove": N_("Notification server removed"),
    "notification-server.test": N_("Notification server tested"),
    "people-import.cancelled": N_("File of users cancelled"),
    "people-import.done": N_("File of users imported"),
    "people-import.started": N_("Import of a file of users started"),
    "people-import.taken": N_("File of users taken"),
    "people-import.written": N_("Users of a file written"),
    "person.added": N_("User added"),
    "person.changed": N_("User changed"),
    "person.password-link": N_("Password link made"),
    "person.password-set": N_("Password chosen"),
    "person.removed": N_("User deleted"),
    "person.unlocked": N_("User unlocked"),
    "profile-signer.imported": N_("Own profile signer imported"),
    "profile-signer.removed": N_("Own profile signer removed"),
    "profile-signer.renewed": N_("Profile signer renewed"),
    "profile.written": N_("Enrollment profile written to a file"),
    "property.reset": N_("Server property reset"),
    "property.set": N_("Server property changed"),
    "push.imported": N_("Push certificate imported"),
    "ra.renewed": N_("Registration authority renewed"),
    "role.added": N_("Role added"),
    "role.assigned": N_("Role given to a group"),
    "role.changed": N_("Role changed"),
    "role.removed": N_("Role removed"),
    "role.unassigned": N_("Role taken from a group"),
    "root-key.removed": N_("Root's key taken off this server"),
    "root-key.returned": N_("Root's key brought back"),
    "root-key.exported": N_("Root's key exported"),
    "template.changed": N_("Template changed"),
    "template.cloned": N_("Template copied"),
    "template.removed": N_("Template removed"),
    "template.renamed": N_("Template renamed"),
    "template.sent": N_("Template sent as a sample"),
    "template.translated": N_("Translation of a template changed"),
    "template.translation-removed": N_("Translation of a template removed"),
    "terms-of-use.changed": N_("Terms of use changed"),
    "terms-of-use.removed": N_("Terms of use removed"),
    "tls.imported": N_("Own TLS certificate imported"),
    "tls.removed": N_("Own TLS certificate removed"),
    "tls.renewed": N_("TLS certificate renewed"),
}

#: Prefix of an action whose subject is an id → path of the subject's page and the permission for it.
_PAGES: Final = {
    "approval": (paths.INVITATION, "invitation.see"),
    "invitation": (paths.INVITATION, "invitation.see"),
    "group-invitation": (paths.GROUP_INVITATION, "group-invitation.see"),
    "people-import": (paths.IMPORT, "person.import"),
    "mail": (paths.CAUGHT_MAIL, "mail.see"),
}


def words_of(action: str) -> str:
    """Return the description of an audit action, marked for translation; ``action`` itself for an unknown one."""
    return WORDS.get(action, action)


def page_of(action: str, subject: str) -> tuple[str, str] | None:
    """Return the page of the action's subject and the permission for that page; None when there is none."""
    page = _PAGES.get(action.partition(".")[0])
    if page is None or not _is_id(subject):
        return None
    return page[0](subject), page[1]


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
