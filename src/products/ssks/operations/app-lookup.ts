import { sqlState } from "../../../platform/db/tx.ts";
import { isUuid } from "../../../platform/ids/ids.ts";
import { TenantShreddedError, type TenantKeys } from "../../../platform/keys/keyring.ts";
import type { Services } from "../../../platform/product.ts";
import type { App } from "../app.ts";
import { ssksError } from "../errors.ts";
import { findApp, findAppTenant } from "../store/apps.ts";

/** Applications by their ids, as they were at most half a second ago. */
export type AppLookup = {
  /** With the keys of its tenant. Throws `application_unknown`. */
  find(appId: string): Promise<FoundApp>;
  /** Forgets it in this process; others follow within `FRESH_MS`. */
  forget(appId: string): void;
};

export type FoundApp = { readonly app: App; readonly keys: TenantKeys };

const FRESH_MS = 500;
const MAX_REMEMBERED = 10_000;

const FOREIGN_KEY_VIOLATION = "23503";

/**
 * Runs what adds rows to an application. One that was deleted in another process within the last moment is still
 * remembered here; then the database refuses the row, and the answer is that there is no such application.
 */
export async function whileItLives<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (sqlState(error) !== FOREIGN_KEY_VIOLATION) throw error;
    throw ssksError("application_unknown", "There is no such application.", { cause: error });
  }
}

export function createAppLookup(services: Pick<Services, "db" | "keyring">): AppLookup {
  const remembered = new Map<string, { readonly app: App; readonly readAtMs: number }>();

  async function read(appId: string): Promise<App | null> {
    const known = remembered.get(appId);
    if (known !== undefined && performance.now() - known.readAtMs < FRESH_MS) return known.app;
    remembered.delete(appId);
    const readAtMs = performance.now();
    const owner = await services.db.lookup(findAppTenant(appId));
    if (owner === null) return null;
    const { tenant_id: tenantId } = owner;
    const app = await services.db.tenant(tenantId, (tx) => findApp(tx, tenantId, appId));
    if (app === null) return null;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(appId, { app, readAtMs });
    return app;
  }

  return {
    async find(appId) {
      const app = isUuid(appId) ? await read(appId) : null;
      if (app === null) throw ssksError("application_unknown", "There is no such application.");
      try {
        return { app, keys: await services.keyring.of(app.tenant_id) };
      } catch (error) {
        if (!(error instanceof TenantShreddedError)) throw error;
        throw ssksError("application_unknown", "There is no such application.", { cause: error });
      }
    },
    forget: (appId) => void remembered.delete(appId),
  };
}
