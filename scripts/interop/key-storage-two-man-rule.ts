import { outboxOf } from "../../test/support/outbox.ts";
import { FAKE_CHALLENGE, openSession } from "../../test/support/ssks-app.ts";
import { newUser, type SsksClient } from "../../test/support/ssks-client.ts";
import { TwoManRuleClient, type Factor, type Proof } from "../../test/support/ssks-front-client.ts";
import { VECTOR_IDENTITY, VECTOR_SECRET, vectorOwner, vectors } from "../../test/support/ssks-vectors.ts";
import { expectSame, memberOf, pageOf, RAW_KEY, type PageClient } from "./key-storage-calls.ts";

const KEY = { twoManRuleKey: "a key of the application’s server, é" };
const PHONE: Factor = { type: "SMS", value: "+12065550100" };

/** The published vectors hold in the browser, too, whose scrypt is the page's own. */
export async function checkVectors(call: PageClient): Promise<void> {
  for (const { name, text, label, key, data } of vectors) {
    const seen = await call("vectorOf", { kind: "derived", text, label }, VECTOR_IDENTITY);
    const raw = Buffer.from(data, "base64").subarray(32).toString("base64");
    expectSame(`the vector of ${name}`, seen, { key, data, raw, opened: VECTOR_IDENTITY });
  }
  expectSame("the secret", await call("secretOf", "correct horse", vectorOwner), VECTOR_SECRET);
}

/** Saved without a challenge, got back by one that came as a mail, renewed once, with a key of either kind. */
export async function checkTwoManRule(call: PageClient, app: SsksClient, dataDirectory: string): Promise<void> {
  for (const key of [KEY, { rawTwoManRuleKey: RAW_KEY }]) {
    const user = newUser();
    const { auth_factor: authFactor, user_id: userId } = user;
    const outbox = outboxOf(dataDirectory);
    let mails = 0;
    const open = async (): Promise<Proof & { challenge: string }> => {
      const { sessionId } = await openSession(app, user, { fake_otp: false });
      mails += 1;
      const { text } = await outbox.mailTo(authFactor.value, mails);
      return { userId, authFactor, sessionId, challenge: /code: ([a-z0-9]{8})/.exec(text)?.[1] ?? "" };
    };
    const { sessionId } = await openSession(app, user, { fake_otp: false });
    const saved = await call("saveIdentity", pageOf(app), { userId, authFactor, sessionId }, key, "identity");
    const proof = await open();
    const wrong = { ...proof, challenge: FAKE_CHALLENGE };
    expectSame("a wrong challenge", await call("retrieveIdentity", pageOf(app), wrong, key), REFUSED);
    const renewed = await call("retrieveIdentity", pageOf(app), proof, key);
    expectSame("got back for the first time", memberOf(renewed, "identity"), "identity renewed");
    expectSame("renewed", memberOf(renewed, "isRenewed"), true);
    const again = await call("retrieveIdentity", pageOf(app), await open(), key);
    expectSame("got back again", memberOf(again, "identity"), "identity renewed");
    expectSame("renewed again", memberOf(again, "isRenewed"), false);
    await checkElsewhere(call, app, { key, proof: await open(), id: memberOf(saved, "id") });
    const other = "twoManRuleKey" in key ? { twoManRuleKey: "another" } : { rawTwoManRuleKey: `A${RAW_KEY.slice(1)}` };
    const failure = "twoManRuleKey" in key ? "appId, userId, or twoManRuleKey" : "rawTwoManRuleKey";
    const refused = await call("retrieveIdentity", pageOf(app), await open(), other);
    expectSame("a wrong key", refused, `SsksClientError: Invalid ${failure}`);
  }
}

const REFUSED = "SsksClientError: Invalid challenge";
type Stored = {
  readonly key: Parameters<TwoManRuleClient["saveIdentity"]>[1];
  readonly proof: Proof;
  readonly id: unknown;
};

/** What the page stored is opened under Node, on a session that the page goes on with; and the other way round. */
async function checkElsewhere(call: PageClient, app: SsksClient, { key, proof, id }: Stored): Promise<void> {
  const client = new TwoManRuleClient(app);
  const given = { ...proof, challenge: proof.challenge ?? "" };
  const opened = await client.retrieveIdentity(given, key, (identity) => identity);
  expectSame("what the page stored, elsewhere", Buffer.from(opened.identity).toString(), "identity renewed");
  const { userId, authFactor } = proof;
  const own = { userId, authFactor, sessionId: opened.sessionId };
  const stored = await client.saveIdentity(own, key, Buffer.from("from elsewhere"));
  expectSame("the id of what is stored", stored.id, id);
  const kept = await call("saveIdentity", pageOf(app), own, key, "identity renewed");
  expectSame("the id of what is stored again", memberOf(kept, "id"), id);
  const token = await call("getFactorToken", pageOf(app), own);
  if (typeof token !== "string" || token.split(".").length !== 3) throw new Error(`no factor token: ${String(token)}`);
}

/** Two factors of one user hold an identity each. */
export async function checkTwoFactors(call: PageClient, app: SsksClient): Promise<void> {
  const { user_id: userId, auth_factor: mail } = newUser();
  const open = async (authFactor: Factor): Promise<Proof> => {
    const { sessionId } = await openSession(app, { user_id: userId, auth_factor: authFactor });
    return { userId, authFactor, sessionId };
  };
  for (const factor of [mail, PHONE]) {
    await call("saveIdentity", pageOf(app), await open(factor), KEY, `of ${factor.type}`);
  }
  const crossed = { ...(await open(mail)), authFactor: PHONE, challenge: FAKE_CHALLENGE };
  expectSame("another factor", await call("retrieveIdentity", pageOf(app), crossed, KEY), REFUSED);
  for (const factor of [mail, PHONE]) {
    const proof = { ...(await open(factor)), challenge: FAKE_CHALLENGE };
    const back = await call("retrieveIdentity", pageOf(app), proof, KEY);
    expectSame(`by ${factor.type}`, memberOf(back, "identity"), `of ${factor.type} renewed`);
  }
}
