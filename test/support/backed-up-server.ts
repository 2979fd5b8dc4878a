import { generateKeyPairSync, randomUUID } from "node:crypto";
import { compactDecrypt } from "jose";
import { seededDocument } from "./document-load.ts";
import {
  clientOf,
  expected,
  newOrganisation,
  withScopes,
  type Answer,
  type Client,
  type Json,
} from "./secufile-client.ts";
import type { TestServer } from "./server.ts";

/** A request with an Idempotency-Key, and how it was answered the first time. */
export type KeyedRequest = {
  readonly path: string;
  readonly body: unknown;
  readonly key: string;
  readonly answer: Answer;
};

/** An organisation with documents, keys and a webhook, and all that its clients know of it. */
export type Filled = {
  readonly token: string;
  readonly documents: readonly Json[];
  /** The data keys of documents whose wrapped key is held by the built-in service, base64, by document. */
  readonly dataKeys: ReadonlyMap<string, string>;
  readonly kmsKey: Json;
  /** As made, with its secret. */
  readonly webhook: Json;
};

/** Tokens by what becomes of them. */
export type Tokens = {
  readonly reader: string;
  readonly writer: string;
  readonly releaser: string;
  readonly elsewhere: string;
  readonly revoked: string;
  readonly rotated: string;
  readonly successor: string;
};

export type FillOrder = {
  readonly documents: number;
  /** Where its webhook points. */
  readonly hook: string;
  /** A secret of its own for the webhook; else the server makes one. */
  readonly secret?: string;
};

const SIZES = [0, 1, 300, 4_096, 16_384, 65_535, 65_536, 65_537, 200_000];
const LARGE_BYTES = 5_000_000;

/** Fills the organisation of `api`; its first document is a large one, and every third has a wrapped key. */
export async function fillOrganisation(api: Client, name: string, order: FillOrder): Promise<Filled> {
  const hook = { url: order.hook, events: ["object.uploaded"] };
  const secret = order.secret === undefined ? {} : { secret: order.secret };
  const webhook = expected(await api.post("/webhooks", { ...hook, ...secret }), 201);
  const kmsKey = expected(await api.post("/kms/keys", { name: `${name} key` }), 201);
  const dataKeys = new Map<string, string>();
  const fill = async (index: number): Promise<Json> => {
    const dataKey = index % 3 === 0 ? expected(await api.post(`/kms/keys/${kmsKey.key_id}/data-key`), 201) : undefined;
    const members =
      dataKey === undefined ? {} : { key_wrap: dataKey.key_wrap, wrapped_key: dataKey.wrapped_key, retention_days: 30 };
    const sizeBytes = index === 0 ? LARGE_BYTES : (SIZES[index % SIZES.length] ?? 0);
    const id = await seededDocument(api, { seed: `${name}-${index}`, sizeBytes, members });
    if (dataKey !== undefined) dataKeys.set(id, dataKey.plaintext_key);
    return expected(await api.get(`/documents/${id}`), 200);
  };
  const documents: Json[] = [];
  for (let index = 0; index < order.documents; index++) documents.push(await fill(index));
  return { token: api.token, documents, dataKeys, kmsKey, webhook };
}

export async function makeTokens(api: Client): Promise<Tokens> {
  const revoked = await withScopes(api, ["documents:read"]);
  expected(await api.call("DELETE", `/tokens/${revoked.tokenId}`), 204);
  const rotated = await withScopes(api, ["documents:read"]);
  const successor = await api.post(`/tokens/${rotated.tokenId}/rotate`, { overlap_seconds: 3600 });
  return {
    reader: (await withScopes(api, ["documents:read"])).token,
    writer: (await withScopes(api, ["documents:write"])).token,
    releaser: (await withScopes(api, ["keys:release"])).token,
    elsewhere: (await withScopes(api, ["documents:read"], { ip_allow: ["10.0.0.0/8"] })).token,
    revoked: revoked.token,
    rotated: rotated.token,
    successor: expected(successor, 201).token,
  };
}

/** One whose answer anybody may see again, and one whose answer is a secret. */
export async function makeKeyedRequests(api: Client, filled: Filled): Promise<readonly KeyedRequest[]> {
  const orders = [
    { path: "/documents", body: { filename: "keyed.age", key_wrap: "k", metadata: { seed: "keyed", size: "0" } } },
    { path: `/kms/keys/${filled.kmsKey.key_id}/data-key`, body: undefined },
  ];
  return Promise.all(
    orders.map(async ({ path, body }) => {
      const key = randomUUID();
      const answer = await api.post(path, body, { "idempotency-key": key });
      expected(answer, 201);
      return { path, body, key, answer };
    }),
  );
}

/** The data key of a document as a recipient of its release reads it, base64. */
export async function releasedKey(client: Client, documentId: string): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const order = { recipient_public_key: publicKey.export({ format: "jwk" }), reason: "the machine was lost" };
  const answer = expected(await client.post(`/documents/${documentId}/key-release`, order), 200);
  const { plaintext } = await compactDecrypt(answer.encrypted_key, privateKey);
  return Buffer.from(plaintext).toString("base64");
}

/** A second organisation beside that of the demo, on the same server. */
export async function fillSecondOrganisation(server: TestServer, order: FillOrder): Promise<Filled> {
  return fillOrganisation(await newOrganisation(server), "second", order);
}

/** The same client at another server. */
export function clientAt(server: TestServer, token: string): Client {
  return clientOf(server.origin, token);
}
