import { recordAudit } from "../../audit/audit.ts";
import { actorOf } from "../../credentials/operations.ts";
import { pageOf, positionOf } from "../../db/paging.ts";
import type { TenantKeys } from "../../keys/keyring.ts";
import type { Call } from "../../product.ts";
import { memberError } from "../errors.ts";
import { addressHash, emailOf, nameOf, type EndSessions, type MemberRow } from "../member.ts";
import { mayTouch } from "../roles.ts";
import type { ChangeMemberRequest, MemberView } from "../schema.ts";
import { deleteSpareAddresses } from "../store/known-addresses.ts";
import { updateLinksEnded } from "../store/links.ts";
import {
  deleteMember,
  deletePlace,
  deleteRecoveryCodes,
  listMembers as listMemberRows,
  lockMember,
  lockOwners,
  updateRole,
} from "../store/members.ts";

export async function listMembers(
  call: Call,
  query: { limit: number; cursor?: string | undefined; page?: number | undefined },
): Promise<{ data: MemberView[]; next_cursor: string | null }> {
  const position = positionOf(query);
  const rows = await call.read((tx) => listMemberRows(tx, call.caller.tenantId, position));
  return pageOf(rows, position, { id: (row) => row.id, show: (row) => viewOfMember(call.keys, row) });
}

/** Takes effect on every process within a second. One active owner stays, also when two are demoted at once. */
export async function changeMember(
  call: Call,
  id: string,
  request: ChangeMemberRequest,
  endSessions: EndSessions,
): Promise<MemberView> {
  const { tenantId } = call.caller;
  return call.write(async (tx) => {
    const owners = await lockOwners(tx, tenantId);
    const row = found(await lockMember(tx, tenantId, id), id);
    const role = request.role ?? row.role;
    const state = request.state ?? row.state;
    refuseOwnersMatter(call, [row.role, role]);
    if (role !== "owner" || state !== "active") refuseLastOwner(owners, id);
    await updateRole(tx, tenantId, { id, role, state, now: call.now });
    if (state === "suspended") await endSessions(tx, tenantId, { memberId: id, reason: "suspended", now: call.now });
    await recordAudit(tx, tenantId, {
      action: "platform.changeMember",
      at: call.now,
      actor: actorOf(call),
      resource: { type: "member", id },
      outcome: "success",
      details: { from: { role: row.role, state: row.state }, to: { role, state } },
    });
    return viewOfMember(call.keys, { ...row, role, state });
  });
}

/** Removes the member: address, name, password and codes go; the audit log keeps the id. */
export async function removeMember(call: Call, id: string, endSessions: EndSessions): Promise<void> {
  const { tenantId } = call.caller;
  const { keyring } = call.services;
  await call.write(async (tx) => {
    const owners = await lockOwners(tx, tenantId);
    const row = found(await lockMember(tx, tenantId, id), id);
    refuseOwnersMatter(call, [row.role]);
    refuseLastOwner(owners, id);
    await endSessions(tx, tenantId, { memberId: id, reason: "removed", now: call.now });
    await deletePlace(tx, addressHash(keyring, emailOf(call.keys, row)), tenantId);
    await deleteSpareAddresses(tx, tenantId, { memberId: id, hash: null, kept: 0 });
    await deleteRecoveryCodes(tx, tenantId, id);
    await updateLinksEnded(tx, tenantId, id, call.now);
    await deleteMember(tx, tenantId, id);
    await recordAudit(tx, tenantId, {
      action: "platform.removeMember",
      at: call.now,
      actor: actorOf(call),
      resource: { type: "member", id },
      outcome: "success",
      details: { role: row.role },
    });
  });
}

export function viewOfMember(keys: TenantKeys, row: MemberRow): MemberView {
  return {
    member_id: row.id,
    email: emailOf(keys, row),
    name: nameOf(keys, row),
    role: row.role,
    state: row.state,
    locale: row.locale,
    has_totp: row.totp_confirmed_at !== null,
    created_at: row.created_at.toISOString(),
  };
}

function found(row: MemberRow | null, id: string): MemberRow {
  if (row === null) throw memberError("member_not_found", `There is no member ${id}.`);
  return row;
}

function refuseOwnersMatter(call: Call, roles: readonly MemberRow["role"][]): void {
  if (!mayTouch(call.caller.member?.role ?? null, roles)) {
    throw memberError("owner_needed", "Only an owner makes, changes or removes owners.");
  }
}

function refuseLastOwner(owners: readonly string[], id: string): void {
  if (owners.length === 1 && owners[0] === id) {
    throw memberError("last_owner", "This is the last active owner; make another one first.");
  }
}
