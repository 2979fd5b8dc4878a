import { typesetWords } from "../http/typeset.ts";
import type { MemberLocale } from "./member.ts";

type Words = Readonly<
  Record<
    | "inviteTitle"
    | "inviteText"
    | "resetTitle"
    | "resetText"
    | "address"
    | "name"
    | "password"
    | "passwordHint"
    | "accept"
    | "save"
    | "acceptedTitle"
    | "acceptedText"
    | "savedTitle"
    | "savedText"
    | "overTitle"
    | "overText"
    | "refusedTitle"
    | "refusedText"
    | "nameWrong"
    | "passwordWrong"
    | "guessableWrong"
    | "busyTitle"
    | "busyText"
    | "limitedTitle"
    | "limitedText",
    string
  >
>;

export const pageWords: Readonly<Record<MemberLocale, Words>> = {
  en: {
    inviteTitle: "Accept the invitation",
    inviteText: "You are invited to",
    resetTitle: "Choose a new password",
    resetText: "All sessions end. One-time codes, where you use them, stay asked for.",
    address: "Address",
    name: "Your name",
    password: "Password",
    passwordHint: "12 characters or more. A sentence is good.",
    accept: "Accept",
    save: "Save the password",
    acceptedTitle: "Welcome",
    acceptedText: "Your account is made. You can sign in now.",
    savedTitle: "The password is saved",
    savedText: "You can sign in with it now.",
    overTitle: "This link does not work any more",
    overText: "It was used, or its time is over. Ask for another one.",
    refusedTitle: "Not taken",
    refusedText: "The form came from another page, or could not be read. Open the link of the mail again.",
    nameWrong: "Give your name, as plain text.",
    passwordWrong: "This password cannot be taken: 12 to 256 characters, and not your address.",
    guessableWrong:
      "This password is one of those that are tried first: many people use it, or it is little more than your address or the organisation’s name.",
    busyTitle: "Try again in a moment",
    busyText: "Too many people are signing in just now.",
    limitedTitle: "Too many attempts",
    limitedText: "Please wait before you try again. Minutes:",
  },
  fr: typesetWords({
    inviteTitle: "Accepter l’invitation",
    inviteText: "On vous invite à rejoindre",
    resetTitle: "Choisir un nouveau mot de passe",
    resetText: "Toutes les sessions prendront fin. Les codes à usage unique, si vous en utilisez, resteront exigés.",
    address: "Adresse",
    name: "Votre nom",
    password: "Mot de passe",
    passwordHint: "12 caractères ou plus. Une phrase convient bien.",
    accept: "Accepter",
    save: "Enregistrer le mot de passe",
    acceptedTitle: "Bienvenue",
    acceptedText: "Votre compte est créé. Vous pouvez maintenant vous connecter.",
    savedTitle: "Le mot de passe est enregistré",
    savedText: "Vous pouvez maintenant l’utiliser pour vous connecter.",
    overTitle: "Ce lien ne fonctionne plus",
    overText: "Il a déjà servi, ou son délai est passé. Demandez-en un autre.",
    refusedTitle: "Ce formulaire n’a pas été accepté",
    refusedText: "Il vient d’une autre page, ou il est illisible. Rouvrez le lien reçu par courriel.",
    nameWrong: "Indiquez votre nom, en texte simple.",
    passwordWrong: "Ce mot de passe ne convient pas : il faut 12 à 256 caractères, et autre chose que votre adresse.",
    guessableWrong:
      "Ce mot de passe est de ceux que l’on essaie d’abord : beaucoup de gens s’en servent, ou il n’est guère plus que votre adresse ou le nom de l’organisation.",
    busyTitle: "Réessayez dans un instant",
    busyText: "Trop de personnes se connectent en ce moment.",
    limitedTitle: "Trop de tentatives",
    limitedText: "Veuillez patienter avant de réessayer. Minutes :",
  }),
};
