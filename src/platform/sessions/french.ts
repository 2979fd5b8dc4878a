/** French of what this area publishes. */
export const sessionsFrench: Readonly<Record<string, string>> = {
  "Who is signed in": "Qui est connecté",
  "List one's own sessions": "Lister ses propres sessions",
  "Living sessions, newest first.": "Les sessions en cours, de la plus récente à la plus ancienne.",
  "End one of one's own sessions": "Mettre fin à l'une de ses propres sessions",
  "Takes effect on every process within a second.": "Prend effet sur tous les processus en moins d'une seconde.",
  "Id of the session.": "Identifiant de la session.",
  "Ended.": "La session a pris fin.",
  "Session not found": "Session introuvable",
  "Sign out: end this session": "Se déconnecter : mettre fin à cette session",
  "Prove again who is at the keyboard, for what needs it": "Prouver à nouveau qui est au clavier, pour ce qui l'exige",
  "By `code` where one-time codes are on, else by `password`. Holds for five minutes.":
    "Par `code` si les codes à usage unique sont activés, sinon par `password`. Vaut cinq minutes.",
  "A token that says so.": "Un jeton qui l'atteste.",
  "Sign in with address and password": "Se connecter avec son adresse et son mot de passe",
  "Answers tokens, or `mfa_required` where one-time codes are on.":
    "La réponse contient des jetons, ou `mfa_required` si les codes à usage unique sont activés.",
  "Tokens, or what is asked next.": "Des jetons, ou ce qui est demandé ensuite.",
  "Address or password is wrong": "L'adresse ou le mot de passe est incorrect",
  "Finish signing in with a one-time code or a recovery code":
    "Terminer la connexion par un code à usage unique ou un code de secours",
  "The tokens.": "Les jetons.",
  "The code is wrong or was used": "Le code est incorrect ou a déjà servi",
  "Spend a refresh token for the next tokens": "Échanger un jeton de renouvellement contre les jetons suivants",
  "A token that was spent and is shown again, later or by somebody else, ends the session.":
    "Un jeton déjà échangé et présenté de nouveau, plus tard ou par quelqu'un d'autre, met fin à la session.",
  "The session is over; sign in again": "La session est terminée ; reconnectez-vous",
  "Public keys that access tokens are signed with": "Clés publiques qui vérifient les jetons d'accès",
  "When it began (ISO 8601, UTC).": "Date de début (ISO 8601, UTC).",
  "When it was last refreshed (ISO 8601, UTC).": "Date du dernier renouvellement (ISO 8601, UTC).",
  "Send it as `Authorization: Bearer …`.": "À envoyer sous la forme `Authorization: Bearer …`.",
  "Works once, for the next tokens. Keep it secret.":
    "Sert une seule fois, à obtenir les jetons suivants. Gardez-le secret.",
  "Goes with the code to `/v1/auth/login/totp`.": "À envoyer avec le code à `/v1/auth/login/totp`.",
  "Id of this session.": "Identifiant de cette session.",
  "When the member last proved who they are (ISO 8601, UTC).":
    "Date à laquelle le membre a prouvé son identité pour la dernière fois (ISO 8601, UTC).",
};
