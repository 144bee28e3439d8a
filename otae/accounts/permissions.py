"""What a role may allow: every leaf, what it is about and what it says to whoever ticks it.

A page of the console names the leaf that opens it (`otae/web/routes.py`); a name that does not stand here keeps the
server from starting.
"""

from dataclasses import dataclass
from typing import Final

from otae.words import gettext as _

#: What every role with a leaf may do: enter the console and see its own dashboard.
ENTER: Final = "console.enter"


@dataclass(frozen=True)
class Leaf:
    """One thing that a role may allow. ``name``: "noun.verb"; ``words``: for whoever ticks it.

    ``bounded``: it is about people, so that a role may be limited to those of some groups and still have it. A role
    with limits has no other leaves: whoever may change the settings or read the audit log sees everybody.
    """

    name: str
    words: str
    bounded: bool = False

    @property
    def noun(self) -> str:
        """What it is about."""
        return self.name.partition(".")[0]


#: What leaves are about → its heading.
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

#: Every leaf, by name.
LEAVES: Final = {
    leaf.name: leaf
    for leaf in (
        Leaf("invitation.see", _("See invitations and how far each has come"), bounded=True),
        Leaf("invitation.create", _("Invite people"), bounded=True),
        Leaf("invitation.notify", _("Send again, remind, and give more time"), bounded=True),
        Leaf("invitation.revoke", _("Revoke invitations"), bounded=True),
        Leaf("invitation.secret", _("Take out links and PINs: copy, show once, print"), bounded=True),
        Leaf("group-invitation.see", _("See group invitations and their results"), bounded=True),
        Leaf("group-invitation.create", _("Invite groups: prepare, start, pause, cancel"), bounded=True),
        Leaf("device.see", _("See Macs"), bounded=True),
        Leaf("device.release", _("Release a Mac, so that somebody else may enroll it"), bounded=True),
        Leaf("person.see", _("See users"), bounded=True),
        Leaf("person.edit", _("Add, change, disable and delete users; give passwords")),
        Leaf("person.import", _("Import and export files of users")),
        Leaf("group.see", _("See groups and who is in them"), bounded=True),
        Leaf("group.edit", _("Make groups, and change who is in them")),
        Leaf("setting.see", _("See settings: notification servers, templates, properties, push")),
        Leaf("setting.edit", _("Change settings: they decide where links and PINs are sent")),
        Leaf("directory.see", _("See which directories are connected")),
        Leaf("directory.edit", _("Connect directories: they decide whose password is right")),
        Leaf("certificate.see", _("See certificates")),
        Leaf("certificate.revoke", _("Revoke the certificate of a Mac")),
        Leaf("certificate.edit", _("Renew and bring certificates; take out the root key")),
        Leaf("mail.see", _("Read what the mail catcher took, links and PINs included")),
        Leaf("audit.see", _("Read who did what")),
        Leaf("administrator.see", _("See administrators and roles")),
        Leaf("administrator.edit", _("Invite, change and remove administrators; make roles")),
        Leaf("rehearsal.run", _("Run a rehearsal")),
    )
}
