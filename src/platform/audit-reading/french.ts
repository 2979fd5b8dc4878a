/** French of what this area publishes in a product's document. */
export const auditReadingFrench: Readonly<Record<string, string>> = {
  Audit: "Audit",
  "Read the audit log": "Lire le journal d'audit",
  "Records in the order of their index. An index is given in the order of commits within a second or two and never changes: whoever goes on from the last index seen misses nothing.":
    "Les enregistrements dans l'ordre de leur index. Un index est attribué dans l'ordre des validations, en une seconde ou deux, et ne change jamais : qui reprend après le dernier index vu ne manque rien.",
  "Id of an actor (token, member, …), or an e-mail address in any case.":
    "Identifiant d'un acteur (jeton, membre, …), ou adresse électronique, sans distinction de casse.",
  "An action, or the start of several: `secufile.*`.": "Une action, ou le début de plusieurs : `secufile.*`.",
  "Id of a resource, or `<type>:<id>`.": "Identifiant d'une ressource, ou `<type>:<id>`.",
  "Records from here on (ISO 8601, UTC).": "Enregistrements à partir de cette date (ISO 8601, UTC).",
  "Records before this (ISO 8601, UTC).": "Enregistrements antérieurs à cette date (ISO 8601, UTC).",
  "The outcome.": "Le résultat.",
  "Index after which to go on (in descending order: before which).":
    "Index après lequel reprendre (en ordre décroissant : avant lequel).",
  "Records a page at most.": "Nombre maximal d'enregistrements par page.",
  "By index.": "Selon l'index.",
  "A page of records.": "Une page d'enregistrements.",
  "The bucket.": "Le compartiment.",
  "Look at one audit record": "Consulter un enregistrement d'audit",
  "Look at one audit record.": "Consulter un enregistrement d'audit.",
  "Id of the record.": "Identifiant de l'enregistrement.",
  "The record.": "L'enregistrement.",
  "Audit record not found": "Enregistrement d'audit introuvable",
  "The record has no place in the log yet": "L'enregistrement n'a pas encore de place dans le journal",
  "Prove one audit record": "Prouver un enregistrement d'audit",
  "As JSON: canonical `event` and `salt`, whose SHA-256 is the log's entry, the inclusion `path` and the signed `checkpoint`. With `format=tlog` the C2SP tlog-proof of that entry.":
    "En JSON : `event` sous forme canonique et `salt`, dont le SHA-256 est l'entrée du journal, le chemin d'inclusion `path` et le `checkpoint` signé. Avec `format=tlog`, la preuve tlog-proof (C2SP) de cette entrée.",
  "C2SP tlog-proof, as text": "tlog-proof (C2SP), sous forme de texte",
  "A proof that can be checked alone.": "Une preuve vérifiable à elle seule.",
  "No checkpoint is signed yet": "Aucun point de contrôle n'est encore signé",
  "Export the audit log for a SIEM, or follow it": "Exporter le journal d'audit vers un SIEM, ou le suivre",
  "All records that stand in the log when the export begins, one a line: `jsonl`, `csv` (RFC 4180), `cef` (version 0), `ocsf` (1.6.0, API Activity), `rfc5424`. With `follow=true` server-sent events that do not end: the id of each is its index, and `Last-Event-ID` goes on after it. With `proofs=true` (JSON lines) the first line holds the log's origin, its verifier key and a signed checkpoint, every record its canonical text, salt and inclusion path, and the last line a signature over all bytes before it.":
    "Tous les enregistrements présents dans le journal au début de l'export, un par ligne : `jsonl`, `csv` (RFC 4180), `cef` (version 0), `ocsf` (1.6.0, API Activity), `rfc5424`. Avec `follow=true`, un flux sans fin d'événements (server-sent events) : l'identifiant de chacun est son index, et `Last-Event-ID` reprend après lui. Avec `proofs=true` (lignes JSON), la première ligne contient l'origine du journal, sa clé de vérification et un point de contrôle signé ; chaque enregistrement, son texte canonique, son sel et son chemin d'inclusion ; la dernière ligne, une signature de tous les octets qui la précèdent.",
  "The format.": "Le format.",
  "Server-sent events that do not end; `Last-Event-ID` or `cursor` says where to go on.":
    "Un flux sans fin d'événements (server-sent events) ; `Last-Event-ID` ou `cursor` indique où reprendre.",
  "JSON lines that can be verified without this server: `npx tabellion audit verify FILE`.":
    "Des lignes JSON vérifiables sans ce serveur : `npx tabellion audit verify FILE`.",
  "Records, one a line.": "Les enregistrements, un par ligne.",
  "Too many open streams": "Trop de flux ouverts",
  "The newest signed checkpoint of this audit log": "Le dernier point de contrôle signé de ce journal d'audit",
  "The newest signed checkpoint of this audit log.": "Le dernier point de contrôle signé de ce journal d'audit.",
  "C2SP tlog-checkpoint.": "Un tlog-checkpoint (C2SP).",
  "Hashes of a tile of this audit log": "Condensés d'une tuile de ce journal d'audit",
  "C2SP tlog-tiles: 32 bytes a hash, 256 in a full tile; `.p/W` asks for the first W.":
    "tlog-tiles (C2SP) : 32 octets par condensé, 256 dans une tuile pleine ; `.p/W` demande les W premiers.",
  "Level of the tile; 0 holds the leaves.": "Niveau de la tuile ; le niveau 0 contient les feuilles.",
  "Number of the tile, three digits a step: `067`, `x001/067`; `067.p/12` for a part.":
    "Numéro de la tuile, par groupes de trois chiffres : `067`, `x001/067` ; `067.p/12` pour une partie.",
  "Hashes.": "Les condensés.",
  "No such tile": "Cette tuile n'existe pas",
  "Proof that this audit log only grew": "Preuve que ce journal d'audit n'a fait que croître",
  "Proof that this audit log only grew.": "Preuve que ce journal d'audit n'a fait que croître.",
  "Size of the tree seen before.": "Taille de l'arbre vu auparavant.",
  "Size of the tree seen now.": "Taille de l'arbre vu maintenant.",
  "RFC 6962, section 2.1.2.": "RFC 6962, section 2.1.2.",
  "The newest signed checkpoint of the log over the checkpoints of all organisations":
    "Le dernier point de contrôle signé du journal des points de contrôle de toutes les organisations",
  "The newest signed checkpoint of the log over the checkpoints of all organisations.":
    "Le dernier point de contrôle signé du journal des points de contrôle de toutes les organisations.",
  "Hashes of a tile of the log over the checkpoints of all organisations":
    "Condensés d'une tuile du journal des points de contrôle de toutes les organisations",
  "Proof that the log over the checkpoints of all organisations only grew":
    "Preuve que le journal des points de contrôle de toutes les organisations n'a fait que croître",
  "Proof that the log over the checkpoints of all organisations only grew.":
    "Preuve que le journal des points de contrôle de toutes les organisations n'a fait que croître.",
  "Entries of a tile of this audit log": "Entrées d'une tuile de ce journal d'audit",
  "Entries of a tile of the log over the checkpoints of all organisations":
    "Entrées d'une tuile du journal des points de contrôle de toutes les organisations",
  "C2SP tlog-tiles: each behind its length in two bytes. An entry is the SHA-256 of a signed checkpoint.":
    "tlog-tiles (C2SP) : chacune précédée de sa longueur sur deux octets. Une entrée est le SHA-256 d'un point de contrôle signé.",
  "Prove that the log over all organisations holds a checkpoint of this audit log":
    "Prouver que le journal de toutes les organisations contient un point de contrôle de ce journal d'audit",
  "As JSON: this audit log's signed `checkpoint` of that size, whose SHA-256 is the `entry`, the inclusion `path` and the signed `top_checkpoint`. With `format=tlog` the C2SP tlog-proof of that entry.":
    "En JSON : le point de contrôle signé de ce journal d'audit à cette taille (`checkpoint`), dont le SHA-256 est l'entrée `entry`, le chemin d'inclusion `path` et le point de contrôle signé `top_checkpoint`. Avec `format=tlog`, la preuve tlog-proof (C2SP) de cette entrée.",
  "Size of this audit log's checkpoint.": "Taille du point de contrôle de ce journal d'audit.",
  "No checkpoint of that size was signed": "Aucun point de contrôle de cette taille n'a été signé",
  "The checkpoint has no place in the log above yet":
    "Le point de contrôle n'a pas encore de place dans le journal de niveau supérieur",
  "C2SP tlog-tiles: each behind its length in two bytes. An entry is the SHA-256 of a record's salt and canonical text.":
    "tlog-tiles (C2SP) : chacune précédée de sa longueur sur deux octets. Une entrée est le SHA-256 du sel et du texte canonique d'un enregistrement.",
  "An entry bundle.": "Un lot d'entrées.",
  "Verifier keys of the audit log and of the log above it":
    "Clés de vérification du journal d'audit et du journal de niveau supérieur",
  "Verifier keys of the audit log and of the log above it.":
    "Clés de vérification du journal d'audit et du journal de niveau supérieur.",
  "Keys of C2SP signed-note.": "Des clés au format signed-note (C2SP).",
  "Send the audit log to a SIEM as it grows": "Envoyer le journal d'audit à un SIEM au fil de l'eau",
  "Every record is sent at least once and in order; its `index` tells a receiver what it has already. `webhook`: signed batches of JSON, with the signatures of every other webhook. `syslog_tls`: RFC 5424 over TLS with octet counting.":
    "Chaque enregistrement est envoyé au moins une fois et dans l'ordre ; son `index` indique au récepteur ce qu'il possède déjà. `webhook` : des lots JSON signés, avec les mêmes signatures que tout autre webhook. `syslog_tls` : RFC 5424 sur TLS, avec comptage des octets.",
  "The stream, and its secret.": "Le flux et son secret.",
  "No further audit stream can be made": "Aucun autre flux d'audit ne peut être créé",
  "List audit streams and how they are": "Lister les flux d'audit et leur état",
  "List audit streams and how they are.": "Lister les flux d'audit et leur état.",
  "All of them, the oldest first.": "Tous les flux, du plus ancien au plus récent.",
  "Look at an audit stream": "Consulter un flux d'audit",
  "Look at an audit stream.": "Consulter un flux d'audit.",
  "Id of a stream.": "Identifiant d'un flux.",
  "The stream, without its secret.": "Le flux, sans son secret.",
  "Audit stream not found": "Flux d'audit introuvable",
  "Delete an audit stream": "Supprimer un flux d'audit",
  "Delete an audit stream.": "Supprimer un flux d'audit.",
  "It is gone; a batch under way may still arrive.": "Il est supprimé ; un lot en cours peut encore arriver.",
  "Pause an audit stream, for as long as you like": "Suspendre un flux d'audit, aussi longtemps que vous le souhaitez",
  "Pause an audit stream, for as long as you like.":
    "Suspendre un flux d'audit, aussi longtemps que vous le souhaitez.",
  "The stream, paused.": "Le flux, suspendu.",
  "Let an audit stream go on where it stood": "Reprendre un flux d'audit là où il s'était arrêté",
  "Let an audit stream go on where it stood.": "Reprendre un flux d'audit là où il s'était arrêté.",
  "The stream, active.": "Le flux, actif.",
  "What it is for.": "À quoi il sert.",
  "Of a webhook: where batches are posted.": "Pour un webhook : l'adresse à laquelle les lots sont envoyés.",
  "Of syslog: the receiver's name, for which its certificate must be valid.":
    "Pour syslog : le nom du récepteur, pour lequel son certificat doit être valable.",
  "Of syslog (RFC 5425).": "Pour syslog (RFC 5425).",
  "`jsonl` for a webhook and `rfc5424` for syslog when not given.":
    "Par défaut, `jsonl` pour un webhook et `rfc5424` pour syslog.",
  "First index to send; 0 is the whole log.": "Premier index à envoyer ; 0 pour tout le journal.",
  "Origin of the webhook, or host and port.": "Origine du webhook, ou hôte et port.",
  "Last record that the receiver took.": "Dernier enregistrement accepté par le récepteur.",
  "Records in the log that it has not taken yet.": "Enregistrements du journal qu'il n'a pas encore acceptés.",
  "Attempts that failed since the last success.": "Tentatives échouées depuis le dernier succès.",
  "Last success (ISO 8601, UTC).": "Dernier succès (ISO 8601, UTC).",
  "Last failure (ISO 8601, UTC).": "Dernier échec (ISO 8601, UTC).",
  "Secret of a webhook's signatures, shown only now; null for syslog.":
    "Secret des signatures d'un webhook, montré seulement maintenant ; null pour syslog.",
  "Verifier key of C2SP signed-note: `<origin>+<hash>+<base64>`.":
    "Clé de vérification au format signed-note (C2SP) : `<origin>+<hash>+<base64>`.",
  "Of this audit log, the newest first.": "Celles de ce journal d'audit, la plus récente d'abord.",
  "The same keys, each with the time in which it signs. Keys of before stay here for ever.":
    "Les mêmes clés, chacune avec la période pendant laquelle elle signe. Les anciennes clés restent ici pour toujours.",
  "Signs from here on (ISO 8601, UTC).": "Signe à partir de cette date (ISO 8601, UTC).",
  "Signs until here, and up to two seconds longer while processes catch up; null for the newest (ISO 8601, UTC).":
    "Signe jusqu'à cette date, et jusqu'à deux secondes de plus, le temps que les processus suivent ; null pour la plus récente (ISO 8601, UTC).",
  "Of the log over all organisations.": "Celles du journal de toutes les organisations.",
  "Place in the log: dense, in the order of commits.":
    "Place dans le journal : sans trou, dans l'ordre des validations.",
  "SHA-256 of 0x00 and the salted event's SHA-256: the leaf of RFC 6962.":
    "SHA-256 de 0x00 suivi du SHA-256 de l'événement salé : la feuille selon la RFC 6962.",
  "`<product>.<operation>`": "`<produit>.<opération>`",
  "What the operation tells of itself.": "Ce que l'opération dit d'elle-même.",
  "Null when the log is seen to its end. A page may be short, even empty, before that.":
    "Null quand le journal a été lu jusqu'à sa fin. Avant cela, une page peut être courte, voire vide.",
  "List what was refused to unknown callers, by minute, source and reason":
    "Lister les refus opposés aux appelants inconnus, par minute, origine et motif",
  "Minutes from here on (ISO 8601, UTC).": "Minutes à partir de cette date (ISO 8601, UTC).",
  "Minutes before this (ISO 8601, UTC).": "Minutes antérieures à cette date (ISO 8601, UTC).",
  "The newest first.": "Du plus récent au plus ancien.",
  "The minute it was counted in (ISO 8601, UTC).": "Minute à laquelle ces refus sont comptés (ISO 8601, UTC).",
  "Network of the callers, `others`, or `unknown`.": "Réseau des appelants, `others` ou `unknown`.",
  "Code of the refusal, or `others`.": "Code du refus, ou `others`.",
  "The last one (ISO 8601, UTC).": "Date du dernier refus (ISO 8601, UTC).",
};
