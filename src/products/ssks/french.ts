/** French of what this product publishes, by the English text. A test holds that nothing is missing or left over. */
export const ssksFrench: Readonly<Record<string, string>> = {
  "SSKS API": "API SSKS",
  "Two-man-rule": "2-man-rule",
  Password: "Mot de passe",
  Applications: "Applications",
  "Encrypted identities of your users, given back to who proves to have a factor (two-man-rule) or a password.":
    "Les identités chiffrées de vos utilisateurs, rendues à qui prouve détenir un facteur (2-man-rule) ou un mot de passe.",
  "Encrypted identities of your users, given back to who proves to have a factor (two-man-rule) or a password. The server is never handed what opens them. Point `ssks` clients at this origin: the paths of their contract are at its root.":
    "Les identités chiffrées de vos utilisateurs, rendues à qui prouve détenir un facteur (2-man-rule) ou un mot de passe. Le serveur ne reçoit jamais ce qui les ouvre. Dirigez les clients `ssks` vers cette origine : les chemins de leur contrat sont à sa racine.",
  "**The published contract.** Routes outside `/v1` are those of the SSKS contract: they take the headers that each of them names instead of a token, ignore members that are not described, know no `Idempotency-Key`, answer with and without the slash at the end, and word failures as `Failure`.":
    "**Le contrat publié.** Les routes hors de `/v1` sont celles du contrat SSKS : elles prennent les en-têtes que chacune nomme au lieu d'un jeton, ignorent les champs non décrits, ne connaissent pas `Idempotency-Key`, répondent avec ou sans barre oblique finale, et formulent les échecs selon `Failure`.",
  "Identities that are given back to who proves to have a factor: a mail address or a telephone.":
    "Les identités rendues à qui prouve détenir un facteur : une adresse électronique ou un téléphone.",
  "Identities that are given back to who knows a password, in slots side by side.":
    "Les identités rendues à qui connaît un mot de passe, dans des emplacements côte à côte.",
  "What uses this key storage: keys, environment, quota, templates, budgets.":
    "Ce qui utilise ce stockage de clés : clés, environnement, quota, modèles, budgets.",
  "What your programs manage applications with. Keys of applications are no such tokens.":
    "Ce par quoi vos programmes gèrent les applications. Les clés des applications ne sont pas de tels jetons.",
  "Open a session of a user, and send a challenge where it needs one":
    "Ouvrir une session d'un utilisateur, et envoyer un challenge s'il en faut un",
  "The challenge goes to the user by mail or text message, and is in no answer. It is good for six hours, once, and for five tries. A new session ends the one before of the same user and factor.":
    "Le challenge parvient à l'utilisateur par courriel ou SMS, et ne figure dans aucune réponse. Il est valable six heures, une seule fois, et pour cinq essais. Une nouvelle session met fin à la précédente pour le même utilisateur et le même facteur.",
  "The session.": "La session.",
  "There is no such application, or the key is not one of its own":
    "Cette application n'existe pas, ou la clé n'est pas l'une des siennes",
  "There is no such user": "Cet utilisateur n'existe pas",
  "The text messages of the month are used up": "Les SMS du mois sont épuisés",
  "Not in the environment of this application": "Pas dans l'environnement de cette application",
  "Too many attempts": "Trop de tentatives",
  "Whether a session with this factor would need a challenge":
    "Savoir si une session avec ce facteur demanderait un challenge",
  "Nothing is sent.": "Rien n'est envoyé.",
  "Whether it would.": "La réponse.",
  "Make a user for whom nothing is stored yet": "Créer un utilisateur pour qui rien n'est encore conservé",
  "Again for the same user and factor changes nothing.":
    "Recommencer pour le même utilisateur et le même facteur ne change rien.",
  "The user is there.": "L'utilisateur existe.",
  "Delete a user with sessions and identities": "Supprimer un utilisateur avec ses sessions et ses identités",
  "With `auth_factor`, the user who has that factor alone. What is kept under passwords is not touched.":
    "Avec `auth_factor`, le seul utilisateur ayant ce facteur. Ce qui est conservé sous mot de passe n'est pas touché.",
  "It is gone.": "Suppression effectuée.",
  "How many identities of a user are stored": "Nombre d'identités conservées pour un utilisateur",
  "The count; 0 for no such user.": "Le nombre ; 0 si l'utilisateur n'existe pas.",
  "How many identities of a user are stored under passwords":
    "Nombre d'identités conservées sous mot de passe pour un utilisateur",
  "Delete all that a user has stored under passwords":
    "Supprimer tout ce qu'un utilisateur a conservé sous mot de passe",
  "Make an application": "Créer une application",
  "The application.": "L'application.",
  "List applications": "Lister les applications",
  "Applications, in the order of their ids.": "Les applications, dans l'ordre de leurs identifiants.",
  "Look at an application": "Consulter une application",
  "Id of the application.": "Identifiant de l'application.",
  "Application not found": "Application introuvable",
  "Change an application": "Modifier une application",
  "Holds in every process within a second.": "Prend effet sur tous les processus en moins d'une seconde.",
  "What is left out stays as it is; `limits` are set as a whole.":
    "Ce qui est omis reste tel quel ; `limits` est remplacé en entier.",
  "Delete an application with all that its users have stored":
    "Supprimer une application avec tout ce que ses utilisateurs ont conservé",
  "Deleted.": "Suppression effectuée.",
  "Make an API key of an application": "Créer une clé d'API d'une application",
  "The key, shown once.": "La clé, montrée une seule fois.",
  "List the API keys of an application": "Lister les clés d'API d'une application",
  "Its keys, without their secrets.": "Ses clés, sans leurs secrets.",
  "Replace an API key by a new one": "Remplacer une clé d'API par une nouvelle",
  "The old key stays valid for the overlap.": "L'ancienne clé reste valable pendant le chevauchement.",
  "Id of the key; not the key itself.": "Identifiant de la clé ; non la clé elle-même.",
  "The new key, shown once.": "La nouvelle clé, montrée une seule fois.",
  "Key not found": "Clé introuvable",
  "The key is revoked or expired": "La clé est révoquée ou expirée",
  "Revoke an API key": "Révoquer une clé d'API",
  "Keep a template for mails with challenges": "Conserver un modèle de courriel portant un challenge",
  "The template.": "Le modèle.",
  "Too many templates": "Trop de modèles",
  "List the templates of an application": "Lister les modèles d'une application",
  "Templates, oldest first.": "Les modèles, du plus ancien au plus récent.",
  "Change a template": "Modifier un modèle",
  "Id of the template.": "Identifiant du modèle.",
  "What is left out stays as it is.": "Ce qui est omis reste tel quel.",
  "Template not found": "Modèle introuvable",
  "Delete a template": "Supprimer un modèle",
  "Prove to have the factor, by the challenge that was sent to it":
    "Prouver que l'on détient le facteur, par le challenge qui lui a été envoyé",
  "The session ends; `new_id` is the one that goes on. The fifth wrong challenge ends it without another.":
    "La session prend fin ; `new_id` est celle qui continue. Le cinquième challenge incorrect y met fin sans en ouvrir d'autre.",
  "The new session.": "La nouvelle session.",
  "The challenge or the factor is wrong": "Le challenge ou le facteur est incorrect",
  "There is no such session": "Cette session n'existe pas",
  "Store the identity of the session's user": "Conserver l'identité de l'utilisateur de la session",
  "In place of the one before, whose `id` it keeps.": "À la place de la précédente, dont elle garde l'`id`.",
  "It is stored.": "L'identité est conservée.",
  "The session is not authenticated": "La session n'est pas authentifiée",
  "The factor is not the one of the session": "Le facteur n'est pas celui de la session",
  "Get back the identity of the session's user": "Récupérer l'identité de l'utilisateur de la session",
  "Needs a session that is authenticated. There is no body.":
    "Demande une session authentifiée. Il n'y a pas de corps.",
  "What was stored.": "Ce qui a été conservé.",
  "Nothing is stored for this user": "Rien n'est conservé pour cet utilisateur",
  "A signed statement that the session's user has this factor":
    "Une déclaration signée que l'utilisateur de la session détient ce facteur",
  "A JWT signed with EdDSA; its keys are at `/v1/ssks/.well-known/jwks.json`. Needs a session that is authenticated.":
    "Un JWT signé par EdDSA ; ses clés sont à `/v1/ssks/.well-known/jwks.json`. Demande une session authentifiée.",
  "The token.": "Le jeton.",
  "Store an identity under a password": "Conserver une identité sous un mot de passe",
  "In place of what is stored under the same secret, whose `id` it keeps; another secret is another slot.":
    "À la place de ce qui est conservé sous le même secret, dont elle garde l'`id` ; un autre secret est un autre emplacement.",
  "This user has as many slots as one may have": "Cet utilisateur a autant d'emplacements qu'il est permis",
  "Get back an identity by its password": "Récupérer une identité par son mot de passe",
  "What is not found uses up a budget of the user at that address, and wider ones; only time fills them again.":
    "Ce qui n'est pas trouvé entame un budget de l'utilisateur à cette adresse, et d'autres plus larges ; seul le temps les reconstitue.",
  "Nothing is stored under a password for this user": "Rien n'est conservé sous mot de passe pour cet utilisateur",
  "Nothing is stored under this password": "Rien n'est conservé sous ce mot de passe",
  "Public keys of factor tokens": "Clés publiques des jetons de facteur",
  "`EM`: a mail address. `SMS`: a telephone number.":
    "`EM` : une adresse électronique. `SMS` : un numéro de téléphone.",
  "Mail address, or telephone number in international form without separators. Only a keyed hash of it is kept.":
    "Adresse électronique, ou numéro de téléphone au format international sans séparateurs. Il n'en est conservé qu'un condensé à clé.",
  "Whether the session needs the challenge that was sent.":
    "Indique si la session demande le challenge qui a été envoyé.",
  "Your id of the user, kept in clear.": "Votre identifiant de l'utilisateur, conservé en clair.",
  "A factor of the user.": "Un facteur de l'utilisateur.",
  "A factor of the user; without `type` and `value` it counts as absent.":
    "Un facteur de l'utilisateur ; sans `type` ni `value`, il compte comme absent.",
  "Deprecated: a factor of type `EM`.": "Obsolète : un facteur de type `EM`.",
  "The key, for `X-SEALD-APIKEY`. Shown once, kept nowhere.":
    "La clé, pour `X-SEALD-APIKEY`. Montrée une seule fois, conservée nulle part.",
  "What it is, as people call it.": "Son nom, tel qu'on l'appelle.",
  "`fake_otp` is taken in `staging` and `test` alone.": "`fake_otp` n'est accepté qu'en `staging` et `test`.",
  "Text messages in a month (UTC).": "SMS par mois (UTC).",
  "Mails, and text messages, in any hour.": "Courriels, et SMS, sur une heure quelconque.",
  "Slots under passwords that one user may have.":
    "Nombre d'emplacements sous mot de passe qu'un utilisateur peut avoir.",
  "Outside production: templates without `$$CHALLENGE$$` are taken, too.":
    "Hors production : les modèles sans `$$CHALLENGE$$` sont acceptés aussi.",
  "How ids of users stand in the audit log.":
    "Sous quelle forme les identifiants des utilisateurs figurent au journal d'audit.",
  "How many at once.": "Nombre maximal à la fois.",
  "Seconds after which there is one more.": "Nombre de secondes au bout desquelles il y en a un de plus.",
  "Budgets that differ from the usual ones.": "Les budgets qui diffèrent des budgets habituels.",
  "Id of the application, for `X-SEALD-APPID`.": "Identifiant de l'application, pour `X-SEALD-APPID`.",
  "Text messages of this month.": "SMS de ce mois.",
  "Of the mail, where a request names none.": "Objet du courriel, si la requête n'en nomme pas.",
  "Markup in which `$$CHALLENGE$$` is replaced.": "HTML où `$$CHALLENGE$$` est remplacé.",
  "Used where a request names no template.": "Utilisé si la requête ne nomme pas de modèle.",
  "Id of the template, for `template_id`.": "Identifiant du modèle, pour `template_id`.",
  "Identities that were deleted.": "Identités supprimées.",
  "Why, for people and for clients that compare it.":
    "La raison, pour les personnes et pour les clients qui la comparent.",
  "What is not there.": "Ce qui n'existe pas.",
  "Why a request failed; wrong fields stand under their own names.":
    "Pourquoi une requête a échoué ; les champs erronés figurent sous leur propre nom.",
  "A JWT (EdDSA) that says that the session's user has this factor. Ten minutes.":
    "Un JWT (EdDSA) qui dit que l'utilisateur de la session détient ce facteur. Dix minutes.",
  "What the client encrypted; kept sealed and given back unchanged.":
    "Ce que le client a chiffré ; conservé scellé et rendu tel quel.",
  "Of what is stored; the same when it is stored again.":
    "Identifiant de ce qui est conservé ; le même si on le conserve de nouveau.",
  "As in `X-SEALD-APPID`.": "Comme dans `X-SEALD-APPID`.",
  "Your id of the user.": "Votre identifiant de l'utilisateur.",
  "What the client derived from the password. Only a keyed hash of it is kept.":
    "Ce que le client a dérivé du mot de passe. Il n'en est conservé qu'un condensé à clé.",
  "How long the old key stays valid.": "Durée pendant laquelle l'ancienne clé reste valable.",
  "Whether the session that stored it was authenticated.":
    "Indique si la session qui l'a conservée était authentifiée.",
  "Make the user where it is missing; otherwise that is a 404.":
    "Créer l'utilisateur s'il manque ; sinon c'est une erreur 404.",
  "Ask for a challenge even where nothing is stored with this factor.":
    "Demander un challenge même si rien n'est conservé avec ce facteur.",
  "HTML of the mail, in which `$$CHALLENGE$$` is replaced. Needed unless the application has a template of its own.":
    "HTML du courriel, où `$$CHALLENGE$$` est remplacé. Nécessaire, sauf si l'application a son propre modèle.",
  "A template of the application, instead of `template`.": "Un modèle de l'application, au lieu de `template`.",
  "Of the mail; `End-to-end encryption challenge` unless given. Not used for a text message.":
    "Objet du courriel ; `End-to-end encryption challenge` à défaut. Ignoré pour un SMS.",
  "Send nothing; the challenge is `aaaaaaaa`. Not in production.":
    "Ne rien envoyer ; le challenge est `aaaaaaaa`. Pas en production.",
  "For the front end.": "Pour le frontend.",
  "As it was sent to the user.": "Tel qu'il a été envoyé à l'utilisateur.",
  "The session from now on; the id before is over.": "La session désormais ; l'identifiant précédent ne vaut plus.",
  "A key of the application. It belongs to its server, never into a page.":
    "Une clé de l'application. Elle appartient à son serveur, jamais à une page.",
  "The session: as `challenge_send` gave it, or the `new_id` of `challenge_validate`.":
    "La session : telle que `challenge_send` l'a donnée, ou le `new_id` de `challenge_validate`.",
};
