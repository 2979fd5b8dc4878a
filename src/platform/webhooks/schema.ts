import { z } from "zod";
import { idShape, instantShape, pageQuery, pageShape } from "../http/body.ts";

export const MAX_URL_CHARACTERS = 2_048;
const MAX_DESCRIPTION_CHARACTERS = 500;
const MAX_EVENTS = 100;
const MIN_SECRET_CHARACTERS = 16;
const MAX_SECRET_CHARACTERS = 256;
/** Attempts shown with a delivery, the last ones. */
export const SHOWN_ATTEMPTS = 20;

const webhookId = idShape("whk", "Id of a webhook.");
const deliveryId = idShape("dlv", "Id of a delivery.");
const eventId = idShape("evt", "Id of an event; the same on every attempt.");

export const webhookParams = z.strictObject({ id: webhookId });
export const deliveryParams = z.strictObject({ id: webhookId, did: deliveryId });

const url = z
  .string()
  .min(1)
  .max(MAX_URL_CHARACTERS)
  .meta({
    description: "Where deliveries are sent: https; plain http only to addresses that the operator lists.",
    examples: ["https://example.com/hooks/secufile"],
  });
const description = z.string().max(MAX_DESCRIPTION_CHARACTERS).meta({ description: "A note of your own." });
const isActive = z.boolean().meta({ description: "Whether events are sent to it." });

function eventsShape(names: readonly string[]): z.ZodType<string[]> {
  return z
    .array(z.enum(["*", ...names]))
    .min(1)
    .max(MAX_EVENTS)
    .meta({ description: 'The events it asks for, or `["*"]` for all.', examples: [names.slice(0, 2)] });
}

const secret = z
  .string()
  .min(MIN_SECRET_CHARACTERS)
  .max(MAX_SECRET_CHARACTERS)
  .regex(/^[\u0021-\u007e]+$/)
  .meta({
    description:
      "The secret, shown only in this answer. Key of the signature header: the text as it is. Key of `v1`: the base64 " +
      "after `whsec_`, or the text as it is where there is no such form.",
    examples: ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD9RGf1GR0vCc="],
  });

/** Bodies that name events, for a product that has these. */
export function webhookBodies(names: readonly string[]): WebhookBodies {
  const events = eventsShape(names);
  return {
    create: z.strictObject({ ...createMembers, events }),
    change: z.strictObject({ ...changeMembers, events: events.optional() }),
  };
}

const createMembers = { url, secret: secret.optional(), description: description.optional() };
const changeMembers = { url: url.optional(), description: description.optional(), active: isActive.optional() };

type WebhookBodies = {
  readonly create: z.ZodObject<typeof createMembers & { events: z.ZodType<string[]> }, z.core.$strict>;
  readonly change: z.ZodObject<typeof changeMembers & { events: z.ZodOptional<z.ZodType<string[]>> }, z.core.$strict>;
};

export const rotateBody = z.strictObject({
  secret: secret.optional(),
  flip: z
    .union([
      z.literal("now"),
      instantShape("When the signature header changes"),
      z
        .int()
        .min(0)
        .max(30 * 86_400),
    ])
    .optional()
    .meta({
      description:
        "When the signature header changes to the new secret: `now`, an instant, or seconds from now. Default: in 24 hours.",
    }),
});

const webhookMembers = {
  webhook_id: webhookId,
  url,
  events: z.array(z.string().max(100)).max(MAX_EVENTS),
  description,
  active: isActive,
  disabled_reason: z
    .enum(["by_user", "gone", "failing"])
    .nullable()
    .meta({ description: "`gone`: it answered 410. `failing`: nothing but failures for five days." }),
  disabled_at: instantShape("When it was disabled").nullable(),
  failing_since: instantShape("First failure since the last success").nullable(),
  public_key: z
    .string()
    .max(100)
    .meta({ description: "Ed25519 key that verifies the `v1a` signatures: `whpk_` and base64." }),
  secret_flips_at: instantShape("When the pending secret takes over the signature header").nullable(),
  previous_secret_ends_at: instantShape("Until when the secret before still signs `v1`").nullable(),
  created_at: instantShape("When it was registered"),
  updated_at: instantShape("When it was last changed"),
};

export const webhookShape = z.strictObject(webhookMembers);
export const webhookWithSecretShape = z.strictObject({ ...webhookMembers, secret });
export const webhookPage = pageShape(webhookShape);
export const webhookListQuery = z.strictObject(pageQuery);

const attemptShape = z.strictObject({
  number: z.int(),
  at: instantShape("When it was sent"),
  status_code: z.int().nullable().meta({ description: "Status of the answer, or null when none came." }),
  duration_ms: z.int(),
  error: z.string().max(600).nullable(),
  answer: z
    .string()
    .max(2_048)
    .nullable()
    .meta({ description: "Start of what the receiver answered, at most 1 KiB. Untrusted: never show it as HTML." }),
});

const deliveryStatus = z.enum(["pending", "delivered", "failed"]);

export const deliveryShape = z.strictObject({
  delivery_id: deliveryId,
  webhook_id: webhookId,
  event_id: eventId,
  event: z.string().max(100),
  seq: z.int().meta({ description: "Number of the delivery for its webhook, without gaps." }),
  status: deliveryStatus,
  attempt_count: z.int(),
  next_attempt_at: instantShape("When it is tried next").nullable(),
  created_at: instantShape("When it was made"),
  finished_at: instantShape("When it was delivered or given up").nullable(),
  attempts: z.array(attemptShape).max(SHOWN_ATTEMPTS).meta({ description: "The last attempts, the oldest first." }),
});
export const deliveryPage = pageShape(deliveryShape);
export const deliveryListQuery = z.strictObject({
  ...pageQuery,
  status: deliveryStatus.optional().meta({ description: "Only deliveries in this state." }),
});

export type WebhookAnswer = z.output<typeof webhookShape>;
export type WebhookWithSecret = z.output<typeof webhookWithSecretShape>;
export type DeliveryAnswer = z.output<typeof deliveryShape>;
export type CreateWebhookRequest = z.output<WebhookBodies["create"]>;
export type ChangeWebhookRequest = z.output<WebhookBodies["change"]>;
export type RotateSecretRequest = z.output<typeof rotateBody>;
