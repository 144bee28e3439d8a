"""Settings → Audit log: who did what, newest first, and whether the log is unchanged."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.directory import lookup
from otae.store import audit
from otae.web.admin.page_parts import int_param, text_param
from otae.web.admin.settings.audit_words import page_of, words_of
from otae.web.pages import render
from otae.web.visits import Console

PAGE: Final = 100
#: The largest number an address may name.
LAST: Final = 999_999_999


async def index(visit: Console) -> Response:
    """List entries, newest first, a page at a time."""
    search, before = text_param(visit.request, "q"), int_param(visit.request, "before", LAST)
    first = min(before or LAST, await audit.last_entry() + 1)
    since = max(first - audit.SEARCH_SPAN, 1) if search else 0
    entries = await audit.list_entries(
        search=search, about=await lookup.id_of_user_name(search), before=before or None, since=since, limit=PAGE + 1
    )
    # What was not looked through yet is older; what was found and has no room here is newer than that.
    older = entries[PAGE - 1].id if len(entries) > PAGE else since if since > 1 else 0
    context = {
        "entries": entries[:PAGE],
        "names": await lookup.names_in(text for each in entries for text in (each.actor, each.subject, each.detail)),
        "with_names": lookup.with_names,
        "words_of": words_of,
        "page_of": page_of,
        "search": search,
        "newest": paths.AUDIT(q=search) if before else "",
        "older": paths.AUDIT(q=search, before=older) if older else "",
        "since": since if len(entries) <= PAGE else 0,
    }
    return render(visit.request, "admin/settings/audit/index.html", context)
