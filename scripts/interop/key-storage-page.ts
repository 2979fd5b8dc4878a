import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { startLocalServer, type LocalServer } from "../../test/support/local-server.ts";
import { FAKE_CHALLENGE, newApp, openSession, wideLimits } from "../../test/support/ssks-app.ts";
import { newUser, type SsksClient } from "../../test/support/ssks-client.ts";
import { PasswordClient, TwoManRuleClient } from "../../test/support/ssks-front-client.ts";
import type { keyStorage } from "./key-storage-client.ts";
import type { Target } from "./target.ts";
import { debian } from "./tools.ts";

const CHROMIUM = "/usr/bin/chromium";
const KEY = "a key of the application’s server, é";
const PASSWORD = "café au lait";
const NOT_ALLOWED = "TypeError: Failed to fetch";

/**
 * A page of another origin saves and gets back identities in a real browser, and reads why it is refused. What it stores
 * is opened by a client that shares no code with it, and the other way round.
 */
export async function checkKeyStoragePage(target: Target): Promise<string> {
  await debian("chromium", "chromium");
  const place = { origin: target.origin, dataDirectory: join(target.folder, "data") };
  const strict = { ...wideLimits, searches_per_user: { burst: 2, every_seconds: 3_600 } };
  const app = await newApp(place, { limits: strict });
  const pages = await servePage();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    await page.goto(`${pages.url.replace("127.0.0.1", "localhost")}/`);
    await page.waitForFunction("globalThis.keyStorage !== undefined");
    await checkTwoManRule(page, app);
    await checkPassword(page, app);
    await checkBoundary(page, app);
  } finally {
    await browser.close();
    await pages.close();
  }
  return "a page of another origin saved, got back, renewed, and read Retry-After";
}

/** The page and its client, which are TypeScript until they are asked for. */
async function servePage(): Promise<LocalServer> {
  const source = await readFile(join(import.meta.dirname, "key-storage-client.ts"), "utf8");
  const script = stripTypeScriptTypes(source);
  const html = `<!doctype html><title>an application</title><script type="module">
    import { keyStorage } from "./client.js"; globalThis.keyStorage = keyStorage;</script>`;
  return startLocalServer(({ path }, response) => {
    const isScript = path === "/client.js";
    response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html; charset=utf-8" });
    response.end(isScript ? script : html);
  });
}

/** Calls the page's client, in the page. */
async function call(page: Page, name: keyof typeof keyStorage, ...given: readonly unknown[]): Promise<unknown> {
  return page.evaluate<unknown>(`globalThis.keyStorage.${name}(...${JSON.stringify(given)})`);
}

function expectSame(what: string, seen: unknown, wanted: unknown): void {
  const [one, other] = [JSON.stringify(seen), JSON.stringify(wanted)];
  if (one !== other) throw new Error(`${what}: ${one}, not ${other}`);
}

async function checkTwoManRule(page: Page, app: SsksClient): Promise<void> {
  const place = { origin: app.origin, appId: app.appId };
  const user = newUser();
  const { user_id: userId, auth_factor: authFactor } = user;
  const session = async (challenge: string | null): Promise<object> => {
    const { sessionId } = await openSession(app, user);
    return { userId, authFactor, sessionId, challenge, key: KEY };
  };
  const id = await call(page, "saveIdentity", place, await session(null), "identity");
  const renewed = await call(page, "retrieveIdentity", place, await session(FAKE_CHALLENGE));
  expectSame("got back for the first time", renewed, { identity: "identity renewed", isRenewed: true });
  const again = await call(page, "retrieveIdentity", place, await session(FAKE_CHALLENGE));
  expectSame("got back again", again, { identity: "identity renewed", isRenewed: false });
  const { sessionId } = await openSession(app, user);
  const proof = { userId, authFactor, sessionId, challenge: FAKE_CHALLENGE };
  const client = new TwoManRuleClient(app);
  const opened = await client.retrieveIdentity(proof, { twoManRuleKey: KEY }, (identity) => identity);
  expectSame("what the page stored, elsewhere", opened.identity.toString(), "identity renewed");
  const own = { userId, authFactor, sessionId: opened.sessionId };
  const stored = await client.saveIdentity(own, { twoManRuleKey: KEY }, Buffer.from("from elsewhere"));
  expectSame("the id of what is stored", stored.id, id);
  const last = await call(page, "retrieveIdentity", place, await session(FAKE_CHALLENGE));
  expectSame("what was stored elsewhere", last, { identity: "from elsewhere", isRenewed: false });
}

async function checkPassword(page: Page, app: SsksClient): Promise<void> {
  const place = { origin: app.origin, appId: app.appId };
  const { user_id: userId } = newUser();
  expectSame("no such user", await call(page, "retrievePassword", place, userId, PASSWORD), "404 StrictUser");
  await call(page, "savePassword", place, userId, PASSWORD.normalize("NFD"), "identity");
  expectSame("got back", await call(page, "retrievePassword", place, userId, PASSWORD), "identity");
  const client = new PasswordClient(app);
  const elsewhere = await client.retrieveIdentity(userId, { password: PASSWORD });
  expectSame("what the page stored, elsewhere", elsewhere.toString(), "identity");
  expectSame("a wrong one", await call(page, "retrievePassword", place, userId, "wrong"), "404 StrictKey");
  const refused = String(await call(page, "retrievePassword", place, userId, "wrong"));
  if (!/^throttled, [1-9]\d* s$/.test(refused)) throw new Error(`Retry-After is not readable: ${refused}`);
}

/** Failures can be read as well; what is the application's server's cannot be called from a page. */
async function checkBoundary(page: Page, app: SsksClient): Promise<void> {
  const place = { origin: app.origin, appId: app.appId };
  const unknown = { ...place, appId: "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b" };
  expectSame("no such session", await call(page, "statusOf", place, "/tmr/front/search/"), "404");
  expectSame("no such application", await call(page, "statusOf", unknown, "/tmr/front/search/"), "401");
  expectSame("a wrong body", await call(page, "statusOf", place, "/tmr/front/challenge_validate/"), "400");
  for (const path of ["/tmr/back/challenge_send/", "/strict/back/identity_delete/", "/v1/ssks/apps"]) {
    expectSame(path, await call(page, "statusOf", place, path), NOT_ALLOWED);
  }
}
