import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { issueToken } from "./platform/credentials/operations.ts";
import type { Services } from "./platform/product.ts";
import { SERVER_TENANT } from "./platform/keys/keyring.ts";
import { createTenant } from "./platform/tenants/operations.ts";
import { countTenants, findDemoTenant } from "./platform/tenants/store.ts";
import { secufileScopes } from "./products/secufile/scopes.ts";

const YEAR_MS = 365 * 24 * 3600 * 1000;

/**
 * The demo organisation of a first start, and `demo.env` beside the data with what its clients need. The file is
 * made anew when it was removed, and its addresses follow the server's.
 */
export async function keepDemo(services: Services, origin: string): Promise<void> {
  const { config, db } = services;
  const file = join(config.dataDirectory, "demo.env");
  const known = await readFile(file, "utf8").catch(() => null);
  const tenantId = await demoTenant(services);
  if (tenantId === null) return;
  if (known !== null) {
    await writeWhole(file, withUrl(known, origin));
    return;
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
}

async function demoTenant(services: Services): Promise<string | null> {
  const found = await services.db.directory(findDemoTenant);
  if (found !== null) return found.id;
  if (!services.config.isDemoWanted || (await services.db.directory(countTenants)) > 0) return null;
  const tenant = { name: "Demo organisation", isDemo: true, now: services.clock.now() };
  return services.db.tenant(SERVER_TENANT, async (tx) => (await createTenant(tx, services.keyring, tenant)).id);
}

function withUrl(text: string, origin: string): string {
  return text.replace(/^export SECUFILE_URL=.*$/m, `export SECUFILE_URL=${origin}`);
}

async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}
