"""The organization's logos: one for light pages and one for dark ones."""

import asyncio
import hashlib
from datetime import datetime
from typing import Final, TypeAlias

from otae.branding import pictures
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Logo
from otae.translatable import N_

#: A logo, as pages see it.
LogoRow: TypeAlias = Logo

LIGHT: Final = "light"
DARK: Final = "dark"
THEMES: Final = (LIGHT, DARK)


async def stored() -> dict[str, Logo]:
    """Return the logos by theme, without their images."""
    return {row.theme: row for row in await Logo.all().only("theme", "sha256", "width", "height")}


async def light() -> Logo | None:
    """Return the logo for light pages with its image, None without one."""
    return await Logo.filter(theme=LIGHT).first()


async def image(sha256: str) -> bytes | None:
    """Return the PNG file with this SHA-256, None when there is none any more."""
    row = await Logo.filter(sha256=sha256).first()
    return row.image if row else None


async def replace(theme: str, data: bytes, *, now: datetime, actor: str) -> None:
    """Store the picture in an uploaded PNG or JPEG file as the logo for ``theme``; audited.

    Raises:
        InputRefused: "file": As `pictures.reencoded`.
    """
    if theme not in THEMES:
        raise InputRefused({"theme": N_("use %(themes)s", themes=" or ".join(THEMES))})
    picture = await asyncio.to_thread(pictures.reencoded, data)
    sha256 = hashlib.sha256(picture.png).hexdigest()
    values = {"image": picture.png, "sha256": sha256, "width": picture.width, "height": picture.height}
    async with transaction():
        await Logo.update_or_create(values, theme=theme)
        await audit.record(actor, "logo.changed", now=now, subject=theme, detail=f"SHA-256 {sha256}")


async def remove(theme: str, *, now: datetime, actor: str) -> None:
    """Show no logo of ``theme`` any more; audited."""
    async with transaction():
        if await Logo.filter(theme=theme).delete():
            await audit.record(actor, "logo.removed", now=now, subject=theme)
