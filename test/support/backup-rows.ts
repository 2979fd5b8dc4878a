import { randomBytes } from "node:crypto";
import { sql } from "../../src/platform/db/sql.ts";
import type { Tx } from "../../src/platform/db/tx.ts";
import { newId, uuid } from "../../src/platform/ids/ids.ts";
import type { TenantKeys } from "../../src/platform/keys/keyring.ts";

/** A request for signatures in the midst of it: one signed, one refused, one was written to; and their links. */
export async function addSignatureRows(tx: Tx, keys: TenantKeys, tenantId: string, now: Date): Promise<void> {
  const id = newId("sig", now);
  const sealed = keys.seal("signatures", Buffer.from("Bonjour\n\\ “à” vous"), id);
  await tx.run(sql`insert into secufile.signatures (tenant_id, id, document_id, filename, plaintext_sha256, status,
      sealed_message, required_code, is_delegable, locale, reminder_days, is_live, created_by, created_at, expires_at)
    values (${tenantId}, ${id}, 'doc_gone', 'Ünïcode "a", \\b', ${randomBytes(32)}, 'partially_signed', ${sealed}, 'sms', true,
      'fr', '{3,7}', true, 'crd_1', ${now}, 'infinity')`);
  await tx.run(sql`insert into secufile.signature_signers (tenant_id, signature_id, id, position, state, email, role, name,
      phone, signing_order, delegated_from, invited_at, viewed_at, ended_at, sealed_reason, code_mac, code_sent_at, code_tries,
      sealed_evidence, audit_id)
    values (${tenantId}, ${id}, 'sgn_1', 1, 'signed', 'a@b.example', 'buyer', 'שרה', '+33612345678', 1, null, ${now}, ${now},
      ${now}, null, null, ${now}, 2, ${randomBytes(900)}, 'aud_1'),
      (${tenantId}, ${id}, 'sgn_2', 2, 'declined', 'c@d.example', 'seller', null, null, null, 'sgn_1', null, null, ${now},
      ${randomBytes(80)}, null, null, 0, null, null),
      (${tenantId}, ${id}, 'sgn_3', 3, 'invited', 'e@f.example', '\\N', '', null, 2, null, ${now}, null, null, null,
      ${randomBytes(32)}, ${now}, 5, null, null)`);
  await tx.run(sql`insert into secufile.sign_links (token_mac, tenant_id, document_id, signature_id, signer_id, created_at,
      replaced_at)
    values (${randomBytes(32)}, ${tenantId}, null, ${id}, 'sgn_3', ${now}, null),
      (${randomBytes(32)}, ${tenantId}, null, ${id}, 'sgn_3', ${now}, ${now}),
      (${randomBytes(32)}, ${tenantId}, 'doc_gone', ${id}, null, ${now}, null)`);
  await tx.run(sql`insert into secufile.due_signatures (tenant_id, signature_id, due_at)
    values (${tenantId}, ${id}, 'infinity')`);
}

/** What is sent to people and receivers, and a member's session. */
export async function addPeopleRows(tx: Tx, tenantId: string, now: Date): Promise<void> {
  const [notification, stream] = [newId("ntf", now), newId("ast", now)];
  await tx.run(sql`insert into platform.notifications (tenant_id, id, kind, purpose, state, attempts, created_at, expires_at)
    values (${tenantId}, ${notification}, 'mail', 'secufile.signatureLink', 'waiting', 1, ${now}, 'infinity')`);
  await tx.run(sql`insert into platform.notification_contents (tenant_id, id, sealed)
    values (${tenantId}, ${notification}, ${randomBytes(700)})`);
  await tx.run(sql`insert into platform.audit_streams (tenant_id, id, product, type, name, format, sealed_target, secret,
      signing_key, public_key, is_paused, next_index, failures, created_at)
    values (${tenantId}, ${stream}, 'secufile', 'webhook', 'SIEM', 'jsonl', ${randomBytes(90)}, ${randomBytes(60)},
      ${randomBytes(60)}, 'pk', true, 9007199254740993, 3, ${now})`);
  await tx.run(sql`insert into platform.audit_stream_lanes (tenant_id, stream_id, due_at, owner, lease_until)
    values (${tenantId}, ${stream}, ${now}, null, '-infinity')`);
  await tx.run(sql`insert into platform.sessions (tenant_id, id, member_id, seed, generation, rotated_at, rotated_client,
      created_at, used_at)
    values (${tenantId}, ${newId("ses", now)}, 'mem_1', ${randomBytes(32)}, 3, ${now}, ${randomBytes(32)}, ${now}, ${now})`);
}

/** An application of SSKS with a user of each kind. */
export async function addStorageRows(tx: Tx, tenantId: string, now: Date): Promise<void> {
  const [app, user] = [uuid(), uuid()];
  await tx.run(sql`insert into ssks.app_directory (app_id, tenant_id) values (${app}, ${tenantId})`);
  await tx.run(sql`insert into ssks.apps (tenant_id, id, name, environment, sms_quota, mails_per_hour, slots_per_user,
      is_mark_waived, audit_users, limits, created_at)
    values (${tenantId}, ${app}, 'Pörtal', 'staging', 0, 1, 2, true, 'clear', '{"sends_per_app" : {"burst":1}}', ${now})`);
  await tx.run(sql`insert into ssks.api_keys (tenant_id, app_id, credential_id) values (${tenantId}, ${app}, 'tok_1')`);
  await tx.run(sql`insert into ssks.templates (tenant_id, app_id, id, name, subject, html, is_default, created_at)
    values (${tenantId}, ${app}, ${uuid()}, 'mail', null, '<p>$$CHALLENGE$$\n\\</p>', true, ${now})`);
  await tx.run(
    sql`insert into ssks.sms_usage (tenant_id, app_id, month, sent) values (${tenantId}, ${app}, '2026-11', 7)`,
  );
  await tx.run(sql`insert into ssks.users (tenant_id, id, app_id, user_id, factor_type, factor_mac, created_at)
    values (${tenantId}, ${user}, ${app}, 'ünïcode', 'SMS', ${randomBytes(32)}, ${now})`);
  await tx.run(sql`insert into ssks.identities (tenant_id, user_ref, id, is_authenticated, wrapped_key, sealed_data, stored_at)
    values (${tenantId}, ${user}, ${uuid()}, true, ${randomBytes(65)}, ${randomBytes(9_000)}, ${now})`);
  await tx.run(sql`insert into ssks.sessions (tenant_id, user_ref, session_mac, must_authenticate, is_authenticated,
      challenge_mac, tries, created_at, expires_at)
    values (${tenantId}, ${user}, ${randomBytes(32)}, true, false, ${randomBytes(32)}, 4, ${now}, ${now})`);
  await tx.run(sql`insert into ssks.slots (tenant_id, app_id, user_id, secret_mac, id, wrapped_key, sealed_data, stored_at)
    values (${tenantId}, ${app}, 'u', ${randomBytes(32)}, ${uuid()}, ${randomBytes(65)}, ${randomBytes(40)}, ${now})`);
  await tx.run(sql`insert into platform.rate_buckets (key_hash, empty_at)
    values (${randomBytes(32)}, '-infinity'), (${randomBytes(32)}, ${now})`);
}

/** Keys that are the server's, and refusals, which nobody's organisation saw. */
export async function addServerRows(tx: Tx, keys: TenantKeys, now: Date): Promise<void> {
  const id = newId("sgk", now);
  await tx.run(sql`insert into secufile.signature_keys (tenant_id, id, public_key, sealed_private, created_at)
    values ('server', ${id}, ${randomBytes(44)}, ${keys.seal("signatures", randomBytes(48), id)}, ${now})`);
  await tx.run(sql`insert into platform.session_signing_keys (tenant_id, id, public_key, sealed_key, created_at)
    values ('server', ${newId("ssk", now)}, ${randomBytes(44)}, ${randomBytes(90)}, ${now})`);
  await tx.run(sql`insert into ssks.token_keys (tenant_id, id, public_key, sealed_private, created_at)
    values ('server', ${newId("ftk", now)}, ${randomBytes(44)}, ${randomBytes(90)}, ${now})`);
  await tx.run(sql`insert into platform.refusals (minute, source, reason, count, last_at)
    values (date_trunc('minute', ${now}::timestamptz), ${`192.0.2.0/24 ${id}`}, 'bad_token', 9007199254740993, ${now})`);
}
