import { routeFor, type Route } from "../http/route.ts";
import type { Call, EventRow, WebhookFamily } from "../product.ts";
import { webhookErrors } from "./errors.ts";
import { listWebhookDeliveries, replayWebhookDelivery, testWebhook } from "./operations/deliveries.ts";
import {
  createWebhook,
  deleteWebhook,
  enableWebhook,
  getWebhook,
  listWebhooks,
  updateWebhook,
  type WebhookScope,
} from "./operations/endpoints.ts";
import { rotateWebhookSecret } from "./operations/secrets.ts";
import {
  deliveryListQuery,
  deliveryPage,
  deliveryParams,
  deliveryShape,
  rotateBody,
  webhookBodies,
  webhookListQuery,
  webhookPage,
  webhookParams,
  webhookShape,
  webhookWithSecretShape,
} from "./schema.ts";
import * as examples from "./examples.ts";

export type WebhookRouteOptions = {
  readonly product: string;
  readonly family: WebhookFamily;
  readonly events: Readonly<Record<string, EventRow>>;
  readonly scopes: { readonly read: string; readonly write: string };
  /** Of the product's own paths, for example `/v1/secufile`; the bare `/v1` is the alias. */
  readonly pathPrefix: string;
};

const BARE_PREFIX = "/v1";
const TAG = "Webhooks";

/** The webhook routes of one product, each under the product's path and under the bare one. */
export function webhookRoutes(options: WebhookRouteOptions): Route<Call>[] {
  const scope: WebhookScope = { product: options.product, eventNames: Object.keys(options.events) };
  return [
    ...registrationRoutes(options, scope),
    ...changeRoutes(options, scope),
    ...stateRoutes(options, scope),
    ...deliveryRoutes(options, scope),
  ];
}

const route = routeFor<Call>();

function pathsOf(options: WebhookRouteOptions, rest: string): [string, string] {
  return [`${options.pathPrefix}/webhooks${rest}`, `${BARE_PREFIX}/webhooks${rest}`];
}

function registrationRoutes(options: WebhookRouteOptions, scope: WebhookScope): Route<Call>[] {
  const bodies = webhookBodies(scope.eventNames);
  const { read, write } = options.scopes;
  return [
    route({
      operation: "createWebhook",
      method: "POST",
      paths: pathsOf(options, ""),
      scopes: [write],
      summary: "Register a signed webhook",
      description: `Every delivery carries \`X-${options.family}-Signature\` and the Standard Webhooks headers. The secret is shown once, here.`,
      tag: TAG,
      body: { kind: "json", schema: bodies.create },
      answer: { kind: "json", status: 201, schema: webhookWithSecretShape, description: "The webhook and its secret." },
      errors: [webhookErrors.webhook_limit_reached],
      isAnswerSecret: true,
      examples: {
        request: { url: examples.webhook.url, events: scope.eventNames.slice(0, 1) },
        answer: { ...examples.webhook, events: scope.eventNames.slice(0, 1), secret: examples.secret },
      },
      handle: (call, { body }) => createWebhook(call, scope, body),
    }),
    route({
      operation: "listWebhooks",
      method: "GET",
      paths: pathsOf(options, ""),
      scopes: [read],
      summary: "List webhooks",
      tag: TAG,
      query: webhookListQuery,
      answer: { kind: "json", status: 200, schema: webhookPage, description: "A page of webhooks, the oldest first." },
      errors: [],
      examples: { answer: { data: [examples.webhook], next_cursor: null } },
      handle: (call, { query }) => listWebhooks(call, scope, query),
    }),
    route({
      operation: "getWebhook",
      method: "GET",
      paths: pathsOf(options, "/{id}"),
      scopes: [read],
      summary: "Show a webhook",
      tag: TAG,
      params: webhookParams,
      answer: { kind: "json", status: 200, schema: webhookShape, description: "The webhook, without its secret." },
      errors: [webhookErrors.webhook_not_found],
      examples: { answer: examples.webhook },
      handle: (call, { params }) => getWebhook(call, scope, params.id),
    }),
  ];
}

function changeRoutes(options: WebhookRouteOptions, scope: WebhookScope): Route<Call>[] {
  const bodies = webhookBodies(scope.eventNames);
  const { write } = options.scopes;
  return [
    route({
      operation: "updateWebhook",
      method: "PATCH",
      paths: pathsOf(options, "/{id}"),
      scopes: [write],
      summary: "Change a webhook",
      tag: TAG,
      params: webhookParams,
      body: { kind: "json", schema: bodies.change },
      answer: { kind: "json", status: 200, schema: webhookShape, description: "The webhook as it is now." },
      errors: [webhookErrors.webhook_not_found],
      examples: { request: { active: false }, answer: examples.disabledWebhook },
      handle: (call, { params, body }) => updateWebhook(call, scope, { webhookId: params.id, change: body }),
    }),
    route({
      operation: "deleteWebhook",
      method: "DELETE",
      paths: pathsOf(options, "/{id}"),
      scopes: [write],
      summary: "Delete a webhook",
      description: "Its deliveries go with it. One that is under way may still arrive.",
      tag: TAG,
      params: webhookParams,
      answer: { kind: "empty", status: 204, description: "It is gone." },
      errors: [webhookErrors.webhook_not_found],
      handle: (call, { params }) => deleteWebhook(call, scope, params.id),
    }),
  ];
}

function stateRoutes(options: WebhookRouteOptions, scope: WebhookScope): Route<Call>[] {
  const { write } = options.scopes;
  return [
    route({
      operation: "enableWebhook",
      method: "POST",
      paths: pathsOf(options, "/{id}/enable"),
      scopes: [write],
      summary: "Enable a webhook",
      description: "What was pending when it was disabled is sent now, gently. Events in between were not kept for it.",
      tag: TAG,
      params: webhookParams,
      answer: { kind: "json", status: 200, schema: webhookShape, description: "The webhook, active." },
      errors: [webhookErrors.webhook_not_found],
      examples: { answer: examples.webhook },
      handle: (call, { params }) => enableWebhook(call, scope, params.id),
    }),
    route({
      operation: "rotateWebhookSecret",
      method: "POST",
      paths: pathsOf(options, "/{id}/rotate-secret"),
      scopes: [write],
      summary: "Give a webhook a new secret",
      description:
        `\`webhook-signature\` carries both secrets at once; \`X-${options.family}-Signature\` has one and changes at the ` +
        "instant `flip`. The secret before then signs `webhook-signature` for 24 hours more.",
      tag: TAG,
      params: webhookParams,
      body: { kind: "json", schema: rotateBody, isOptional: true },
      answer: {
        kind: "json",
        status: 200,
        schema: webhookWithSecretShape,
        description: "The webhook and its new secret.",
      },
      errors: [webhookErrors.webhook_not_found, webhookErrors.rotation_pending],
      needsStepUp: true,
      isAnswerSecret: true,
      examples: { request: { flip: "now" }, answer: { ...examples.webhook, secret: examples.secret } },
      handle: (call, { params, body }) =>
        rotateWebhookSecret(call, scope, { webhookId: params.id, request: body ?? {} }),
    }),
    route({
      operation: "testWebhook",
      method: "POST",
      paths: pathsOf(options, "/{id}/test"),
      scopes: [write],
      summary: "Send a test event to a webhook",
      description: "The event is called `webhook.test`. Once every ten seconds.",
      tag: TAG,
      params: webhookParams,
      answer: { kind: "json", status: 202, schema: deliveryShape, description: "The delivery that was begun." },
      errors: [webhookErrors.webhook_not_found, webhookErrors.webhook_disabled, webhookErrors.test_too_soon],
      examples: { answer: examples.pendingDelivery },
      handle: (call, { params }) => testWebhook(call, scope, params.id),
    }),
  ];
}

function deliveryRoutes(options: WebhookRouteOptions, scope: WebhookScope): Route<Call>[] {
  const { read, write } = options.scopes;
  return [
    route({
      operation: "listWebhookDeliveries",
      method: "GET",
      paths: pathsOf(options, "/{id}/deliveries"),
      scopes: [read],
      summary: "List the deliveries of a webhook",
      tag: TAG,
      params: webhookParams,
      query: deliveryListQuery,
      answer: {
        kind: "json",
        status: 200,
        schema: deliveryPage,
        description: "A page of deliveries, the newest first.",
      },
      errors: [webhookErrors.webhook_not_found],
      examples: { answer: { data: [examples.delivery], next_cursor: null } },
      handle: (call, { params, query }) => listWebhookDeliveries(call, scope, { webhookId: params.id, query }),
    }),
    route({
      operation: "replayWebhookDelivery",
      method: "POST",
      paths: pathsOf(options, "/{id}/deliveries/{did}/replay"),
      scopes: [write],
      summary: "Send a delivery once more",
      description: "A new attempt of the same event: the same ids and the same bytes.",
      tag: TAG,
      params: deliveryParams,
      answer: { kind: "json", status: 202, schema: deliveryShape, description: "The delivery, pending again." },
      errors: [webhookErrors.webhook_not_found, webhookErrors.delivery_not_found, webhookErrors.webhook_disabled],
      examples: { answer: examples.pendingDelivery },
      handle: (call, { params }) =>
        replayWebhookDelivery(call, scope, { webhookId: params.id, deliveryId: params.did }),
    }),
  ];
}
