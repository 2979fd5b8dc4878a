/** French of what this area publishes in a product's document. */
export const webhooksFrench: Readonly<Record<string, string>> = {
  Webhooks: "Webhooks",
  "Register a signed webhook": "Enregistrer un webhook signé",
  "Every delivery carries `X-Secufile-Signature` and the Standard Webhooks headers. The secret is shown once, here.":
    "Chaque livraison porte `X-Secufile-Signature` et les en-têtes de Standard Webhooks. Le secret est montré une seule fois, ici.",
  "The webhook and its secret.": "Le webhook et son secret.",
  "No further webhook can be registered": "Aucun autre webhook ne peut être enregistré",
  "List webhooks": "Lister les webhooks",
  "A page of webhooks, the oldest first.": "Une page de webhooks, du plus ancien au plus récent.",
  "Show a webhook": "Consulter un webhook",
  "Id of a webhook.": "Identifiant d'un webhook.",
  "The webhook, without its secret.": "Le webhook, sans son secret.",
  "Webhook not found": "Webhook introuvable",
  "Change a webhook": "Modifier un webhook",
  "The webhook as it is now.": "Le webhook tel qu'il est désormais.",
  "Delete a webhook": "Supprimer un webhook",
  "Its deliveries go with it. One that is under way may still arrive.":
    "Ses livraisons disparaissent avec lui. Une livraison en cours peut encore arriver.",
  "It is gone.": "Il est supprimé.",
  "Enable a webhook": "Activer un webhook",
  "What was pending when it was disabled is sent now, gently. Events in between were not kept for it.":
    "Ce qui était en attente lors de sa désactivation est envoyé maintenant, progressivement. Les événements survenus entre-temps n'ont pas été gardés pour lui.",
  "The webhook, active.": "Le webhook, actif.",
  "Give a webhook a new secret": "Donner un nouveau secret à un webhook",
  "`webhook-signature` carries both secrets at once; `X-Secufile-Signature` has one and changes at the instant `flip`. The secret before then signs `webhook-signature` for 24 hours more.":
    "`webhook-signature` porte les deux secrets à la fois ; `X-Secufile-Signature` n'en a qu'un et change à l'instant `flip`. L'ancien secret signe ensuite `webhook-signature` pendant 24 heures encore.",
  "The webhook and its new secret.": "Le webhook et son nouveau secret.",
  "An earlier rotation is not over": "Une rotation antérieure n'est pas terminée",
  "Send a test event to a webhook": "Envoyer un événement d'essai à un webhook",
  "The event is called `webhook.test`. Once every ten seconds.":
    "L'événement s'appelle `webhook.test`. Une fois toutes les dix secondes.",
  "The delivery that was begun.": "La livraison engagée.",
  "Webhook is disabled": "Le webhook est désactivé",
  "Tested a moment ago": "Un essai vient d'être fait",
  "List the deliveries of a webhook": "Lister les livraisons d'un webhook",
  "Only deliveries in this state.": "Seulement les livraisons dans cet état.",
  "A page of deliveries, the newest first.": "Une page de livraisons, de la plus récente à la plus ancienne.",
  "Send a delivery once more": "Renvoyer une livraison",
  "A new attempt of the same event: the same ids and the same bytes.":
    "Une nouvelle tentative du même événement : mêmes identifiants, mêmes octets.",
  "Id of a delivery.": "Identifiant d'une livraison.",
  "The delivery, pending again.": "La livraison, de nouveau en attente.",
  "Delivery not found": "Livraison introuvable",
  "Where deliveries are sent: https; plain http only to addresses that the operator lists.":
    "Où les livraisons sont envoyées : en https ; en http simple seulement vers les adresses autorisées par l'exploitant.",
  "The secret, shown only in this answer. Key of the signature header: the text as it is. Key of `v1`: the base64 after `whsec_`, or the text as it is where there is no such form.":
    "Le secret, montré seulement dans cette réponse. Clé de l'en-tête de signature : le texte tel quel. Clé de `v1` : le base64 après `whsec_`, ou le texte tel quel s'il n'a pas cette forme.",
  "A note of your own.": "Une note à votre usage.",
  'The events it asks for, or `["*"]` for all.': 'Les événements demandés, ou `["*"]` pour tous.',
  "Whether events are sent to it.": "Indique si des événements lui sont envoyés.",
  "`gone`: it answered 410. `failing`: nothing but failures for five days.":
    "`gone` : il a répondu 410. `failing` : rien que des échecs pendant cinq jours.",
  "When it was disabled (ISO 8601, UTC).": "Date de désactivation (ISO 8601, UTC).",
  "First failure since the last success (ISO 8601, UTC).": "Premier échec depuis le dernier succès (ISO 8601, UTC).",
  "Ed25519 key that verifies the `v1a` signatures: `whpk_` and base64.":
    "Clé Ed25519 qui vérifie les signatures `v1a` : `whpk_` suivi de base64.",
  "When the pending secret takes over the signature header (ISO 8601, UTC).":
    "Date à laquelle le secret en attente prend le relais dans l'en-tête de signature (ISO 8601, UTC).",
  "Until when the secret before still signs `v1` (ISO 8601, UTC).":
    "Date jusqu'à laquelle l'ancien secret signe encore `v1` (ISO 8601, UTC).",
  "When it was registered (ISO 8601, UTC).": "Date d'enregistrement (ISO 8601, UTC).",
  "When it was last changed (ISO 8601, UTC).": "Date de la dernière modification (ISO 8601, UTC).",
  "Id of an event; the same on every attempt.": "Identifiant d'un événement ; le même à chaque tentative.",
  "Number of the delivery for its webhook, without gaps.": "Numéro de la livraison pour son webhook, sans trou.",
  "When it is tried next (ISO 8601, UTC).": "Date de la prochaine tentative (ISO 8601, UTC).",
  "When it was delivered or given up (ISO 8601, UTC).": "Date de livraison ou d'abandon (ISO 8601, UTC).",
  "When it was sent (ISO 8601, UTC).": "Date d'envoi (ISO 8601, UTC).",
  "Status of the answer, or null when none came.": "Statut de la réponse, ou null s'il n'en est venu aucune.",
  "Start of what the receiver answered, at most 1 KiB. Untrusted: never show it as HTML.":
    "Début de la réponse du récepteur, 1 Kio au plus. Non fiable : ne l'affichez jamais comme HTML.",
  "The last attempts, the oldest first.": "Les dernières tentatives, de la plus ancienne à la plus récente.",
  "When the signature header changes to the new secret: `now`, an instant, or seconds from now. Default: in 24 hours.":
    "Moment où l'en-tête de signature passe au nouveau secret : `now`, une date, ou un nombre de secondes à partir de maintenant. Par défaut : dans 24 heures.",
  "When the signature header changes (ISO 8601, UTC).":
    "Date à laquelle l'en-tête de signature change (ISO 8601, UTC).",
};
