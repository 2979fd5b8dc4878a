/** French of what this product publishes, by the English text. A test holds that nothing is missing or left over. */
export const secufileFrench: Readonly<Record<string, string>> = {
  "SecuFile API": "API SecuFile",
  Documents: "Documents",
  Signatures: "Signatures",
  Keys: "Clés",
  "Documents that you encrypt before they leave you: kept, shown to whom you allow, told about by signed webhooks.":
    "Des documents que vous chiffrez avant qu'ils ne vous quittent : conservés, montrés à qui vous l'autorisez, annoncés par des webhooks signés.",
  "Documents that you encrypt before they leave you: kept, shown to whom you allow, told about by signed webhooks. Every route answers under `/v1/secufile/…` and under `/v1/…`. A key of the built-in key service lets the server unwrap data keys; a key that you keep elsewhere does not.":
    "Des documents que vous chiffrez avant qu'ils ne vous quittent : conservés, montrés à qui vous l'autorisez, annoncés par des webhooks signés. Chaque route répond sous `/v1/secufile/…` et sous `/v1/…`. Une clé du service de clés intégré permet au serveur de déballer les clés de données ; une clé que vous gardez ailleurs ne le permet pas.",
  "Ciphertext and what is known of it: name, size, hash, key references, signers.":
    "Le chiffré et ce qu'on en sait : nom, taille, condensé, références de clés, signataires.",
  "The built-in key service, and the release of a document's data key to a recipient.":
    "Le service de clés intégré, et la remise de la clé de données d'un document à un destinataire.",
  "Where you are told what happened, by signed deliveries that you can look at and replay.":
    "Où vous apprenez ce qui s'est passé, par des livraisons signées que vous pouvez consulter et renvoyer.",
  "What your programs prove themselves with: scopes, expiry, networks, rotation.":
    "Ce par quoi vos programmes s'authentifient : portées, expiration, réseaux, rotation.",
  "Upload a document that you encrypted": "Déposer un document que vous avez chiffré",
  "The server fetches the ciphertext from `ciphertext_url` in the background, or takes it by `PUT …/content`. It never sees the plaintext. With `signers` the token also needs the scope `signatures:create`.":
    "Le serveur récupère le chiffré à l'adresse `ciphertext_url` en arrière-plan, ou le reçoit par `PUT …/content`. Il ne voit jamais le clair. Avec `signers`, le jeton doit aussi porter `signatures:create`.",
  "The document was taken.": "Le document est pris en charge.",
  "List documents": "Lister les documents",
  "The status.": "Le statut.",
  "The id.": "L'identifiant.",
  "Exact file name.": "Nom de fichier exact.",
  "Documents, oldest first.": "Les documents, du plus ancien au plus récent.",
  "Metadata and wrapped key of a document": "Métadonnées et clé emballée d'un document",
  "Id of the document.": "Identifiant du document.",
  "The document.": "Le document.",
  "Document not found": "Document introuvable",
  "Delete a document and its ciphertext": "Supprimer un document et son chiffré",
  "Deleted.": "Suppression effectuée.",
  "The document is retained": "Le document doit encore être conservé",
  "Ciphertext of a document": "Le chiffré d'un document",
  "Takes `Range`, `If-Range` and `If-None-Match`. The entity tag is the SHA-256 of the ciphertext.":
    "Accepte `Range`, `If-Range` et `If-None-Match`. L'étiquette d'entité est le condensé SHA-256 du chiffré.",
  "The ciphertext.": "Le chiffré.",
  "The range that was asked for.": "La plage demandée.",
  "Unchanged.": "Inchangé.",
  "The content is not there yet": "Le contenu n'est pas encore là",
  "The content could not be stored": "Le contenu n'a pas pu être conservé",
  "The range lies outside of the content": "La plage est hors du contenu",
  "The stored content is damaged": "Le contenu conservé est endommagé",
  "Upload the ciphertext of a document": "Téléverser le chiffré d'un document",
  "For documents made without `ciphertext_url`. The same bytes again are answered as the first time.":
    "Pour les documents créés sans `ciphertext_url`. Les mêmes octets renvoyés reçoivent la même réponse que la première fois.",
  "The ciphertext, raw.": "Le chiffré, brut.",
  "The ciphertext is stored.": "Le chiffré est conservé.",
  "The content broke off": "La réception du contenu s'est interrompue",
  "The content of this document is fetched from its ciphertext_url":
    "Le contenu de ce document est récupéré à son adresse ciphertext_url",
  "The document has its content already": "Le document a déjà son contenu",
  "The content is too large": "Le contenu est trop volumineux",
  "The content is not what was announced": "Le contenu n'est pas celui annoncé",
  "Release a document's data key to a recipient": "Remettre la clé de données d'un document à un destinataire",
  "Works for keys of the built-in key service. Every release is written to the audit log before the key leaves.":
    "Fonctionne pour les clés du service de clés intégré. Chaque remise est inscrite au journal d'audit avant que la clé ne parte.",
  "The key, readable to the recipient alone.": "La clé, lisible par le seul destinataire.",
  "The key is not in the built-in key service": "La clé n'est pas dans le service de clés intégré",
  "Make a key-encryption key in the built-in key service":
    "Créer une clé de chiffrement de clés dans le service de clés intégré",
  "A key in the built-in service lets this server unwrap data keys. A key that you keep elsewhere does not.":
    "Une clé du service intégré permet à ce serveur de déballer les clés de données. Une clé que vous gardez ailleurs ne le permet pas.",
  "The key; its bytes never leave the server.": "La clé ; ses octets ne quittent jamais le serveur.",
  "List the keys of the built-in key service": "Lister les clés du service de clés intégré",
  "Keys, oldest first.": "Les clés, de la plus ancienne à la plus récente.",
  "Look at a key of the built-in key service": "Consulter une clé du service de clés intégré",
  "The key without its bytes.": "La clé, sans ses octets.",
  "Key not found": "Clé introuvable",
  "Make a data key, plain and wrapped": "Créer une clé de données, en clair et emballée",
  "The data key; the plain form is shown once.": "La clé de données ; la forme en clair est montrée une seule fois.",
  "Wrap a data key that you made": "Emballer une clé de données que vous avez créée",
  "The wrapped key, to be given as `wrapped_key`.": "La clé emballée, à donner comme `wrapped_key`.",
  "The ciphertext of a document is stored.": "Le chiffré d'un document est conservé.",
  "The ciphertext of a document could not be fetched or stored.":
    "Le chiffré d'un document n'a pas pu être récupéré ou conservé.",
  "32 random bytes, base64. Shown once, kept nowhere.":
    "32 octets aléatoires, en base64. Montrés une seule fois, conservés nulle part.",
  "The same key under `key_wrap`, base64.": "La même clé sous `key_wrap`, en base64.",
  "HTTPS URL of the ciphertext, fetched in the background. Without it, upload the content yourself.":
    "URL HTTPS du chiffré, récupéré en arrière-plan. Sans elle, téléversez vous-même le contenu.",
  "Reference of the key that wraps the data key; `vault://kms/key/<id>` is a key of the built-in service.":
    "Référence de la clé qui emballe la clé de données ; `vault://kms/key/<id>` est une clé du service intégré.",
  "The data key under `key_wrap`, base64.": "La clé de données sous `key_wrap`, en base64.",
  "Where the signer is reached.": "Adresse à laquelle joindre le signataire.",
  "As whom the person signs.": "En quelle qualité la personne signe.",
  "Signers of equal order act in parallel.": "Les signataires de même rang agissent en parallèle.",
  "International format, for a one-time code.": "Format international, pour un code à usage unique.",
  "SHA-256 of the ciphertext, lower-case hex.": "Condensé SHA-256 du chiffré, en hexadécimal minuscule.",
  "Bytes of ciphertext.": "Octets du chiffré.",
  "No delete before.": "Pas de suppression avant cette date.",
  "Up to 50 entries of your own, returned as given.": "Jusqu'à 50 entrées à votre usage, rendues telles quelles.",
  "Page for the signers; null without signers.": "Page pour les signataires ; null sans signataires.",
  "The reference to give as `key_wrap` of documents.": "La référence à donner comme `key_wrap` des documents.",
  "Why the content could not be stored.": "Pourquoi le contenu n'a pas pu être conservé.",
  "As given, base64.": "Telle que donnée, en base64.",
  "No delete before (ISO 8601, UTC).": "Pas de suppression avant cette date (ISO 8601, UTC).",
  "When its content was stored (ISO 8601, UTC).": "Date de conservation de son contenu (ISO 8601, UTC).",
  "Why the ciphertext could not be stored.": "Pourquoi le chiffré n'a pas pu être conservé.",
  "Key of the object in its bucket.": "Clé de l'objet dans son compartiment.",
  "An age recipient (age1…), or a public JWK (RSA, EC or X25519) as object or JSON text.":
    "Un destinataire age (age1…), ou une JWK publique (RSA, EC ou X25519) sous forme d'objet ou de texte JSON.",
  "Written to the audit log.": "Inscrit au journal d'audit.",
  "`age`, or the JWE algorithm.": "`age`, ou l'algorithme JWE.",
  "The data key encrypted to the recipient: an age file in base64, or a compact JWE.":
    "La clé de données chiffrée pour le destinataire : un fichier age en base64, ou un JWE compact.",
  "When it was released (ISO 8601, UTC).": "Date de remise (ISO 8601, UTC).",
  "The data key to wrap, base64, at most 768 bytes.": "La clé de données à emballer, en base64, 768 octets au plus.",
  "Requests for signatures: who is asked, where each of them stands, and the evidence of what was signed.":
    "Les demandes de signature : qui est sollicité, où en est chacun, et la preuve de ce qui a été signé.",
  "Who did what, when and from where: a log that nobody can change, with proofs that need no trust in the server.":
    "Qui a fait quoi, quand et d'où : un journal que personne ne peut modifier, avec des preuves qui n'exigent aucune confiance dans le serveur.",
  "Ask for signatures on a document": "Demander des signatures sur un document",
  "Each signer whose turn it is gets a mail with a link of its own, once the ciphertext is stored.":
    "Chaque signataire dont c'est le tour reçoit un courriel avec un lien personnel, dès que le chiffré est conservé.",
  "The request was taken.": "La demande est prise en charge.",
  "List signature requests": "Lister les demandes de signature",
  "List signature requests.": "Lister les demandes de signature.",
  "Requests, oldest first.": "Les demandes, de la plus ancienne à la plus récente.",
  "Where each signer stands": "Où en est chaque signataire",
  "Where each signer stands.": "Où en est chaque signataire.",
  "Id of the signature request.": "Identifiant de la demande de signature.",
  "The request, and where each signer stands.": "La demande, et où en est chaque signataire.",
  "Signature request not found": "Demande de signature introuvable",
  "Write again to those whose turn it is": "Relancer les signataires dont c'est le tour",
  "Once an hour. Each gets a fresh link; the earlier one ends.":
    "Une fois par heure. Chacun reçoit un nouveau lien ; le précédent prend fin.",
  "The signature request has ended": "La demande de signature est close",
  "Cancel a signature request": "Annuler une demande de signature",
  "Cancel a signature request.": "Annuler une demande de signature.",
  "Evidence of a request's signatures": "Preuve des signatures d'une demande",
  "Signed records, proofs of the audit log and public keys; the file says how to verify it.":
    "Des enregistrements signés, des preuves du journal d'audit et des clés publiques ; le fichier dit comment le vérifier.",
  "The evidence.": "La preuve.",
  "Evidence as a certificate to read": "La preuve sous forme de certificat lisible",
  "In the language of the request, with `evidence.json` attached to it.":
    "Dans la langue de la demande, avec `evidence.json` en pièce jointe.",
  "The certificate.": "Le certificat.",
  "Signatures on a document were asked for.": "Des signatures ont été demandées sur un document.",
  "A signer opened the request.": "Un signataire a ouvert la demande.",
  "A signer signed.": "Un signataire a signé.",
  "A signer declined, which ends the request.": "Un signataire a refusé, ce qui clôt la demande.",
  "All signers have signed.": "Tous les signataires ont signé.",
  "The time of a request was over before all had signed.":
    "Le délai d'une demande est passé avant que tous aient signé.",
  "A request was cancelled, by its sender or because its document is gone.":
    "Une demande a été annulée, par son expéditeur ou parce que son document n'existe plus.",
  "Until when it can be signed (ISO 8601, UTC).": "Date jusqu'à laquelle on peut signer (ISO 8601, UTC).",
  "When it ended (ISO 8601, UTC).": "Date de clôture (ISO 8601, UTC).",
  "Id of the signer.": "Identifiant du signataire.",
  "The signer who named this one.": "Le signataire qui a désigné celui-ci.",
  "When first written to (ISO 8601, UTC).": "Date du premier courriel (ISO 8601, UTC).",
  "When the request was opened (ISO 8601, UTC).": "Date d'ouverture de la demande (ISO 8601, UTC).",
  "When signed, declined or delegated (ISO 8601, UTC).":
    "Date de signature, de refus ou de délégation (ISO 8601, UTC).",
  "Shown to the signers, in the mail and on the page.": "Montré aux signataires, dans le courriel et sur la page.",
  "Seconds until nobody can sign any more.": "Délai, en secondes, après lequel plus personne ne peut signer.",
  "A one-time code on top of the link; `true` is `mail`.":
    "Un code à usage unique en plus du lien ; `true` équivaut à `mail`.",
  "Whether a signer may name another person instead.":
    "Indique si un signataire peut désigner une autre personne à sa place.",
  "SHA-256 of the document before you encrypted it, lower-case hex; shown to signers and in the evidence.":
    "SHA-256 du document avant son chiffrement, en hexadécimal minuscule ; montré aux signataires et dans la preuve.",
  "Language of mails and certificate.": "Langue des courriels et du certificat.",
  "Days after the request on which those who have not answered are reminded; `[]` for never.":
    "Nombre de jours après la demande au bout desquels ceux qui n'ont pas répondu sont relancés ; `[]` : aucune relance.",
  "Page for the signers.": "Page pour les signataires.",
  "Who did it; null where nobody of the signers did.": "Qui l'a fait ; null si ce n'est aucun des signataires.",
  "Why it was cancelled, where that was said. Why a signer declined is shown by the API only.":
    "Motif de l'annulation, s'il a été donné. Le motif du refus d'un signataire n'est montré que par l'API.",
};
