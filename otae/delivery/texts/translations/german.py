"""German, with formal address."""

from typing import Final

from otae.delivery.texts.translations.phrases import LanguagePhrases, MessagePhrases

PHRASES: Final = LanguagePhrases(
    language="de",
    greeting="Guten Tag ${user.displayname},",
    foot=(
        "Haben Sie Fragen, oder haben Sie diese Nachricht nicht erwartet? Bitte wenden Sie sich an ${support.contact}."
    ),
    to_administrator="Sie erhalten diese Nachricht, weil Sie die Einladung verschickt haben.",
    open_message="Öffnen Sie diese Nachricht bitte auf dem Mac selbst.",
    open_address="Öffnen Sie diese Adresse bitte auf dem Mac selbst:",
    button="Mac registrieren",
    no_button="Falls die Schaltfläche nicht reagiert, öffnen Sie diese Adresse:",
    check=(
        "Damit Sie sicher sein können, dass Sie richtig sind, vergleichen Sie den Fingerabdruck (SHA-256) des "
        "Stammzertifikats:"
    ),
    fingerprint="Fingerabdruck (SHA-256) des Stammzertifikats:",
    kinds={
        "url": MessagePhrases(
            subject="${server.name}: Bitte registrieren Sie Ihren Mac",
            title="Registrieren Sie Ihren Mac",
            words="""
Sie sind eingeladen, Ihren Mac bei ${server.name} zu registrieren. Das dauert nur wenige Minuten.

@link

Sie melden sich als ${user.loginname} an, und zwar mit: ${enrollment.mode}. Diese Einladung gilt bis
${enrollment.expires}.

@check""",
            sms=("${server.name}: Bitte registrieren Sie Ihren Mac. Öffnen Sie dies auf dem Mac: ${enrollment.url}"),
        ),
        "pin": MessagePhrases(
            subject="${server.name}: Ihre PIN für die Registrierung Ihres Mac",
            title="Ihre PIN",
            words="""
Das ist Ihre PIN für die Registrierung Ihres Mac. Die Einladung selbst kommt in einer eigenen Nachricht.

@pin

Sie melden sich als ${user.loginname} an, und zwar mit: ${enrollment.mode}. Die PIN gilt bis
${enrollment.expires}. Niemand wird Sie je am Telefon oder per E-Mail danach fragen.

@fingerprint""",
            sms=(
                "${server.name}: Ihre PIN für die Registrierung Ihres Mac ist ${enrollment.pin}. Niemand wird "
                "Sie je danach fragen."
            ),
        ),
        "confirmation": MessagePhrases(
            subject="${server.name}: Ihr Mac ist registriert",
            title="Ihr Mac ist registriert",
            words="""
Ihr Mac ist jetzt bei ${server.name} registriert. Sie müssen nichts weiter tun.

Falls Sie keinen Mac registriert haben, sagen Sie bitte sofort Bescheid: ${support.contact}.

@fingerprint""",
            sms=(
                "${server.name}: Ihr Mac ist registriert. Das waren nicht Sie? Sagen Sie sofort Bescheid: "
                "${support.contact}"
            ),
        ),
        "reminder": MessagePhrases(
            subject="${server.name}: Ihr Mac ist noch nicht registriert",
            title="Ihr Mac wartet noch",
            words="""
Sie wurden eingeladen, Ihren Mac bei ${server.name} zu registrieren, und er wartet noch darauf. Das dauert nur
wenige Minuten.

@link

Sie melden sich als ${user.loginname} an, und zwar mit: ${enrollment.mode}. Was Sie dafür schon erhalten
haben, gilt weiter. Diese Einladung gilt bis ${enrollment.expires}.

@check""",
            sms=("${server.name}: Ihr Mac ist noch nicht registriert. Öffnen Sie dies auf dem Mac: ${enrollment.url}"),
        ),
        "revoked": MessagePhrases(
            subject="${server.name}: Ihre Einladung wurde zurückgezogen",
            title="Einladung zurückgezogen",
            words="""
Ihre Einladung, einen Mac bei ${server.name} zu registrieren, wurde zurückgezogen. Link und PIN gelten nicht
mehr. Sie müssen nichts tun.""",
            sms=(
                "${server.name}: Ihre Einladung, einen Mac zu registrieren, wurde zurückgezogen. Fragen: "
                "${support.contact}"
            ),
        ),
        "expired": MessagePhrases(
            subject="${server.name}: Ihre Einladung ist abgelaufen",
            title="Einladung abgelaufen",
            words="""
Ihre Einladung, einen Mac bei ${server.name} zu registrieren, ist abgelaufen. Link und PIN gelten nicht mehr.

Wenn Sie Ihren Mac noch registrieren möchten, öffnen Sie den Link in der Einladung noch einmal: Auf der Seite
steht, wie Sie einen neuen erhalten.""",
            sms=(
                "${server.name}: Ihre Einladung, einen Mac zu registrieren, ist abgelaufen. Fragen: ${support.contact}"
            ),
        ),
        "notice": MessagePhrases(
            subject="${server.name}: Die Einladung von ${user.loginname} ist fehlgeschlagen",
            title="Eine Einladung ist fehlgeschlagen",
            words="""
Die Einladung von ${user.displayname} (${user.loginname}) ist fehlgeschlagen.

Was geschehen ist: ${failure.reason}

Was zu tun ist: Berichtigen Sie die E-Mail-Adresse, oder was sonst oben genannt ist, und senden Sie die
Einladung dann auf ihrer Seite erneut:

@failed-page""",
        ),
        "trouble": MessagePhrases(
            subject="${server.name}: Ein Benachrichtigungsserver nimmt keine Nachrichten an",
            title="Ein Benachrichtigungsserver nimmt keine Nachrichten an",
            words="""
Der Benachrichtigungsserver lehnt ab, was ${server.name} ihm schickt: ${failure.reason}

Die Einladungen warten, es geht nichts verloren. Was zu tun ist: Berichtigen Sie die Einstellungen, etwa die
Absenderadresse oder die Anmeldung, und probieren Sie sie aus:

@settings-page""",
        ),
    },
)
