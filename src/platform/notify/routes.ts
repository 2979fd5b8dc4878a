import { platformErrors } from "../errors/platform-errors.ts";
import { routeFor, type Route } from "../http/route.ts";
import type { Call } from "../product.ts";
import { notifyErrors } from "./errors.ts";
import { getNotification, listNotifications, testNotification } from "./operations.ts";
import {
  listNotificationsQuery,
  notificationList,
  notificationParams,
  notificationView,
  testRequest,
} from "./schema.ts";

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
    handle: (call, { query }) => listNotifications(call, query),
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
    handle: (call, { params }) => getNotification(call, params.id),
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
    handle: (call, { body }) => testNotification(call, body),
  });
}
