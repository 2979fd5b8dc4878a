/** French of what this area publishes. */
export const tenantsFrench: Readonly<Record<string, string>> = {
  "Id of the organisation.": "Identifiant de l'organisation.",
  "Organisation not found": "Organisation introuvable",
  "Generation of the key that seals from now on.": "Génération de la clé qui scelle désormais.",
};
