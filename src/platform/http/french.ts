/** French of the texts that this area writes into every published document, and of failures that any route can meet. */
export const httpFrench: Readonly<Record<string, string>> = {
  "Production: this server.": "Production : ce serveur.",
  "**Paths.** Each operation is published under one path. Some answer under older spellings too: those are listed as `x-aliases` and do the same.":
    "**Chemins.** Chaque opération est publiée sous un seul chemin. Certaines répondent aussi sous d'anciennes graphies : elles sont indiquées par `x-aliases` et font la même chose.",
  "**Failures** are problem details (RFC 9457) with a `code` for programs. A path that does not exist answers 404 `not_found`, another method than the ones listed 405 `method_not_allowed`.":
    "**Les échecs** sont décrits selon la RFC 9457, avec un `code` destiné aux programmes. Un chemin inexistant reçoit 404 `not_found` ; une méthode autre que celles indiquées, 405 `method_not_allowed`.",
  "**Input** is checked strictly: members that are not described are refused.":
    "**Les données reçues** sont contrôlées strictement : tout champ non décrit est refusé.",
  "**Repeating.** Every POST that takes a token takes an `Idempotency-Key`, so a request whose answer was lost can be sent again.":
    "**Répétition.** Tout POST authentifié par un jeton accepte un en-tête `Idempotency-Key` : une requête dont la réponse s'est perdue peut être renvoyée.",
  "A token in `Authorization: Bearer …` (RFC 6750). What it may do is said by its scopes.":
    "Un jeton dans `Authorization: Bearer …` (RFC 6750). Ses portées disent ce qu'il permet.",
  "The answer holds a secret that is shown only now.": "La réponse contient un secret qui n'est montré que cette fois.",
  "A JSON object.": "Un objet JSON.",
  "Entries a page.": "Nombre d'entrées par page.",
  "`next_cursor` of the page before.": "`next_cursor` de la page précédente.",
  "Number of the page from 1, instead of `cursor`.": "Numéro de la page à partir de 1, au lieu de `cursor`.",
  "A UUID (version 4) of your own for this request. When it is sent again with the same key and content within 24 hours, the first answer is given again and nothing is done twice.":
    "Un UUID (version 4) que vous choisissez pour cette requête. Si elle est renvoyée avec la même clé et le même contenu dans les 24 heures, la première réponse est redonnée et rien n'est fait deux fois.",
  "One range of bytes, `bytes=first-last`, to answer instead of the whole. Anything else is ignored, as RFC 9110, section 14.2, has it.":
    "Une plage d'octets, `bytes=premier-dernier`, à renvoyer au lieu de l'ensemble. Toute autre forme est ignorée, comme le prévoit la RFC 9110, section 14.2.",
  "What is left of the quota of an accepted token: `r` requests, and `t` seconds until it is refilled.":
    "Ce qui reste du quota d'un jeton accepté : `r` requêtes, et `t` secondes avant qu'il ne soit rétabli.",
  "The quota of an accepted token: `q` requests in a window of `w` seconds.":
    "Le quota d'un jeton accepté : `q` requêtes dans une fenêtre de `w` secondes.",
  "Seconds to wait before the next try.": "Nombre de secondes à attendre avant le prochain essai.",
  "`true` where this is the stored answer of an earlier request with the same `Idempotency-Key`.":
    "`true` s'il s'agit de la réponse conservée d'une requête antérieure portant la même `Idempotency-Key`.",
  "The scheme that is asked for (RFC 9110, section 11.6.1).": "Le schéma demandé (RFC 9110, section 11.6.1).",
  "Page that explains the code.": "Page qui explique le code.",
  "What went wrong, the same for every problem of this code.":
    "Ce qui a échoué, identique pour tous les problèmes portant ce code.",
  "The HTTP status, again.": "Le statut HTTP, répété.",
  "What went wrong this time, for people.": "Ce qui a échoué cette fois, à l'intention des personnes.",
  "Path of the request.": "Chemin de la requête.",
  "Name of the problem, for programs. New codes may come.":
    "Nom du problème, à l'intention des programmes. De nouveaux codes peuvent apparaître.",
  "Id of the request, to name in a question to us.": "Identifiant de la requête, à indiquer si vous nous interrogez.",
  "The fields that are wrong.": "Les champs erronés.",
  "Dotted path, for example `signers.0.email`.":
    "Chemin dont les étapes sont séparées par des points, par exemple `signers.0.email`.",
  "What is wrong with it.": "Ce qui ne va pas.",
  "Why a request failed, as problem details (RFC 9457).": "Pourquoi une requête a échoué (RFC 9457).",
  "When it was made (ISO 8601, UTC).": "Date de création (ISO 8601, UTC).",
  "A JSON Web Key Set (RFC 7517).": "Un jeu de clés publiques au format JSON Web Key Set (RFC 7517).",
  "The request cannot be read": "La requête est illisible",
  "The body is not valid JSON": "Le corps n'est pas du JSON valide",
  "A valid token is needed": "Un jeton valable est nécessaire",
  "The token lacks a scope": "Une portée manque au jeton",
  "Not from this address": "Interdit depuis cette adresse",
  "Not found": "Introuvable",
  "Method not allowed": "Méthode non autorisée",
  "The request head is too large": "L'en-tête de la requête est trop volumineux",
  "The audit log cannot be written": "Le journal d'audit ne peut être écrit",
  "The request took too long to arrive": "La requête a mis trop de temps à arriver",
  "The body is too large": "Le corps est trop volumineux",
  "This content type is not taken here": "Ce type de contenu n'est pas accepté ici",
  "The input is not valid": "Les données reçues ne sont pas valides",
  "Too many requests": "Trop de requêtes",
  "Internal error": "Erreur interne",
  "Not available now": "Momentanément indisponible",
  "The Idempotency-Key is malformed": "L'Idempotency-Key est mal formée",
  "A request with this Idempotency-Key is still running":
    "Une requête portant cette Idempotency-Key est encore en cours",
  "The answer held a secret and was forgotten": "La réponse contenait un secret et a été oubliée",
  "The Idempotency-Key was used for another request": "L'Idempotency-Key a déjà servi à une autre requête",
  Events: "Événements",
  "Id of the event.": "Identifiant de l'événement.",
  "Unix seconds of this attempt; signed.": "Heure de cette tentative, en secondes Unix ; signée.",
  "Signatures by Standard Webhooks, parted by spaces.": "Signatures selon Standard Webhooks, séparées par des espaces.",
  "HMAC-SHA256 of the body.": "HMAC-SHA256 du corps.",
  "Unix seconds of this attempt; not signed.": "Heure de cette tentative, en secondes Unix ; non signée.",
  "The `type` of the body.": "Le `type` du corps.",
  "Id of this delivery.": "Identifiant de cette livraison.",
  "The event. Every attempt carries the same bytes.": "L'événement. Chaque tentative porte les mêmes octets.",
  "Taken. The body of the answer is not looked at.": "Reçu. Le corps de la réponse n'est pas examiné.",
  "Not taken; tried again later.": "Non reçu ; nouvel essai plus tard.",
  "Id of the event; the same in every attempt and every replay.":
    "Identifiant de l'événement ; le même à chaque tentative et à chaque renvoi.",
  "What happened.": "Ce qui s'est passé.",
  "When it happened (ISO 8601, UTC).": "Date de l'événement (ISO 8601, UTC).",
  "The endpoint that this delivery was made for.": "Le point de réception auquel cette livraison est destinée.",
  "Number of the event at this endpoint, from 1 without gaps.":
    "Numéro de l'événement pour ce point de réception, à partir de 1 et sans trou.",
  "False for events of the test environment.": "Faux pour les événements de l'environnement de test.",
  "Check every delivery before you believe it, over the **raw bytes** of the body, in constant time:":
    "Vérifiez chaque livraison avant de vous y fier, sur les **octets bruts** du corps, en temps constant :",
  "1. Best, by Standard Webhooks: `webhook-signature` holds one or more signatures, parted by spaces. One of them must be `v1,` and the base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`, keyed with the bytes of your endpoint's `whsec_` secret. Refuse a `webhook-timestamp` that is more than 300 seconds from now.":
    "1. De préférence, selon Standard Webhooks : `webhook-signature` contient une ou plusieurs signatures séparées par des espaces. L'une d'elles doit être `v1,` suivi du base64 de HMAC-SHA256 sur `{webhook-id}.{webhook-timestamp}.{body}`, avec pour clé les octets du secret `whsec_` de votre point de réception. Refusez un `webhook-timestamp` éloigné de plus de 300 secondes de l'heure actuelle.",
  "2. Or, if your code knows only `X-Secufile-Signature`: it is `sha256=` and the hexadecimal HMAC-SHA256 of the body, keyed with the endpoint's own secret for it. `X-Secufile-Timestamp` is not signed: judge the age by `created_at` in the body.":
    "2. Ou, si votre code ne connaît que `X-Secufile-Signature` : c'est `sha256=` suivi du HMAC-SHA256 hexadécimal du corps, avec pour clé le secret propre au point de réception. `X-Secufile-Timestamp` n'est pas signé : jugez de l'ancienneté d'après `created_at` dans le corps.",
  "3. Remember the `id` of events that you have taken and ignore it when it comes again: a delivery may come twice. `seq` counts the events of one endpoint without gaps, so you can see what is missing.":
    "3. Retenez l'`id` des événements reçus et ignorez-le s'il revient : une livraison peut arriver deux fois. `seq` compte sans trou les événements d'un point de réception ; vous voyez ainsi ce qui manque.",
  "Answer with any 2xx within 20 seconds. Any other answer, also a redirect, is a failure and the delivery is tried again.":
    "Répondez par un statut 2xx dans les 20 secondes. Toute autre réponse, redirection comprise, est un échec et la livraison est retentée.",
  "A member must have proved within five minutes who they are; tokens of programs are not asked.":
    "Un membre doit avoir prouvé son identité dans les cinq dernières minutes ; on ne le demande pas aux jetons des programmes.",
  "Prove again who you are": "Prouvez à nouveau votre identité",
};
