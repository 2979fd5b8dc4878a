import { generateKeyPairSync } from "node:crypto";
import { eventually, look, type Client, type Json, type RawBody } from "./secufile-client.ts";
import { allPlaced } from "./audit-reader.ts";
import type { LocalServer } from "./local-server.ts";
import { linkIn, type Mailbox } from "./mailbox.ts";
import { codeAt, newPerson, PASSWORD, signIn } from "./people.ts";
import type { TestServer } from "./server.ts";
import { visitorOf } from "./sign-visitor.ts";
import { newUser } from "./ssks-client.ts";
import { TEMPLATE } from "./ssks-app.ts";

/** What one call sends besides its method and path, which its route says. */
export type Asked = {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
  readonly raw?: RawBody;
  /** Another caller than the operation's usual one. */
  readonly as?: Client;
};

/** Calls an operation, by its first path, that must succeed; answers its body. */
export type Ask = (operation: string, asked?: Asked) => Promise<Json>;

export type SuccessPlace = {
  readonly server: TestServer & { readonly database: { readonly superUrl: string } };
  readonly mailbox: Mailbox;
  readonly tenantId: string;
  /** Takes whatever webhooks and streams send. */
  readonly receiver: LocalServer;
};

const text = (words: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(words));

/** Calls by which operations succeed, each with what those before it have made. */
export async function succeed(ask: Ask, place: SuccessPlace): Promise<void> {
  await documents(ask);
  await signatures(ask, place);
  await webhooks(ask, place);
  await tokens(ask, "secufile", "documents:read");
  await streams(ask, place);
  await applications(ask);
  await users(ask);
  await organisations(ask);
  await notifications(ask, place);
  await members(ask, place);
  await ownAccount(ask, place);
  await logs(ask, place, { product: "secufile", wall: place.tenantId });
  await logs(ask, place, { product: "platform", wall: "server" });
  // Afterwards checkpoints are signed by another key.
  await ask("platform.rotateLogKey", { body: { overlap_days: 1 } });
  await ask("platform.rotateEvidenceKey");
}

async function documents(ask: Ask): Promise<void> {
  const { key_id: keyId } = await ask("secufile.createKey", { body: { name: "a key" } });
  await ask("secufile.listKeys");
  await ask("secufile.getKey", { params: { id: keyId } });
  const { key_wrap, wrapped_key } = await ask("secufile.createDataKey", { params: { id: keyId }, body: {} });
  const plain = Buffer.alloc(32, 1).toString("base64");
  await ask("secufile.wrapKey", { params: { id: keyId }, body: { plaintext_key: plain } });
  const order = { filename: "deed.age", key_wrap, wrapped_key };
  const params = { id: (await ask("secufile.createDocument", { body: order })).document_id };
  await ask("secufile.putContent", { params, raw: text("ciphertext") });
  await ask("secufile.listDocuments");
  await ask("secufile.getDocument", { params });
  await ask("secufile.getContent", { params });
  const recipient = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
  await ask("secufile.releaseKey", { params, body: { recipient_public_key: recipient, reason: "a test" } });
  await ask("secufile.deleteDocument", { params });
}

async function signatures(ask: Ask, { server, mailbox }: SuccessPlace): Promise<void> {
  const email = "a-signer@example.com";
  const made = await ask("secufile.createDocument", { body: { filename: "deed.age", key_wrap: "vault://kms/key/1" } });
  const params = { id: made.document_id };
  await ask("secufile.putContent", { params, raw: text("ciphertext") });
  const signers = [{ email, role: "buyer" }];
  const { signature_id: id } = await ask("secufile.createSignature", { params, body: { signers } });
  await ask("secufile.listSignatures");
  await ask("secufile.getSignature", { params: { id } });
  await ask("secufile.remindSigners", { params: { id } });
  const visitor = visitorOf(server.origin);
  const link = linkIn(await mailbox.mailTo(email, 2));
  await visitor.send(link, { act: "open" });
  await visitor.send(link, { act: "sign", name: "A. Signer", consent: "yes" });
  await ask("secufile.getEvidence", { params: { id } });
  await ask("secufile.getCertificate", { params: { id } });
  const other = await ask("secufile.createSignature", { params, body: { signers } });
  await ask("secufile.cancelSignature", { params: { id: other.signature_id } });
}

async function webhooks(ask: Ask, { receiver }: SuccessPlace): Promise<void> {
  const order = { url: `${receiver.url}/in`, events: ["object.uploaded"] };
  const params = { id: (await ask("secufile.createWebhook", { body: order })).webhook_id };
  await ask("secufile.listWebhooks");
  await ask("secufile.getWebhook", { params });
  await ask("secufile.testWebhook", { params });
  const delivery = await eventually("a delivery is listed", async () => {
    const { data }: { data: Json[] } = await ask("secufile.listWebhookDeliveries", { params });
    return data.find((each) => each.status === "delivered") ?? null;
  });
  await ask("secufile.replayWebhookDelivery", { params: { ...params, did: delivery.delivery_id } });
  await ask("secufile.rotateWebhookSecret", { params, body: { flip: "now" } });
  await ask("secufile.updateWebhook", { params, body: { active: false } });
  await ask("secufile.enableWebhook", { params });
  await ask("secufile.deleteWebhook", { params });
}

async function tokens(ask: Ask, product: string, scope: string): Promise<void> {
  const made = await ask(`${product}.createToken`, { body: { name: "a token", scopes: [scope] } });
  await ask(`${product}.listTokens`);
  await ask(`${product}.getToken`, { params: { id: made.token_id } });
  const next = await ask(`${product}.rotateToken`, { params: { id: made.token_id }, body: {} });
  await ask(`${product}.revokeToken`, { params: { id: next.token_id } });
}

async function streams(ask: Ask, { receiver }: SuccessPlace): Promise<void> {
  const order = { name: "SIEM", type: "webhook", url: `${receiver.url}/in` };
  const params = { id: (await ask("secufile.createAuditStream", { body: order })).stream_id };
  await ask("secufile.listAuditStreams");
  await ask("secufile.getAuditStream", { params });
  await ask("secufile.pauseAuditStream", { params });
  await ask("secufile.resumeAuditStream", { params });
  await ask("secufile.deleteAuditStream", { params });
}

async function applications(ask: Ask): Promise<void> {
  const params = { id: (await ask("ssks.createApp", { body: { name: "an app", environment: "test" } })).app_id };
  await ask("ssks.listApps");
  await ask("ssks.getApp", { params });
  await ask("ssks.updateApp", { params, body: { sms_quota: 10 } });
  const key = await ask("ssks.createAppKey", { params, body: { name: "its server" } });
  await ask("ssks.listAppKeys", { params });
  const next = await ask("ssks.rotateAppKey", { params: { ...params, key_id: key.key_id }, body: {} });
  await ask("ssks.revokeAppKey", { params: { ...params, key_id: next.key_id } });
  const template = await ask("ssks.createTemplate", {
    params,
    body: { name: "sign-in", subject: "Code", html: TEMPLATE },
  });
  const of = { ...params, template_id: template.template_id };
  await ask("ssks.listTemplates", { params });
  await ask("ssks.updateTemplate", { params: of, body: { subject: "Your code" } });
  await ask("ssks.deleteTemplate", { params: of });
  await ask("ssks.deleteApp", { params });
  await tokens(ask, "ssks", "apps:read");
}

async function users(ask: Ask): Promise<void> {
  const user = newUser();
  const body = { user_id: user.user_id };
  await ask("ssks.createUser", { body: user });
  await ask("ssks.sendChallenge", { body: { ...user, create_user: false, template: TEMPLATE, fake_otp: true } });
  await ask("ssks.checkFactor", { body: user.auth_factor });
  for (const operation of ["checkIdentities", "checkSlots", "deleteSlots", "deleteUser"])
    await ask(`ssks.${operation}`, { body });
}

async function organisations(ask: Ask): Promise<void> {
  const params = { id: (await ask("platform.createTenant", { body: { name: "Another" } })).tenant_id };
  await ask("platform.listTenants");
  await ask("platform.getTenant", { params });
  await ask("platform.rotateTenantKeys", { params });
  await ask("platform.createSecufileToken", { params, body: { name: "first" } });
  await ask("platform.createSsksToken", { params, body: { name: "first" } });
  await ask("platform.deleteTenant", { params });
}

async function notifications(ask: Ask, { mailbox }: SuccessPlace): Promise<void> {
  const to = "postmaster@example.org";
  await ask("platform.testNotification", { body: { to } });
  await mailbox.mailTo(to);
  const { data } = await ask("platform.listNotifications");
  await ask("platform.getNotification", { params: { id: data[0].notification_id } });
  await ask("platform.listRefusals");
}

async function members(ask: Ask, place: SuccessPlace): Promise<void> {
  const params = { id: place.tenantId };
  const email = (name: string): { email: string; role: string } => ({ email: `${name}@example.org`, role: "reader" });
  const invited = await ask("platform.inviteMember", { body: email("one") });
  await ask("platform.listInvitations");
  await ask("platform.withdrawInvitation", { params: { id: invited.invitation_id } });
  const other = await ask("platform.inviteTenantMember", { params, body: email("two") });
  await ask("platform.listTenantInvitations", { params });
  await ask("platform.withdrawTenantInvitation", { params: { ...params, invitation_id: other.invitation_id } });
  const order = { tenantId: place.tenantId, role: "reader" };
  const first = await newPerson(place.server, place.mailbox, order);
  await ask("platform.listMembers");
  await ask("platform.changeMember", { params: { id: first.memberId }, body: { role: "auditor" } });
  await ask("platform.removeMember", { params: { id: first.memberId } });
  const second = { ...params, member_id: (await newPerson(place.server, place.mailbox, order)).memberId };
  await ask("platform.listTenantMembers", { params });
  await ask("platform.changeTenantMember", { params: second, body: { state: "suspended" } });
  await ask("platform.removeTenantMember", { params: second });
}

async function ownAccount(ask: Ask, { server, mailbox, tenantId }: SuccessPlace): Promise<void> {
  const person = await newPerson(server, mailbox, { tenantId, role: "reader" });
  await signIn(server.origin, person);
  const as = await signIn(server.origin, person);
  await ask("platform.getMe", { as });
  const { data }: { data: Json[] } = await ask("platform.listSessions", { as });
  const other = data.find((session) => session.is_current !== true);
  await ask("platform.endSession", { as, params: { id: other.session_id } });
  await ask("platform.stepUp", { as, body: { password: PASSWORD } });
  const { secret } = await ask("platform.enrolTotp", { as });
  await ask("platform.confirmTotp", { as, body: { code: codeAt(String(secret), new Date()) } });
  await ask("platform.renewRecoveryCodes", { as });
  await ask("platform.disableTotp", { as });
  const words = { current_password: PASSWORD, new_password: "an entirely new password" };
  await ask("platform.changePassword", { as, body: words });
  await ask("platform.logOut", { as });
}

/** The log of an organisation, or the server's own. */
async function logs(ask: Ask, { server }: SuccessPlace, of: { product: string; wall: string }): Promise<void> {
  const { superUrl } = server.database;
  await allPlaced(superUrl);
  const { data } = await ask(`${of.product}.listAuditRecords`);
  const params = { id: data[0].id };
  for (const operation of ["getAuditRecord", "getAuditProof"]) await ask(`${of.product}.${operation}`, { params });
  for (const operation of ["exportAudit", "getAuditKeys"]) await ask(`${of.product}.${operation}`);
  for (const log of ["Audit", "Top"]) {
    await ask(`${of.product}.get${log}Checkpoint`);
    await ask(`${of.product}.get${log}Tile`, { params: { level: "0", tile: "000.p/1" } });
    await ask(`${of.product}.get${log}Entries`, { params: { tile: "000.p/1" } });
    await ask(`${of.product}.get${log}Consistency`, { query: "from=1&to=2" });
  }
  const size = await eventually("a checkpoint has its place in the log above", async () => {
    const places = "select max(log_size)::int as size from platform.top_leaves where log_tenant_id = $1";
    return (await look(superUrl, places, [of.wall]))[0].size;
  });
  await ask(`${of.product}.getTopProof`, { query: `size=${size}` });
}
