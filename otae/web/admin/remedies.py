"""Remedies for refused input: links to the pages where what is missing can be set."""

from collections.abc import Container
from typing import Final

from otae import paths
from otae.directory import registry
from otae.directory.local import people
from otae.directory.local.person_fields import DOMAIN
from otae.directory.lookup import PersonRow
from otae.invitations import orders
from otae.invitations.orders import InvitationOrder
from otae.store.mode_table import MODES
from otae.translatable import N_
from otae.web.forms import Remedy
from otae.web.visits import Console
from otae.words import gettext as _

#: The anchor of the modes on the page that invites.
MODE: Final = "#how"
#: Refused field → the page where it can be set, that page's title, and the permission for it.
PAGES: Final = {
    "mode": (paths.MODES, N_("Switch a mode on under Enrollment modes"), "setting.see"),
    "carrier": (paths.CARRIERS, N_("See the carriers"), "setting.see"),
    "pin_channel": (paths.NOTIFICATION_SERVERS, N_("See the SMS gateways"), "setting.see"),
    "templates": (paths.TEMPLATES, N_("See the templates"), "setting.see"),
}


async def of_invitation(visit: Console, order: InvitationOrder, refused: Container[str]) -> list[Remedy]:
    """Return the remedies when inviting was refused because of the fields ``refused``."""
    remedies = of_terms(visit, refused)
    if "recipient" in refused or "pin_channel" in refused:
        domain, name = registry.split_domain(order.user)
        person = await people.find_person(name) if domain in {"", DOMAIN} else None
        if person is not None and not await visit.reach.includes(person.id):
            person = None
        if person is not None or domain in {"", DOMAIN}:
            remedies += of_person(visit, person, order.terms.mode or "")
    return remedies


def of_terms(visit: Console, refused: Container[str]) -> list[Remedy]:
    """Return the remedies when the terms were refused, whoever is invited."""
    return [
        Remedy(page, words)
        for name, (page, words, permission) in PAGES.items()
        if name in refused and visit.may(permission)
    ]


def of_person(visit: Console, person: PersonRow | None, mode_name: str) -> list[Remedy]:
    """Return the remedies when a local person cannot be invited in a mode; none for a directory's people."""
    may = visit.may("person.edit")
    if person is None:
        return [Remedy(paths.USER_ADD, _("Add a user"))] if may else []
    if person.domain != DOMAIN:
        return []
    remedies, values = [], {"name": person.display_name or person.name}
    if may and person.disabled:
        remedies.append(Remedy(paths.USER(person.id), _("Enable %(name)s") % values))
    elif may:
        remedies.append(Remedy(paths.USER_EDIT(person.id), _("Set what is missing for %(name)s") % values))
    if mode_name in MODES and MODES[mode_name].authentication and orders.lacks_password(person):
        remedies.append(Remedy(MODE, _("Choose a mode without a password")))
    return remedies
