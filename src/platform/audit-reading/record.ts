/** One row of the audit log as readers see it. `index` is its place in the log: dense, and never given twice. */
export type AuditRecord = {
  readonly index: number;
  /** Lower-case hex. */
  readonly leaf_hash: string;
  readonly id: string;
  readonly at: string;
  readonly actor: {
    readonly type: string;
    readonly id: string;
    readonly email: string | null;
    readonly ip: string | null;
  };
  readonly action: string;
  readonly bucket: string | null;
  readonly resource: { readonly type: string; readonly id: string } | null;
  readonly outcome: "success" | "denied" | "failed";
  readonly details: Readonly<Record<string, unknown>>;
};

export type StoredEvent = { readonly index: string; readonly event: string; readonly leaf_hash: Buffer };

/** What `recordAudit` wrote as canonical JSON. */
type Written = Omit<AuditRecord, "index" | "leaf_hash" | "actor"> & {
  readonly actor: { readonly type: string; readonly id: string; readonly email?: string; readonly ip?: string };
};

export function recordOf(row: StoredEvent): AuditRecord {
  // The text is what `recordAudit` made and nobody can have changed since.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- by the line above
  const written = JSON.parse(row.event) as Written;
  const { actor } = written;
  return {
    index: Number(row.index),
    leaf_hash: row.leaf_hash.toString("hex"),
    id: written.id,
    at: written.at,
    actor: { type: actor.type, id: actor.id, email: actor.email ?? null, ip: actor.ip ?? null },
    action: written.action,
    bucket: written.bucket,
    resource: written.resource,
    outcome: written.outcome,
    details: written.details,
  };
}
