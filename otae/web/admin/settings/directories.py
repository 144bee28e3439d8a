"""Settings → LDAP: the directories of people and groups, and their connection test."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.directory.ldap import server_fields, servers
from otae.directory.ldap.servers import DirectoryEntry, DirectoryRow, DirectoryTest
from otae.errors import InputRefused, SlowDown
from otae.hostnames import shown_host
from otae.overview.domains import DomainUsage, domain_usage
from otae.translatable import N_
from otae.web.admin.page_parts import or_not_found, row_id
from otae.web.admin.settings import connection_steps
from otae.web.admin.settings.authorities_form import AuthoritiesForm
from otae.web.callers import UPLOAD_CAP
from otae.web.forms import (
    InputRequired,
    IntegerField,
    Optional,
    PasswordField,
    SelectField,
    StringField,
    upload,
)
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext

KINDS: Final = {"ldap": N_("LDAP"), "active-directory": N_("Active Directory")}
#: What to expect of each kind, for somebody who has to choose.
EXPLAINED: Final = {
    "ldap": N_(
        "OpenLDAP, 389 Directory Server and their kin. People are known by their entryUUID, and groups are entries "
        "that list their members."
    ),
    "active-directory": N_(
        "Microsoft Active Directory and Samba. People sign in with the name they log on with, nested groups count, and "
        "disabled or expired accounts stay out."
    ),
}
SECURITIES: Final = {"none": N_("None"), "starttls": N_("StartTLS"), "ldaps": N_("LDAPS")}
SEARCH_BY: Final = {
    "uid": N_("User ID (uid)"),
    "cn": N_("Common name (cn)"),
    "sAMAccountName": N_("Logon name (sAMAccountName)"),
    "userPrincipalName": N_("User principal name (userPrincipalName)"),
    "mail": N_("E-mail address (mail)"),
}
PORTS: Final = {"none": 389, "starttls": 389, "ldaps": 636}
NEEDED: Final = N_("is missing")
CHOOSE: Final = N_("choose one of these")
#: Most fields of the form, its buttons among them.
FIELDS: Final = 30


class DirectoryForm(AuthoritiesForm):
    """A directory.

    ``password`` is only ever written, empty keeps the stored one; ``port`` is empty for the usual port.
    """

    kind = SelectField(N_("Type"), choices=KINDS, default="ldap", invalid_choice_message=CHOOSE)
    domain = StringField(N_("Domain"), [InputRequired(NEEDED)])
    alias = StringField(N_("Domain alias"))
    primary_host = StringField(N_("Primary server"), [InputRequired(NEEDED)], filters=[shown_host])
    secondary_host = StringField(N_("Secondary server"), filters=[shown_host])
    security = SelectField(
        N_("Secure connection"), choices=SECURITIES, default="starttls", invalid_choice_message=CHOOSE
    )
    port = IntegerField(N_("Port"), [Optional()])
    timeout = IntegerField(N_("Timeout in seconds"), [InputRequired(N_("use 1 to 15 seconds"))], default=5)
    bind_name = StringField(N_("Bind name"))
    password = PasswordField(N_("Bind password"))
    user_base = StringField(N_("User base DN"), [InputRequired(NEEDED)])
    group_base = StringField(N_("Group base DN"), [InputRequired(NEEDED)])
    search_by = SelectField(N_("Search user by"), choices=SEARCH_BY, default="uid", invalid_choice_message=CHOOSE)
    attributes = StringField(N_("Further attributes"))
    lockout_limit = IntegerField(N_("Lockout limit"), [InputRequired(N_("use a number from 0 to 999"))], default=0)
    lockout_minutes = IntegerField(N_("Lockout minutes"), [InputRequired(N_("use a number from 1"))], default=1)
    global_catalog_port = IntegerField(N_("Global catalog port"), [Optional()], default=0)
    global_catalog_base = StringField(N_("Global catalog root context"))

    def entry(self, ca_file: bytes) -> DirectoryEntry:
        """Return the directory that was entered; an uploaded certificate file takes precedence over pasted text."""
        return self.entered(
            DirectoryEntry,
            port=PORTS[self.security.data] if self.port.data is None else self.port.data,
            ca_pem=self.read_authorities(ca_file),
            global_catalog_port=self.global_catalog_port.data or 0,
        )


async def index(visit: Console) -> Response:
    """List the directories with the results of their last tests, or explain what a directory is for."""
    rows = []
    for row in await servers.list_directories():
        test = await servers.last_test(row.id)
        rows.append((row, test, connection_steps.first_failed_step(test) if test else ""))
    context = {"rows": rows, "kinds": KINDS, "explained": EXPLAINED, "securities": SECURITIES}
    return render(visit.request, "admin/settings/directories/index.html", context)


async def blank(visit: Console) -> Response:
    """Show the form for a directory of the kind in the address, filled with its usual values."""
    if visit.request.query_params.get("kind") == "active-directory":
        form = DirectoryForm(data={"kind": "active-directory", "security": "ldaps", "search_by": "sAMAccountName"})
    else:
        form = DirectoryForm()
    return _ask(visit, form)


async def add(visit: Console) -> Response:
    """Add a directory and redirect to its page."""
    form, ca_file, tested = await _read(visit)
    if form.validate():
        try:
            row = await servers.add_directory(visit.desk, form.entry(ca_file), now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            form.refuse(refusal)
        else:
            return await _redirect_saved(visit, row, tested, (_("%s was added.") % row.domain) + form.left_out)
    return _ask(visit, form, status=422)


async def show(visit: Console) -> Response:
    """Show a directory's form and its last test; for polling only the test."""
    if not is_fragment_request(visit.request):
        return await _page(visit, await _find(visit))
    test = await servers.last_test(row_id(visit.request))
    if visit.request.query_params.get("seen") == _mark(test):
        return Response(status_code=204)
    return render(visit.request, "admin/settings/directories/edit.html", _test_context(visit, test), block="test")


async def change(visit: Console) -> Response:
    """Change a directory."""
    row = await _find(visit)
    form, ca_file, tested = await _read(visit)
    if form.validate():
        try:
            await servers.update_directory(visit.desk, row, form.entry(ca_file), now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            form.refuse(refusal)
        else:
            return await _redirect_saved(visit, row, tested, (_("%s was saved.") % row.domain) + form.left_out)
    return await _page(visit, row, form=form, status=422)


async def test(visit: Console) -> Response:
    """Start a connection test; the page polls for its result."""
    row = await _find(visit)
    try:
        await servers.enqueue_test(visit.desk, row, now=visit.now, actor=visit.actor)
    except SlowDown:
        return await _page(visit, row, slow=_("Enough tests for this hour: wait a little."), status=429)
    return redirect(f"{paths.DIRECTORY(row.id)}#test")


async def make_default(visit: Console) -> Response:
    """Make this the default directory, in which names without a domain are looked up."""
    row = await _find(visit)
    await servers.make_default(row, now=visit.now, actor=visit.actor)
    return redirect(paths.DIRECTORY(row.id), "success", _("%s is the default directory from now on.") % row.domain)


async def remove(visit: Console) -> Response:
    """Remove this directory."""
    row = await _find(visit)
    await servers.remove_directory(row, now=visit.now, actor=visit.actor)
    return redirect(paths.DIRECTORIES, "success", _("%s was removed.") % row.domain)


async def _read(visit: Console) -> tuple[DirectoryForm, bytes, bool]:
    """Return the form, its uploaded file, and whether to test at once."""
    async with visit.request.form(max_files=1, max_fields=FIELDS, max_part_size=UPLOAD_CAP) as sent:
        form = await DirectoryForm.read(visit.request)
        return form, await upload(visit.request, "ca_file"), sent.get("then") == "test"


async def _redirect_saved(visit: Console, row: DirectoryRow, tested: bool, text: str) -> Response:  # noqa: FBT001 - a button
    """Redirect to the directory's page; a test over the hourly limit is not started, and the note says so."""
    if tested:
        try:
            await servers.enqueue_test(visit.desk, row, now=visit.now, actor=visit.actor)
        except SlowDown:
            return redirect(
                paths.DIRECTORY(row.id), "warning", f"{text} {_('Enough tests for this hour: wait a little.')}"
            )
    return redirect(f"{paths.DIRECTORY(row.id)}#test" if tested else paths.DIRECTORY(row.id), "success", text)


def _ask(visit: Console, form: DirectoryForm, *, status: int = 200) -> Response:
    form.kind.data = form.kind.data if form.kind.data in KINDS else "ldap"
    form.search_by.choices = {name: SEARCH_BY[name] for name in server_fields.SEARCH_BY[form.kind.data]}
    context = {"form": form, "stored": False, "chosen": True, "kinds": KINDS, "explained": EXPLAINED}
    return render(visit.request, "admin/settings/directories/add.html", context, status=status)


async def _page(
    visit: Console, row: DirectoryRow, *, form: DirectoryForm | None = None, slow: str = "", status: int = 200
) -> Response:
    context = {
        "form": form or _filled_form(row),
        "server": row,
        "stored": row.bind_password_sealed is not None,
        "chosen": False,
        "kinds": KINDS,
        "losses": _losses(row, await domain_usage(row.domain)),
        "slow": slow,
    }
    context |= _test_context(visit, await servers.last_test(row.id))
    return render(visit.request, "admin/settings/directories/edit.html", context, status=status)


def _filled_form(row: DirectoryRow) -> DirectoryForm:
    """Return the form of a directory; its usual port stays empty, so that it follows the chosen security."""
    return DirectoryForm.filled(row, port=None if row.port == PORTS.get(row.security) else row.port)


def _test_context(visit: Console, last: DirectoryTest | None) -> dict[str, object]:
    """Return the template context of the test's block."""
    tried = connection_steps.server_steps(last) if last else ()
    return {"test": last, "tried": tried, "mark": _mark(last), "directory_id": row_id(visit.request)}


def _losses(row: DirectoryRow, affected: DomainUsage) -> str:
    """Return what removing the directory breaks, in words."""
    sentences = [_("Removed, its settings and its bind password are lost.")]
    if affected.people:
        words = ngettext(
            "%(num)d person came from %(domain)s and stays listed, but can no longer sign in with a password.",
            "%(num)d people came from %(domain)s; they stay listed, but can no longer sign in with a password.",
            affected.people,
        )
        sentences.append(words % {"num": affected.people, "domain": row.domain})
    if affected.pending:
        words = ngettext(
            "%(num)d pending invitation of theirs stops working where its mode asks for the password.",
            "%(num)d pending invitations of theirs stop working where their mode asks for the password.",
            affected.pending,
        )
        sentences.append(words % {"num": affected.pending})
    return " ".join(sentences)


def _mark(last: DirectoryTest | None) -> str:
    return f"{last.id}-{last.status}-{len(last.steps)}" if last else "none"


async def _find(visit: Console) -> DirectoryRow:
    return or_not_found(
        next((row for row in await servers.list_directories() if row.id == row_id(visit.request)), None)
    )
