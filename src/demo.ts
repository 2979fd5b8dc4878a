import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { issueToken } from "./platform/credentials/operations.ts";
import { ulid } from "./platform/ids/ids.ts";
import type { Services } from "./platform/product.ts";
import { SERVER_TENANT } from "./platform/keys/keyring.ts";
import { createTenant } from "./platform/tenants/operations.ts";
import { countTenants, findDemoTenant, lockDemoTenant } from "./platform/tenants/store.ts";
import { secufileScopes } from "./products/secufile/scopes.ts";

const YEAR_MS = 365 * 24 * 3600 * 1000;

/**
 * The demo organisation of a first start, and `demo.env` beside the data with what its clients need. The file is
 * made anew when it was removed, and its addresses follow the server's. Answers the organisation's id, if there is one.
 */
export async function keepDemo(services: Services, origin: string): Promise<string | null> {
  const { config, db } = services;
  const file = join(config.dataDirectory, "demo.env");
  const known = await readFile(file, "utf8").catch(() => null);
  const tenantId = await demoTenant(services);
  if (tenantId === null) return null;
  if (known !== null) {
    await writeWhole(file, withUrl(known, origin));
    return tenantId;
  }
  const now = services.clock.now();
  await db.tenant(tenantId, async (tx) => {
    const order = {
      product: "secufile",
      name: "demo",
      scopes: secufileScopes,
      ipAllow: [],
      isLive: true,
      expiresAt: new Date(now.getTime() + YEAR_MS),
      createdBy: "operator",
      rotatedFrom: null,
    };
    const { token } = await issueToken(tx, tenantId, order, { keyring: services.keyring, now });
    // Before the commit: a token in a file that no database knows does no harm, the opposite would lose it.
    await writeWhole(file, `export SECUFILE_URL=${origin}\nexport SECUFILE_API_KEY=${token}\n`);
  });
  return tenantId;
}

async function demoTenant(services: Services): Promise<string | null> {
  const { config, db, keyring, clock } = services;
  return db.tenant(SERVER_TENANT, async (tx) => {
    await lockDemoTenant(tx);
    const found = await findDemoTenant(tx);
    if (found !== null) return found.id;
    if (!config.isDemoWanted || (await countTenants(tx)) > 0) return null;
    const made = await createTenant(tx, keyring, { name: "Demo organisation", isDemo: true, now: clock.now() });
    return made.id;
  });
}

function withUrl(text: string, origin: string): string {
  return text.replace(/^export SECUFILE_URL=.*$/m, `export SECUFILE_URL=${origin}`);
}

/** Of two servers that share the folder and write at once, the later file stands, whole. */
async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${ulid()}`;
  await writeFile(draft, text, { mode: 0o600, flush: true });
  await rename(draft, file);
}
