"""All permissions that a role can have, with their headings and descriptions.

Each page of the console names the permission that it takes (`otae/web/routes.py`); the server refuses to start with a
name that is not listed here.
"""

from dataclasses import dataclass
from typing import Final

from otae.translatable import N_

#: The permission that every role with any permission has: to enter the console and see the dashboard.
ENTER: Final = "console.enter"


@dataclass(frozen=True)
class Permission:
    """A permission. ``name``: "noun.verb"; ``words``: its description in the form for roles.

    ``bounded``: it is about people. A role that is limited to groups can have such permissions only, because whoever
    may change settings or read the audit log sees everybody.
    """

    name: str
    words: str
    bounded: bool = False

    @property
    def noun(self) -> str:
        """The first part of the name, a key of NOUNS."""
        return self.name.partition(".")[0]


#: The nouns of permissions → their headings.
NOUNS: Final = {
    "invitation": N_("Invitations"),
    "group-invitation": N_("Group invitations"),
    "device": N_("Devices"),
    "person": N_("Users"),
    "group": N_("Groups"),
    "setting": N_("Settings"),
    "directory": N_("Directories"),
    "certificate": N_("Certificates"),
    "mail": N_("Mail catcher"),
    "audit": N_("Audit log"),
    "administrator": N_("Administrators and roles"),
    "rehearsal": N_("Rehearsal"),
}

#: All permissions, by name.
PERMISSIONS: Final = {
    permission.name: permission
    for permission in (
        Permission("invitation.see", N_("See invitations and how far each has come"), bounded=True),
        Permission("invitation.create", N_("Invite people"), bounded=True),
        Permission("invitation.notify", N_("Send again, remind, and give more time"), bounded=True),
        Permission("invitation.revoke", N_("Revoke invitations, and delete those that have ended"), bounded=True),
        Permission("invitation.approve", N_("Approve or decline enrollments"), bounded=True),
        Permission("invitation.secret", N_("Copy links, show PINs once, print PIN cards"), bounded=True),
        Permission("invitation.desk", N_("Desk: confirm who somebody is, show a code and the PIN once"), bounded=True),
        Permission("group-invitation.see", N_("See group invitations and their results"), bounded=True),
        Permission("group-invitation.create", N_("Invite groups: prepare, start, pause, cancel"), bounded=True),
        Permission("device.see", N_("See Macs"), bounded=True),
        Permission("device.release", N_("Release a Mac, so that somebody else may enroll it"), bounded=True),
        Permission("device.unenroll", N_("Unenroll a Mac: its certificate is revoked"), bounded=True),
        Permission("person.see", N_("See users"), bounded=True),
        Permission("person.edit", N_("Add, change and disable users; give passwords")),
        Permission("person.data", N_("Download all that is held about a user; delete users")),
        Permission("person.import", N_("Import and export files of users")),
        Permission("group.see", N_("See groups and who is in them"), bounded=True),
        Permission("group.edit", N_("Make groups, and change who is in them")),
        Permission("setting.see", N_("See settings: notification servers, templates, properties, push")),
        Permission("setting.edit", N_("Change settings: they decide where links and PINs are sent")),
        Permission("directory.see", N_("See which directories are connected")),
        Permission("directory.edit", N_("Connect directories: they decide whose password is right")),
        Permission("certificate.see", N_("See certificates")),
        Permission("certificate.revoke", N_("Revoke the certificate of a Mac")),
        Permission("certificate.edit", N_("Renew and upload certificates; export and remove the root key")),
        Permission("mail.see", N_("Read what the mail catcher took, links and PINs included")),
        Permission("audit.see", N_("Read who did what")),
        Permission("administrator.see", N_("See administrators and roles")),
        Permission("administrator.edit", N_("Invite, change and remove administrators; make roles")),
        Permission("rehearsal.run", N_("Run a rehearsal")),
    )
}
