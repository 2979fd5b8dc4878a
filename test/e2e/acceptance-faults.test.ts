import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { objectionsTo, type Delivery, type FoundLogs, type Observations } from "../faults/checker.ts";
import { runFaults } from "../faults/run.ts";
import { faultlessLogs, foreignCheckpoint } from "../faults/faultless-logs.ts";

/** What a run sees in which nothing goes wrong: two documents, two endpoints, one delivery sent twice. */
function faultless(): Observations {
  const documents = [1, 2].map((n) => ({
    documentId: `doc_${n}`,
    status: "stored",
    metadataKey: `key_${n}`,
    content: { sizeBytes: n, sha256: `hash_${n}` },
  }));
  const endpointIds = ["whk_a", "whk_b"];
  const deliveries = endpointIds.flatMap((endpointId) =>
    [1, 2].map((n) => ({
      endpointId,
      deliveryId: `dlv_${endpointId}_${n}`,
      eventId: `evt_${n}`,
      eventType: "object.uploaded",
      seq: n,
      documentId: `doc_${n}`,
      sha256: `hash_${n}`,
      bodySha256: `body_${endpointId}_${n}`,
      isSignatureGood: true,
    })),
  );
  const audit = documents.flatMap(({ documentId }) =>
    ["secufile.createDocument", "secufile.storeContent"].map((action) => ({
      eventId: `aud_${documentId}_${action}`,
      action,
      documentId,
      outcome: "success",
    })),
  );
  return {
    endpointIds,
    acknowledged: documents.map(({ documentId, metadataKey, content }) => ({
      idempotencyKey: metadataKey,
      documentIds: [documentId, documentId],
      ...content,
    })),
    documents,
    deliveries: [...deliveries, ...deliveries.slice(0, 1)],
    idempotencyKeys: documents.map(({ metadataKey }) => ({ idempotencyKey: metadataKey, state: "done" })),
    audit,
    logs: faultlessLogs(audit.map((row) => row.eventId)),
  };
}

/** `list` with a change made to its first entry. */
function withFirst<T>(list: readonly T[], change: Partial<T>): T[] {
  return list.map((entry, at) => (at === 0 ? { ...entry, ...change } : entry));
}

/** `list` and a changed copy of its first entry. */
function withTwin<T>(list: readonly T[], change: Partial<T>): T[] {
  return [...list, ...withFirst(list.slice(0, 1), change)];
}

const withDelivery = (seen: Observations, change: Partial<Delivery>): Observations => ({
  ...seen,
  deliveries: withFirst(seen.deliveries, change),
});

const withLogs = (seen: Observations, change: (logs: FoundLogs) => Partial<FoundLogs>): Observations => ({
  ...seen,
  logs: { ...seen.logs, ...change(seen.logs) },
});

/** What a defect of the server would look like, and a part of what the checker has to say to it. */
const doctored: Readonly<Record<string, readonly [(seen: Observations) => Observations, RegExp]>> = {
  "a document that was acknowledged and is lost": [
    (seen) => ({ ...seen, documents: seen.documents.slice(1) }),
    /the acknowledged document doc_1 exists 0 times/,
  ],
  "a document that came into being twice under one key": [
    (seen) => ({
      ...seen,
      documents: withTwin(seen.documents, { documentId: "doc_3" }),
    }),
    /2 documents came of the key key_1/,
  ],
  "a document that nobody was told of": [
    (seen) => ({
      ...seen,
      documents: withTwin(seen.documents, { documentId: "doc_3", metadataKey: null }),
    }),
    /2 documents were acknowledged, 3 exist/,
  ],
  "a key that is answered with another document the second time": [
    (seen) => ({ ...seen, acknowledged: withFirst(seen.acknowledged, { documentIds: ["doc_1", "doc_2"] }) }),
    /the key key_1 was answered with 2 documents/,
  ],
  "a changed byte": [
    (seen) => ({ ...seen, documents: withFirst(seen.documents, { content: { sizeBytes: 1, sha256: "other" } }) }),
    /the document doc_1 gives back other bytes/,
  ],
  "content that is gone": [
    (seen) => ({ ...seen, documents: withFirst(seen.documents, { content: null }) }),
    /the document doc_1 gives back other bytes/,
  ],
  "a document that waits for ever": [
    (seen) => ({ ...seen, documents: withFirst(seen.documents, { status: "pending" }) }),
    /the document doc_1 is pending/,
  ],
  "an event that one endpoint never got": [
    (seen) => ({
      ...seen,
      deliveries: seen.deliveries.filter((each) => each.endpointId !== "whk_b" || each.documentId !== "doc_2"),
    }),
    /whk_b got 0 events of the document doc_2/,
  ],
  "two events of one document": [
    (seen) => ({
      ...seen,
      deliveries: withTwin(seen.deliveries, { eventId: "evt_3", deliveryId: "dlv_3", seq: 3 }),
    }),
    /whk_a got 2 events of the document doc_1/,
  ],
  "an event of a document that does not exist": [
    (seen) => withDelivery(seen, { documentId: "doc_9" }),
    /was told of the document doc_9, which does not exist/,
  ],
  "an event that tells another hash": [
    (seen) => withDelivery(seen, { sha256: "other" }),
    /was told another hash of the document doc_1/,
  ],
  "an event of failure for a stored document": [
    (seen) => withDelivery(seen, { eventType: "object.failed" }),
    /was told something else than object\.uploaded/,
  ],
  "a delivery that is sent again with other bytes": [
    (seen) => withDelivery(seen, { bodySha256: "other" }),
    /dlv_whk_a_1 was sent with different bytes/,
  ],
  "a delivery that is sent again under another event's id": [
    (seen) => withDelivery(seen, { eventId: "evt_9" }),
    /dlv_whk_a_1 was sent with different event ids/,
  ],
  "an event that is sent again as another delivery": [
    (seen) => withDelivery(seen, { deliveryId: "dlv_9" }),
    /evt_1 was sent as several deliveries/,
  ],
  "a delivery without a good signature": [
    (seen) => withDelivery(seen, { isSignatureGood: false }),
    /1 deliveries were not signed/,
  ],
  "a hole in the numbers": [
    (seen) => ({ ...seen, deliveries: seen.deliveries.map((each) => (each.seq === 2 ? { ...each, seq: 3 } : each)) }),
    /whk_a has a hole at the number 2/,
  ],
  "one number for two deliveries": [
    (seen) => ({ ...seen, deliveries: seen.deliveries.map((each) => ({ ...each, seq: 1 })) }),
    /whk_a got the number 1 for 2 deliveries/,
  ],
  "a key that blocks for ever": [
    (seen) => ({ ...seen, idempotencyKeys: withFirst(seen.idempotencyKeys, { state: "running" }) }),
    /the key key_1 still counts as running/,
  ],
  "an acknowledged key that is forgotten": [
    (seen) => ({ ...seen, idempotencyKeys: seen.idempotencyKeys.slice(1) }),
    /the acknowledged key key_1 was forgotten/,
  ],
  "a missing audit row": [
    (seen) => ({ ...seen, audit: seen.audit.slice(1) }),
    /tells 0 times of secufile\.createDocument of doc_1/,
  ],
  "an audit row too many": [
    (seen) => ({ ...seen, audit: [...seen.audit, ...seen.audit.slice(0, 1)] }),
    /tells 2 times of secufile\.createDocument of doc_1/,
  ],
  "an event that never got its place": [
    (seen) => ({ ...seen, audit: withFirst(seen.audit, { eventId: "aud_9" }) }),
    /the event aud_9 of doc_1 has no place in the log/,
  ],
  "two events that changed places": [
    (seen) => withLogs(seen, ({ audit }) => ({ audit: { ...audit, leaves: audit.leaves.toReversed() } })),
    /the index 3 stands in the place of 0/,
  ],
  "an event that says something else": [
    (seen) =>
      withLogs(seen, ({ audit }) => ({ audit: { ...audit, leaves: withFirst(audit.leaves, { event: "{ }" }) } })),
    /the event of the index 0 is not what was hashed/,
  ],
  "a checkpoint that was handed out and is contradicted": [
    (seen) => withLogs(seen, () => ({ handedOut: { audit: [foreignCheckpoint("audit", 2)], top: [] } })),
    /the signed checkpoint of 2 is contradicted/,
  ],
  "a checkpoint that was handed out over more than there is": [
    (seen) => withLogs(seen, () => ({ handedOut: { audit: [foreignCheckpoint("audit", 9)], top: [] } })),
    /the log is smaller than that/,
  ],
  "a checkpoint of the top log that is contradicted": [
    (seen) => withLogs(seen, () => ({ handedOut: { audit: [], top: [foreignCheckpoint("top", 1)] } })),
    /the signed checkpoint of 1 is contradicted/,
  ],
  "a checkpoint that the top log does not hold": [
    (seen) => withLogs(seen, ({ top }) => ({ top: { ...top, leaves: top.leaves.slice(0, 1) } })),
    /2 checkpoints were signed, the top log holds 1/,
  ],
  "events that no checkpoint covers": [
    (seen) => withLogs(seen, ({ audit }) => ({ audit: { ...audit, checkpoints: audit.checkpoints.slice(0, 1) } })),
    /4 leaves, and the newest checkpoint covers 1/,
  ],
};

describe("the checker of fault runs", () => {
  test("objects to nothing where nothing is wrong", () => assert.deepEqual(objectionsTo(faultless()), []));

  for (const [what, [change, objection]] of Object.entries(doctored)) {
    test(`objects to ${what}`, () => {
      const objections = objectionsTo(change(faultless()));
      assert.ok(
        objections.some((text) => objection.test(text)),
        `said: ${JSON.stringify(objections)}`,
      );
    });
  }
});

test("killed amid uploads, with PostgreSQL and without, the server loses, doubles and changes nothing", async () => {
  const seed = randomBytes(6).toString("hex");
  const lines: string[] = [];
  const report = await runFaults({
    ...{ seed, uploads: 200, kills: 5, postgresEvery: 2, clients: 16 },
    say: (line) => lines.push(line),
  });
  assert.deepEqual(report.objections, [], `npm run test:faults -- --short --seed ${seed}\n${lines.join("\n")}`);
  assert.equal(report.kills, 5);
  assert.equal(report.seen.acknowledged.length, 200);
  assert.equal(report.answers["500"], undefined, "a lost database is no internal error");
});
