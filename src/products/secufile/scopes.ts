/** What a SecuFile token can be allowed to do, as the published document spells it. */
export const secufileScopes = [
  "documents:read",
  "documents:write",
  "signatures:create",
  "signatures:read",
  "audit:read",
  "audit:export",
  "shares:create",
  "shares:read",
  "shares:delete",
  "buckets:read",
  "buckets:write",
  "objects:read",
  "objects:write",
  "retention:write",
  "keys:manage",
  "keys:wrap",
  "keys:release",
  "webhooks:read",
  "webhooks:write",
  "tokens:manage",
] as const;

const reading = ["documents:read", "signatures:read", "shares:read", "buckets:read", "objects:read"] as const;
const working = [
  ...["documents:write", "signatures:create", "shares:create", "shares:delete", "objects:write"],
  ...["keys:wrap", "keys:release", "webhooks:read"],
] as const;

/** What members may do, by their role. */
export const secufileRoleScopes = {
  owner: secufileScopes,
  admin: secufileScopes,
  operator: [...reading, ...working],
  auditor: ["audit:read", "audit:export", "documents:read", "signatures:read"],
  reader: reading,
} as const;
