import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Tx } from "./platform/db/tx.ts";
import { issueToken } from "./platform/credentials/operations.ts";
import { ulid } from "./platform/ids/ids.ts";
import type { Services } from "./platform/product.ts";
import { SERVER_TENANT } from "./platform/keys/keyring.ts";
import { createTenant } from "./platform/tenants/operations.ts";
import { countTenants, findDemoTenant, lockDemoTenant } from "./platform/tenants/store.ts";
import { secufileScopes } from "./products/secufile/scopes.ts";
import { issueKey } from "./products/ssks/operations/api-keys.ts";
import { makeApp } from "./products/ssks/operations/apps.ts";
import { createAppRequest } from "./products/ssks/schema.ts";
import { ssksScopes } from "./products/ssks/scopes.ts";

const YEAR_MS = 365 * 24 * 3600 * 1000;

/**
 * The demo organisation of a first start, and `demo.env` beside the data with what its clients need. The file is
 * made anew when it was removed, what a newer version adds is added, and its addresses follow the server's. Answers the
 * organisation's id, if there is one.
 */
export async function keepDemo(services: Services, origin: string): Promise<string | null> {
  const { config, db } = services;
  const file = join(config.dataDirectory, "demo.env");
  const known = await readFile(file, "utf8").catch(() => "");
  const tenantId = await demoTenant(services);
  if (tenantId === null) return null;
  await db.tenant(tenantId, async (tx) => {
    const parts = [known === "" ? await secufilePart(tx, tenantId, services) : known];
    if (!known.includes("SEALD_APP_ID=")) parts.push(await ssksPart(tx, tenantId, services));
    // Before the commit: a token in a file that no database knows does no harm, the opposite would lose it.
    await writeWhole(file, withUrls(parts.join(""), origin));
  });
  return tenantId;
}

async function secufilePart(tx: Tx, tenantId: string, services: Services): Promise<string> {
  const order = { product: "secufile", scopes: secufileScopes };
  return `export SECUFILE_URL=\nexport SECUFILE_API_KEY=${await demoToken(tx, tenantId, order, services)}\n`;
}

/** A test application with a key, and a token that manages applications. */
async function ssksPart(tx: Tx, tenantId: string, services: Services): Promise<string> {
  const { keyring, clock } = services;
  const now = clock.now();
  const app = await makeApp(tx, tenantId, createAppRequest.parse({ name: "demo", environment: "test" }), now);
  const order = { name: "demo", createdBy: "operator", rotatedFrom: null };
  const { api_key: key } = await issueKey(tx, app, order, { keyring, now });
  const token = await demoToken(tx, tenantId, { product: "ssks", scopes: ssksScopes }, services);
  return `export SSKS_URL=\nexport SEALD_APP_ID=${app.id}\nexport SEALD_API_KEY=${key}\nexport SSKS_TOKEN=${token}\n`;
}

async function demoToken(
  tx: Tx,
  tenantId: string,
  of: { readonly product: string; readonly scopes: readonly string[] },
  { keyring, clock }: Services,
): Promise<string> {
  const now = clock.now();
  const order = {
    ...of,
    name: "demo",
    ipAllow: [],
    isLive: true,
    expiresAt: new Date(now.getTime() + YEAR_MS),
    createdBy: "operator",
    rotatedFrom: null,
  };
  return (await issueToken(tx, tenantId, order, { keyring, now })).token;
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

function withUrls(text: string, origin: string): string {
  return text.replaceAll(/^export (SECUFILE|SSKS)_URL=.*$/gm, (_line, name: string) => `export ${name}_URL=${origin}`);
}

/** Of two servers that share the folder and write at once, the later file stands, whole. */
async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${ulid()}`;
  await writeFile(draft, text, { mode: 0o600, flush: true });
  await rename(draft, file);
}
