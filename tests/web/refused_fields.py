"""What a page says to a screen reader about the fields that were refused."""

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[dict[str, str]] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attributes}
        self.elements.append(has | {"tag": tag})
        if "alert-link" in has.get("class", "").split() and has.get("href", "").startswith("#"):
            self.links.append(has["href"].removeprefix("#"))


def refused_fields(html: str) -> list[str]:
    """Return the ids of the fields that the summary leads to, after looking whether each says what is wrong with it."""
    reader = _Reader()
    reader.feed(html)
    by_id = {each["id"]: each for each in reader.elements if "id" in each}
    for field in reader.links:
        assert field in by_id, f"the summary leads to #{field}, which is not there"
        said = by_id[field].get("aria-describedby", "").split()
        assert f"{field}-errors" in said, f"#{field} does not name its error"
        is_group = by_id[field]["tag"] in {"fieldset", "div"} and by_id[field].get("role") != "radiogroup"
        assert is_group or by_id[field].get("aria-invalid") == "true", f"#{field} does not say that it is refused"
    for each in reader.elements:
        missing = [name for name in each.get("aria-describedby", "").split() if name not in by_id]
        assert not missing, f"{each} is described by {missing}, which is not there"
        assert ("is-invalid" in each.get("class", "").split()) <= (each.get("aria-invalid") == "true"), each
    return reader.links
