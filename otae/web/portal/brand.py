"""The organization's style sheet and logos, at addresses that carry the hash of what they answer."""

from starlette.responses import Response

from otae import colours
from otae.branding import logos, style
from otae.web.failures import NotFound
from otae.web.visits import Visit


async def style_sheet(visit: Visit) -> Response:
    """Return the style sheet with the colour that the address names.

    Raises NotFound when the hash in the address is of another style sheet, such as one with earlier logos.
    """
    accent = colours.parse(visit.request.query_params.get("accent", "")) or ""
    sheet = style.sheet(accent, visit.request.state.branding.logos)
    if visit.request.path_params["mark"] != style.mark(sheet):
        raise NotFound
    return Response(sheet, media_type="text/css")


async def logo(visit: Visit) -> Response:
    """Return a logo."""
    image = await logos.image(visit.request.path_params["mark"])
    if image is None:
        raise NotFound
    return Response(image, media_type="image/png")
