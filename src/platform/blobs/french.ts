/** French of this area's failures, for the page of errors. */
export const blobsFrench: Readonly<Record<string, string>> = {
  "No such object": "Cet objet n'existe pas",
  "Another object has this reference": "Un autre objet porte cette référence",
  "The object is too large": "L'objet est trop volumineux",
  "The range is not within the object": "La plage est hors de l'objet",
  "The bytes are not the announced ones": "Les octets ne sont pas ceux annoncés",
  "The source ended early": "La source s'est interrompue trop tôt",
  "The stored object is damaged": "L'objet conservé est endommagé",
  "The store could not read or write": "Le stockage n'a pu lire ou écrire",
  "The key ring gave no key": "Le trousseau n'a donné aucune clé",
  "The store is full": "Le stockage est plein",
};
