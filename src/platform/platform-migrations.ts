import { existsSync } from "node:fs";
import type { MigrationFolder } from "./db/migrate.ts";

const AREAS = [
  "keys",
  "jobs",
  "events",
  "audit",
  "tenants",
  "credentials",
  "limits",
  "notify",
  "webhooks",
  "idempotency",
  "members",
  "sessions",
  "audit-reading",
  "erasure",
] as const;

/** The tables of the platform's areas, in the order in which they may refer to each other. */
export const platformMigrations: readonly MigrationFolder[] = AREAS.map((area) => ({
  area,
  folder: new URL(`./${area}/migrations/`, import.meta.url),
})).filter((entry) => existsSync(entry.folder));
