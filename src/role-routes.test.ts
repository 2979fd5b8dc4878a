import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Route } from "./platform/http/route.ts";
import { memberRoles } from "./platform/members/roles.ts";
import type { Call } from "./platform/product.ts";
import { allProducts } from "../test/support/all-products.ts";
import { openMailbox, type Mailbox } from "../test/support/mailbox.ts";
import { demoTenant, newPerson, signIn, type Person } from "../test/support/people.ts";
import { clientOf, expected, expectedProblem, type Client, type Json } from "../test/support/secufile-client.ts";
import { startTestServer } from "../test/support/server.ts";

/** Who may ask what, written out: the roles of an organisation, and `server` for the operator of the server. */
const MAY: Readonly<Record<string, string>> = {
  "owner admin operator auditor reader": `
    secufile.listDocuments secufile.getDocument secufile.getContent
    secufile.listSignatures secufile.getSignature secufile.getEvidence secufile.getCertificate
    ssks.listApps ssks.getApp ssks.listAppKeys ssks.listTemplates
    platform.getMe platform.listSessions platform.endSession platform.stepUp platform.logOut
    platform.changePassword platform.enrolTotp platform.confirmTotp platform.disableTotp platform.renewRecoveryCodes`,
  "owner admin operator": `
    secufile.createDocument secufile.putContent secufile.deleteDocument
    secufile.createSignature secufile.remindSigners secufile.cancelSignature
    secufile.releaseKey secufile.createDataKey secufile.wrapKey
    secufile.listWebhooks secufile.getWebhook secufile.listWebhookDeliveries`,
  "owner admin auditor": `
    secufile.listAuditRecords secufile.getAuditRecord secufile.getAuditProof secufile.exportAudit
    secufile.getAuditCheckpoint secufile.getAuditTile secufile.getAuditConsistency secufile.getAuditEntries
    secufile.getTopCheckpoint secufile.getTopTile secufile.getTopConsistency secufile.getTopEntries
    secufile.getTopProof secufile.getAuditKeys
    secufile.createAuditStream secufile.listAuditStreams secufile.getAuditStream secufile.deleteAuditStream
    secufile.pauseAuditStream secufile.resumeAuditStream
    platform.listMembers platform.listInvitations`,
  "owner admin": `
    secufile.createKey secufile.listKeys secufile.getKey
    secufile.createWebhook secufile.updateWebhook secufile.deleteWebhook secufile.enableWebhook
    secufile.rotateWebhookSecret secufile.testWebhook secufile.replayWebhookDelivery
    secufile.createToken secufile.listTokens secufile.getToken secufile.revokeToken secufile.rotateToken
    ssks.createApp ssks.updateApp ssks.deleteApp ssks.createAppKey ssks.rotateAppKey ssks.revokeAppKey
    ssks.createTemplate ssks.updateTemplate ssks.deleteTemplate
    ssks.createToken ssks.listTokens ssks.getToken ssks.revokeToken ssks.rotateToken
    platform.inviteMember platform.withdrawInvitation platform.changeMember platform.removeMember`,
  server: `
    platform.createTenant platform.listTenants platform.getTenant platform.deleteTenant platform.rotateTenantKeys
    platform.createSecufileToken platform.createSsksToken platform.rotateLogKey platform.rotateEvidenceKey
    platform.listNotifications platform.getNotification platform.testNotification platform.listRefusals
    platform.listAuditRecords platform.getAuditRecord platform.getAuditProof platform.exportAudit
    platform.getAuditCheckpoint platform.getAuditTile platform.getAuditConsistency platform.getAuditEntries
    platform.getTopCheckpoint platform.getTopTile platform.getTopConsistency platform.getTopEntries
    platform.getTopProof platform.getAuditKeys
    platform.inviteTenantMember platform.listTenantInvitations platform.withdrawTenantInvitation
    platform.listTenantMembers platform.changeTenantMember platform.removeTenantMember`,
};

const NOBODY = "01KB2Q6V9XJ4M8T3RZ5C7D1E0F";
type Asked = { readonly operation: string; readonly route: Route<Call> };

describe("roles", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let mailbox: Mailbox;
  let tenantId: string;
  const people = new Map<string, Person>();
  before(async () => {
    mailbox = await openMailbox();
    server = await startTestServer({ ...mailbox.env, TABELLION_REQUESTS_PER_SECOND: "1000" });
    tenantId = await demoTenant(server.database.superUrl);
    for (const role of memberRoles) people.set(role, await newPerson(server, mailbox, { tenantId, role }));
  });
  after(async () => {
    await server.remove();
    await mailbox.close();
  });

  /** Routes that take a member's token or the operator's; those of SSKS's published contract take an application's. */
  const asked: readonly Asked[] = allProducts.flatMap(({ name, routes }) =>
    routes
      .filter(({ foreign }) => foreign === undefined)
      .map((route) => ({ operation: `${name}.${route.operation}`, route })),
  );

  const written = Object.entries(MAY).flatMap(([who, operations]) =>
    operations
      .trim()
      .split(/\s+/)
      .map((operation) => [operation, new Set(who.split(" "))] as const),
  );

  test("every route says in the table who may ask it, once", () => {
    assert.deepEqual(
      written.map(([operation]) => operation).toSorted(),
      asked.map(({ operation }) => operation).toSorted(),
    );
  });

  /** `+` where it was not refused for want of a right, `-` where it was; anything else as it came. */
  async function told(client: Client, { route }: Asked): Promise<string> {
    const path = route.paths[0].replaceAll(/\{[a-z_]+\+?\}/g, NOBODY);
    const { status, body } = await client.call(route.method, path);
    if (status === 403) return ["forbidden", "insufficient_scope"].includes(body.code) ? "-" : String(body.code);
    return [401, 429].includes(status) || status >= 500 ? String(status) : "+";
  }

  test("each role is let in by the routes that the table names, and by no other", async () => {
    const may = new Map(written);
    // One of them signs out.
    const inOrder = asked.toSorted((one, other) => Number(isEnd(one)) - Number(isEnd(other)));
    const clients = new Map<string, Client>([["server", clientOf(server.origin, server.operatorToken)]]);
    for (const [role, person] of people) clients.set(role, await signIn(server.origin, person));
    const differing = async ([role, client]: [string, Client]): Promise<string[]> => {
      const found: string[] = [];
      for (const one of inOrder) {
        // The products do not know the operator of the server at all.
        const isForeign = role === "server" && !one.operation.startsWith("platform.");
        const wanted = isForeign ? "401" : may.get(one.operation)?.has(role) === true ? "+" : "-";
        const answer = await told(client, one);
        if (answer !== wanted) found.push(`${role} ${one.operation}: ${answer}, not ${wanted}`);
      }
      return found;
    };
    assert.deepEqual((await Promise.all([...clients].map(differing))).flat(), []);
  });

  const isEnd = ({ operation }: Asked): boolean => operation === "platform.logOut";

  test("owners and admins invite, withdraw, change, suspend, resume and remove; only owners do so to owners", async () => {
    const order = (role: string): Json => ({ email: `${role}-of-verbs@example.org`, role });
    for (const role of ["owner", "admin"] as const) {
      const person = people.get(role);
      assert.ok(person !== undefined);
      const boss = await signIn(server.origin, person);
      const change = (id: string, body: Json) => boss.call("PATCH", `/v1/members/${id}`, { body });
      for (const given of memberRoles) {
        const answer = await boss.post("/v1/members/invitations", order(given));
        const isAllowed = role === "owner" || given !== "owner";
        if (!isAllowed) expectedProblem(answer, 403, "owner_needed");
        else {
          const { invitation_id: id } = expected(answer, 201);
          expected(await boss.call("DELETE", `/v1/members/invitations/${id}`), 204);
        }
      }
      const other = await newPerson(server, mailbox, { tenantId, role: "reader" });
      for (const given of memberRoles.toReversed()) {
        const answer = await change(other.memberId, { role: given });
        if (role === "owner" || given !== "owner") assert.equal(expected(answer, 200).role, given);
        else expectedProblem(answer, 403, "owner_needed");
      }
      for (const state of ["suspended", "active"]) {
        assert.equal(expected(await change(other.memberId, { state }), 200).state, state);
      }
      expected(await boss.call("DELETE", `/v1/members/${other.memberId}`), 204);
      const owner = await newPerson(server, mailbox, { tenantId, role: "owner" });
      const answers = [
        await change(owner.memberId, { role: "reader" }),
        await change(owner.memberId, { role: "owner" }),
        await change(owner.memberId, { state: "suspended" }),
        await boss.call("DELETE", `/v1/members/${owner.memberId}`),
      ];
      const wanted = role === "owner" ? [200, 200, 200, 204] : [403, 403, 403, 403];
      assert.deepEqual(
        answers.map(({ status }) => status),
        wanted,
      );
    }
  });
});
