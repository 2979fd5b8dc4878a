import type pg from "pg";
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expected } from "../support/secufile-client.ts";
import type { SsksClient } from "../support/ssks-client.ts";
import type { Factor } from "../support/ssks-front-client.ts";
import type { Canary } from "./search.ts";

/** One user with an identity on either side, and what the database keeps of both. */
export type KeptUser = {
  readonly kept: readonly Canary[];
  /** Deletes both sides, as an application does. */
  erase(): Promise<void>;
};

const KEPT_BYTES = 32;
const BLOB_BYTES = 6_000;

/** Stores something behind a challenge and something behind a password, for one user. */
export async function storeBothSides(app: SsksClient, superuser: pg.Client): Promise<KeptUser> {
  const user_id = randomUUID();
  const auth_factor: Factor = { type: "EM", value: `${user_id}@example.org` };
  const data_b64 = Buffer.alloc(BLOB_BYTES, user_id).toString("base64");
  const order = { user_id, auth_factor, create_user: true, template: "<p>$$CHALLENGE$$</p>", subject: "s" };
  const { session_id } = expected(await app.back("/tmr/back/challenge_send/", order), 200);
  expected(await app.front("/tmr/front/push/", session_id, { data_b64, auth_factor }), 200);
  const slot = { app_id: app.appId, user_id, secret: randomUUID().repeat(4).slice(0, 128), data_b64 };
  expected(await app.front("/push/", null, slot), 200);
  // From here on its address is known, in a row that names the secret as well.
  const { data_b64: _data, ...asked } = slot;
  expected(await app.front("/search/", null, asked), 200);
  return {
    kept: await keptOf(superuser, user_id),
    async erase() {
      const { deleted } = expected(await app.back("/tmr/back/delete_user/", { user_id }), 200);
      if (deleted !== 1) throw new Error(`${deleted} identities were deleted`);
      expected(await app.back("/strict/back/identity_delete/", { user_id }), 200);
    },
  };
}

async function keptOf(superuser: pg.Client, userId: string): Promise<readonly Canary[]> {
  const { rows } = await superuser.query<Record<string, Buffer>>(
    `select u.factor_mac, i.wrapped_key, i.sealed_data, s.secret_mac, s.wrapped_key as slot_key, s.sealed_data as slot_data,
            k.secret_mac as known_secret_mac, k.address_mac
       from ssks.users u join ssks.identities i on i.tenant_id = u.tenant_id and i.user_ref = u.id
            join ssks.slots s on s.tenant_id = u.tenant_id and s.user_id = u.user_id
            join ssks.known_addresses k on k.tenant_id = s.tenant_id and k.app_id = s.app_id and k.user_id = s.user_id
      where u.user_id = $1`,
    [userId],
  );
  const [row] = rows;
  if (row === undefined || rows.length > 1) throw new Error(`the database keeps ${rows.length} rows of the user`);
  // The middle of each: none of it is the format's.
  return Object.entries(row).map(([door, bytes]) => {
    const start = Math.max(0, Math.floor((bytes.length - KEPT_BYTES) / 2));
    return { door, bytes: bytes.subarray(start, start + KEPT_BYTES) };
  });
}

/** Which of them stand, byte for byte, in a file below `folder` whose path fits. They are few: each is searched for by itself. */
export async function doorsIn(folder: string, place: RegExp, kept: readonly Canary[]): Promise<string[]> {
  const found = new Set<string>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !place.test(file)) continue;
    // A file of the database may go away while it runs.
    const content = await readFile(file).catch(() => Buffer.alloc(0));
    for (const { door, bytes } of kept) if (content.includes(bytes)) found.add(door);
  }
  return [...found].toSorted();
}
