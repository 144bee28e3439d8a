"""Manage → Users: the list of people, and the form that adds or changes one."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from otae import paths
from otae.accounts import unlocking
from otae.contacts import shown_address
from otae.delivery.texts.languages import LANGUAGES
from otae.directory import lookup
from otae.directory.local import people, person_fields
from otae.directory.lookup import PeopleFilter, PersonRow
from otae.translatable import N_
from otae.web.admin.crud import FormPages
from otae.web.admin.list_query import Check, ListQuery, any_text, is_short
from otae.web.admin.page_parts import or_not_found, row_id
from otae.web.failures import NotFound
from otae.web.forms import BooleanField, Form, InputRequired, PasswordField, SelectField, StringField, TextAreaField
from otae.web.pages import render
from otae.web.visits import Console
from otae.words import gettext as _

PAGE: Final = 50
#: Filter of the list → its title.
STATES: Final = {"": N_("Everybody"), "disabled": N_("Disabled"), "locked": N_("Locked")}
#: What each filter takes; a page begins after or ends before a `lookup.cursor`.
FILTERS: Final[Mapping[str, Check]] = {
    "q": any_text,
    "group": any_text,
    "domain": any_text,
    "role": is_short,
    "state": set(STATES),
    "after": any_text,
    "before": any_text,
}


class UserForm(Form):
    """What is known about a person. ``password`` is only ever written, never shown."""

    display_name = StringField(N_("Name"))
    email = StringField(N_("E-mail"), filters=[shown_address])
    phone = StringField(N_("Phone"))
    language = SelectField(N_("Language"), validate_choice=False)
    role = SelectField(N_("Role"), validate_choice=False)
    groups = TextAreaField(N_("Groups"))
    properties = TextAreaField(N_("Properties"))
    password = PasswordField(N_("Password"))
    disabled = BooleanField(N_("Disabled"))

    async def prepare(self) -> "UserForm":
        """Fill in the choices and return the form."""
        offered = {"": _("As the installation"), **LANGUAGES}
        # Keep an earlier choice that is no longer offered, so that saving does not change it.
        chosen = self.language.data or ""
        self.language.choices = offered | {chosen: offered.get(chosen, chosen)}
        roles = [*sorted((await person_fields.field_context()).roles), *([self.role.data] if self.role.data else [])]
        self.role.choices = {role: role for role in roles}
        return self


class NewUserForm(UserForm):
    """A new person; ``name`` is the user name, which cannot be changed later."""

    name = StringField(N_("User name"), [InputRequired(N_("enter a user name"))])
    disabled = None


async def index(visit: Console) -> Response:
    """List people by user name, a page at a time."""
    query = ListQuery.read(visit.request.query_params, paths.USERS, FILTERS)
    if redirected := query.redirect_clean(visit.request):
        return redirected
    state = query["state"]
    wanted = PeopleFilter(
        search=query["q"],
        group=query["group"],
        domain=query["domain"],
        role=query["role"],
        disabled=state == "disabled",
        ids=await unlocking.locked_ids(visit.desk, now=visit.now) if state == "locked" else None,
    )
    found = await lookup.filter_people(
        wanted, after=query["after"], before=query["before"], limit=PAGE + 1, reach=visit.reach
    )
    shown, before, after = query.page_of(found, PAGE, lookup.cursor)
    words = {
        "q": _("“%(text)s”") % {"text": query["q"]},
        "group": _("Group: %(name)s") % {"name": query["group"]},
        "domain": query["domain"],
        "role": query["role"],
        "state": _(STATES.get(state, "")),
    }
    context = {
        "active": query.active(words),
        "people": shown,
        "number": await lookup.count_people(wanted, reach=visit.reach),
        "groups": await lookup.groups_of_people(shown, reach=visit.reach),
        "locked": await unlocking.locked_among(visit.desk, shown, now=visit.now),
        "query": query,
        "is_filtered": bool(wanted),
        "states": STATES,
        "known_groups": await lookup.group_names(reach=visit.reach),
        "domains": await lookup.domains(reach=visit.reach),
        "roles": sorted((await person_fields.field_context()).roles),
        "before": before,
        "after": after,
    }
    return render(visit.request, "admin/manage/users/index.html", context)


class UserPages(FormPages[PersonRow, UserForm]):
    """The forms that add and change a person of our own directory."""

    form = UserForm
    named_by = "display_name"

    async def find(self, visit: Console) -> PersonRow:
        """Return the person in the address."""
        return await find_local_person(visit)

    async def empty(self, visit: Console) -> UserForm:
        """Return the form of a new person."""
        del visit
        return NewUserForm(data={"role": "USER"})

    async def filled(self, visit: Console, row: PersonRow) -> UserForm:
        """Return the form of a person; groups and properties stand one a line."""
        del visit
        names = "\n".join(await people.groups_of(row))
        return UserForm.filled(row, groups=names, properties=person_fields.lines_of(row.properties))

    async def read(self, visit: Console, row: PersonRow | None) -> UserForm:
        """Return the form as it was sent; only that of a new person has a field for the user name."""
        return await (UserForm if row else NewUserForm).read(visit.request)

    async def store(self, visit: Console, form: UserForm, row: PersonRow | None) -> PersonRow:
        """Add or change a person."""
        entered = form.values(
            properties=person_fields.from_lines(form.properties.data or ""),
            groups=(form.groups.data or "").splitlines(),
            role=form.role.data or (None if row else "USER"),
        )
        if row:
            return await people.update_person(visit.desk, row, **entered, now=visit.now, actor=visit.actor)
        return await people.add_person(visit.desk, **entered, now=visit.now, actor=visit.actor)

    def address(self, row: PersonRow) -> str:
        """Return the address of the person's page."""
        return paths.USER(row.id)

    async def page(self, visit: Console, form: UserForm, row: PersonRow | None, *, status: int = 200) -> Response:
        """Return the page that changes a person, or the one that adds one."""
        context = {
            "form": await form.prepare(),
            "person": row,
            "known_groups": await lookup.group_names(),
            "shortest": person_fields.SHORTEST_PASSWORD,
        }
        template = f"admin/manage/users/{'edit' if row else 'add'}.html"
        return render(visit.request, template, context, status=status)


USERS: Final = UserPages()


async def find_person(visit: Console) -> PersonRow:
    """Return the person in the address."""
    return or_not_found(await lookup.person_with_id(row_id(visit.request), reach=visit.reach))


async def find_local_person(visit: Console) -> PersonRow:
    """Return the person if they are in our own directory and not deleted; other people cannot be changed here."""
    person = await find_person(visit)
    if person.domain != person_fields.DOMAIN or person.removed_at is not None:
        raise NotFound
    return person
