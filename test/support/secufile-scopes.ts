/** The scope, or the scopes, that each operation asks for, as the contract says it. A route that is not here fails the tests. */
export const scopeOf: Readonly<Record<string, string>> = {
  createDocument: "documents:write",
  listDocuments: "documents:read",
  getDocument: "documents:read",
  getContent: "documents:read",
  putContent: "documents:write",
  deleteDocument: "documents:write",
  releaseKey: "keys:release",
  createSignature: "signatures:create",
  listSignatures: "signatures:read",
  getSignature: "signatures:read",
  remindSigners: "signatures:create",
  cancelSignature: "signatures:create",
  getEvidence: "signatures:read",
  getCertificate: "signatures:read",
  createKey: "keys:manage",
  listKeys: "keys:manage",
  getKey: "keys:manage",
  createDataKey: "keys:wrap",
  wrapKey: "keys:wrap",
  createWebhook: "webhooks:write",
  listWebhooks: "webhooks:read",
  getWebhook: "webhooks:read",
  updateWebhook: "webhooks:write",
  deleteWebhook: "webhooks:write",
  enableWebhook: "webhooks:write",
  rotateWebhookSecret: "webhooks:write",
  testWebhook: "webhooks:write",
  listWebhookDeliveries: "webhooks:read",
  replayWebhookDelivery: "webhooks:write",
  createToken: "tokens:manage",
  listTokens: "tokens:manage",
  getToken: "tokens:manage",
  revokeToken: "tokens:manage",
  rotateToken: "tokens:manage",
  listAuditRecords: "audit:read",
  getAuditRecord: "audit:read",
  getAuditProof: "audit:read",
  exportAudit: "audit:read audit:export",
  getAuditCheckpoint: "audit:read",
  getAuditTile: "audit:read",
  getAuditEntries: "audit:read",
  getAuditConsistency: "audit:read",
  getAuditKeys: "audit:read",
  getTopCheckpoint: "audit:read",
  getTopTile: "audit:read",
  getTopConsistency: "audit:read",
  getTopEntries: "audit:read",
  getTopProof: "audit:read",
  createAuditStream: "audit:read audit:export",
  listAuditStreams: "audit:read",
  getAuditStream: "audit:read",
  deleteAuditStream: "audit:read audit:export",
  pauseAuditStream: "audit:read audit:export",
  resumeAuditStream: "audit:read audit:export",
};

/** Every scope that a token can hold. */
export const allScopes: readonly string[] = [
  ...["documents:read", "documents:write", "signatures:create", "signatures:read", "audit:read", "audit:export"],
  ...["shares:create", "shares:read", "shares:delete", "buckets:read", "buckets:write", "objects:read"],
  ...["objects:write", "retention:write", "keys:manage", "keys:wrap", "keys:release", "webhooks:read"],
  ...["webhooks:write", "tokens:manage"],
];

export type PublishedOperation = {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  /** The bare path under which it also answers. */
  readonly alias: string;
  readonly hasIdempotencyKey: boolean;
};

type Operation = {
  readonly operationId: string;
  readonly parameters?: readonly { readonly $ref?: string }[];
  readonly "x-aliases"?: readonly string[];
};

/** The operations of a served OpenAPI document. */
export function operationsOf(document: {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}): readonly PublishedOperation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      operationId: operation.operationId,
      method: method.toUpperCase(),
      path,
      alias: operation["x-aliases"]?.[0] ?? "",
      hasIdempotencyKey: (operation.parameters ?? []).some((one) => one.$ref?.endsWith("/Idempotency-Key") === true),
    })),
  );
}
