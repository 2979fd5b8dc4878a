import type { SeenLog, SeenTopLog } from "../support/log-rows.ts";
import { objectionsToLog, objectionsToNote, objectionsToTopLog } from "../support/log-soundness.ts";
import { hashOfLeaf, readKey, rootReader } from "../support/tlog-verifier.ts";

/** One request that the server acknowledged. */
export type Acknowledged = {
  readonly idempotencyKey: string;
  /** Ids in all the answers that this key ever got. */
  readonly documentIds: readonly string[];
  readonly sizeBytes: number;
  readonly sha256: string;
};

/** A document as the server has it at the end. */
export type FoundDocument = {
  readonly documentId: string;
  readonly status: string;
  readonly metadataKey: string | null;
  /** Of the bytes that it gives back, or null when it gives none. */
  readonly content: { readonly sizeBytes: number; readonly sha256: string } | null;
};

/** One request that reached the receiver. */
export type Delivery = {
  readonly endpointId: string;
  readonly deliveryId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly seq: number;
  readonly documentId: string;
  readonly sha256: string;
  /** SHA-256 of the body as it came. */
  readonly bodySha256: string;
  readonly isSignatureGood: boolean;
};

export type FoundKey = { readonly idempotencyKey: string; readonly state: string };
export type FoundAudit = {
  readonly eventId: string;
  readonly action: string;
  readonly documentId: string;
  readonly outcome: string;
};

/** The organisation's audit log and the one above all, and what a monitor had of them while the server was killed. */
export type FoundLogs = {
  readonly audit: SeenLog;
  readonly top: SeenTopLog;
  readonly keys: { readonly audit: string; readonly top: string };
  /** Checkpoints as they were handed out. */
  readonly handedOut: { readonly audit: readonly string[]; readonly top: readonly string[] };
};

/** All that was seen of one run. The checker looks at nothing else. */
export type Observations = {
  readonly endpointIds: readonly string[];
  readonly acknowledged: readonly Acknowledged[];
  readonly documents: readonly FoundDocument[];
  readonly deliveries: readonly Delivery[];
  readonly idempotencyKeys: readonly FoundKey[];
  readonly audit: readonly FoundAudit[];
  readonly logs: FoundLogs;
};

const UPLOADED = "object.uploaded";

/** Everything that is not as promised, each in one sentence; an empty list when all promises were kept. */
export function objectionsTo(seen: Observations): string[] {
  return [
    ...documentObjections(seen),
    ...contentObjections(seen),
    ...eventObjections(seen),
    ...deliveryObjections(seen),
    ...seen.endpointIds.flatMap((endpointId) => seqObjections(seen, endpointId)),
    ...keyObjections(seen),
    ...auditObjections(seen),
    ...logObjections(seen),
  ];
}

/** Each acknowledged creation is one document, and there is no other document. */
function documentObjections({ acknowledged, documents }: Observations): string[] {
  const objections: string[] = [];
  const found = countBy(documents, (document) => document.documentId);
  for (const { idempotencyKey, documentIds } of acknowledged) {
    const distinct = new Set(documentIds);
    if (distinct.size !== 1) objections.push(`the key ${idempotencyKey} was answered with ${distinct.size} documents`);
    for (const id of distinct) {
      if (found.get(id) !== 1) objections.push(`the acknowledged document ${id} exists ${found.get(id) ?? 0} times`);
    }
  }
  for (const [key, count] of countBy(documents, (document) => document.metadataKey ?? "none")) {
    if (count !== 1) objections.push(`${count} documents came of the key ${key}`);
  }
  if (documents.length !== acknowledged.length) {
    objections.push(`${acknowledged.length} documents were acknowledged, ${documents.length} exist`);
  }
  return objections;
}

function contentObjections({ acknowledged, documents }: Observations): string[] {
  const byId = new Map(documents.map((document) => [document.documentId, document]));
  return acknowledged.flatMap(({ documentIds, sizeBytes, sha256 }) => {
    const document = byId.get(documentIds[0] ?? "");
    if (document === undefined) return [];
    if (document.status !== "stored") return [`the document ${document.documentId} is ${document.status}`];
    const isSame = document.content?.sizeBytes === sizeBytes && document.content.sha256 === sha256;
    return isSame ? [] : [`the document ${document.documentId} gives back other bytes than were sent`];
  });
}

/** For each endpoint and stored document: exactly one event, which arrived at least once and tells of these bytes. */
function eventObjections({ documents, deliveries, endpointIds }: Observations): string[] {
  const objections: string[] = [];
  for (const endpointId of endpointIds) {
    const received = deliveries.filter((delivery) => delivery.endpointId === endpointId);
    const byDocument = Map.groupBy(received, (delivery) => delivery.documentId);
    for (const { documentId, content } of documents) {
      const told = byDocument.get(documentId) ?? [];
      const eventIds = new Set(told.map((delivery) => delivery.eventId));
      if (eventIds.size !== 1)
        objections.push(`${endpointId} got ${eventIds.size} events of the document ${documentId}`);
      if (told.some((delivery) => delivery.eventType !== UPLOADED)) {
        objections.push(`${endpointId} was told something else than ${UPLOADED} of ${documentId}`);
      }
      if (told.some((delivery) => delivery.sha256 !== content?.sha256)) {
        objections.push(`${endpointId} was told another hash of the document ${documentId}`);
      }
    }
    for (const documentId of byDocument.keys()) {
      const isKnown = documents.some((document) => document.documentId === documentId);
      if (!isKnown) objections.push(`${endpointId} was told of the document ${documentId}, which does not exist`);
    }
  }
  return objections;
}

/** Whatever is sent again has the same ids and the very same bytes, and each is signed. */
function deliveryObjections({ deliveries }: Observations): string[] {
  const objections: string[] = [];
  for (const [deliveryId, copies] of Map.groupBy(deliveries, (delivery) => delivery.deliveryId)) {
    if (new Set(copies.map((copy) => copy.bodySha256)).size !== 1) {
      objections.push(`the delivery ${deliveryId} was sent with different bytes`);
    }
    if (new Set(copies.map((copy) => copy.eventId)).size !== 1) {
      objections.push(`the delivery ${deliveryId} was sent with different event ids`);
    }
  }
  for (const [place, copies] of Map.groupBy(deliveries, (delivery) => `${delivery.endpointId}/${delivery.eventId}`)) {
    if (new Set(copies.map((copy) => copy.deliveryId)).size !== 1) {
      objections.push(`the event ${place} was sent as several deliveries`);
    }
  }
  const unsigned = deliveries.filter((delivery) => !delivery.isSignatureGood);
  if (unsigned.length > 0) objections.push(`${unsigned.length} deliveries were not signed as they should be`);
  return objections;
}

/** The numbers of an endpoint's deliveries are 1, 2, 3 … without a hole, each for one delivery. */
function seqObjections({ deliveries }: Observations, endpointId: string): string[] {
  const received = deliveries.filter((delivery) => delivery.endpointId === endpointId);
  const bySeq = Map.groupBy(received, (delivery) => delivery.seq);
  const objections: string[] = [];
  for (const [seq, copies] of bySeq) {
    const ids = new Set(copies.map((copy) => copy.deliveryId));
    if (ids.size !== 1) objections.push(`${endpointId} got the number ${seq} for ${ids.size} deliveries`);
  }
  const count = new Set(received.map((delivery) => delivery.deliveryId)).size;
  for (let seq = 1; seq <= count; seq++) {
    if (!bySeq.has(seq)) objections.push(`${endpointId} has a hole at the number ${seq}`);
  }
  return objections;
}

function keyObjections({ idempotencyKeys, acknowledged }: Observations): string[] {
  const states = new Map(idempotencyKeys.map((found) => [found.idempotencyKey, found.state]));
  const running = idempotencyKeys.filter((found) => found.state === "running");
  return [
    ...running.map((found) => `the key ${found.idempotencyKey} still counts as running`),
    ...acknowledged
      .filter((each) => !states.has(each.idempotencyKey))
      .map((each) => `the acknowledged key ${each.idempotencyKey} was forgotten`),
  ];
}

/** Exactly one row that tells of the creation and one of the content, for each document. */
function auditObjections({ documents, audit }: Observations): string[] {
  const counts = countBy(audit, (row) => `${row.action}/${row.outcome}/${row.documentId}`);
  return documents.flatMap(({ documentId }) =>
    ["secufile.createDocument", "secufile.storeContent"].flatMap((action) => {
      const count = counts.get(`${action}/success/${documentId}`) ?? 0;
      return count === 1 ? [] : [`the audit log tells ${count} times of ${action} of ${documentId}`];
    }),
  );
}

/** Every event has its place, and no checkpoint that was ever signed is contradicted: neither kept nor handed out. */
function logObjections({ audit, logs }: Observations): string[] {
  const keys = { audit: readKey(logs.keys.audit), top: readKey(logs.keys.top) };
  const placed = new Set(logs.audit.leaves.map((leaf) => leaf.event_id));
  const roots = {
    audit: rootReader(logs.audit.leaves.map((leaf) => hashOfLeaf(leaf.entry))),
    top: rootReader(logs.top.leaves.map((leaf) => hashOfLeaf(leaf.entry))),
  };
  return [
    ...objectionsToLog(logs.audit, keys.audit),
    ...objectionsToTopLog(logs.top, keys.top),
    ...audit
      .filter((row) => !placed.has(row.eventId))
      .map((row) => `the event ${row.eventId} of ${row.documentId} has no place in the log`),
    ...(["audit", "top"] as const).flatMap((log) =>
      logs.handedOut[log].flatMap((note) => objectionsToNote(note, keys[log], roots[log])),
    ),
  ];
}

function countBy<T>(entries: readonly T[], keyOf: (entry: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const entry of entries) counts.set(keyOf(entry), (counts.get(keyOf(entry)) ?? 0) + 1);
  return counts;
}
