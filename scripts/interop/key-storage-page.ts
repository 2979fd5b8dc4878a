import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { startLocalServer, type LocalServer } from "../../test/support/local-server.ts";
import { newApp, wideLimits } from "../../test/support/ssks-app.ts";
import { checkBoundary, checkPasswords, checkRawKeys, checkThrottle } from "./key-storage-passwords.ts";
import type { PageClient } from "./key-storage-calls.ts";
import { checkTwoFactors, checkTwoManRule, checkVectors } from "./key-storage-two-man-rule.ts";
import type { Target } from "./target.ts";
import { debian } from "./tools.ts";

const CHROMIUM = "/usr/bin/chromium";
/** What the page loads, as the tree has it; scrypt is the one thing that it has of its own. */
const MODULES: Readonly<Record<string, string>> = {
  "/scripts/interop/key-storage-client.ts": "scripts/interop/key-storage-client.ts",
  "/test/support/ssks-front-client.ts": "test/support/ssks-front-client.ts",
  "/test/support/ssks-vectors.ts": "test/support/ssks-vectors.ts",
  "/test/support/ssks-crypto.ts": "test/support/ssks-crypto.ts",
  "/test/support/ssks-scrypt.ts": "scripts/interop/page-scrypt.ts",
};
const PAGE = `<!doctype html><title>an application</title><script type="module">
  import { keyStorage } from "/scripts/interop/key-storage-client.ts"; globalThis.keyStorage = keyStorage;</script>`;

/**
 * A page of another origin plays every mode of a client in a real browser, and reads why it is refused: the client of the
 * tests, with the browser's own cryptography and a scrypt of the page's. What it stores is opened by the same client under
 * Node, and the other way round.
 */
export async function checkKeyStoragePage(target: Target): Promise<string> {
  await debian("chromium", "chromium");
  const place = { origin: target.origin, dataDirectory: join(target.folder, "data") };
  const app = await newApp(place, { limits: wideLimits });
  const strict = { ...wideLimits, searches_per_user: { burst: 2, every_seconds: 3_600 } };
  const strictApp = await newApp(place, { limits: strict });
  const pages = await servePage();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    await page.goto(`${pages.url.replace("127.0.0.1", "localhost")}/`);
    await page.waitForFunction("globalThis.keyStorage !== undefined");
    const call = callerOf(page);
    await checkVectors(call);
    await checkTwoManRule(call, app, place.dataDirectory);
    await checkTwoFactors(call, app);
    await checkRawKeys(call, app);
    await checkPasswords(call, app);
    await checkThrottle(call, strictApp);
    await checkBoundary(call, app);
  } finally {
    await browser.close();
    await pages.close();
  }
  return "a page of another origin played every mode, with a challenge from a mail, and read Retry-After";
}

function callerOf(page: Page): PageClient {
  return (name, ...given) =>
    page.evaluate<unknown>(`globalThis.keyStorage.${name}(...${JSON.stringify(given)}).catch(String)`);
}

/** The page and its client, which are TypeScript until they are asked for. */
async function servePage(): Promise<LocalServer> {
  const root = join(import.meta.dirname, "..", "..");
  const scripts = new Map(
    await Promise.all(
      Object.entries(MODULES).map(
        async ([path, file]) => [path, stripTypeScriptTypes(await readFile(join(root, file), "utf8"))] as const,
      ),
    ),
  );
  return startLocalServer(({ path }, response) => {
    const script = scripts.get(path);
    response.writeHead(200, { "content-type": script === undefined ? "text/html; charset=utf-8" : "text/javascript" });
    response.end(script ?? PAGE);
  });
}
