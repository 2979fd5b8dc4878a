import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import { newId, ulid } from "../../../platform/ids/ids.ts";
import { SERVER_TENANT } from "../../../platform/keys/keyring.ts";
import type { Services } from "../../../platform/product.ts";
import type { FactorTokenRequest, TokenKeys } from "../schema.ts";
import { insertTokenKey, listTokenKeys, lockTokenKeys, type TokenKeyRow } from "../store/token-keys.ts";
import { noteFront, type FrontCall } from "./acts.ts";
import { withSession } from "./identities.ts";
import { isFactorOf } from "./sessions.ts";

const TOKEN_SECONDS = 600;
const AUDIENCE = "ssks-factor";
const DAY_MS = 24 * 3_600_000;
/** A key signs for so long; its tokens are over ten minutes later, and it is published a day more. */
const KEY_MS = 90 * DAY_MS;
/** A new key is published so long before it signs, for those who keep what is published. */
const SETTLE_MS = 3_600_000;

/** Says, to whoever trusts this server, that the session's user has proved to have this factor. */
export async function getFactorToken(
  front: FrontCall,
  sessionId: string | undefined,
  request: FactorTokenRequest,
): Promise<{ factor_token: string }> {
  const { call, app } = front;
  const { type, value } = { type: request.auth_factor_type, value: request.auth_factor_value };
  const { factorHash } = await withSession(front, { sessionId, operation: "getFactorToken" }, async (tx, session) => {
    if (!session.is_authenticated) return "session_not_authenticated";
    if (!isFactorOf(front, session, { auth_factor: { type, value } })) return "factor_differs";
    await noteFront(tx, front, { operation: "getFactorToken", userId: session.user_id });
    return { factorHash: session.factor_mac.toString("hex") };
  });
  const signing = await signingKey(call.services);
  const issuedAt = Math.floor(call.now.getTime() / 1000);
  const token = await new SignJWT({ app_id: app.id, auth_factor_type: type, auth_factor_hash: factorHash })
    .setProtectedHeader({ alg: "EdDSA", kid: signing.kid, typ: "JWT" })
    .setIssuer(call.services.publicUrl())
    .setAudience(AUDIENCE)
    .setJti(ulid(call.now))
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + TOKEN_SECONDS)
    .sign(signing.key);
  return { factor_token: token };
}

/** Public halves of the keys that tokens may be signed with now. */
export async function listFactorTokenKeys(services: Services): Promise<TokenKeys> {
  const rows = await keysOf(services);
  return {
    keys: rows.map((row) => {
      const { x } = createPublicKey({ key: row.public_key, format: "der", type: "spki" }).export({ format: "jwk" });
      return { kty: "OKP", crv: "Ed25519", x: x ?? "", kid: row.id, use: "sig", alg: "EdDSA" };
    }),
  };
}

async function signingKey(services: Services) {
  const rows = await keysOf(services);
  const nowMs = services.clock.now().getTime();
  const row = rows.find((one) => isSettled(one, nowMs)) ?? rows.at(-1);
  if (row === undefined) throw new Error("there is no key to sign factor tokens with");
  const keys = await services.keyring.of(SERVER_TENANT);
  const der = keys.open("session-signing", row.sealed_private, `ssks/${row.id}`);
  return { kid: row.id, key: createPrivateKey({ key: der, format: "der", type: "pkcs8" }) };
}

function isSettled({ created_at: createdAt }: TokenKeyRow, nowMs: number): boolean {
  return nowMs - createdAt.getTime() >= SETTLE_MS;
}

/** Those in use, the newest first; makes one where it is due. An old key signs on until a newer one has settled. */
async function keysOf(services: Services): Promise<TokenKeyRow[]> {
  const { db, keyring, clock } = services;
  const now = clock.now();
  const used = (rows: readonly TokenKeyRow[]): TokenKeyRow[] => {
    const signing = rows.find((row) => isSettled(row, now.getTime()));
    return rows.filter((row) => row === signing || now.getTime() - row.created_at.getTime() < KEY_MS + DAY_MS);
  };
  const isDue = ([newest]: readonly TokenKeyRow[]): boolean =>
    newest === undefined || now.getTime() - newest.created_at.getTime() >= KEY_MS;
  const known = await db.tenant(SERVER_TENANT, (tx) => listTokenKeys(tx, SERVER_TENANT));
  if (!isDue(known)) return used(known);
  const keys = await keyring.of(SERVER_TENANT);
  const id = newId("ftk", now);
  const pair = generateKeyPairSync("ed25519");
  const row = {
    id,
    public_key: pair.publicKey.export({ format: "der", type: "spki" }),
    sealed_private: keys.seal(
      "session-signing",
      pair.privateKey.export({ format: "der", type: "pkcs8" }),
      `ssks/${id}`,
    ),
    created_at: now,
  };
  return db.tenant(SERVER_TENANT, async (tx) => {
    await lockTokenKeys(tx);
    const others = await listTokenKeys(tx, SERVER_TENANT);
    if (!isDue(others)) return used(others);
    await insertTokenKey(tx, SERVER_TENANT, row);
    return used([row, ...others]);
  });
}
