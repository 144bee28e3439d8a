"""Settings → Administrators: the list, setup links for new ones, roles, disabling and removing."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from starlette.responses import Response

from otae import paths
from otae.accounts import administrator_list, roles
from otae.accounts.administrator_list import ListedAdministrator
from otae.errors import InputRefused, Refusal
from otae.translatable import N_
from otae.web.admin.page_parts import SENT_ALREADY, NamedForm, is_resubmitted, new_form_id, or_not_found
from otae.web.forms import HiddenField, InputRequired, Length, SelectField, StringField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

CHOOSE: Final = N_("choose one of these roles")


class RoleForm(NamedForm):
    """A role, one of those that the signed-in administrator may give."""

    role = SelectField(N_("Role"), invalid_choice_message=CHOOSE, default=roles.SUPPORT)

    async def prepare(self, visit: Console) -> None:
        """Fill in the roles that can be chosen."""
        self.role.choices = [role.name for role in await _assignable_roles(visit)]


class InviteForm(RoleForm):
    """A new administrator."""

    name = StringField(N_("Name"), [InputRequired(N_("enter a name")), Length(max=100)])
    form_id = HiddenField(default=new_form_id)


async def index(visit: Console) -> Response:
    """List administrators and unused setup links, with the form for another."""
    form = InviteForm()
    await form.prepare(visit)
    return await _list(visit, form)


async def invite(visit: Console) -> Response:
    """Create a setup link: it is in this answer and nowhere else."""
    form = await InviteForm.read(visit.request)
    await form.prepare(visit)
    if form.validate():
        if await is_resubmitted(visit):
            return redirect(paths.ADMINISTRATORS, "info", SENT_ALREADY)
        form.form_id.data = new_form_id()
        try:
            link = await administrator_list.invite(
                visit.desk, form.name.data, form.role.data, by=visit.by, now=visit.now
            )
        except InputRefused as refusal:
            form.refuse(refusal)
        else:
            made = {"link": link, "invited_name": form.name.data.strip().lower()}
            blank = InviteForm()
            await blank.prepare(visit)
            return await _list(visit, blank, made)
    return await _list(visit, form, status=422)


async def withdraw(visit: Console) -> Response:
    """Withdraw an unused setup link."""
    name = await administrator_list.withdraw_setup_link(visit.request.path_params["id"], by=visit.by, now=visit.now)
    return redirect(paths.ADMINISTRATORS, "success", _("The setup link of %s no longer works.") % name)


async def show(visit: Console) -> Response:
    """Show one administrator and the actions on them."""
    row = await _row(visit)
    form = RoleForm.filled(row)
    await form.prepare(visit)
    return await _show(visit, row, form)


async def change(visit: Console) -> Response:
    """Give an administrator another role."""
    row, form = await _row(visit), await RoleForm.read(visit.request)
    await form.prepare(visit)
    if form.validate():
        try:
            changed = await administrator_list.give_role(row.id, form.role.data, by=visit.by, now=visit.now)
        except InputRefused as refusal:
            form.refuse(refusal)
        except Refusal as refusal:
            return redirect(paths.ADMINISTRATOR(row.id), "danger", _(refusal.words))
        else:
            told = {"name": changed.name, "role": changed.role}
            return redirect(
                paths.ADMINISTRATOR(row.id), "success", _("%(name)s has the role %(role)s, and signs in again.") % told
            )
    return await _show(visit, row, form, status=422)


async def disable(visit: Console) -> Response:
    """Disable an administrator."""

    async def do(row: ListedAdministrator) -> Response:
        await administrator_list.disable(row.id, by=visit.by, now=visit.now)
        return redirect(paths.ADMINISTRATOR(row.id), "success", _("%s is disabled and signed out.") % row.name)

    return await _do(visit, do)


async def enable(visit: Console) -> Response:
    """Enable an administrator again."""

    async def do(row: ListedAdministrator) -> Response:
        await administrator_list.enable(row.id, by=visit.by, now=visit.now)
        return redirect(paths.ADMINISTRATOR(row.id), "success", _("%s may sign in again.") % row.name)

    return await _do(visit, do)


async def remove(visit: Console) -> Response:
    """Remove an administrator."""

    async def do(row: ListedAdministrator) -> Response:
        await administrator_list.remove(row.id, by=visit.by, now=visit.now)
        return redirect(paths.ADMINISTRATORS, "success", _("%s was removed.") % row.name)

    return await _do(visit, do)


async def _do(visit: Console, change: Callable[[ListedAdministrator], Awaitable[Response]]) -> Response:
    row = await _row(visit)
    try:
        return await change(row)
    except Refusal as refusal:
        return redirect(paths.ADMINISTRATOR(row.id), "danger", _(refusal.words))


async def _row(visit: Console) -> ListedAdministrator:
    administrator_id: UUID = visit.request.path_params["id"]
    return or_not_found(await administrator_list.find_administrator(administrator_id))


async def _assignable_roles(visit: Console) -> list[roles.RoleDefinition]:
    """Return the roles with a console whose permissions do not exceed one's own."""
    return [
        role for role in await roles.list_roles() if role.permissions and role.permissions <= visit.powers.permissions
    ]


async def _list(visit: Console, form: InviteForm, made: dict[str, str] | None = None, *, status: int = 200) -> Response:
    context = {
        "form": form,
        "rows": await administrator_list.list_administrators(),
        "invited": await administrator_list.list_pending(now=visit.now),
        "roles": {role.name: role for role in await roles.list_roles()},
        "me": visit.administrator.id,
        "link": "",
        **(made or {}),
    }
    return render(visit.request, "admin/settings/administrators/index.html", context, status=status)


async def _show(visit: Console, row: ListedAdministrator, form: RoleForm, *, status: int = 200) -> Response:
    role = await roles.find_role(row.role)
    mine = row.id == visit.administrator.id
    within = (role.permissions if role else frozenset()) <= visit.powers.permissions
    context = {
        "row": row,
        "form": form,
        "role": role,
        "mine": mine,
        "may_change": visit.may("administrator.edit") and within and not mine,
    }
    return render(visit.request, "admin/settings/administrators/show.html", context, status=status)
