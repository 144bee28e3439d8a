"""The pages of the console that the search finds, with the words they are found by besides their titles."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from otae import paths
from otae.accounts import roles
from otae.accounts.permissions import ENTER
from otae.overview.search import Seeker
from otae.store.mode_table import MODES
from otae.store.properties import PROPERTIES
from otae.text import folded
from otae.translatable import N_
from otae.words import translated


@dataclass(frozen=True)
class ConsolePage:
    """A page. ``permission`` and ``within``: as in `routes.py`; ``words``: what else it is searched by."""

    path: str
    permission: str
    title: str
    words: str = ""
    within: bool = True

    def is_open(self, seeker: Seeker) -> bool:
        """Return whether the role of whoever searches opens the page."""
        return seeker.may(self.permission) and (self.within or not seeker.reach.limited)

    def fits(self, wanted: list[str]) -> bool:
        """Return whether each of the ``wanted`` words, folded, is in the title or the words, translated or not."""
        texts = (self.title, self.words)
        whole = folded(" ".join((*texts, *map(translated, texts))))
        return all(word in whole for word in wanted)


#: The pages, in the order of the menus; a page that adds something follows the one that lists it.
PAGES: Final = (
    ConsolePage(paths.CONSOLE, ENTER, N_("Dashboard"), N_("start, overview, rehearsal")),
    ConsolePage(paths.INVITATIONS, "invitation.see", N_("Enrollment invitations"), N_("pending, stuck, expired")),
    ConsolePage(paths.INVITATION_ADD, "invitation.create", N_("Add invitation"), N_("invite somebody")),
    ConsolePage(paths.APPROVALS, "invitation.approve", N_("Approvals"), N_("approve, decline")),
    ConsolePage(paths.DESK, "invitation.desk", N_("Desk"), N_("technician, identity, code")),
    ConsolePage(paths.DEVICES, "device.see", N_("Devices"), N_("Macs, serial number")),
    ConsolePage(paths.USERS, "person.see", N_("Users"), N_("people")),
    ConsolePage(paths.USER_ADD, "person.edit", N_("Add user"), N_("people")),
    ConsolePage(paths.IMPORT_UPLOAD, "person.import", N_("Import users"), N_("CSV file, people")),
    ConsolePage(paths.GROUPS, "group.see", N_("Groups")),
    ConsolePage(paths.GROUP_INVITATIONS, "group-invitation.see", N_("Group invitations"), N_("order, many people")),
    ConsolePage(paths.GROUP_INVITATION_ADD, "group-invitation.create", N_("Invite a group"), N_("many people")),
    ConsolePage(paths.SETTINGS, "setting.see", N_("Settings"), N_("overview, configuration")),
    ConsolePage(
        paths.GROUP_INVITATION_UPLOAD,
        "group-invitation.create",
        N_("Invite people from a file"),
        N_("CSV file, people"),
        within=False,
    ),
    ConsolePage(paths.CAMPAIGNS, "group-invitation.see", N_("Campaigns"), N_("many people")),
    ConsolePage(paths.CAMPAIGN_ADD, "group-invitation.create", N_("Add campaign"), N_("many people")),
    ConsolePage(paths.NOTIFICATION_SERVERS, "setting.see", N_("Notification servers"), N_("mail server, SMS gateway")),
    ConsolePage(paths.SMTP_SERVER_ADD, "setting.edit", N_("Add SMTP server"), N_("mail server")),
    ConsolePage(paths.SMS_SERVER_CHOOSE, "setting.edit", N_("Add SMS gateway"), N_("text messages")),
    ConsolePage(paths.CARRIERS, "setting.see", N_("Carriers"), N_("text messages")),
    ConsolePage(paths.DIRECTORIES, "directory.see", N_("LDAP"), "Active Directory, OpenLDAP"),
    ConsolePage(paths.DIRECTORY_ADD, "directory.edit", N_("Add directory"), "Active Directory, OpenLDAP"),
    ConsolePage(paths.MODES, "setting.see", N_("Enrollment modes"), N_("PIN, password, link, valid for, tries")),
    ConsolePage(paths.PROPERTIES, "setting.see", N_("Server properties"), N_("settings, options")),
    ConsolePage(paths.SERIALS, "setting.see", N_("Serial numbers"), N_("allow list, deny list, refused Macs, stolen")),
    ConsolePage(paths.BRANDING, "setting.see", N_("Branding"), N_("logo, colour, terms of use, help text, contact")),
    ConsolePage(paths.PUSH, "setting.see", N_("Push certificate"), "APNs, Apple"),
    ConsolePage(paths.CERTIFICATES, "certificate.see", N_("Certificates"), N_("certificate authority, root, TLS")),
    ConsolePage(paths.ISSUED_CERTIFICATES, "certificate.see", N_("Certificates of Macs"), N_("identity, revoke")),
    ConsolePage(paths.ROOT_KEY, "certificate.edit", N_("Key of the root"), N_("export, certificate authority")),
    ConsolePage(paths.TEMPLATES, "setting.see", N_("Notification templates"), N_("mail texts, languages, macros")),
    ConsolePage(paths.CAUGHT_MAILS, "mail.see", N_("Mail catcher"), N_("test mails")),
    ConsolePage(paths.ADMINISTRATORS, "administrator.see", N_("Administrators"), N_("console, setup link")),
    ConsolePage(paths.ROLES, "administrator.see", N_("Roles"), N_("permissions, rights")),
    ConsolePage(paths.ROLE_ADD, "administrator.edit", N_("Add role"), N_("permissions, rights")),
    ConsolePage(paths.AUDIT, "audit.see", N_("Audit log"), N_("who did what, history")),
    ConsolePage(paths.DOCS, ENTER, N_("Documentation"), N_("help, operations, glossary")),
    ConsolePage(paths.ACCOUNT, ENTER, N_("Your account"), N_("password, full name, signed-in browsers, sign out")),
)


def every_page() -> Iterator[ConsolePage]:
    """Yield the pages, and those of each enrollment mode, server property and built-in role."""
    yield from PAGES
    for mode in MODES.values():
        yield ConsolePage(paths.MODE(mode.name), "setting.see", mode.title, N_("Enrollment modes"))
    for role in roles.BUILT_IN.values():
        yield ConsolePage(paths.BUILT_IN_ROLE(role.name), "administrator.see", role.name, role.words)
    for row in PROPERTIES:
        yield ConsolePage(paths.PROPERTY(row.name), "setting.see", row.name, row.help)


def find_pages(text: str, seeker: Seeker) -> list[ConsolePage]:
    """Return the pages open to the role that fit every word of ``text``, those whose title has them first."""
    wanted = folded(text).split()
    found = [each for each in every_page() if wanted and each.is_open(seeker) and each.fits(wanted)]
    return sorted(found, key=lambda each: not ConsolePage(each.path, "", each.title).fits(wanted))
