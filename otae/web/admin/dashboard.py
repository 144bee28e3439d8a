"""The dashboard: what is wrong, what needs attention, and a rehearsal at the press of a button."""

from datetime import timedelta
from typing import Final

from starlette.responses import Response

from otae import paths
from otae.accounts import guess_alerts
from otae.authority import push
from otae.delivery import server_refusals, servers
from otae.directory.ldap import servers as directories
from otae.directory.local import people
from otae.enrollment import approvals
from otae.errors import InputRefused
from otae.invitations.modes import default_mode, enabled_modes, title_of
from otae.overview import attention, rehearsals
from otae.translatable import N_
from otae.web.admin.manage.statuses import OWNERSHIPS, STATUSES
from otae.web.forms import sent_fields
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

#: What the installation's own certificates are for.
PURPOSES: Final = {
    "root": N_("Root"),
    "device-ca": N_("Device authority"),
    "service-ca": N_("Service authority"),
    "ra": N_("SCEP registration authority"),
    "profile-signer": N_("Profile signer"),
    "tls": "TLS",
    "push": N_("Push"),
}
#: What is wrong with a process, and what follows.
TROUBLES: Final = {
    ("worker", "none"): N_("The worker has not been heard of for a while: no mail is sent and no job is done."),
    ("clock", "none"): N_(
        "The clock has not been heard of for a while: nothing expires, is renewed or is tried again."
    ),
    ("worker", "dead"): N_("A worker (%(process)s) has ended without a word; the others do its work. Start it again."),
    ("clock", "dead"): N_("A clock (%(process)s) has ended without a word; another does its work. Start it again."),
    ("worker", "stuck"): N_("A worker (%(process)s) has got stuck with %(what)s. End it and start it again."),
    ("clock", "stuck"): N_("The clock (%(process)s) has got stuck with %(what)s. End it and start it again."),
    ("clock", "idle"): N_(
        "The clock lives and does nothing: nothing expires, is renewed or is tried again. End "
        "%(process)s and start it again."
    ),
}


async def index(visit: Console) -> Response:
    """Show the dashboard, or for its polling only the rehearsal."""
    rehearsal = await rehearsals.last()
    mark = _mark(rehearsal)
    context: dict[str, object] = {"rehearsal": rehearsal, "mark": mark, "now": visit.now}
    if is_fragment_request(visit.request):
        if visit.request.query_params.get("seen") == mark:
            return Response(status_code=204)
        return render(visit.request, "admin/dashboard.html", context, block="rehearsal")
    board = await attention.dashboard(now=visit.now, reach=visit.reach)
    context |= {
        "board": board,
        "counts": [
            ("pending", STATUSES["pending"], board.invitations["pending"]),
            ("stuck", _("Stuck"), board.stuck),
            *((name, words, board.invitations[name]) for name, words in STATUSES.items() if name != "pending"),
        ],
        "waiting": await approvals.waiting(now=visit.now, reach=visit.reach) if visit.may(approvals.PERMISSION) else [],
        "guesses": await guess_alerts.unseen() if visit.may("audit.see") else [],
        "steps": await _first_steps(board),
        "warnings": [
            _(TROUBLES[each.role, each.kind]) % {"process": each.process, "what": each.what} for each in board.processes
        ],
        "failing_directories": [row for row in await directories.list_directories() if row.trouble],
        "troubles": await server_refusals.refusing_servers(visit.now),
        "push_missing": await push.show_push(now=visit.now) is None,
        "server": await servers.active_server(),
        "modes": await enabled_modes(),
        "chosen": (await default_mode()).name,
        "title_of": title_of,
        "ownerships": OWNERSHIPS,
        "purposes": PURPOSES,
        "soon": visit.now + timedelta(days=7),
    }
    return render(visit.request, "admin/dashboard.html", context)


async def guessing_seen(visit: Console) -> Response:
    """Take an alert about guessing off the dashboard."""
    await guess_alerts.mark_seen(
        str((await sent_fields(visit.request)).get("key", "")), now=visit.now, actor=visit.actor
    )
    return redirect(paths.CONSOLE)


async def rehearse(visit: Console) -> Response:
    """Start a rehearsal."""
    mode = (await sent_fields(visit.request)).get("mode", "")
    try:
        await rehearsals.start(visit.desk, str(mode), now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        return redirect(f"{paths.CONSOLE}#rehearsal", "warning", _(refusal.reasons))
    return redirect(f"{paths.CONSOLE}#rehearsal")


async def _first_steps(board: attention.Dashboard) -> list[tuple[str, str, bool]]:
    """Return the steps to the first invitation, while there is none, as (words, address, done)."""
    if any(board.invitations.values()):
        return []
    return [
        (
            _("Add a notification server, so that mail reaches people"),
            paths.NOTIFICATION_SERVERS,
            bool(await servers.list_servers()),
        ),
        (
            _("Add a person, or connect a directory under Settings, LDAP"),
            paths.USERS,
            bool(await directories.list_directories() or await people.list_people(limit=1)),
        ),
        (_("Send an invitation"), paths.INVITATION_ADD, False),
    ]


def _mark(rehearsal: rehearsals.Rehearsal | None) -> str:
    return f"{rehearsal.id}-{rehearsal.status}-{len(rehearsal.steps)}" if rehearsal else "none"
