"""Settings → Roles: the built-in and own roles, and which directory groups give one."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.accounts import assignments, own_roles, permissions, roles
from otae.accounts.own_roles import RoleDraft
from otae.accounts.permissions import NOUNS, PERMISSIONS, Permission
from otae.accounts.roles import RoleDefinition
from otae.directory.ldap import servers
from otae.errors import InputRefused, Refusal
from otae.translatable import N_
from otae.web.admin.crud import CrudPages
from otae.web.admin.manage import picker
from otae.web.admin.page_parts import or_not_found, row_id
from otae.web.admin.settings import administrators
from otae.web.forms import (
    BooleanField,
    Form,
    InputRequired,
    Length,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _


class RoleForm(Form):
    """What a role allows.

    ``groups`` are those it is limited to, one a line; ``group`` is one more, from the search field.
    """

    words = StringField(N_("Who it is for"), [Length(max=own_roles.LONGEST_WORDS)])
    leaves = SelectMultipleField(N_("Permissions"), choices=list(PERMISSIONS))
    groups = TextAreaField(N_("Only people of these groups"))
    group = StringField(N_("Find a group"), [Length(max=picker.LONGEST)])
    second_factor = BooleanField(N_("Who has this role needs a second factor"))

    def draft(self) -> RoleDraft:
        """Return the role that was entered, including a group that was found and not yet added."""
        typed = [*(self.groups.data or "").splitlines(), self.group.data or ""]
        lines = tuple(line for line in typed if line.strip())
        return RoleDraft(self.words.data or "", frozenset(self.leaves.data or ()), lines, self.second_factor.data)

    def add_found(self) -> None:
        """Move the found group to the list of groups."""
        typed = [*(self.groups.data or "").splitlines(), self.group.data or ""]
        self.groups.data, self.group.data = "\n".join(dict.fromkeys(line.strip() for line in typed if line.strip())), ""


class NewRoleForm(RoleForm):
    """A new role; ``name`` cannot be changed later."""

    name = StringField(N_("Name"), [InputRequired(N_("enter a name")), Length(max=own_roles.LONGEST_NAME)])


class AssignmentForm(administrators.RoleForm):
    """A directory group and the role of its members, one that the signed-in administrator may give."""

    group = StringField(N_("Group"), [InputRequired(N_("enter a group")), Length(max=201)])
    role = SelectField(N_("Role"), invalid_choice_message=administrators.CHOOSE)


async def index(visit: Console) -> Response:
    """List the roles with their permissions and administrators, and the directory groups that give them."""
    return await _list(visit, await AssignmentForm().prepare(visit))


async def assign(visit: Console) -> Response:
    """Give a role to the members of a directory group."""
    form = await (await AssignmentForm.read(visit.request)).prepare(visit)
    if form.validate():
        with form.refusals():
            made = await assignments.assign(visit.desk, form.group.data, form.role.data, by=visit.by, now=visit.now)
            values = {"group": made.group, "role": made.role}
            return redirect(
                paths.ROLES, "success", _("Members of %(group)s have the role %(role)s when they sign in.") % values
            )
    return await _list(visit, form, status=422)


async def unassign(visit: Console) -> Response:
    """Take the role from the members of a directory group."""
    group = await assignments.unassign(row_id(visit.request), by=visit.by, now=visit.now)
    return redirect(paths.ROLES, "success", _("Members of %s no longer get a role.") % group)


async def _list(visit: Console, form: AssignmentForm, *, status: int = 200) -> Response:
    listed = await roles.list_roles()
    context = {
        "form": form,
        "rows": listed,
        "used": {role.name: await own_roles.users_of(role.name, now=visit.now) for role in listed},
        "all": len(PERMISSIONS),
        "assigned": await assignments.list_assignments(),
        "directories": await servers.list_directories(),
    }
    return render(visit.request, "admin/settings/roles/index.html", context, status=status)


async def find_groups(visit: Console) -> Response:
    """Return the groups, local and of every directory, that match the text being typed, as a part of the form."""
    hits = await picker.groups_of(visit, visit.request.query_params.get("group", ""), "")
    return render(visit.request, "admin/settings/roles/edit.html", {"hits": hits}, block="found")


class RolePages(CrudPages[RoleDefinition, RoleForm]):
    """The pages of roles; the built-in ones are shown and never changed."""

    form = RoleForm
    index = paths.ROLES
    added = N_("The role %s was made.")
    saved = N_("The role %s was saved; it counts from the next click on.")
    removed = N_("The role %s was removed.")

    async def find(self, visit: Console) -> RoleDefinition:
        """Return the role in the address, one that an administrator made."""
        return or_not_found(await own_roles.find_own(row_id(visit.request)))

    async def empty(self, visit: Console) -> RoleForm:
        """Return the form of a new role; the address may name a role to copy the permissions from."""
        copied = await roles.find_role(visit.request.query_params.get("like", "")[:100])
        return NewRoleForm(data={"leaves": sorted(copied.permissions & visit.powers.permissions) if copied else []})

    async def filled(self, visit: Console, row: RoleDefinition) -> RoleForm:
        """Return the form of a role."""
        del visit
        return RoleForm.filled(row, leaves=sorted(row.permissions), groups="\n".join(row.groups), group="")

    async def read(self, visit: Console, row: RoleDefinition | None) -> RoleForm:
        """Return the form as it was sent; only that of a new role has a name field."""
        return await (RoleForm if row else NewRoleForm).read(visit.request)

    async def store(self, visit: Console, form: RoleForm, row: RoleDefinition | None) -> RoleDefinition:
        """Add or change a role; a change takes effect at everybody's next request."""
        if row is None:
            return await own_roles.add_role(visit.desk, form["name"].data, form.draft(), by=visit.by, now=visit.now)
        await own_roles.change_role(visit.desk, row_id(visit.request), form.draft(), by=visit.by, now=visit.now)
        return row

    async def delete(self, visit: Console, row: RoleDefinition) -> None:
        """Remove a role that nobody has."""
        del row
        await own_roles.remove_role(row_id(visit.request), by=visit.by, now=visit.now)

    async def submit(self, visit: Console, row: RoleDefinition | None) -> Response:
        """Store the form, or add the group that was found to it."""
        form = await self.read(visit, row)
        # The button for the group is the form's first, which the return key presses; without a typed group it saves.
        if form.sent.get("then") == "add-group" and (form.group.data or "").strip():
            form.add_found()
            return await self.page(visit, form, row)
        return await super().submit(visit, row)

    async def change(self, visit: Console) -> Response:
        """Change a role."""
        try:
            return await super().change(visit)
        except Refusal as refusal:
            return redirect(paths.ROLE(row_id(visit.request)), "danger", _(refusal.words))

    async def remove(self, visit: Console) -> Response:
        """Remove a role, or say on its page why it stays."""
        try:
            return await super().remove(visit)
        except InputRefused as refusal:
            said = _("Not removed: %s.") % _(refusal.reasons)
        except Refusal as refusal:
            said = _(refusal.words)
        return redirect(paths.ROLE(row_id(visit.request)), "danger", said)

    async def show_built_in(self, visit: Console) -> Response:
        """Show what a built-in role allows."""
        row = or_not_found(roles.BUILT_IN.get(visit.request.path_params["name"]))
        return await self.page(visit, RoleForm(data={"leaves": sorted(row.permissions)}), row)

    async def page(self, visit: Console, form: RoleForm, row: RoleDefinition | None, *, status: int = 200) -> Response:
        """Return the page of a role, or of a new one."""
        beyond = row is not None and not row.permissions <= visit.powers.permissions
        own = row is not None and row.name == visit.powers.role
        context = {
            "form": form,
            "row": row,
            "chosen": set(form.leaves.data or ()),
            "nouns": {words: _permissions_of(noun) for noun, words in NOUNS.items()},
            "own_permissions": visit.powers.permissions,
            "own": own,
            "hits": await picker.groups_of(visit, form.group.data or "", ""),
            "read_only": (row is not None and row.built_in) or beyond or own or not visit.may("administrator.edit"),
            "beyond": beyond,
            "used": await own_roles.users_of(row.name, now=visit.now) if row else [],
        }
        return render(visit.request, "admin/settings/roles/edit.html", context, status=status)


ROLES: Final = RolePages()


def _permissions_of(noun: str) -> list[Permission]:
    return [each for each in permissions.PERMISSIONS.values() if each.noun == noun]
