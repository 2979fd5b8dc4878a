import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { z } from "zod";
import { linkIn, openMailbox, type Mailbox } from "../../test/support/mailbox.ts";
import { clientOf, expected, type Client } from "../../test/support/secufile-client.ts";
import { startServer } from "../../test/support/server.ts";
import { debian } from "./tools.ts";

const CHROMIUM = "/usr/bin/chromium";
const SCREENS = [
  { name: "phone-fr", width: 390, locale: "fr-FR", javaScriptEnabled: false, colorScheme: "light" },
  { name: "desktop-en", width: 1280, locale: "en-GB", javaScriptEnabled: true, colorScheme: "light" },
  { name: "phone-en-dark", width: 390, locale: "en-GB", javaScriptEnabled: true, colorScheme: "dark" },
  { name: "desktop-fr", width: 1280, locale: "fr-FR", javaScriptEnabled: false, colorScheme: "light" },
] as const;
const FILENAME = "promesse-achat-12345-avec-un-nom-assez-long-pour-passer-a-la-ligne.pdf";

const documentShape = z.object({ document_id: z.string() });
const signatureShape = z.object({ signature_id: z.string(), signature_url: z.string() });
const statusShape = z.object({ status: z.string() });

type Screen = (typeof SCREENS)[number];
type Place = {
  readonly api: Client;
  readonly origin: string;
  readonly mailbox: Mailbox;
  readonly browser: Browser;
  readonly documentId: string;
  readonly folder: string;
};

/** Signs in a real browser at each width, with and without JavaScript; the screenshots stay in a temporary folder. */
export async function checkSigningPages(): Promise<string> {
  await debian("chromium", "chromium");
  const data = await mkdtemp(join(tmpdir(), "tabellion-signing-"));
  const folder = await mkdtemp(join(tmpdir(), "tabellion-screens-"));
  await mkdir(join(data, "data"));
  const mailbox = await openMailbox();
  const server = await startServer({ dataDirectory: join(data, "data"), env: mailbox.env });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const api = clientOf(server.origin, server.apiKey);
    const order = { filename: FILENAME, key_wrap: "k" };
    const { document_id: documentId } = documentShape.parse(expected(await api.post("/documents", order), 201));
    expected(await api.call("PUT", `/documents/${documentId}/content`, { raw: "ciphertext" }), 200);
    for (const screen of SCREENS) {
      await signOn(screen, { api, origin: server.origin, mailbox, browser, documentId, folder });
    }
    return `${SCREENS.length} browsers signed; screenshots in ${folder}`;
  } finally {
    await browser.close();
    await server.stop();
    await mailbox.close();
    await rm(data, { recursive: true, force: true });
  }
}

async function signOn(screen: Screen, place: Place): Promise<void> {
  const { api, mailbox } = place;
  const email = `${screen.name}@example.com`;
  const order = { signers: [{ email, role: "acheteur" }], message: "Bonjour\nà bientôt", require_code: true };
  const made = signatureShape.parse(expected(await api.post(`/documents/${place.documentId}/signatures`, order), 201));
  const { name, width, ...options } = screen;
  const context = await place.browser.newContext({ ...options, viewport: { width, height: 844 } });
  const page = await context.newPage();
  const shoot = async (what: string): Promise<void> => {
    await refuseOverflow(page, width);
    await page.screenshot({ path: join(place.folder, `${name}-${what}.png`), fullPage: true });
  };
  await page.goto(made.signature_url);
  await shoot("1-envelope");
  await page.goto(place.origin + linkIn(await mailbox.mailTo(email)));
  await shoot("2-closed");
  await page.click("button[value=open]");
  await page.click("button[value=code]");
  await page.waitForSelector(".good");
  const code = /\b(\d{6})\b/.exec((await mailbox.mailTo(email, 2)).text)?.[1] ?? "";
  await page.fill("#name", "Zoë d’Arc-Müller");
  await page.fill("#code", code);
  await page.check("input[name=consent]");
  await shoot("3-open");
  await page.click("button[value=sign]");
  await page.waitForSelector("dd code");
  await shoot("4-signed");
  await context.close();
  const { status } = statusShape.parse(expected(await api.get(`/signatures/${made.signature_id}`), 200));
  if (status !== "completed") throw new Error(`${name}: signed in the browser, but the request is ${status}`);
}

/** Nobody scrolls sideways on a phone (WCAG 2.2, 1.4.10). */
async function refuseOverflow(page: Page, width: number): Promise<void> {
  const drawn = await page.evaluate<number>("document.documentElement.scrollWidth");
  if (drawn > width) throw new Error(`the page is ${drawn} wide on a screen of ${width}`);
}
