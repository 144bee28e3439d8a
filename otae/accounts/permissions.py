"""All permissions that a role can have, with their headings and descriptions.

Each page of the console names the permission that it takes (`otae/web/routes.py`); the server refuses to start with a
name that is not listed here.
"""

from dataclasses import dataclass
from typing import Final

from otae.words import gettext as _

#: The permission that every role with any permission has: to enter the console and see the dashboard.
ENTER: Final = "console.enter"


@dataclass(frozen=True)
class Permission:
    """A permission. ``name``: "noun.verb"; ``words``: its description in the form for roles.

    ``bounded``: it is about people, so that a role limited to groups can have it. Such a role can have no other
    permission: whoever may change settings or read the audit log sees everybody.
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
    "invitation": _("Invitations"),
    "group-invitation": _("Group invitations"),
    "device": _("Devices"),
    "person": _("Users"),
    "group": _("Groups"),
    "setting": _("Settings"),
    "directory": _("Directories"),
    "certificate": _("Certificates"),
    "mail": _("Mail catcher"),
    "audit": _("Audit log"),
    "administrator": _("Administrators and roles"),
    "rehearsal": _("Rehearsal"),
}

#: All permissions, by name.
PERMISSIONS: Final = {
    permission.name: permission
    for permission in (
        Permission("invitation.see", _("See invitations and how far each has come"), bounded=True),
        Permission("invitation.create", _("Invite people"), bounded=True),
        Permission("invitation.notify", _("Send again, remind, and give more time"), bounded=True),
        Permission("invitation.revoke", _("Revoke invitations"), bounded=True),
        Permission("invitation.secret", _("Copy links, show PINs once, print PIN cards"), bounded=True),
        Permission("group-invitation.see", _("See group invitations and their results"), bounded=True),
        Permission("group-invitation.create", _("Invite groups: prepare, start, pause, cancel"), bounded=True),
        Permission("device.see", _("See Macs"), bounded=True),
        Permission("device.release", _("Release a Mac, so that somebody else may enroll it"), bounded=True),
        Permission("person.see", _("See users"), bounded=True),
        Permission("person.edit", _("Add, change, disable and delete users; give passwords")),
        Permission("person.import", _("Import and export files of users")),
        Permission("group.see", _("See groups and who is in them"), bounded=True),
        Permission("group.edit", _("Make groups, and change who is in them")),
        Permission("setting.see", _("See settings: notification servers, templates, properties, push")),
        Permission("setting.edit", _("Change settings: they decide where links and PINs are sent")),
        Permission("directory.see", _("See which directories are connected")),
        Permission("directory.edit", _("Connect directories: they decide whose password is right")),
        Permission("certificate.see", _("See certificates")),
        Permission("certificate.revoke", _("Revoke the certificate of a Mac")),
        Permission("certificate.edit", _("Renew and upload certificates; export and remove the root key")),
        Permission("mail.see", _("Read what the mail catcher took, links and PINs included")),
        Permission("audit.see", _("Read who did what")),
        Permission("administrator.see", _("See administrators and roles")),
        Permission("administrator.edit", _("Invite, change and remove administrators; make roles")),
        Permission("rehearsal.run", _("Run a rehearsal")),
    )
}
