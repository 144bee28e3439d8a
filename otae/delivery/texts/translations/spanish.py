"""Spanish, with formal address; text messages use only characters of GSM 03.38, so that they do not become Unicode."""

from typing import Final

from otae.delivery.texts.translations.phrases import LanguagePhrases, MessagePhrases

PHRASES: Final = LanguagePhrases(
    language="es",
    greeting="Hola, ${user.displayname}:",
    foot="¿Tiene alguna pregunta o no esperaba este mensaje? Diríjase a ${support.contact}.",
    to_administrator="Recibe este mensaje porque usted envió la invitación.",
    open_message="Abra este mensaje en el propio Mac.",
    open_address="Abra esta dirección en el propio Mac:",
    button="Inscribir este Mac",
    no_button="Si el botón no responde, abra esta dirección:",
    check=("Para comprobar que está en el lugar correcto, compare la huella digital (SHA-256) del certificado raíz:"),
    fingerprint="Huella digital (SHA-256) del certificado raíz:",
    kinds={
        "url": MessagePhrases(
            subject="${server.name}: inscriba su Mac",
            title="Inscriba su Mac",
            words="""
Se le invita a inscribir su Mac en ${server.name}. Solo le llevará unos minutos.

@link

Iniciará sesión como ${user.loginname} con: ${enrollment.mode}. Esta invitación es válida hasta
${enrollment.expires}.

@check""",
            sms="${server.name}: inscriba su Mac. Abra este enlace en el Mac: ${enrollment.url}",
        ),
        "pin": MessagePhrases(
            subject="${server.name}: su PIN para inscribir su Mac",
            title="Su PIN",
            words="""
Este es su PIN para inscribir su Mac. La invitación llega en otro mensaje.

@pin

Iniciará sesión como ${user.loginname} con: ${enrollment.mode}. El PIN es válido hasta ${enrollment.expires}.
Nadie se lo pedirá nunca por teléfono ni por correo.

@fingerprint""",
            sms="${server.name}: su PIN para inscribir su Mac es ${enrollment.pin}. Nadie debe pedirle este PIN.",
        ),
        "confirmation": MessagePhrases(
            subject="${server.name}: su Mac está inscrito",
            title="Su Mac está inscrito",
            words="""
Su Mac ya está inscrito en ${server.name}. No tiene que hacer nada más.

Si no ha inscrito ningún Mac, avise de inmediato: ${support.contact}.

@fingerprint""",
            sms="${server.name}: su Mac se ha inscrito. ¿No fue usted? Avise de inmediato: ${support.contact}",
        ),
        "reminder": MessagePhrases(
            subject="${server.name}: su Mac aún no está inscrito",
            title="Su Mac sigue esperando",
            words="""
Se le invitó a inscribir su Mac en ${server.name} y todavía está pendiente. Solo le llevará unos minutos.

@link

Iniciará sesión como ${user.loginname} con: ${enrollment.mode}. Lo que ya recibió para iniciar sesión sigue
siendo válido. Esta invitación es válida hasta ${enrollment.expires}.

@check""",
            sms=("${server.name}: su Mac sigue pendiente de inscribir. Abra este enlace en el Mac: ${enrollment.url}"),
        ),
        "revoked": MessagePhrases(
            subject="${server.name}: su invitación se ha anulado",
            title="Invitación anulada",
            words="""
Su invitación para inscribir un Mac en ${server.name} se ha anulado. El enlace y el PIN ya no son válidos. No
tiene que hacer nada.""",
            sms="${server.name}: se ha anulado el enlace para inscribir un Mac. Preguntas: ${support.contact}",
        ),
        "expired": MessagePhrases(
            subject="${server.name}: su invitación ha caducado",
            title="Invitación caducada",
            words="""
Su invitación para inscribir un Mac en ${server.name} ha caducado. El enlace y el PIN ya no son válidos.

Si todavía desea inscribir su Mac, vuelva a abrir el enlace de la invitación: la página indica cómo obtener
uno nuevo.""",
            sms="${server.name}: el enlace para inscribir su Mac ha caducado. Preguntas: ${support.contact}",
        ),
        "notice": MessagePhrases(
            subject="${server.name}: la invitación de ${user.loginname} ha fallado",
            title="Una invitación ha fallado",
            words="""
La invitación de ${user.displayname} (${user.loginname}) ha fallado.

Qué ha ocurrido: ${failure.reason}

Qué hacer: corrija la dirección de correo o lo que se indica arriba y vuelva a enviar la invitación desde su
página:

@failed-page""",
        ),
        "trouble": MessagePhrases(
            subject="${server.name}: un servidor de notificaciones rechaza todos los mensajes",
            title="Un servidor de notificaciones rechaza todos los mensajes",
            words="""
El servidor de notificaciones rechaza lo que ${server.name} le envía: ${failure.reason}

Las invitaciones esperan y no se pierde nada. Qué hacer: corrija la configuración, por ejemplo la dirección del
remitente o el inicio de sesión, y pruébela:

@settings-page""",
        ),
    },
)
