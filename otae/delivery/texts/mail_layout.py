"""The HTML layout of the default mails.

Not every mail program supports style sheets, so each element has a style attribute; the colours work on light and dark
backgrounds.
"""

from typing import Final

_FRAME: Final = """<!doctype html>
<html lang="@LANGUAGE@"@DIRECTION@>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>@TITLE@</title>
</head>
<body style="margin:0;padding:24px 12px;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;\
font-size:16px;line-height:1.5">
<table role="presentation" align="center" cellpadding="0" cellspacing="0" \
style="max-width:560px;width:100%;table-layout:fixed">
<tr><td style="padding:0 8px;overflow-wrap:anywhere;word-break:break-word">
<p style="margin:0 0 20px;font-weight:600;opacity:.75">${server.name}</p>
<h1 style="margin:0 0 16px;font-size:24px;line-height:1.25">@TITLE@</h1>
@GREETING@@BODY@
<p style="margin:28px 0 0;padding-top:16px;border-top:1px solid #8888;font-size:14px;opacity:.85">\
@FOOT@</p>
</td></tr>
</table>
</body>
</html>
"""

#: Placeholders for repeated parts of the bodies.
_PARTS: Final = {
    "@NOTE@": '<p style="margin:0 0 16px;white-space:pre-line">${invitation.note}</p>',
    "@BUTTON@": """<p style="margin:24px 0"><a href="${enrollment.url}" style="display:inline-block;padding:12px 28px;\
border-radius:8px;background-color:#1f5fbf;color:#ffffff;text-decoration:none;font-weight:600">@PRESS@</a></p>
@P@@UNPRESSED@<br>
<a href="${enrollment.url}" style="color:#3b82f6;word-break:break-all">${enrollment.url}</a></p>""",
    "@PIN@": """<p style="margin:24px 0;font-size:30px;font-weight:600;letter-spacing:.12em;\
font-family:ui-monospace,Menlo,Consolas,monospace">${enrollment.pin}</p>""",
    "@P@": '<p style="margin:0 0 16px">',
    "@SMALL@": '<p style="margin:0 0 16px;font-size:14px;opacity:.85">',
    "@FINGERPRINT@": '<span style="font-family:ui-monospace,Menlo,Consolas,monospace">${root.fingerprint}</span>',
}


def page(
    title: str,
    body: str,
    *,
    greeting: str,
    foot: str,
    button: tuple[str, str],
    language: str = "en",
    direction: str = "",
) -> str:
    """Return a mail as HTML.

    Args:
        body: May hold the placeholders above.
        greeting: "" for none.
        button: Its label, and the sentence for when it does not work.
        direction: "rtl", or "" for left to right.
    """
    values = {
        "@TITLE@": title,
        "@LANGUAGE@": language,
        "@DIRECTION@": f' dir="{direction}"' if direction else "",
        "@GREETING@": f'<p style="margin:0 0 16px">{greeting}</p>\n' if greeting else "",
        "@FOOT@": foot,
        "@BODY@": body,
        **_PARTS,
        "@PRESS@": button[0],
        "@UNPRESSED@": button[1],
    }
    html = _FRAME
    for short, long in values.items():
        html = html.replace(short, long)
    return html.replace("@P@", _PARTS["@P@"])
