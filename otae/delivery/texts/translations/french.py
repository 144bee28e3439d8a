"""French, with formal address; text messages use only characters of GSM 03.38, so that they do not become Unicode."""

from typing import Final

from otae.delivery.texts.translations.phrases import LanguagePhrases, MessagePhrases

PHRASES: Final = LanguagePhrases(
    language="fr",
    greeting="Bonjour ${user.displayname},",
    foot="Une question, ou vous n’attendiez pas ce message ? Adressez-vous à ${support.contact}.",
    to_administrator="Vous recevez ce message parce que vous avez envoyé cette invitation.",
    open_message="Ouvrez ce message sur le Mac lui-même.",
    open_address="Ouvrez cette adresse sur le Mac lui-même :",
    button="Inscrire ce Mac",
    no_button="Si le bouton ne répond pas, ouvrez cette adresse :",
    check="Pour vous assurer que vous êtes au bon endroit, comparez l’empreinte (SHA-256) du certificat racine :",
    fingerprint="Empreinte (SHA-256) du certificat racine :",
    kinds={
        "url": MessagePhrases(
            subject="${server.name} : inscrivez votre Mac",
            title="Inscrivez votre Mac",
            words="""
Vous êtes invité à inscrire votre Mac auprès de ${server.name}. Cela ne prend que quelques minutes.

@link

Vous vous connecterez en tant que ${user.loginname} avec : ${enrollment.mode}. Fin de validité :
${enrollment.expires}.

@check""",
            sms="${server.name} : inscrivez votre Mac. Ouvrez ce lien sur le Mac : ${enrollment.url}",
        ),
        "pin": MessagePhrases(
            subject="${server.name} : votre code PIN pour inscrire votre Mac",
            title="Votre code PIN",
            words="""
Voici votre code PIN pour inscrire votre Mac. L’invitation elle-même arrive dans un message séparé.

@pin

Vous vous connecterez en tant que ${user.loginname} avec : ${enrollment.mode}. Fin de validité :
${enrollment.expires}. Personne ne vous demandera jamais ce code, ni par téléphone ni par e-mail.

@fingerprint""",
            sms=(
                "${server.name} : votre code PIN pour inscrire votre Mac est ${enrollment.pin}. Personne ne "
                "vous le demandera jamais."
            ),
        ),
        "confirmation": MessagePhrases(
            subject="${server.name} : votre Mac est inscrit",
            title="Votre Mac est inscrit",
            words="""
Votre Mac est maintenant inscrit auprès de ${server.name}. Vous n’avez plus rien à faire.

Si vous n’avez pas inscrit de Mac, signalez-le tout de suite : ${support.contact}.

@fingerprint""",
            sms=(
                "${server.name} : votre Mac est inscrit. Ce n'était pas vous ? Signalez-le tout de suite : "
                "${support.contact}"
            ),
        ),
        "reminder": MessagePhrases(
            subject="${server.name} : votre Mac n’est pas encore inscrit",
            title="Votre Mac attend encore",
            words="""
Vous avez été invité à inscrire votre Mac auprès de ${server.name}, et il attend toujours. Cela ne prend que
quelques minutes.

@link

Vous vous connecterez en tant que ${user.loginname} avec : ${enrollment.mode}. Ce que vous avez déjà reçu pour
vous connecter reste valable. Fin de validité : ${enrollment.expires}.

@check""",
            sms=("${server.name} : votre Mac n'est pas encore inscrit. Ouvrez ce lien sur le Mac : ${enrollment.url}"),
        ),
        "revoked": MessagePhrases(
            subject="${server.name} : votre invitation a été annulée",
            title="Invitation annulée",
            words="""
Votre invitation à inscrire un Mac auprès de ${server.name} a été annulée. Son lien et son code PIN ne sont
plus valables. Vous n’avez rien à faire.""",
            sms=("${server.name} : votre invitation à inscrire un Mac a été annulée. Questions : ${support.contact}"),
        ),
        "expired": MessagePhrases(
            subject="${server.name} : votre invitation a expiré",
            title="Invitation expirée",
            words="""
Votre invitation à inscrire un Mac auprès de ${server.name} a expiré. Son lien et son code PIN ne sont plus
valables.

Si vous souhaitez toujours inscrire votre Mac, ouvrez encore une fois le lien de cette invitation : la page
indique comment en obtenir un nouveau.""",
            sms="${server.name} : votre invitation à inscrire un Mac a expiré. Questions : ${support.contact}",
        ),
        "notice": MessagePhrases(
            subject="${server.name} : l’invitation de ${user.loginname} a échoué",
            title="Une invitation a échoué",
            words="""
L’invitation de ${user.displayname} (${user.loginname}) a échoué.

Ce qui s’est passé : ${failure.reason}

Que faire : corrigez l’adresse e-mail ou ce qui est indiqué ci-dessus, puis renvoyez l’invitation depuis sa
page :

@failed-page""",
        ),
        "trouble": MessagePhrases(
            subject="${server.name} : un serveur de notification refuse tous les messages",
            title="Un serveur de notification refuse tous les messages",
            words="""
Le serveur de notification refuse ce que ${server.name} lui envoie : ${failure.reason}

Les invitations attendent et rien n’est perdu. Que faire : corrigez les réglages, tels que l’adresse de
l’expéditeur ou l’identification, et testez-les :

@settings-page""",
        ),
    },
)
