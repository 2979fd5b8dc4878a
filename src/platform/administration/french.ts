/** French of what this area publishes. */
export const administrationFrench: Readonly<Record<string, string>> = {
  "Tabellion administration": "Administration de Tabellion",
  "What the operator of a server does: organisations, their first tokens, their keys.":
    "Ce que fait l'exploitant d'un serveur : les organisations, leurs premiers jetons, leurs clés.",
  "What the operator of a server does: organisations, their first tokens, their keys. And what people do: sign in, look after their account, and manage the members of their organisation.":
    "Ce que fait l'exploitant d'un serveur : les organisations, leurs premiers jetons, leurs clés. Et ce que font les personnes : se connecter, gérer leur compte et les membres de leur organisation.",
  Organisations: "Organisations",
  "Whom the server keeps apart: made, given their first tokens, and shredded by its operator.":
    "Ce que le serveur sépare : les organisations, que l'exploitant crée, à qui il donne leurs premiers jetons, et qu'il détruit.",
  "Signing keys": "Clés de signature",
  "What the server signs the checkpoints of audit logs and the evidence of signatures with.":
    "Ce avec quoi le serveur signe les points de contrôle des journaux d'audit et les preuves de signature.",
  "Mails and text messages: how each of them stands, never what it says.":
    "Les courriels et les SMS : où en est chacun, jamais ce qu'il dit.",
  "The server's own log, which holds what its operator did, and counts of what was refused to unknown callers.":
    "Le journal du serveur lui-même, qui contient ce que son exploitant a fait, et le décompte des refus opposés aux appelants inconnus.",
  "Signing in, and what people do with their own account.": "La connexion, et ce que chacun fait de son propre compte.",
  "The members of an organisation and invitations to it, as its members manage them and as the operator does.":
    "Les membres d'une organisation et les invitations à la rejoindre, tels que ses membres les gèrent, et tels que l'exploitant les gère.",
  "Make an organisation": "Créer une organisation",
  "The organisation.": "L'organisation.",
  "List organisations": "Lister les organisations",
  "Organisations, oldest first.": "Les organisations, de la plus ancienne à la plus récente.",
  "Look at an organisation": "Consulter une organisation",
  "Shred an organisation: destroy its keys, so that nothing of it can be read again":
    "Détruire une organisation : ses clés sont détruites, de sorte que plus rien d'elle ne puisse être lu",
  "Shredded.": "L'organisation est détruite.",
  "Seal with a new key from now on; what was sealed before still opens":
    "Sceller désormais avec une nouvelle clé ; ce qui a été scellé auparavant s'ouvre toujours",
  "The new generation.": "La nouvelle génération.",
  "Give an organisation a token for secufile": "Donner à une organisation un jeton pour secufile",
  "Give an organisation a token for ssks": "Donner à une organisation un jeton pour ssks",
  "Every scope when not given.": "Toutes les portées si rien n'est donné.",
  "Sign the checkpoints of all audit logs with a new key from now on":
    "Signer désormais les points de contrôle de tous les journaux d'audit avec une nouvelle clé",
  "What was signed before verifies by the old key, which stays published with the time in which it signed.":
    "Ce qui a été signé auparavant se vérifie avec l'ancienne clé, qui reste publiée avec la période pendant laquelle elle a signé.",
  "The new key.": "La nouvelle clé.",
  "Sign evidence of signatures with a new key from now on":
    "Signer désormais les preuves de signature avec une nouvelle clé",
  "Evidence of before verifies by the old key, which stays published.":
    "Les preuves antérieures se vérifient avec l'ancienne clé, qui reste publiée.",
  "Id of the new key.": "Identifiant de la nouvelle clé.",
  "How long the key of before signs beside the new one; 0 where it is no longer to be trusted.":
    "Combien de temps l'ancienne clé signe à côté de la nouvelle ; 0 si l'on ne doit plus s'y fier.",
  "Until when the keys of before sign, too (ISO 8601, UTC).":
    "Date jusqu'à laquelle les anciennes clés signent aussi (ISO 8601, UTC).",
};
