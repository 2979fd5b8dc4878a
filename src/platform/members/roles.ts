/** What a member may be, from most to least. */
export const memberRoles = ["owner", "admin", "operator", "auditor", "reader"] as const;
export type MemberRole = (typeof memberRoles)[number];
export type MemberState = "active" | "suspended";

/** The scopes of a product that each role holds. */
export type RoleScopes = Readonly<Record<MemberRole, readonly string[]>>;

/** What each role may do to the organisation's people; `self` is one's own account. */
export const peopleScopes: RoleScopes = {
  owner: ["self", "members:read", "members:manage"],
  admin: ["self", "members:read", "members:manage"],
  operator: ["self"],
  auditor: ["self", "members:read"],
  reader: ["self"],
};

/** Only owners, and the operator of the server, make, change or remove owners. `actor` is null for that operator. */
export function mayTouch(actor: MemberRole | null, roles: readonly MemberRole[]): boolean {
  return actor === null || actor === "owner" || !roles.includes("owner");
}
