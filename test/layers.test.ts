import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { importBreaches, platformOrder } from "./support/layer-laws.ts";
import { environmentBreaches, networkBreaches, purityBreaches, sqlBreaches } from "./support/reach-laws.ts";
import { readProject, shown, type Breach, type SourceFile } from "./support/source-file.ts";

type Law = (files: readonly SourceFile[]) => readonly Breach[];
/** Path, source, and a part of what the law says to it. */
type Sample = readonly [path: string, source: string, objection: RegExp];

const FILE = "src/products/alpha";

/**
 * Breaches that stood before the law did. A line may be taken away, never added: fix the file instead. The last
 * test of this file fails when a line is no longer needed.
 */
const OLD_OFFENDERS: readonly string[] = [];

const project = readProject();

function objections(law: Law, path: string, source: string): readonly string[] {
  return law([{ path, source }]).map((breach) => breach.law);
}

function samples(law: Law, breached: readonly Sample[], kept: readonly (readonly [string, string])[]): void {
  for (const [path, source, objection] of breached) {
    test(`objects to ${source} in ${path}`, () => {
      const found = objections(law, path, source);
      assert.ok(
        found.some((text) => objection.test(text)),
        `said: ${JSON.stringify(found)}`,
      );
    });
  }
  for (const [path, source] of kept) {
    test(`accepts ${source} in ${path}`, () => assert.deepEqual(objections(law, path, source), []));
  }
}

function projectKeeps(law: Law): void {
  test("the project keeps it", () => {
    const found = law(project).filter((breach) => !OLD_OFFENDERS.includes(breach.path));
    assert.deepEqual(shown(found), []);
  });
}

describe("direction: main.ts -> products -> platform, and inside the platform in its order", () => {
  samples(
    importBreaches,
    [
      [
        "src/platform/jobs/runner.ts",
        "import { x } from '../../products/alpha/store.ts'",
        /platform imports a product/,
      ],
      ["src/platform/jobs/runner.ts", "import '../../products/alpha/store.ts'", /platform imports a product/],
      [`${FILE}/operations.ts`, "import type { X } from '../beta/operations.ts'", /imports another product/],
      [`${FILE}/operations.ts`, "await import('../beta/operations.ts')", /imports another product/],
      [`${FILE}/operations.ts`, "export { x } from '../beta/operations.ts'", /imports another product/],
      [`${FILE}/operations.ts`, "export * from '../beta/operations.ts'", /imports another product/],
      [`${FILE}/operations.ts`, "type X = import('../beta/schema.ts').X", /imports another product/],
      [`${FILE}/operations.ts`, "const x = require('../beta/schema.ts')", /imports another product/],
      [`${FILE}/operations.ts`, "const name = 'a'; await import(name)", /not written out/],
      [`${FILE}/seal.test.ts`, "import { x } from '../beta/store.ts'", /imports another product/],
      ["src/platform/db/tx.test.ts", "import { x } from '../../products/alpha/store.ts'", /test of the platform/],
      [`${FILE}/operations.ts`, "import { x } from '../../main.ts'", /nothing imports main/],
      [`${FILE}/operations.ts`, "import { x } from '../../../test/support/database.ts'", /src\/ may not import/],
      ["src/platform/db/tx.ts", "import { x } from '../jobs/jobs.ts'", /stands before/],
      ["src/platform/db/tx.ts", "import type { X } from '../jobs/jobs.ts'", /stands before/],
      ["src/platform/clock/clock.ts", "import { x } from '../misc/x.ts'", /no place in the order/],
      ["src/platform/misc/x.ts", "import { x } from '../clock/clock.ts'", /no place in the order/],
      ["src/platform/jobs/jobs.ts", "import { x } from '../product.ts'", /types only/],
      ["src/platform/product.ts", "import { x } from './jobs/jobs.ts'", /types only/],
      [`${FILE}/product.ts`, "import { x } from '../../platform/product.ts'", /types only/],
      ["src/platform/jobs/jobs.ts", "import { x } from '../platform-migrations.ts'", /an area may not import/],
      ["src/platform/webhooks/sender.ts", "import { x } from './test-world.ts'", /only tests use/],
      [`${FILE}/operations.ts`, "import { x } from './seal.test.ts'", /only tests use/],
      ["cli/main.ts", "import type { X } from '../src/platform/db/tx.ts'", /speaks HTTP only/],
      ["console/app.tsx", "import { x } from '../src/products/alpha/schema.ts'", /speaks HTTP only/],
      ["test/e2e/alpha.test.ts", "await import('../../src/products/alpha/store.ts')", /speaks HTTP only/],
    ],
    [
      ["src/main.ts", "import { x } from './products/alpha/product.ts'; import { y } from './platform/db/tx.ts'"],
      ["src/platform/jobs/jobs.ts", "import { x } from '../db/tx.ts'; import type { Y } from '../product.ts'"],
      ["src/platform/product.ts", "import type { X } from './server/listen.ts'"],
      ["src/platform/platform-migrations.ts", "import { x } from './db/migrate.ts'"],
      [`${FILE}/seal.test.ts`, "import { x } from './store.ts'; import { y } from '../../../test/support/database.ts'"],
      ["src/platform/webhooks/test-world.ts", "import { x } from '../../../test/support/database.ts'"],
      ["cli/main.ts", "import { x } from './client.ts'"],
      ["test/e2e/alpha.test.ts", "const main = new URL('../../src/main.ts', import.meta.url)"],
    ],
  );

  test("every folder of the platform has one place in its order", () => {
    assert.equal(new Set(platformOrder).size, platformOrder.length);
    const areas = project
      .map((file) => /^src\/platform\/([^/]+)\//.exec(file.path)?.[1])
      .filter((area) => area !== undefined);
    assert.deepEqual(
      [...new Set(areas)].filter((area) => !platformOrder.includes(area)),
      [],
    );
  });
});

describe("the table of roles: what each file of a product may import", () => {
  const platform = "../../platform";
  samples(
    importBreaches,
    [
      [`${FILE}/product.ts`, `import { x } from '${platform}/db/tx.ts'`, /product\.ts may not import platform\/db/],
      [`${FILE}/auth.ts`, "import { x } from './operations.ts'", /auth\.ts may not import operations/],
      [`${FILE}/dialect.ts`, "import { x } from './store.ts'", /dialect\.ts may not import store/],
      [`${FILE}/routes.ts`, "import { x } from './store.ts'", /routes\.ts may not import store/],
      [`${FILE}/routes.ts`, `import { x } from '${platform}/db/tx.ts'`, /routes\.ts may not import platform\/db/],
      [`${FILE}/schema.ts`, "import { x } from './store.ts'", /schema\.ts may not import store/],
      [`${FILE}/operations.ts`, "import { x } from './routes.ts'", /operations\.ts may not import routes/],
      [`${FILE}/operations.ts`, "import { x } from './jobs.ts'", /operations\.ts may not import jobs/],
      [`${FILE}/operations.ts`, `import { x } from '${platform}/http/route.ts'`, /may not import platform\/http/],
      [`${FILE}/operations/seal.ts`, `import { x } from '../../../platform/server/listen.ts'`, /platform\/server/],
      [
        `${FILE}/store.ts`,
        `import { x } from '${platform}/audit/audit.ts'`,
        /store\.ts may not import platform\/audit/,
      ],
      [`${FILE}/store/documents.ts`, "import { x } from '../errors.ts'", /store\.ts may not import errors/],
      [`${FILE}/store.ts`, "import { x } from './quorum.ts'", /types of nouns only/],
      [`${FILE}/errors.ts`, "import { x } from './schema.ts'", /errors\.ts may not import schema/],
      [`${FILE}/events.ts`, "import { x } from './store.ts'", /events\.ts may not import store/],
      [`${FILE}/jobs.ts`, "import { x } from './store.ts'", /jobs\.ts may not import store/],
      [`${FILE}/quorum.ts`, "import { x } from './store.ts'", /noun\.ts may not import store/],
      [`${FILE}/quorum.ts`, `import { x } from '${platform}/ids/ids.ts'`, /noun\.ts may not import platform\/ids/],
      [`${FILE}/s3/routes.ts`, "import { x } from '../store.ts'", /routes\.ts may not import store/],
      ["src/platform/tenants/store.ts", "import { x } from '../audit/audit.ts'", /store\.ts may not import platform/],
    ],
    [
      [`${FILE}/product.ts`, "import { x } from './routes.ts'; import type { P } from '../../platform/product.ts'"],
      [`${FILE}/auth.ts`, `import { x } from './store.ts'; import { y } from '${platform}/credentials/check.ts'`],
      [`${FILE}/routes.ts`, `import { x } from './operations.ts'; import { y } from '${platform}/http/route.ts'`],
      [
        `${FILE}/routes.ts`,
        `import { x } from './operations/seal.ts'; import type { C } from '${platform}/product.ts'`,
      ],
      [`${FILE}/operations.ts`, `import { x } from './store.ts'; import { y } from '${platform}/audit/audit.ts'`],
      [`${FILE}/operations/seal.ts`, "import { x } from './release.ts'; import { y } from '../store/documents.ts'"],
      [`${FILE}/store.ts`, `import { sql } from '${platform}/db/sql.ts'; import type { Q } from './quorum.ts'`],
      [`${FILE}/quorum.ts`, "import { x } from './merkle-proof.ts'"],
      [`${FILE}/s3/routes.ts`, "import { x } from '../operations.ts'; import { y } from './signature.ts'"],
      ["src/platform/events/events.ts", "import { x } from './store.ts'"],
    ],
  );
  projectKeeps(importBreaches);
});

describe("the environment is read in platform/config only", () => {
  const law = /platform\/config only/;
  samples(
    environmentBreaches,
    [
      [`${FILE}/auth.ts`, "process.env.HOME", law],
      [`${FILE}/auth.ts`, "process['env']['HOME']", law],
      [`${FILE}/auth.ts`, "globalThis.process.env", law],
      [`${FILE}/auth.ts`, "const { env } = process", law],
      [`${FILE}/auth.ts`, "import { env } from 'node:process'", law],
      [`${FILE}/auth.ts`, "import process from 'process'", law],
    ],
    [
      ["src/platform/config/config.ts", "process.env.HOME"],
      ["src/platform/db/embedded.ts", "const { platform } = process"],
    ],
  );
  projectKeeps(environmentBreaches);
});

describe("connections are opened in platform/outbound only, and sockets listen in platform/server only", () => {
  const law = /only platform\/outbound opens|beside platform\/outbound/;
  samples(
    networkBreaches,
    [
      ["src/platform/keys/kms.ts", "import { request } from 'node:https'", law],
      ["src/platform/keys/kms.ts", "import http from 'node:http'", law],
      ["src/platform/keys/kms.ts", "import * as net from 'net'", law],
      ["src/platform/keys/kms.ts", "import { connect } from 'node:tls'", law],
      ["src/platform/keys/kms.ts", "import { lookup } from 'node:dns/promises'", law],
      ["src/platform/keys/kms.ts", "await import('node:http2')", law],
      ["src/platform/keys/kms.ts", "import { fetch } from 'undici'", law],
      ["src/platform/keys/kms.ts", "await fetch('https://example.org')", law],
      ["src/platform/keys/kms.ts", "await globalThis.fetch('https://example.org')", law],
      ["src/platform/keys/kms.ts", "new WebSocket('wss://example.org')", law],
      [`${FILE}/jobs.ts`, "import { createServer } from 'node:http'", law],
      ["src/platform/server/listen.ts", "import { connect } from 'node:net'", law],
    ],
    [
      ["src/platform/outbound/connect.ts", "import { connect } from 'node:net'; import tls from 'node:tls'"],
      ["src/platform/server/listen.ts", "import { createServer } from 'node:http'"],
      ["src/platform/config/settings.ts", "import { BlockList, isIP } from 'node:net'"],
      [`${FILE}/auth.ts`, "import type { IncomingMessage } from 'node:http'"],
      [`${FILE}/jobs.ts`, "await services.outbound.fetch(url)"],
      [`${FILE}/jobs.test.ts`, "import { createServer } from 'node:http'"],
    ],
  );
  projectKeeps(networkBreaches);
});

describe("SQL stands in store files and platform/db only", () => {
  const law = /store files only/;
  samples(
    sqlBreaches,
    [
      [`${FILE}/operations.ts`, "await tx.run(sql`select 1`)", law],
      [`${FILE}/operations.ts`, "await tx.one(sql<Row>`select 1`)", law],
      [`${FILE}/jobs.ts`, "client.query('delete from alpha.documents')", law],
      [`${FILE}/jobs.ts`, "client.query(`update ${table} set name = 1`)", law],
      [`${FILE}/jobs.ts`, "client.query(`create table ${name} (id text)`)", law],
    ],
    [
      [`${FILE}/store.ts`, "await tx.run(sql`select 1`)"],
      [`${FILE}/store/documents.ts`, "await tx.run(sql`select 1`)"],
      ["src/platform/db/tx.ts", "await client.query('select a from b')"],
      [`${FILE}/store.test.ts`, "await tx.run(sql`select 1`)"],
      [`${FILE}/routes.ts`, "const summary = 'Revoke a token'"],
    ],
  );
  projectKeeps(sqlBreaches);
});

describe("nouns are pure, and a product takes time and chance from the platform", () => {
  const pure = /no I\/O, clock or randomness/;
  const clock = /come from the platform/;
  samples(
    purityBreaches,
    [
      [`${FILE}/quorum.ts`, "import { readFile } from 'node:fs/promises'", pure],
      [`${FILE}/quorum.ts`, "import { connect } from 'node:net'", pure],
      [`${FILE}/quorum.ts`, "import { randomBytes } from 'node:crypto'", pure],
      [`${FILE}/quorum.ts`, "import crypto from 'node:crypto'", pure],
      [`${FILE}/quorum.ts`, "await import('node:child_process')", pure],
      [`${FILE}/quorum.ts`, "crypto.getRandomValues(bytes)", pure],
      [`${FILE}/quorum.ts`, "performance.now()", pure],
      [`${FILE}/quorum.ts`, "setTimeout(again, 5)", pure],
      [`${FILE}/quorum.ts`, "Date.now()", clock],
      [`${FILE}/quorum.ts`, "new Date()", clock],
      [`${FILE}/operations.ts`, "Math.random()", clock],
      [`${FILE}/operations.ts`, "const now = new Date()", clock],
    ],
    [
      [`${FILE}/quorum.ts`, "import { createHash } from 'node:crypto'; export const at = new Date(0)"],
      [`${FILE}/operations.ts`, "const now = call.now; new Date(now.getTime() + 1)"],
      [`${FILE}/quorum.test.ts`, "new Date(); Math.random()"],
    ],
  );
  projectKeeps(purityBreaches);
});

test("the list of old offenders only shrinks: each of them still offends", () => {
  const laws = [importBreaches, environmentBreaches, networkBreaches, sqlBreaches, purityBreaches];
  const offending = new Set(laws.flatMap((law) => law(project)).map((breach) => breach.path));
  assert.deepEqual(
    OLD_OFFENDERS.filter((path) => !offending.has(path)),
    [],
  );
});
