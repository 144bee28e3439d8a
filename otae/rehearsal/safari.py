"""The browser on the simulated Mac: follows redirects, keeps cookies, reads forms, and sends Safari's headers.

It runs no script: it sees the forms and links that are in the HTML.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from otae.rehearsal.connection import MacConnection, ServerRefuses, ServerResponse
from otae.rehearsal.report import MacRefuses

_AGENT: Final = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.1 Safari/605.1.15"
)
_ACCEPT: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_MOST_REDIRECTS: Final = 10
#: What the fields of a sign-in are recognised by, besides their type.
_NAMES: Final = {"name": ("name", "username", "user"), "password": ("password",), "pin": ("pin",)}


@dataclass(slots=True)
class PageForm:
    """A form of a page.

    ``action``: its target, as in the HTML; ``method``: "GET" or "POST"; ``fields``: the initial values by field name;
    ``kinds``: the type of each field by its name, such as "text" or "hidden".
    """

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def field_for(self, what: str) -> str | None:
        """Return the name of the visible field for "name", "password" or "pin"; None without one."""
        visible = [name for name, kind in self.kinds.items() if kind != "hidden"]
        return next((name for name in visible if name.lower() in _NAMES[what]), None)


@dataclass(frozen=True, slots=True)
class Page:
    """A page that the browser shows; ``text`` is its visible text in one line."""

    answer: ServerResponse
    forms: tuple[PageForm, ...] = ()
    links: tuple[str, ...] = ()
    text: str = ""

    @property
    def url(self) -> str:
        """The address of the page after all redirects."""
        return self.answer.url

    @property
    def path(self) -> str:
        """The path of ``url``."""
        return urlsplit(self.url).path

    def link(self, ending: str) -> str:
        """Return the first link whose path ends in ``ending``; MacRefuses without one."""
        for link in self.links:
            if urlsplit(link).path.endswith(ending):
                return urljoin(self.url, link)
        raise MacRefuses(f"{self.path} has no link to {ending}")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._form: PageForm | None = None
        self._mute = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = PageForm(attributes.get("action", ""), attributes.get("method", "get").upper())
            self.forms.append(self._form)
        elif tag in ("input", "button") and self._form is not None and "name" in attributes:
            self._field(tag, attributes)
        elif tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        self._mute = tag in ("script", "style") or self._mute

    def _field(self, tag: str, attributes: Mapping[str, str]) -> None:
        kind = attributes.get("type", "text" if tag == "input" else "submit").lower()
        if self._form is None or kind in ("submit", "button", "image", "reset"):
            return
        if kind in ("checkbox", "radio") and not {"checked", "required"} & attributes.keys():
            return  # a person ticks what the form cannot be sent without
        self._form.fields[attributes["name"]] = attributes.get("value", "")
        self._form.kinds[attributes["name"]] = kind

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if tag in ("script", "style"):
            self._mute = False

    def handle_data(self, data: str) -> None:
        if not self._mute and data.strip():
            self.words.append(" ".join(data.split()))


class Safari:
    """A browser with one tab; its cookies are the connection's.

    Args:
        fetch_metadata: Send the Sec-Fetch headers; False for a Safari before 16.4.
    """

    def __init__(self, connection: MacConnection, *, fetch_metadata: bool = True) -> None:
        self._connection = connection
        self._fetch_metadata = fetch_metadata

    async def open(self, url: str, *, name: str = "page", site: str = "none") -> Page:
        """Open ``url``, follow redirects and return the page, whatever its status.

        Raises MacRefuses when the redirects do not end, or the certificate is not trusted.

        Args:
            site: "none" for a click in a mail, "same-origin" for a link of a page.
        """
        return await self._go("GET", url, name=name, site=site)

    async def submit(self, page: Page, form: PageForm, values: Mapping[str, str], *, name: str = "form") -> Page:
        """Submit ``form`` of ``page`` with ``values``; fields without one keep their initial value."""
        body = urlencode({**form.fields, **values})
        url = urljoin(page.url, form.action)
        if form.method != "POST":
            return await self._go("GET", f"{url}?{body}", name=name, site="same-origin")
        return await self._go("POST", url, name=name, site="same-origin", content=body.encode("ascii"))

    async def sign_in(
        self, page: Page, *, name: str, password: str | None = None, pin: str | None = None, record: str = "sign-in"
    ) -> Page:
        """Submit the form that asks for what is given, if possible one that asks for nothing else.

        ``record``: the name under which the bodies are recorded. Raises MacRefuses when the page has no such form.
        """
        values = {"name": name, "password": password, "pin": pin}
        given = {what: value for what, value in values.items() if value is not None}
        best: tuple[int, PageForm, dict[str, str]] | None = None
        for form in page.forms:
            fields = {what: found for what in values if (found := form.field_for(what)) is not None}
            if set(given) <= set(fields) and (best is None or len(fields) < best[0]):
                best = len(fields), form, {fields[what]: value for what, value in given.items()}
        if best is None:
            raise MacRefuses(f"{page.path} ({page.answer.status}) has no form for {', '.join(given)}")
        return await self.submit(page, best[1], best[2], name=record)

    async def download(self, page: Page, ending: str, *, name: str) -> ServerResponse:
        """Follow the link of ``page`` whose path ends in ``ending`` and return the answer, whatever it is."""
        return (await self.open(page.link(ending), name=name, site="same-origin")).answer

    async def _go(self, method: str, url: str, *, name: str, site: str, content: bytes | None = None) -> Page:
        for _ in range(_MOST_REDIRECTS):
            answer = await self._connection.request(
                method, url, name=name, content=content, headers=self._headers(method, url, site)
            )
            if answer.status not in _REDIRECTS:
                return read_page(answer)
            if "location" not in answer.headers:
                raise ServerRefuses("a redirect that leads nowhere", answer)
            url = urljoin(url, answer.headers["location"])
            if answer.status not in (307, 308):
                method, content = "GET", None
        raise MacRefuses(f"too many redirects at {urlsplit(url).path}")

    def _headers(self, method: str, url: str, site: str) -> dict[str, str]:
        headers = {"User-Agent": _AGENT, "Accept": _ACCEPT, "Accept-Language": "en-GB,en;q=0.9"}
        if method == "POST":
            parts = urlsplit(url)
            headers["Origin"] = f"{parts.scheme}://{parts.netloc}"
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self._fetch_metadata:
            headers |= {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        return headers


def read_page(answer: ServerResponse) -> Page:
    """Return the page in an answer; one without HTML has neither forms nor links."""
    if answer.content_type != "text/html":
        return Page(answer)
    reader = _Reader()
    reader.feed(answer.content.decode("utf-8", "replace"))
    reader.close()
    return Page(answer, tuple(reader.forms), tuple(reader.links), " ".join(reader.words))
