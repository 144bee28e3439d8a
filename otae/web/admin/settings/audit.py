"""Settings → Audit log: who did what, newest first, filtered, and exported with its proof."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from starlette.responses import Response, StreamingResponse

from otae import paths, time_zones
from otae.directory import lookup
from otae.directory.files.spreadsheets import to_csv
from otae.overview import audit_objects
from otae.store import audit, audit_entries
from otae.store.audit_entries import AuditFilter
from otae.web.admin.page_parts import choice_param, download, int_param, text_param
from otae.web.admin.settings.audit_words import WORDS, words_of
from otae.web.failures import Failure
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

PAGE: Final = 100
#: The largest number an address may name.
LAST: Final = 999_999_999
#: The filters as the address names them.
NAMES: Final = ("q", "actor", "action", "object", "from", "to", "part_of")
#: The columns of the CSV export.
COLUMNS: Final = ("id", "at", "actor", "action", "subject", "detail", "part_of", "previous", "mac", "erased")


async def index(visit: Console) -> Response:
    """List entries, newest first, a page at a time."""
    query = visit.request.query_params
    if "" in query.values():
        return redirect(paths.AUDIT(**{name: value for name, value in query.items() if value}))
    wanted, shown, before = await _wanted(visit), _shown(visit), int_param(visit.request, "before", LAST)
    first = min(before or LAST, await audit_entries.last_entry() + 1)
    since = max(first - audit_entries.SEARCH_SPAN, 1) if wanted.scans else 0
    entries = await audit_entries.list_entries(wanted, before=before or None, since=since, limit=PAGE + 1)
    # What was not looked through yet is older; what was found and has no room here is newer than that.
    older = entries[PAGE - 1].id if len(entries) > PAGE else since if since > 1 else 0
    entries = entries[:PAGE]
    context = {
        "entries": entries,
        "subjects": await audit_objects.subjects_of(entries),
        "actors": await audit_objects.actors_of(entries),
        "parts": await audit_entries.counts_of_parts(entries),
        "names": await lookup.names_in(entry.detail for entry in entries),
        "with_names": lookup.with_names,
        "changes_in": audit_entries.changes_in,
        "words_of": words_of,
        "words": sorted(WORDS.items(), key=lambda each: _(each[1])),
        "administrators": await audit_objects.administrator_names(),
        "wanted": dict.fromkeys(NAMES, "") | shown,
        "filtered": bool(shown),
        "newest": paths.AUDIT(**shown) if before else "",
        "older": paths.AUDIT(**shown, before=older) if older else "",
        "since": since if len(entries) <= PAGE and older == since else 0,
    }
    return render(visit.request, "admin/settings/audit/index.html", context)


async def export(visit: Console) -> Response:
    """Download the wanted entries with the values that prove them, as JSON or CSV."""
    kind = visit.request.path_params["kind"]
    if kind not in {"json", "csv"}:
        raise Failure(404, _("There is no such file."), "not-found")
    wanted = replace(await _wanted(visit), parts=True)
    if kind == "csv":
        return download(_as_csv(wanted), "audit-log.csv")
    headers = {"Content-Disposition": 'attachment; filename="audit-log.json"'}
    return StreamingResponse(_as_json(wanted), media_type="application/json", headers=headers)


async def _as_csv(wanted: AuditFilter) -> AsyncIterator[str]:
    yield to_csv([COLUMNS])
    async for entry in audit_entries.every_entry(wanted):
        row = audit.exported(entry)
        yield to_csv([["" if row[name] is None else str(row[name]) for name in COLUMNS]])


async def _as_json(wanted: AuditFilter) -> AsyncIterator[str]:
    between = "[\n"
    async for entry in audit_entries.every_entry(wanted):
        yield between + json.dumps(audit.exported(entry), ensure_ascii=False)
        between = ",\n"
    yield "\n]\n" if between == ",\n" else "[]\n"


def _shown(visit: Console) -> dict[str, str]:
    """Return the filters of the address as their fields show them."""
    given = {name: text_param(visit.request, name) for name in NAMES}
    return {name: text for name, text in given.items() if text}


async def _wanted(visit: Console) -> AuditFilter:
    """Return what the address asks for; Failure 400 for an unknown action or a day that is none."""
    shown = _shown(visit)
    days = []
    for name in ("from", "to"):
        try:
            days.append(time_zones.read_day(shown.get(name, "")))
        except ValueError:
            raise Failure(400, _("Give the day as a date such as 2026-12-24."), "filter-unknown") from None
    search = shown.get("q", "")
    return AuditFilter(
        actor=shown.get("actor", ""),
        action=choice_param(visit.request, "action", {"", *WORDS}),
        objects=await audit_objects.object_texts(shown.get("object", "")),
        begin=days[0][0] if days[0] else None,
        end=days[1][1] if days[1] else None,
        part_of=int_param(visit.request, "part_of", LAST),
        search=search,
        about=await lookup.id_of_user_name(search),
    )
