/** French of what this area publishes. */
export const membersFrench: Readonly<Record<string, string>> = {
  Account: "Compte",
  People: "Personnes",
  "The member.": "Le membre.",
  "Member not found": "Membre introuvable",
  "Change one's password; every other session ends":
    "Changer son mot de passe ; toutes les autres sessions prennent fin",
  "Changed.": "Le mot de passe est changé.",
  "The password cannot be taken": "Ce mot de passe ne peut être accepté",
  "The password is one of those that are tried first": "Ce mot de passe est de ceux que l'on essaie en premier",
  "Code or password is wrong, or the code was used":
    "Le code ou le mot de passe est incorrect, ou le code a déjà servi",
  "Ask for a secret for one-time codes": "Demander un secret pour les codes à usage unique",
  "They are asked for from the moment a code of it was confirmed.":
    "Ils sont exigés dès qu'un code tiré de ce secret a été confirmé.",
  "The secret, shown once.": "Le secret, montré une seule fois.",
  "One-time codes are on already": "Les codes à usage unique sont déjà activés",
  "No one-time codes to confirm": "Aucun code à usage unique à confirmer",
  "Turn one-time codes off": "Désactiver les codes à usage unique",
  "Off.": "Les codes à usage unique sont désactivés.",
  "Turn one-time codes on by showing one": "Activer les codes à usage unique en en présentant un",
  "Recovery codes.": "Les codes de secours.",
  "Get new recovery codes; those from before are void":
    "Obtenir de nouveaux codes de secours ; les précédents ne valent plus",
  "Invite somebody by mail": "Inviter quelqu'un par courriel",
  "The invitation. Its link is in the mail alone.": "L'invitation. Son lien ne figure que dans le courriel.",
  "Only an owner can do this to an owner": "Cette action sur un propriétaire est réservée aux propriétaires",
  "The address belongs to a member": "L'adresse est déjà celle d'un membre",
  "List pending invitations": "Lister les invitations en attente",
  "Invitations that can still be accepted, oldest first.":
    "Les invitations encore valables, de la plus ancienne à la plus récente.",
  "Withdraw a pending invitation": "Retirer une invitation en attente",
  "Id of the invitation.": "Identifiant de l'invitation.",
  "Withdrawn; its link is dead.": "L'invitation est retirée ; son lien ne fonctionne plus.",
  "Invitation not found": "Invitation introuvable",
  "The invitation was accepted or withdrawn, or its time is over":
    "L'invitation a été acceptée ou retirée, ou son délai est passé",
  "Invite somebody to an organisation: its first owner":
    "Inviter quelqu'un dans une organisation : son premier propriétaire",
  "List an organisation's pending invitations": "Lister les invitations en attente d'une organisation",
  "Withdraw an organisation's pending invitation": "Retirer une invitation en attente d'une organisation",
  "List members": "Lister les membres",
  "Members, oldest first.": "Les membres, du plus ancien au plus récent.",
  "Change a member's role, suspend or resume": "Changer le rôle d'un membre, le suspendre ou le rétablir",
  "Takes effect on every process within a second. One active owner stays.":
    "Prend effet sur tous les processus en moins d'une seconde. Il reste toujours un propriétaire actif.",
  "Id of the member.": "Identifiant du membre.",
  "An organisation keeps one active owner": "Une organisation doit garder un propriétaire actif",
  "Remove a member": "Retirer un membre",
  "Removed.": "Le membre est retiré.",
  "List an organisation's members": "Lister les membres d'une organisation",
  "Change the role of an organisation's member, suspend or resume":
    "Changer le rôle d'un membre d'une organisation, le suspendre ou le rétablir",
  "Remove an organisation's member": "Retirer un membre d'une organisation",
  "Accept an invitation": "Accepter une invitation",
  "The link is used, replaced or over": "Le lien a servi, a été remplacé ou a expiré",
  "Ask for a mail with a link to choose a new password":
    "Demander un courriel contenant un lien pour choisir un nouveau mot de passe",
  "The answer is the same whether the address belongs to anybody.":
    "La réponse est la même, que l'adresse appartienne à quelqu'un ou non.",
  "Taken.": "La demande est prise en charge.",
  "Choose a new password by a mailed link; every session ends":
    "Choisir un nouveau mot de passe par un lien reçu par courriel ; toutes les sessions prennent fin",
  "The end of the link in the mail.": "La fin du lien reçu par courriel.",
  "A password. New ones hold 12 characters or more.":
    "Un mot de passe. Un nouveau mot de passe compte 12 caractères ou plus.",
  "What the member may do.": "Ce que le membre peut faire.",
  "Language of mails.": "Langue des courriels.",
  "Whether signing in asks for a one-time code.": "Indique si la connexion demande un code à usage unique.",
  "When the invitation was accepted (ISO 8601, UTC).": "Date d'acceptation de l'invitation (ISO 8601, UTC).",
  "One-time code of six digits, or a recovery code.": "Code à usage unique de six chiffres, ou code de secours.",
  "Each works once. Shown once.": "Chacun sert une seule fois. Montrés une seule fois.",
  "In base 32, for typing. Shown once.": "En base 32, à saisir. Montré une seule fois.",
  "For a picture that authenticator apps read.":
    "À convertir en code QR, que lisent les applications d'authentification.",
  "Where the address belongs to several organisations.": "À donner si l'adresse appartient à plusieurs organisations.",
  "Id of the member, or what stands for the operator.": "Identifiant du membre, ou ce qui désigne l'exploitant.",
  "When it was mailed (ISO 8601, UTC).": "Date d'envoi du courriel (ISO 8601, UTC).",
  "When its link ends (ISO 8601, UTC).": "Date d'expiration du lien (ISO 8601, UTC).",
};
