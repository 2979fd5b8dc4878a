import { availableParallelism } from "node:os";
import { argv } from "node:process";
import { Writable } from "node:stream";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { openAge, sealAge } from "../src/platform/backup/age-file.ts";
import { createBackup } from "../src/platform/backup/create-backup.ts";
import { restoreBackup } from "../src/platform/backup/restore-backup.ts";
import { verifyBackup } from "../src/platform/backup/verify-backup.ts";
import { sql } from "../src/platform/db/sql.ts";
import {
  addDocument,
  allFolders,
  APP_ROLE,
  emptyPlace,
  fillTenant,
  workingPlace,
} from "../test/support/backup-place.ts";
import { testLog, withCluster } from "../test/support/database.ts";

/*
 * Speed of backup, verification and restore, and of the encryption alone. Use: node bench/backup.ts [--short]. The
 * backup is kept in memory, so that only our own disk work is measured: reading and writing rows and objects.
 */
const isShort = argv.includes("--short");
const ROWS = isShort ? 50_000 : 1_000_000;
const LARGE_COUNT = isShort ? 2 : 10;
const LARGE_BYTES = 64 * 1024 * 1024;
const SMALL_COUNT = isShort ? 200 : 5_000;
const SMALL_BYTES = 4096;

function row(name: string, amount: number, unit: string, ms: number): void {
  console.log(`${name.padEnd(44)}${((amount * 1000) / ms).toFixed(0).padStart(9)} ${unit}/s`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function* zeroes(bytes: number): AsyncGenerator<Buffer, void, void> {
  const piece = Buffer.alloc(256 * 1024);
  for (let left = bytes; left > 0; left -= piece.length) yield piece;
}

async function* of(pieces: readonly Buffer[]): AsyncGenerator<Buffer, void, void> {
  yield* pieces;
}

async function measure(ownName: string, rows: number, blobs: number, blobBytes: number): Promise<void> {
  const place = await workingPlace();
  const { tenantId } = await fillTenant(place, 0);
  if (rows > 0) {
    await place.db.tenant(tenantId, (tx) =>
      tx.run(sql`insert into platform.audit_events
        select ${tenantId}, 'aud_' || i, now(), 'secufile.createDocument', 'token', 'crd_1', null, 'document', 'doc_' || i,
               'success', json_build_object('id', i, 'x', repeat(md5(i::text), 10))::text, sha256(i::text::bytea), sha256(i::text::bytea)
          from generate_series(1, ${rows}::integer) as i`),
    );
  }
  for (let index = 0; index < blobs; index++) await addDocument(place, tenantId, blobBytes);
  const identity = await generateX25519Identity();
  const recipient = { age: await identityToRecipient(identity) };
  const opening = { identity: { identities: [identity] } };
  const pieces: Buffer[] = [];
  const output = new Writable({
    write(piece: Buffer, _encoding, callback) {
      pieces.push(piece);
      callback();
    },
  });
  const { ownerUrl } = place.database;
  const amount = rows > 0 ? rows : blobBytes > SMALL_BYTES ? (blobs * blobBytes) / 1e6 : blobs;
  const unit = rows > 0 ? "rows" : blobBytes > SMALL_BYTES ? "MB" : "objects";
  const take = { ownerUrl, blobs: place.blobs, rootKey: place.root, includeRootKey: false, recipient, output };
  row(`create: ${ownName}`, amount, unit, await timed(() => createBackup(take)));
  row(`verify: ${ownName}`, amount, unit, await timed(() => verifyBackup({ ...opening, input: of(pieces) })));
  const empty = await emptyPlace();
  const restoring = {
    ...opening,
    input: of(pieces),
    ownerUrl: empty.database.ownerUrl,
    appRole: APP_ROLE,
    folders: allFolders,
    blobs: empty.blobs,
    isBlobStoreEmpty: () => Promise.resolve(true),
    rootKey: place.root,
    keepRootKey: () => Promise.resolve(),
    log: testLog,
  };
  row(`restore: ${ownName}`, amount, unit, await timed(() => restoreBackup(restoring)));
  await place.dispose();
  await empty.dispose();
}

await withCluster(async () => {
  console.log(`${availableParallelism()} processors`);
  const identity = await generateX25519Identity();
  const sealed: Buffer[] = [];
  const bytes = 512 * 1024 * 1024;
  const sealing = await timed(async () => {
    for await (const piece of sealAge(zeroes(bytes), { age: await identityToRecipient(identity) })) sealed.push(piece);
  });
  row("age: seal", bytes / 1e6, "MB", sealing);
  const opening = await timed(async () => {
    for await (const piece of openAge(of(sealed), { identities: [identity] })) if (piece.length === 0) break;
  });
  row("age: open", bytes / 1e6, "MB", opening);
  sealed.length = 0;
  await measure("audit rows", ROWS, 0, 0);
  await measure("objects of 64 MiB", 0, LARGE_COUNT, LARGE_BYTES);
  await measure("objects of 4 KiB", 0, SMALL_COUNT, SMALL_BYTES);
});
