import { z } from "zod";
import { idShape, instantShape, pageQuery, pageShape } from "../http/body.ts";
import { exampleToken } from "./token.ts";

const MAX_SCOPES = 50;
const MAX_NETWORKS = 50;
const YEAR_SECONDS = 365 * 24 * 3600;

/** An address or network in CIDR form; its exact rules are checked by the operation. */
const networkShape = z
  .string()
  .min(2)
  .max(50)
  .regex(/^[0-9a-fA-F:.]+(?:\/\d{1,3})?$/);

export type TokenShapes = ReturnType<typeof shapesOf>;

/** What goes over the wire about a product's tokens, which can hold these scopes. */
export function tokenShapes(product: string, scopes: readonly [string, ...string[]]): TokenShapes {
  return shapesOf(product, scopes);
}

function shapesOf(product: string, scopes: readonly [string, ...string[]]) {
  const scope = z.enum(scopes);
  const token = z.strictObject({
    token_id: idShape("tok", "Id of the token; not the token itself."),
    name: z
      .string()
      .max(200)
      .meta({ examples: ["Invoice robot"] }),
    scopes: z.array(scope).max(MAX_SCOPES),
    ip_allow: z
      .array(networkShape)
      .max(MAX_NETWORKS)
      .meta({ description: "Networks it may be used from; empty: all." }),
    environment: z.enum(["live", "test"]),
    status: z.enum(["active", "expired", "revoked"]),
    created_at: instantShape("When it was made"),
    expires_at: instantShape("When it ends"),
    revoked_at: instantShape("When it was revoked").nullable(),
    last_used_at: instantShape("Last use, to the minute").nullable(),
    last_used_ip: z.string().max(64).nullable(),
    rotated_from: idShape("tok", "The token that this one replaces.").nullable(),
  });
  return {
    params: z.strictObject({ id: idShape("tok", "Id of the token.") }),
    listQuery: z.strictObject({ ...pageQuery }),
    create: z.strictObject({
      name: z
        .string()
        .min(1)
        .max(200)
        .meta({ description: "What it is for, as people call it.", examples: ["Invoice robot"] }),
      scopes: z.array(scope).min(1).max(MAX_SCOPES).meta({ description: "No more than the calling token holds." }),
      expires_in: z
        .int()
        .min(60)
        .max(10 * YEAR_SECONDS)
        .default(YEAR_SECONDS)
        .meta({ description: "Seconds until it ends." }),
      ip_allow: z.array(networkShape).max(MAX_NETWORKS).default([]).meta({ description: "Networks in CIDR form." }),
      environment: z.enum(["live", "test"]).default("live"),
    }),
    rotate: z.strictObject({
      overlap_seconds: z
        .int()
        .min(0)
        .max(7 * 24 * 3600)
        .default(24 * 3600)
        .meta({ description: "How long the old token stays valid." }),
    }),
    token,
    created: z.strictObject({
      ...token.shape,
      token: z
        .string()
        .min(60)
        .max(100)
        .meta({ description: "The token. Shown once, kept nowhere.", examples: [exampleToken(product)] }),
    }),
    list: pageShape(token),
  };
}

export type CreateTokenRequest = z.output<TokenShapes["create"]>;
export type RotateTokenRequest = z.output<TokenShapes["rotate"]>;
export type TokenView = z.output<TokenShapes["token"]>;
