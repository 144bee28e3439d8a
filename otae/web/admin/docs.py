"""The documentation that comes with the product, at /admin/docs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from starlette.responses import FileResponse, Response

from otae import paths
from otae.web.admin.page_parts import or_not_found
from otae.web.pages import render
from otae.web.visits import Console
from otae.words import TEMPLATES

FOLDER: Final = TEMPLATES.with_name("docs")


@dataclass(frozen=True)
class Document:
    """A document: its title, its HTML, and its sections as (anchor, title)."""

    title: str
    html: Markup
    sections: Sequence[tuple[str, str]]


async def index(visit: Console) -> Response:
    """List the documents."""
    listed = [(f"{paths.DOCS}/{name}", document(name).title) for name in sorted(files())]
    return render(visit.request, "admin/docs.html", {"listed": listed, "document": None})


async def show(visit: Console) -> Response:
    """Show one document, or one of the pictures in them."""
    name = visit.request.path_params["name"]
    if picture := pictures().get(name):
        return FileResponse(picture, media_type="image/png")
    or_not_found(files().get(name))
    return render(visit.request, "admin/docs.html", {"document": document(name)})


@cache
def document(name: str) -> Document:
    """Return the document called ``name``, such as "operations" or "adr/0001-the-house"."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(files()[name].read_text(encoding="utf-8"))
    title, sections = name, []
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open":
            anchor, text = slug(inline.content), inline.content.replace("`", "")
            heading.attrSet("id", anchor)
            title = text if heading.tag == "h1" else title
            sections += [(anchor, text)] if heading.tag == "h2" else []
    for token in tokens:
        _adapt(token, name)
    return Document(title, Markup(reader.renderer.render(tokens, reader.options, {})), sections)  # noqa: S704 - html off


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@cache
def files() -> dict[str, Path]:
    """Return the file of every document, by the name in its address."""
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in FOLDER.rglob("*.md")}


@cache
def pictures() -> dict[str, Path]:
    """Return the file of every picture of the documents, by the name in its address."""
    return {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*.png")}


def _adapt(token: Token, name: str) -> None:
    """Make a token fit our pages: headings below the page's own, no style attributes, links to our addresses."""
    if token.type.startswith("heading_"):
        token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
    elif token.attrs.pop("style", "") == "text-align:right":
        token.attrSet("class", "otae-number")
    for child in token.children or []:
        if child.type == "link_open" and (href := _address(str(child.attrs["href"]), name)):
            child.attrSet("href", href)
        if child.type == "image":
            child.attrSet("src", f"{paths.DOCS}/{PurePosixPath(name).parent / str(child.attrs['src'])}")


def _address(href: str, name: str) -> str:
    """Return the address of what a document links to; "" to leave the link as it is."""
    if "://" in href or href.startswith("#"):
        return ""
    file, _hash, anchor = href.partition("#")
    parts: list[str] = []
    for part in (PurePosixPath(name).parent / file).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    found = "/".join(parts).removesuffix(".md")
    return f"{paths.DOCS}/{found}" + (f"#{anchor}" if anchor else "") if found in files() else paths.DOCS
