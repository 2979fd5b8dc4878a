import { clientOf, expected, type Json } from "./secufile-client.ts";
import { demoSsks, ssksClientOf, type SsksClient } from "./ssks-client.ts";
import type { Factor } from "./ssks-front-client.ts";

export const TEMPLATE = "<p>Your code: $$CHALLENGE$$</p>";
/** Of every session that is opened with `fake_otp`. */
export const FAKE_CHALLENGE = "aaaaaaaa";

/** More than any test asks for: tests of other things are not to meet a budget. */
const WIDE = { burst: 1_000_000, every_seconds: 1 } as const;
const LIMITS = [
  ...["sends_per_user", "sends_per_factor", "sends_per_app"],
  ...["challenges_per_factor", "challenges_per_address", "challenges_per_app"],
  ...[
    "searches_per_user_and_address",
    "searches_per_user",
    "searches_per_address",
    "searches_per_app",
    "searches_found_per_address",
  ],
  ...["pushes_per_user_and_address", "pushes_per_user", "pushes_per_address", "pushes_per_app"],
];
export const wideLimits: Readonly<Record<string, typeof WIDE>> = Object.fromEntries(LIMITS.map((name) => [name, WIDE]));

/** A new application of the demo organisation, with a key of its own. */
export async function newApp(
  server: { readonly origin: string; readonly dataDirectory: string },
  settings: Readonly<Record<string, unknown>> = {},
): Promise<SsksClient> {
  const { token } = await demoSsks(server);
  const dashboard = clientOf(server.origin, token);
  const order = { name: "an application", environment: "test", ...settings };
  const app = expected(await dashboard.post("/v1/ssks/apps", order), 201);
  const key = expected(await dashboard.post(`/v1/ssks/apps/${app.app_id}/keys`, { name: "its server" }), 201);
  return ssksClientOf(server.origin, app.app_id, key.api_key);
}

export type AppUser = { readonly user_id: string; readonly auth_factor: Factor };

/** Opens a session as the application's server does; nothing is sent unless `fake_otp` is false. */
export async function openSession(
  app: SsksClient,
  user: AppUser,
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ sessionId: string; mustAuthenticate: boolean }> {
  const order = { ...user, create_user: true, template: TEMPLATE, fake_otp: true, ...more };
  const opened: Json = expected(await app.back("/tmr/back/challenge_send/", order), 200);
  return { sessionId: opened.session_id, mustAuthenticate: opened.must_authenticate };
}
