/** French of what this area publishes. */
export const notifyFrench: Readonly<Record<string, string>> = {
  Notifications: "Notifications",
  "List mails and text messages": "Lister les courriels et les SMS",
  "The state.": "L'état.",
  "Notifications, oldest first.": "Les notifications, de la plus ancienne à la plus récente.",
  "Look at a mail or text message": "Consulter un courriel ou un SMS",
  "Id of the notification.": "Identifiant de la notification.",
  "The notification.": "La notification.",
  "Send a test mail or a test text message": "Envoyer un courriel ou un SMS d'essai",
  "What will be sent.": "Ce qui va être envoyé.",
  "The address cannot be written to": "Impossible d'écrire à cette adresse",
  "Too many mails or text messages in this hour": "Trop de courriels ou de SMS en une heure",
  "The organisation that it is sent for, or `server`.": "L'organisation pour laquelle l'envoi est fait, ou `server`.",
  "Why it was not sent. Names no address.": "Motif de l'échec de l'envoi. Ne mentionne aucune adresse.",
  "When it was enqueued (ISO 8601, UTC).": "Date de mise en file d'attente (ISO 8601, UTC).",
  "When it is dropped if it was not sent (ISO 8601, UTC).":
    "Date à laquelle l'envoi est abandonné s'il n'a pas abouti (ISO 8601, UTC).",
  "When it was over (ISO 8601, UTC).": "Date de fin (ISO 8601, UTC).",
  "A mail address, or a phone number such as +33612345678.":
    "Une adresse électronique, ou un numéro de téléphone tel que +33612345678.",
  "Language of the test.": "Langue du message d'essai.",
};
