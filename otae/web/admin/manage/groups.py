"""Manage → Groups: the groups of our own directory and their members."""

from typing import Final
from uuid import UUID

from starlette.responses import Response

from otae import paths
from otae.directory.local import groups
from otae.directory.local.groups import ListedGroup
from otae.overview import dependents
from otae.translatable import N_
from otae.web.admin.page_parts import or_not_found, text_param
from otae.web.forms import Form, InputRequired, StringField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

PAGE: Final = 50


class GroupForm(Form):
    """A new group."""

    name = StringField(N_("New group"), [InputRequired(N_("enter a name"))])


class MemberForm(Form):
    """A person to add to the group."""

    name = StringField(N_("User name"), [InputRequired(N_("enter a user name"))])


async def index(visit: Console) -> Response:
    """List groups by name with their number of members."""
    return await _list(visit, GroupForm())


async def add(visit: Console) -> Response:
    """Add a group."""
    form = await GroupForm.read(visit.request)
    if form.validate():
        with form.refusals():
            group = await groups.add_group(form.name.data, now=visit.now, actor=visit.actor)
            return redirect(paths.GROUP(group.id), "success", _("%s was added.") % group.name)
    return await _list(visit, form, status=422)


async def show(visit: Console) -> Response:
    """Show the members of a group, a page at a time."""
    return await _show(visit, MemberForm())


async def remove(visit: Console) -> Response:
    """Remove a group; its people stay."""
    group = await _group(visit)
    await groups.remove_group(group, now=visit.now, actor=visit.actor)
    return redirect(paths.GROUPS, "success", _("%s was removed.") % group.name)


async def add_member(visit: Console) -> Response:
    """Add a person to a group."""
    group, form = await _group(visit), await MemberForm.read(visit.request)
    if form.validate():
        with form.refusals():
            person = await groups.add_member(group, form.name.data, now=visit.now, actor=visit.actor)
            return redirect(paths.GROUP(group.id), "success", _("%s was added to this group.") % person.display_name)
    return await _show(visit, form, status=422)


async def remove_member(visit: Console) -> Response:
    """Remove a person from a group."""
    group, person = await _group(visit), visit.request.path_params["person"]
    await groups.remove_member(group, person, now=visit.now, actor=visit.actor)
    return redirect(paths.GROUP(group.id), "success", _("The person was removed from this group."))


async def _group(visit: Console) -> ListedGroup:
    group_id: UUID = visit.request.path_params["id"]
    return or_not_found(await groups.group_of(group_id, visit.reach))


async def _list(visit: Console, form: GroupForm, *, status: int = 200) -> Response:
    search, after = text_param(visit.request, "q"), text_param(visit.request, "after")
    rows = await groups.list_groups(search, after, PAGE + 1, reach=visit.reach)
    shown = rows[:PAGE]
    context = {
        "form": form,
        "groups": shown,
        "search": search,
        "first": paths.GROUPS(q=search) if after else "",
        "more": paths.GROUPS(q=search, after=shown[-1].name) if len(rows) > PAGE else "",
    }
    return render(visit.request, "admin/manage/groups/index.html", context, status=status)


async def _show(visit: Console, form: MemberForm, *, status: int = 200) -> Response:
    group, after = await _group(visit), text_param(visit.request, "after")
    last_shown = (after, None) if after else None
    rows = await groups.members(group.domain, group.name, after=last_shown, limit=PAGE + 1)
    shown = rows[:PAGE]
    context = {
        "form": form,
        "group": group,
        "people": shown,
        "direct": await groups.direct_members(group, shown),
        "below": await groups.subgroups(group),
        "dependents": await dependents.of_group(group.id, group.domain, group.name),
        "first": paths.GROUP(group.id) if after else "",
        "more": paths.GROUP(group.id, after=shown[-1].name) if len(rows) > PAGE else "",
    }
    return render(visit.request, "admin/manage/groups/show.html", context, status=status)
