import { z } from "zod";
import type { EventRow, WebhookFamily } from "../product.ts";
import { idShape, instantShape } from "./body.ts";
import type { SchemaShelf } from "./openapi-components.ts";
import type { Operation, Parameter } from "./openapi-document.ts";
import { pascalCase } from "./openapi-operation.ts";

/** Where the deliveries of a product are described. */
export const EVENTS_TAG = "Events";

/** How a receiver tells a delivery from a forgery, for the published text. */
export function verificationText(family: WebhookFamily): string {
  return [
    "Check every delivery before you believe it, over the **raw bytes** of the body, in constant time:",
    `1. Best, by Standard Webhooks: \`webhook-signature\` holds one or more signatures, parted by spaces. One of them must be \`v1,\` and the base64 of HMAC-SHA256 over \`{webhook-id}.{webhook-timestamp}.{body}\`, keyed with the bytes of your endpoint's \`whsec_\` secret. Refuse a \`webhook-timestamp\` that is more than 300 seconds from now.`,
    `2. Or, if your code knows only \`X-${family}-Signature\`: it is \`sha256=\` and the hexadecimal HMAC-SHA256 of the body, keyed with the endpoint's own secret for it. \`X-${family}-Timestamp\` is not signed: judge the age by \`created_at\` in the body.`,
    "3. Remember the `id` of events that you have taken and ignore it when it comes again: a delivery may come twice. `seq` counts the events of one endpoint without gaps, so you can see what is missing.",
    "Answer with any 2xx within 20 seconds. Any other answer, also a redirect, is a failure and the delivery is tried again.",
  ].join("\n\n");
}

/** One entry of `webhooks` for each event. */
export function webhooksOf(
  events: Readonly<Record<string, EventRow>>,
  family: WebhookFamily,
  schemas: SchemaShelf,
): Record<string, { post: Operation }> {
  const parameters = deliveryHeaders(family);
  return Object.fromEntries(
    Object.entries(events).map(([name, row]) => [name, { post: deliveryOf(name, row, parameters, schemas) }]),
  );
}

function deliveryOf(name: string, row: EventRow, parameters: Parameter[], schemas: SchemaShelf): Operation {
  const title = name
    .split(/[^A-Za-z0-9]+/)
    .map((part) => pascalCase(part))
    .join("");
  const schema = schemas.add(envelopeOf(name, row), "output", `${title}Event`);
  return {
    operationId: `on${title}`,
    summary: row.summary,
    description: `Sent to every endpoint that asked for \`${name}\`. ${row.summary}`,
    tags: [EVENTS_TAG],
    security: [],
    parameters,
    requestBody: {
      required: true,
      description: "The event. Every attempt carries the same bytes.",
      content: { "application/json": { schema, example: exampleEnvelope(name, row) } },
    },
    responses: {
      "2XX": { description: "Taken. The body of the answer is not looked at.", headers: {} },
      "4XX": { description: "Not taken; tried again later.", headers: {} },
      "5XX": { description: "Not taken; tried again later.", headers: {} },
    },
  };
}

const FIRST_SEQ = 1;

/** The body of a delivery. Its members stand in this order in every body. */
function envelopeOf(name: string, row: EventRow): z.ZodObject {
  return z.strictObject({
    id: idShape("evt", "Id of the event; the same in every attempt and every replay."),
    type: z.literal(name).meta({ description: "What happened." }),
    created_at: instantShape("When it happened"),
    endpoint_id: idShape("whe", "The endpoint that this delivery was made for."),
    seq: z.int().min(FIRST_SEQ).meta({ description: "Number of the event at this endpoint, from 1 without gaps." }),
    livemode: z.boolean().meta({ description: "False for events of the test environment." }),
    data: row.data,
  });
}

function exampleEnvelope(name: string, row: EventRow): unknown {
  return {
    id: "evt_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
    type: name,
    created_at: "2026-11-22T09:30:00.000Z",
    endpoint_id: "whe_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
    seq: 42,
    livemode: true,
    data: row.example,
  };
}

function deliveryHeaders(family: WebhookFamily): Parameter[] {
  const event = "evt_01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
  const hex = "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592";
  return [
    header("webhook-id", "Id of the event.", "^evt_[0-9A-Z]{26}$", event),
    header("webhook-timestamp", "Unix seconds of this attempt; signed.", "^[0-9]{1,12}$", "1795339800"),
    header(
      "webhook-signature",
      "Signatures by Standard Webhooks, parted by spaces.",
      "^v1a?,[A-Za-z0-9+/=]+(?: v1a?,[A-Za-z0-9+/=]+)*$",
      "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
    header(`X-${family}-Signature`, "HMAC-SHA256 of the body.", "^sha256=[0-9a-f]{64}$", `sha256=${hex}`),
    header(`X-${family}-Timestamp`, "Unix seconds of this attempt; not signed.", "^[0-9]{1,12}$", "1795339800"),
    header(`X-${family}-Event`, "The `type` of the body.", "^[a-z0-9_.]+$", "document.sealed"),
    header(`X-${family}-Delivery`, "Id of this delivery.", "^[A-Za-z0-9_-]+$", "dlv_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"),
  ];
}

function header(name: string, description: string, pattern: string, example: string): Parameter {
  return {
    name,
    in: "header",
    required: true,
    description,
    schema: { type: "string", maxLength: 512, pattern },
    example,
  };
}
