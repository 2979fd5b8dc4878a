import { randomInt, timingSafeEqual } from "node:crypto";
import { recordedIn } from "../../../platform/audit/noted.ts";
import type { Tx } from "../../../platform/db/tx.ts";
import { newId } from "../../../platform/ids/ids.ts";
import { isAppError } from "../../../platform/errors/errors.ts";
import { enqueueSms } from "../../../platform/notify/notify.ts";
import type { OpenCall } from "../../../platform/product.ts";
import type { Locale } from "../consent.ts";
import { isDeclineReason, isSignerName } from "../schema.ts";
import { isEmail, type SignForm } from "../sign-form.ts";
import { codeMail, codeSms } from "../sign-mail.ts";
import type { Notice, SignPage, Typed } from "../sign-view.ts";
import { codeChannel, dueSigners, isOpenStatus, statusAt, statusOf } from "../signature.ts";
import {
  findSignature,
  insertDelegate,
  listSignatureSigners,
  lockSignature,
  updateSignatureSigner,
  updateSignatureStatus,
  type SignatureRow,
  type SignatureSignerRow,
} from "../store/signatures.ts";
import { evidenceSigner, sha256Hex, type EvidenceSigner } from "./evidence.ts";
import { evidenceRecord } from "./evidence-record.ts";
import { pageOfLink, visitorOf } from "./sign-pages.ts";
import {
  endSignature,
  enqueueInvitation,
  enqueueNews,
  noteSignature,
  tellSignature,
  type Change,
} from "./signature-changes.ts";
import { areAsksTaken, areCodesTaken, areLinksTaken, limitPost } from "./sign-limits.ts";
import { findLink, type OpenLink } from "./sign-links.ts";
import { mailSigner } from "./sign-mails.ts";

const CODE_MINUTES = 10;
const MAX_CODE_TRIES = 5;
const MAX_SIGNERS_WITH_DELEGATES = 100;

export type Visitor = { readonly userAgent: string; readonly locale: Locale };

/** Carries out a form of the pages. Every act has one effect, however often it is sent; the page says what holds now. */
export async function actOnLink(call: OpenCall, token: string, form: SignForm, visitor: Visitor): Promise<SignPage> {
  const limited = await limitPost(call, token);
  if (limited !== null) return limited;
  const link = await findLink(call.services, token);
  if (link === null) return { kind: "nothing" };
  if (link.signer_id === null) {
    const notice = form.act === "ask" ? await askForLink(call, link, form.email, visitor) : null;
    return pageOfLink(call, link, { notice });
  }
  const evidence = form.act === "sign" ? await evidenceSigner(call.services) : null;
  const isLimited = form.act === "code" && (await isCodeRefused(call, link, link.signer_id));
  const notice = isLimited
    ? await noteUnsentCode(call, link, visitor, "the signer's codes are used up")
    : await actOrWait(call, link, { form, visitor, evidence });
  call.services.eventHints.hint();
  const typed: Typed = { name: form.name, reason: form.reason, email: form.email };
  return pageOfLink(call, link, { notice, typed });
}

/** A link that was replaced gets no code, and so uses none of its signer's up. */
async function isCodeRefused(call: OpenCall, link: OpenLink, signerId: string): Promise<boolean> {
  return link.replaced_at === null && (await areCodesTaken(call, signerId));
}

/** The answer is the same whatever address was typed; who is listed, and has the turn, gets a mail. */
async function askForLink(call: OpenCall, link: OpenLink, email: string, visitor: Visitor): Promise<Notice> {
  const { services } = call;
  const notSent = (reason: string): Promise<void> =>
    services.db.tenant(link.tenant_id, (tx) => noteAsk(tx, { call, link, visitor }, { outcome: "denied", reason }));
  if (!isEmail(email)) {
    await notSent("no address");
    return "email_wrong";
  }
  if (await areAsksTaken(call, link.signature_id)) {
    await notSent("links of the envelope are used up");
    return "link_sent";
  }
  const wanted = addressMac(call, email);
  const { tenant_id: tenantId, signature_id: signatureId } = link;
  const signers = await services.db.tenant(tenantId, (tx) => listSignatureSigners(tx, tenantId, [signatureId]));
  const found = dueSigners(signers).filter((signer) => timingSafeEqual(addressMac(call, signer.email), wanted));
  if (found.length === 0) await notSent("nobody who has the turn");
  for (const signer of found) {
    if (await areLinksTaken(call, signer.id)) await notSent("links of the signer are used up");
    else await services.db.tenant(tenantId, (tx) => orderLink(tx, { call, link, signer, visitor }));
  }
  return "link_sent";
}

async function orderLink(tx: Tx, order: Pick<Act, "call" | "link" | "signer" | "visitor">): Promise<void> {
  const { call, link, signer } = order;
  const { tenant_id: tenantId, signature_id: signatureId } = link;
  const row = await findSignature(tx, tenantId, signatureId);
  if (row === null || !isOpenStatus(statusAt(row, call.now))) {
    await noteAsk(tx, order, { outcome: "denied", reason: "not open" });
    return;
  }
  await enqueueInvitation(tx, tenantId, signatureId, { signerId: signer.id });
  await noteAsk(tx, order, { outcome: "success", signer_id: signer.id, email: signer.email });
}

type Asking = Pick<Act, "call" | "link" | "visitor">;
type Asked = { readonly outcome: "success" | "denied"; readonly [detail: string]: string };

/** Whoever asks has the envelope only: who it is is not known. */
async function noteAsk(tx: Tx, { call, link, visitor }: Asking, { outcome, ...more }: Asked): Promise<void> {
  const { tenant_id: tenantId, signature_id: signatureId } = link;
  const row = await findSignature(tx, tenantId, signatureId);
  if (row === null) return;
  const change = { tenantId, now: call.now, actor: visitorOf(call, undefined) };
  const details = { ...more, user_agent: visitor.userAgent };
  await noteSignature(tx, change, row, { operation: "askForLink", outcome, details });
}

function addressMac(call: OpenCall, email: string): Buffer {
  return call.services.keyring.mac("address-hashes", email.toLowerCase());
}

type Acting = {
  readonly form: SignForm;
  readonly visitor: Visitor;
  readonly evidence: EvidenceSigner | null;
};

type Act = Acting & {
  readonly call: OpenCall;
  readonly link: OpenLink;
  readonly change: Change;
  readonly row: SignatureRow;
  readonly signers: readonly SignatureSignerRow[];
  readonly signer: SignatureSignerRow;
};

/** As `act`. Where the organisation may send no further message within the hour, nothing has happened and the page says so. */
async function actOrWait(call: OpenCall, link: OpenLink, acting: Acting): Promise<Notice | null> {
  try {
    return await act(call, link, acting);
  } catch (error) {
    if (!isAppError(error, "notify", "too_many_notifications")) throw error;
    return noteUnsentCode(call, link, acting.visitor, "the organisation's messages of the hour are used up");
  }
}

/** So that the organisation finds out why a signer cannot go on. */
async function noteUnsentCode(call: OpenCall, link: OpenLink, visitor: Visitor, reason: string): Promise<Notice> {
  const { tenant_id: tenantId, signature_id: signatureId } = link;
  await call.services.db.tenant(tenantId, async (tx) => {
    const [row, signers] = await Promise.all([
      findSignature(tx, tenantId, signatureId),
      listSignatureSigners(tx, tenantId, [signatureId]),
    ]);
    const signer = signers.find(({ id }) => id === link.signer_id);
    if (row === null || signer === undefined) return;
    const change = { tenantId, now: call.now, actor: visitorOf(call, signer) };
    await noteSignature(tx, change, row, {
      operation: "sendCode",
      outcome: "failed",
      details: { ...detailsOf({ signer, visitor }), channel: codeChannel(row.required_code, signer), reason },
    });
  });
  return "code_limited";
}

/** One transaction; the request is locked, so that of acts that race one comes first and the others see it. */
async function act(call: OpenCall, link: OpenLink, acting: Acting): Promise<Notice | null> {
  const { tenant_id: tenantId } = link;
  return call.services.db.tenant(tenantId, async (tx) => {
    const row = await lockSignature(tx, tenantId, link.signature_id);
    const signers = row === null ? [] : await listSignatureSigners(tx, tenantId, [row.id]);
    const signer = signers.find(({ id }) => id === link.signer_id);
    if (row === null || signer === undefined) return "not_open";
    const change = { tenantId, now: call.now, actor: visitorOf(call, signer) };
    const one: Act = { ...acting, call, link, change, row, signers, signer };
    const notice = await carryOut(tx, one);
    // What changed nothing is on record, too.
    if (recordedIn(tx).length === 0) {
      const details = { ...detailsOf(one), act: actOf(acting.form), ...(notice === null ? {} : { reason: notice }) };
      const outcome = notice === null ? "success" : "denied";
      await noteSignature(tx, change, row, { operation: "actOnSignPage", outcome, details });
    }
    return notice;
  });
}

function actOf({ act: named }: SignForm): string {
  return ["open", "code", "sign", "decline", "delegate"].includes(named) ? named : "unknown";
}

async function carryOut(tx: Tx, one: Act): Promise<Notice | null> {
  const { row, signers, signer, link, form, change } = one;
  const isOpen = isOpenStatus(statusAt(row, change.now)) && link.replaced_at === null;
  if (!isOpen || !dueSigners(signers).includes(signer)) return "not_open";
  // Nobody signs, declines or delegates what was never shown to them.
  if (form.act !== "open" && signer.viewed_at === null) return "not_open";
  switch (form.act) {
    case "open":
      return open(tx, one);
    case "code":
      return sendCode(tx, one);
    case "sign":
      return (await refuseCode(tx, one)) ?? signDocument(tx, one);
    case "decline":
      return (await refuseCode(tx, one)) ?? decline(tx, one);
    case "delegate":
      return (await refuseCode(tx, one)) ?? delegate(tx, one);
    default:
      return null;
  }
}

async function open(tx: Tx, one: Act): Promise<null> {
  if (one.signer.viewed_at !== null) return null;
  await changeSigner(tx, one, { state: "viewed", viewed_at: one.change.now }, "signature.viewed");
  await noteSignature(tx, one.change, one.row, { operation: "viewSignature", details: detailsOf(one) });
  return null;
}

function detailsOf({ signer, visitor }: Pick<Act, "signer" | "visitor">): Record<string, unknown> {
  return { signer_id: signer.id, user_agent: visitor.userAgent };
}

/** Changes the signer, and the request as it follows from that; tells of it. */
async function changeSigner(
  tx: Tx,
  one: Act,
  change: Partial<SignatureSignerRow>,
  type: "signature.viewed" | "signature.signed" | null,
): Promise<SignatureSignerRow[]> {
  const { tenantId } = one.change;
  const changed = { ...one.signer, ...change };
  await updateSignatureSigner(tx, tenantId, changed);
  const signers = one.signers.map((signer) => (signer.id === changed.id ? changed : signer));
  const status = statusOf(signers);
  if (isOpenStatus(status)) await updateSignatureStatus(tx, tenantId, one.row.id, { status, endedAt: null });
  if (type !== null) await tellSignature(tx, one.change, one.row, { type, status, signer: changed });
  return signers;
}

async function sendCode(tx: Tx, one: Act): Promise<Notice | null> {
  const { call, link, row, signer, change, visitor } = one;
  if (row.required_code === "none") return null;
  const code = String(randomInt(1_000_000)).padStart(6, "0");
  await updateSignatureSigner(tx, change.tenantId, {
    ...signer,
    code_mac: codeMac(one, code),
    code_sent_at: change.now,
    code_tries: 0,
  });
  const { locale } = visitor;
  const common = {
    purpose: "secufile.signingCode",
    at: change.now,
    expiresAt: new Date(change.now.getTime() + CODE_MINUTES * 60_000),
  };
  const channel = codeChannel(row.required_code, signer);
  if (channel === "sms" && signer.phone !== null) {
    await enqueueSms(tx, link.keys, { to: signer.phone, text: codeSms(locale, code, CODE_MINUTES), ...common });
  } else {
    await mailSigner(tx, link.keys, signer, { mail: codeMail(locale, code, CODE_MINUTES), locale, ...common });
  }
  await noteSignature(tx, change, row, {
    operation: "sendCode",
    details: { ...detailsOf(one), channel },
  });
  call.log.debug({ signer: signer.id }, "a signing code was made");
  return "code_sent";
}

function codeMac({ call, change, signer }: Act, code: string): Buffer {
  return call.services.keyring.mac("one-time-codes", `secufile/${change.tenantId}/${signer.id}/${code}`);
}

/** Why the code does not let in, or null. A try counts when it fails, whatever else was wrong with the form. */
async function refuseCode(tx: Tx, one: Act): Promise<Notice | null> {
  const { row, signer, form, change } = one;
  if (row.required_code === "none") return null;
  const ends = (signer.code_sent_at?.getTime() ?? 0) + CODE_MINUTES * 60_000;
  if (signer.code_mac === null || change.now.getTime() >= ends || signer.code_tries >= MAX_CODE_TRIES)
    return "code_over";
  if (timingSafeEqual(codeMac(one, form.code), signer.code_mac)) {
    await noteSignature(tx, change, row, { operation: "checkCode", details: { ...detailsOf(one), act: form.act } });
    return null;
  }
  await updateSignatureSigner(tx, change.tenantId, { ...signer, code_tries: signer.code_tries + 1 });
  await noteSignature(tx, change, row, {
    operation: "checkCode",
    outcome: "denied",
    details: { ...detailsOf(one), tries: signer.code_tries + 1 },
  });
  return signer.code_tries + 1 >= MAX_CODE_TRIES ? "code_over" : "code_wrong";
}

async function signDocument(tx: Tx, one: Act): Promise<Notice | null> {
  const { form, evidence, change, row, link } = one;
  if (!isSignerName(form.name)) return "name_missing";
  if (form.consent !== "yes") return "consent_missing";
  if (evidence === null) return "not_open";
  const record = await evidenceRecord(tx, one);
  if (record === null) return "not_open";
  const signed = evidence.sign(record);
  const sealed = link.keys.seal("signatures", Buffer.from(JSON.stringify(signed), "utf8"), one.signer.id);
  const auditId = await noteSignature(tx, change, row, {
    operation: "signDocument",
    details: {
      ...detailsOf(one),
      evidence: record,
      evidence_sha256: sha256Hex(signed.signed_text),
      evidence_signature: signed.signature,
      key_id: signed.key_id,
    },
  });
  const signers = await changeSigner(
    tx,
    one,
    { state: "signed", ended_at: change.now, sealed_evidence: sealed, audit_id: auditId, code_mac: null },
    "signature.signed",
  );
  if (statusOf(signers) === "completed") {
    await endSignature(tx, change, row, { status: "completed", operation: "completeSignature" });
  } else await enqueueInvitation(tx, change.tenantId, row.id);
  return null;
}

/** The reason is for the sender's eyes: it is kept sealed, and neither in the event nor in the log, which are in clear. */
async function decline(tx: Tx, one: Act): Promise<Notice | null> {
  const { form, change, row, link, signer } = one;
  if (!isDeclineReason(form.reason)) return "reason_missing";
  const sealed = link.keys.seal("signatures", Buffer.from(form.reason, "utf8"), signer.id);
  await changeSigner(tx, one, { state: "declined", ended_at: change.now, sealed_reason: sealed, code_mac: null }, null);
  await updateSignatureStatus(tx, change.tenantId, row.id, { status: "declined", endedAt: change.now });
  await tellSignature(tx, change, row, {
    type: "signature.declined",
    status: "declined",
    signer: { ...signer, state: "declined" },
  });
  await noteSignature(tx, change, row, {
    operation: "declineSignature",
    details: { ...detailsOf(one), reason_sha256: sha256Hex(form.reason) },
  });
  await enqueueNews(tx, change.tenantId, row.id);
  return null;
}

/** Names another person, who takes the turn, the role and a link of its own. */
async function delegate(tx: Tx, one: Act): Promise<Notice | null> {
  const { form, change, row, signers, signer } = one;
  if (!row.is_delegable || signers.length >= MAX_SIGNERS_WITH_DELEGATES) return "not_open";
  const isListed = signers.some(({ email }) => email.toLowerCase() === form.email.toLowerCase());
  if (!isEmail(form.email) || isListed || !isSignerName(form.name)) return "delegate_wrong";
  const id = newId("sgn", change.now);
  await changeSigner(tx, one, { state: "delegated", ended_at: change.now, code_mac: null }, null);
  await insertDelegate(tx, change.tenantId, row.id, {
    id,
    position: Math.max(...signers.map(({ position }) => position)) + 1,
    email: form.email,
    role: signer.role,
    name: form.name,
    phone: null,
    signing_order: signer.signing_order,
    delegated_from: signer.id,
  });
  await updateSignatureStatus(tx, change.tenantId, row.id, {
    status: row.status === "pending" ? "viewed" : row.status,
    endedAt: null,
  });
  await enqueueInvitation(tx, change.tenantId, row.id);
  await noteSignature(tx, change, row, {
    operation: "delegateSignature",
    details: { ...detailsOf(one), delegate_id: id, delegate_email: form.email },
  });
  return null;
}
