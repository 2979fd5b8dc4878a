/** What a token that manages applications can be allowed to do. Keys of applications are no such tokens. */
export const ssksScopes = ["apps:read", "apps:write", "tokens:manage"] as const;

/** What members may do, by their role. */
export const ssksRoleScopes = {
  owner: ssksScopes,
  admin: ssksScopes,
  operator: ["apps:read"],
  auditor: ["apps:read"],
  reader: ["apps:read"],
} as const;
