"""The forms of a page as a browser would send them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class PageForm:
    """A form. ``sent``: what its untouched fields send, by name; ``choices``: the values of selects and check boxes.

    ``files``: names of fields that take a file; ``others``: where its further buttons send it.
    """

    action: str
    method: str = "get"
    files: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    sent: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, kind: str, value: str, *, on: bool = True) -> None:
        """Take a field, or one of the values of a field."""
        self.kinds[name] = kind
        if kind in {"checkbox", "radio", "select"}:
            self.choices.setdefault(name, []).append(value)
        if on:
            self.sent.setdefault(name, []).append(value)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self.named: dict[str, PageForm] = {}
        self.inside: PageForm | None = None
        self.select: tuple[PageForm | None, str] = (None, "")
        self.lines: list[str] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.inside = PageForm(has.get("action", ""), has.get("method", "get"))
            self.forms.append(self.inside)
            self.named[has.get("id", "")] = self.inside
            return
        form, name = self.named[has["form"]] if "form" in has else self.inside, has.get("name", "")
        if form is not None and "formaction" in has:
            form.others.append(has["formaction"].partition("#")[0])
        if tag == "option" and self.select[0] is not None:
            self.select[0].add(self.select[1], "select", has.get("value", ""), on="selected" in has)
        elif form is None or not name or "disabled" in has:
            return
        elif tag == "input":
            kind = has.get("type", "text")
            if kind == "file":
                form.files.append(name)
                return
            form.add(name, kind, has.get("value", "on" if kind == "checkbox" else ""), on=_sends(kind, has))
        elif tag == "select":
            self.select = (form, name)
        elif tag == "textarea":
            self.lines, self.select = [], (form, name)

    def handle_data(self, data: str) -> None:
        if self.lines is not None:
            self.lines.append(data)

    def handle_endtag(self, tag: str) -> None:
        form, name = self.select
        if tag == "form":
            self.inside = None
        elif tag == "select" and form is not None:
            if name not in form.sent and form.choices.get(name):
                form.sent[name] = form.choices[name][:1]
            self.select = (None, "")
        elif tag == "textarea" and form is not None and self.lines is not None:
            text = "".join(self.lines).replace("\r\n", "\n").removeprefix("\n")
            form.add(name, "textarea", text)
            self.lines, self.select = None, (None, "")


def _sends(kind: str, has: dict[str, str]) -> bool:
    return "checked" in has if kind in {"checkbox", "radio"} else kind not in {"submit", "button", "image", "file"}


def forms_of(html: str) -> list[PageForm]:
    """Return the forms of a page."""
    reader = _Reader()
    reader.feed(html)
    return reader.forms


def form_of(html: str, action: str) -> PageForm:
    """Return the one form of a page that goes to ``action``."""
    return next(form for form in forms_of(html) if form.action == action)
