import { pageOf, positionOf } from "../db/paging.ts";
import { platformError, platformErrors } from "../errors/platform-errors.ts";
import { routeFor, type Route } from "../http/route.ts";
import type { Call } from "../product.ts";
import { notifyErrors } from "./errors.ts";
import { mailLayout, typeset, type MailLocale } from "./layout.ts";
import { enqueueMail, enqueueSms } from "./notify.ts";
import {
  listNotificationsQuery,
  notificationList,
  notificationParams,
  notificationView,
  testRequest,
  viewOf,
} from "./schema.ts";
import { findNotification, findOwnerOf, listNotifications } from "./store.ts";

const route = routeFor<Call>();
const OPERATOR = ["operator"] as const;
const TAG = "Notifications";

/** The operator's view of mails and text messages: states, no content. */
export function notifyRoutes(): Route<Call>[] {
  return [listRoute(), getRoute(), testRoute()];
}

function listRoute(): Route<Call> {
  return route({
    operation: "listNotifications",
    method: "GET",
    paths: ["/v1/platform/notifications"],
    scopes: OPERATOR,
    tag: TAG,
    summary: "List mails and text messages",
    query: listNotificationsQuery,
    answer: { kind: "json", status: 200, schema: notificationList, description: "Notifications, oldest first." },
    errors: [],
    async handle(call, { query }) {
      const position = positionOf(query);
      const { offset, limit } = position;
      const page = { state: query.state ?? null, afterId: position.afterId ?? "", offset, limit: limit + 1 };
      const rows = await call.read((tx) => listNotifications(tx, page));
      return pageOf(rows, position, { id: (row) => row.id, show: viewOf });
    },
  });
}

function getRoute(): Route<Call> {
  return route({
    operation: "getNotification",
    method: "GET",
    paths: ["/v1/platform/notifications/{id}"],
    scopes: OPERATOR,
    tag: TAG,
    summary: "Look at a mail or text message",
    params: notificationParams,
    answer: { kind: "json", status: 200, schema: notificationView, description: "The notification." },
    errors: [platformErrors.not_found],
    async handle(call, { params }) {
      const row = await call.read(async (tx) => {
        const owner = await findOwnerOf(tx, params.id);
        return owner === null ? null : findNotification(tx, owner, params.id);
      });
      if (row === null) throw platformError("not_found", `There is no notification ${params.id}.`);
      return viewOf(row);
    },
  });
}

function testRoute(): Route<Call> {
  return route({
    operation: "testNotification",
    method: "POST",
    paths: ["/v1/platform/notifications/test"],
    scopes: OPERATOR,
    tag: TAG,
    summary: "Send a test mail or a test text message",
    body: { kind: "json", schema: testRequest },
    answer: { kind: "json", status: 202, schema: notificationView, description: "What will be sent." },
    errors: [notifyErrors.invalid_address, notifyErrors.too_many_notifications],
    handle: (call, { body }) =>
      call.write(async (tx) => {
        const { keys, now } = call;
        const order = { to: body.to, purpose: "platform.test", at: now };
        const id = body.to.startsWith("+")
          ? await enqueueSms(tx, keys, { ...order, text: testWords(body.lang).paragraph })
          : await enqueueMail(tx, keys, { ...order, ...testMail(body.lang) });
        const row = await findNotification(tx, keys.tenantId, id);
        if (row === null) throw new Error("a notification vanished inside its transaction");
        return viewOf(row);
      }),
  });
}

function testWords(locale: MailLocale): { title: string; paragraph: string } {
  return locale === "fr"
    ? {
        title: "Essai de Tabellion",
        paragraph: typeset("fr", "Ceci est un essai : l'envoi fonctionne. Il n'y a rien à faire."),
      }
    : { title: "Test of Tabellion", paragraph: "This is a test: sending works. There is nothing to do." };
}

function testMail(locale: MailLocale) {
  const { title, paragraph } = testWords(locale);
  return { locale, subject: title, ...mailLayout(locale, { title, paragraphs: [paragraph] }) };
}
