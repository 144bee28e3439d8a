"""Static files: compressed as the browser asks, whole and in parts, and kept by it."""

import pytest
from starlette.datastructures import Headers

from otae.web import static_files
from otae.web.compression import best_coding
from otae.web.static_files import FOLDER, static
from tests import compress
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

STYLE = (FOLDER / "otae.css").read_bytes()


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (["gzip, deflate, br"], "br"),
        (["gzip", "BR ; q=1.0"], "br"),
        (["gzip;q=1.0, br;q=0.5"], "gzip"),
        (["br;q=0, gzip"], "gzip"),
        (["*"], "br"),
        (["*;q=0.1, br;q=0.0"], "gzip"),
        (["identity, gzip;q=0.5"], ""),
        (["gzip;q=0, br;q=0"], ""),
        (["identity;q=0.5, *;q=0"], ""),
        (["gzip;q=2, br;q=x, deflate"], ""),
        ([""], ""),
        ([], ""),
    ],
)
def test_the_best_coding_is_the_one_asked_for(asked: list[str], answered: str) -> None:
    headers = Headers(raw=[(b"accept-encoding", each.encode()) for each in asked])
    assert best_coding(headers, ["br", "gzip"]) == answered


@pytest.mark.parametrize("coding", ["br", "gzip", "identity"])
async def test_a_file_comes_in_the_coding_that_is_asked_for(site: Site, coding: str) -> None:
    async with site.stranger(Accept_Encoding=coding) as browser:
        answer = await browser.get(static("otae.css"))
        assert answer.content == STYLE
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert answer.headers.get("content-encoding", "identity") == coding
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (int(answer.headers["content-length"]) < len(STYLE) / 3) == (coding != "identity")
        head = await browser.head(static("otae.css"))
        assert (head.content, head.headers["content-length"]) == (b"", answer.headers["content-length"])
        kept = await browser.get(static("otae.css"), headers={"If-None-Match": answer.headers["etag"]})
        assert (kept.status_code, kept.content, kept.headers["vary"]) == (304, b"", "Accept-Encoding")
        other = await browser.get(static("otae.css"), headers={"If-None-Match": '"another"'})
        assert other.status_code == 200


async def test_each_coding_has_an_etag_of_its_own(site: Site) -> None:
    tags = set()
    for coding in ("br", "gzip", "identity"):
        async with site.stranger(Accept_Encoding=coding) as browser:
            tags.add((await browser.get(static("otae.css"))).headers["etag"])
    assert len(tags) == 3


async def test_a_part_of_a_file_is_a_part_of_what_it_says(site: Site) -> None:
    async with site.stranger(Accept_Encoding="gzip, br", Range="bytes=10-19") as browser:
        part = await browser.get(static("otae.css"))
        assert (part.status_code, part.content) == (206, STYLE[10:20])
        assert "content-encoding" not in part.headers
        assert part.headers["content-range"] == f"bytes 10-19/{len(STYLE)}"
        whole = await browser.get(static("otae.css"), headers={"If-Range": '"of the compressed one"'})
        assert (whole.status_code, whole.content) == (200, STYLE)


async def test_a_copy_of_an_older_file_is_never_served(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_files, "mark", lambda _name: "0" * 12)
    static_files.copies.cache_clear()
    try:
        async with site.stranger(Accept_Encoding="br") as browser:
            answer = await browser.get("/static/otae.css")
    finally:
        static_files.copies.cache_clear()
    assert ("content-encoding" in answer.headers, answer.content) == (False, STYLE)


async def test_copies_have_no_address_of_their_own(site: Site) -> None:
    for path in compress.present():
        name = path.relative_to(static_files.COMPRESSED_FOLDER).as_posix()
        assert (await site.client.get(f"/static/{name}")).status_code == 404
