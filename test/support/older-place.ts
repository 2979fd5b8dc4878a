import { randomBytes } from "node:crypto";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { migrate } from "../../src/platform/db/migrate.ts";
import { sql } from "../../src/platform/db/sql.ts";
import type { Tx } from "../../src/platform/db/tx.ts";
import { createKeyring, SERVER_TENANT } from "../../src/platform/keys/keyring.ts";
import { writeRootKey } from "../../src/platform/keys/root-key.ts";
import { platformMigrations } from "../../src/platform/platform-migrations.ts";
import { createTenant } from "../../src/platform/tenants/operations.ts";
import { APP_ROLE, newRootKey } from "./backup-place.ts";
import { openDatabase, testLog, type TestDatabase } from "./database.ts";

const SHIPPED = new URL("../../src/products/secufile/migrations/0001_documents.sql", import.meta.url);

/** Documents of the older place: the first two with two signers each, the last with none. */
export const OLDER = {
  stored: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F",
  pending: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0G",
  withoutSigners: "doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0H",
} as const;

/**
 * Makes of an empty database and folder what a server left whose SecuFile had its first migration only: keys in
 * `data/`, and an organisation with documents, signers and the given links. Answers the organisation's id.
 */
export async function fillOlderPlace(place: {
  readonly database: TestDatabase;
  readonly folder: string;
  /** Tokens by documents. */
  readonly links: Readonly<Record<string, string>>;
}): Promise<string> {
  const { database, folder, links } = place;
  await migrateToFirst(database, folder);
  const root = newRootKey();
  await mkdir(join(folder, "data"));
  await writeRootKey(join(folder, "data"), root);
  const db = openDatabase(database, 2);
  try {
    const keyring = await createKeyring({ db, root });
    const { id: tenantId } = await db.tenant(SERVER_TENANT, (tx) =>
      createTenant(tx, keyring, { name: "Étude ancienne", isDemo: false, now: new Date() }),
    );
    await db.tenant(tenantId, async (tx) => {
      for (const id of Object.values(OLDER)) await addDocument(tx, tenantId, id);
      for (const [id, token] of Object.entries(links)) {
        await tx.run(sql`insert into secufile.sign_links (token_mac, tenant_id, document_id, created_at)
          values (${keyring.mac("link-tokens", token)}, ${tenantId}, ${id}, now())`);
      }
    });
    return tenantId;
  } finally {
    await db.close();
  }
}

async function migrateToFirst(database: TestDatabase, folder: string): Promise<void> {
  const older = join(folder, "older");
  await mkdir(older);
  await copyFile(SHIPPED, join(older, "0001_documents.sql"));
  await migrate({
    ownerUrl: database.ownerUrl,
    appRole: APP_ROLE,
    folders: [...platformMigrations, { area: "secufile", folder: pathToFileURL(`${older}/`) }],
    log: testLog,
  });
}

async function addDocument(tx: Tx, tenantId: string, id: string): Promise<void> {
  const isStored = id === OLDER.stored;
  await tx.run(sql`insert into secufile.documents (tenant_id, id, filename, content_type, bucket, object_key, status,
      blob_ref, sha256, size_bytes, key_wrap, metadata, is_live, created_by, created_at)
    values (${tenantId}, ${id}, ${`${id}.pdf`}, 'application/pdf', 'default', ${id}, ${isStored ? "stored" : "pending"},
      ${isStored ? "blob" : null}, ${isStored ? randomBytes(32) : null}, ${isStored ? 7 : null}, 'k', '{}', true, 'crd_1',
      '2026-01-02T03:04:05Z')`);
  if (id === OLDER.withoutSigners) return;
  await tx.run(sql`insert into secufile.signers (tenant_id, document_id, position, email, role, name, signing_order, phone)
    values (${tenantId}, ${id}, 1, ${`first-${id}@example.com`}, 'buyer', 'Ève', 1, '+33612345678'),
           (${tenantId}, ${id}, 50, ${`second-${id}@example.com`}, 'seller', null, 2, null)`);
}
