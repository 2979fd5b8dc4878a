import { sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../src/platform/clock/clock.ts";
import { createKeyring } from "../../src/platform/keys/keyring.ts";
import { parseRootKey } from "../../src/platform/keys/root-key.ts";
import { createSigningKeys } from "../../src/platform/sessions/signing-keys.ts";
import { openDatabase, type TestDatabase } from "./database.ts";

/** Signs whatever it is told as an access token: what only a running server can do, and nobody else. */
export type SessionSigner = { readonly kid: string; sign(header: object, payload: object): string };

/** Opens the key by which a server signs now, with the root key in its data folder. */
export async function sessionSigner(database: TestDatabase, dataDirectory: string): Promise<SessionSigner> {
  const db = openDatabase(database, 2);
  try {
    const root = parseRootKey(await readFile(join(dataDirectory, "root.key"), "utf8"));
    const keyring = await createKeyring({ db, root });
    const { kid, key } = await createSigningKeys({ db, keyring, clock: systemClock }).current();
    return {
      kid,
      sign(header, payload) {
        const signed = `${part(header)}.${part(payload)}`;
        return `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`;
      },
    };
  } finally {
    await db.close();
  }
}

/** A part of a JWS (RFC 7515). */
export function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
