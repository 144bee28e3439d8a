"""The page of one person: what is known about them, and the actions on them."""

import json
from typing import Final

from starlette.responses import Response

from otae import paths
from otae.accounts import password_links, unlocking
from otae.delivery.texts.languages import LANGUAGES
from otae.directory.local import people, person_fields
from otae.directory.lookup import PersonRow
from otae.errors import InputRefused, StaleState
from otae.invitations.modes import title_of
from otae.overview import person as overview
from otae.overview import person_data, removal
from otae.translatable import N_
from otae.web.admin.manage import timeline
from otae.web.admin.manage.group_invitations import MAILS
from otae.web.admin.manage.statuses import STATUSES
from otae.web.admin.manage.users import find_local_person, find_person
from otae.web.admin.page_parts import SENT_ALREADY, is_resubmitted, new_form_id
from otae.web.admin.settings.audit_words import words_of
from otae.web.failures import NotFound
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext

#: Status of a Mac → its title.
DEVICES: Final = {
    "authenticated": N_("Checking in"),
    "enrolled": N_("Enrolled"),
    "unenrolled": N_("Not enrolled any more"),
}


async def show(visit: Console) -> Response:
    """Show everything that is known about a person."""
    return await _page(visit, await find_person(visit))


async def disable(visit: Console) -> Response:
    """Disable the person, who can then sign in nowhere."""
    return await _set(visit, disabled=True, said=_("%s is disabled and signed out."))


async def enable(visit: Console) -> Response:
    """Enable the person again."""
    return await _set(visit, disabled=False, said=_("%s may sign in again."))


async def unlock(visit: Console) -> Response:
    """Clear the person's failed sign-ins."""
    person = await find_person(visit)
    unlocked = await unlocking.unlock(visit.desk, person, now=visit.now, actor=visit.actor)
    note = _("%s may try again at once.") if unlocked else _("%s was not locked any more.")
    return redirect(paths.USER(person.id), "success", note % person.display_name)


async def password_link(visit: Console) -> Response:
    """Show a new password link for the person: it is in this answer and nowhere else."""
    person = await find_local_person(visit)
    if await is_resubmitted(visit):
        return redirect(paths.USER(person.id), "info", SENT_ALREADY)
    try:
        url = await password_links.make(
            visit.desk, person, now=visit.now, actor=visit.actor, maker_id=visit.administrator.id
        )
    except InputRefused as refusal:
        return redirect(paths.USER(person.id), "danger", _("Not done: %s.") % _(refusal.reasons))
    return await _page(visit, person, url=url)


async def remove(visit: Console) -> Response:
    """Delete the person and show what ended with it."""
    person = await find_person(visit)
    if person.removed_at is not None:
        raise NotFound
    try:
        removed = await removal.remove_person(visit.desk, person, now=visit.now, actor=visit.actor)
    except StaleState:
        return redirect(paths.USERS, "warning", _("Somebody else deleted this user a moment ago."))
    ended = removed.invitations
    sentences = [_("%s was deleted.") % person.display_name]
    sentences += (
        [ngettext("%d invitation was revoked.", "%d invitations were revoked.", ended) % ended] if ended else []
    )
    macs = ngettext("%d Mac stays enrolled.", "%d Macs stay enrolled.", removed.macs) % removed.macs
    return redirect(paths.USERS, "success", " ".join([*sentences, *([macs] if removed.macs else [])]))


async def export(visit: Console) -> Response:
    """Download everything that is held about the person, as JSON."""
    person = await find_person(visit)
    held = await person_data.export(person, now=visit.now, actor=visit.actor)
    headers = {"Content-Disposition": f'attachment; filename="{person.id}.json"'}
    return Response(json.dumps(held, ensure_ascii=False, indent=2), headers=headers, media_type="application/json")


async def _set(visit: Console, *, disabled: bool, said: str) -> Response:
    person = await find_local_person(visit)
    await people.update_person(visit.desk, person, disabled=disabled, now=visit.now, actor=visit.actor)
    return redirect(paths.USER(person.id), "success", said % person.display_name)


async def _page(visit: Console, person: PersonRow, *, url: str = "") -> Response:
    details = await overview.read(visit.desk, person, now=visit.now, audited=visit.may("audit.see"), reach=visit.reach)
    context = {
        "person": person,
        "details": details,
        "attempts": [timeline.entry_of(event) for event in details.attempts],
        "own": person.domain == person_fields.DOMAIN,
        "statuses": STATUSES,
        "mails": MAILS,
        "devices": DEVICES,
        "messages": timeline.MESSAGES,
        "title_of": title_of,
        "words_of": words_of,
        "language": LANGUAGES.get(person.language, person.language),
        "url": url,
        "form_id": new_form_id(),
        "lost": _losses(person, details.ends),
    }
    return render(visit.request, "admin/manage/users/show.html", context)


def _losses(person: PersonRow, ends: removal.Removed) -> str:
    """Return what deleting the person would end, in words."""
    sentences = [_("Delete %s? Name, addresses, groups and properties are gone for good.") % person.display_name]
    if ends.invitations:
        sentences.append(
            ngettext("%d invitation stops working.", "%d invitations stop working.", ends.invitations)
            % ends.invitations
        )
    if ends.macs:
        sentences.append(
            ngettext(
                "%d Mac stays enrolled and managed, without a name beside it.",
                "%d Macs stay enrolled and managed, without a name beside them.",
                ends.macs,
            )
            % ends.macs
        )
    sentences.append(
        _("What may name them in timelines goes when none of their Macs is enrolled any more.")
        if ends.macs
        else _("What may name them in timelines goes as well. The audit log keeps a pseudonym.")
    )
    return " ".join(sentences)
