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
/** Ends with marks from the right to the left, which are to stay within the line of their name. */
const LONG_NAME = `${"Maximilienne-Apolline de Villeneuve-sur-Lot et de la Tour d’Auvergne, ".repeat(2)}שרה כהן`;

type Place = {
  readonly api: Client;
  readonly origin: string;
  readonly mailbox: Mailbox;
  readonly browser: Browser;
  readonly documentId: string;
  readonly folder: string;
};

/**
 * Two signers, one after the other, in a real browser at each width, with and without JavaScript. Leaves nothing behind but,
 * where SCREENSHOTS names a folder, the pictures in it.
 */
export async function checkSigningPages(): Promise<string> {
  await debian("chromium", "chromium");
  const data = await mkdtemp(join(tmpdir(), "tabellion-signing-"));
  const folder = process.env["SCREENSHOTS"] ?? join(data, "screens");
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
    const kept = process.env["SCREENSHOTS"] === undefined ? "" : `; pictures in ${folder}`;
    return `${SCREENS.length} browsers, two signers each${kept}`;
  } finally {
    await browser.close();
    await server.stop();
    await mailbox.close();
    await rm(data, { recursive: true, force: true });
  }
}

async function signOn(screen: Screen, place: Place): Promise<void> {
  const { api, mailbox } = place;
  const [email, second] = [`${screen.name}@example.com`, `${screen.name}-2@example.com`];
  const signers = [
    { email, role: "acheteur", order: 1 },
    { email: second, role: "notaire", name: LONG_NAME, order: 2 },
  ];
  const order = { signers, message: "Bonjour\nà bientôt", require_code: true, delegation: true };
  const made = signatureShape.parse(expected(await api.post(`/documents/${place.documentId}/signatures`, order), 201));
  const { name, width, ...options } = screen;
  const context = await place.browser.newContext({ ...options, viewport: { width, height: 844 } });
  const page = await context.newPage();
  const shoot = async (what: string): Promise<void> => {
    await refuseOverflow(page, width);
    await refuseWrongLanguage(page, name.includes("fr") ? "fr" : "en");
    await page.screenshot({ path: join(place.folder, `${name}-${what}.png`), fullPage: true });
  };
  await page.goto(made.signature_url);
  await shoot("1-envelope");
  await page.fill("#email", second);
  await page.click("button[value=ask]");
  await shoot("2-asked");
  await page.goto(place.origin + linkIn(await mailbox.mailTo(email)));
  await shoot("3-closed");
  await page.click("button[value=open]");
  await signWith(page, { code: "000", shoot, mailbox, email });
  await page.goto(place.origin + linkIn(await mailbox.mailTo(second)));
  await page.click("button[value=open]");
  await signWith(page, { code: null, shoot: async () => undefined, mailbox, email: second });
  await shoot("7-signed-by-both");
  await page.goto(made.signature_url);
  await shoot("8-ended");
  await page.goto(`${place.origin}/sign/nothing`);
  await shoot("9-nothing");
  await context.close();
  const { status } = statusShape.parse(expected(await api.get(`/signatures/${made.signature_id}`), 200));
  if (status !== "completed") throw new Error(`${name}: signed in the browser, but the request is ${status}`);
}

type Signing = {
  /** A wrong one to try first. */
  readonly code: string | null;
  readonly shoot: (what: string) => Promise<void>;
  readonly mailbox: Mailbox;
  readonly email: string;
};

/** By keyboard alone from the name on, as somebody without a mouse does it. */
async function signWith(page: Page, { code: wrong, shoot, mailbox, email }: Signing): Promise<void> {
  await page.click("button[value=code]");
  await page.waitForSelector(".good");
  const code = /\b(\d{6})\b/.exec((await mailbox.mailTo(email, 2)).text)?.[1] ?? "";
  for (const typed of wrong === null ? [code] : [wrong, code]) {
    await page.focus("#name");
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("Zoë d’Arc-Müller");
    await page.keyboard.press("Tab");
    await page.keyboard.type(typed);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await page.keyboard.press("Tab");
    const focused = await page.evaluate<string>("document.activeElement?.value");
    if (focused !== "sign") throw new Error(`after name, code and consent the keyboard is at ${focused}`);
    await shoot(typed === code ? "5-filled" : "4-open");
    await page.keyboard.press("Enter");
    await page.waitForSelector(typed === code ? "dd code:text('aud_')" : ".warn");
    if (typed === wrong) for (const summary of await page.$$("summary")) await summary.click();
    await shoot(typed === code ? "6-signed" : "4-wrong");
  }
}

/** Nobody scrolls sideways on a phone (WCAG 2.2, 1.4.10). */
async function refuseOverflow(page: Page, width: number): Promise<void> {
  const drawn = await page.evaluate<number>("document.documentElement.scrollWidth");
  if (drawn > width) throw new Error(`the page is ${drawn} wide on a screen of ${width}`);
}

async function refuseWrongLanguage(page: Page, wanted: string): Promise<void> {
  const shown = await page.evaluate<string>("document.documentElement.lang");
  if (shown !== wanted) throw new Error(`the page is in ${shown}, not ${wanted}`);
}
