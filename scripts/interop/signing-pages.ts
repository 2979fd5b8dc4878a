import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { z } from "zod";
import { linkIn, openMailbox, type Mailbox } from "../../test/support/mailbox.ts";
import { clientOf, eventually, expected, type Client } from "../../test/support/secufile-client.ts";
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
const signerShape = z.object({ state: z.string(), decline_reason: z.string().nullish() });
const statusShape = z.object({ status: z.string(), signers: z.array(signerShape) });

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
  /** Where the server writes text messages, as it has no gateway. */
  readonly outbox: string;
};

/**
 * Two signers, one after the other, in a real browser at each width, with and without JavaScript; on a phone without and at a
 * desk with it somebody also declines, and somebody with a code by SMS names another person. Leaves nothing behind but, where
 * SCREENSHOTS names a folder, the pictures in it.
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
    const outbox = join(server.dataDirectory, "outbox");
    const place = { api, origin: server.origin, mailbox, browser, folder, outbox };
    const order = { filename: FILENAME, key_wrap: "k" };
    const { document_id: documentId } = documentShape.parse(expected(await api.post("/documents", order), 201));
    expected(await api.call("PUT", `/documents/${documentId}/content`, { raw: "ciphertext" }), 200);
    for (const screen of SCREENS) {
      await signOn(screen, { ...place, documentId });
    }
    for (const screen of SCREENS.slice(0, 2)) await refuseAndDelegateOn(screen, { ...place, documentId });
    const kept = process.env["SCREENSHOTS"] === undefined ? "" : `; pictures in ${folder}`;
    return `${SCREENS.length} browsers, two signers each; declined, and delegated with a code by SMS, in two${kept}`;
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
  const { page, shoot } = await openPage(screen, place);
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
  await page.context().close();
  await expectStates(screen, place, made.signature_id, ["completed", "signed", "signed"]);
}

type Shoot = (what: string) => Promise<void>;

async function openPage(screen: Screen, place: Place): Promise<{ page: Page; shoot: Shoot }> {
  const { name, width, ...options } = screen;
  const context = await place.browser.newContext({ ...options, viewport: { width, height: 844 } });
  const page = await context.newPage();
  const shoot = async (what: string): Promise<void> => {
    await refuseOverflow(page, width);
    await refuseWrongLanguage(page, name.includes("fr") ? "fr" : "en");
    await page.screenshot({ path: join(place.folder, `${name}-${what}.png`), fullPage: true });
  };
  return { page, shoot };
}

/** What the API says came of it: the request's status, then each signer's. */
async function expectStates(screen: Screen, { api }: Place, id: string, wanted: readonly string[]) {
  const shown = statusShape.parse(expected(await api.get(`/signatures/${id}`), 200));
  const states = [shown.status, ...shown.signers.map(({ state }) => state)].join(" ");
  if (states !== wanted.join(" ")) throw new Error(`${screen.name}: ${states}, not ${wanted.join(" ")}`);
  return shown.signers;
}

const REASON = `Le prix n’est pas « celui » convenu, ni <la surface> & "le reste".`;

async function refuseAndDelegateOn(screen: Screen, place: Place): Promise<void> {
  const { api, mailbox, documentId } = place;
  const [email, first, second] = ["declines", "delegates", "delegate"].map(
    (who) => `${who}.${screen.name}@example.com`,
  );
  if (email === undefined || first === undefined || second === undefined) throw new Error("there are three");
  const phone = `+336123456${String(screen.width).padStart(4, "0")}`;
  const request = async (order: object): Promise<string> =>
    signatureShape.parse(expected(await api.post(`/documents/${documentId}/signatures`, order), 201)).signature_id;
  const declined = await request({ signers: [{ email, role: "acheteur" }] });
  const order = { signers: [{ email: first, role: "acheteur", phone }], require_code: "sms", delegation: true };
  const delegated = await request(order);
  const { page, shoot } = await openPage(screen, place);
  const openAs = async (who: string): Promise<void> => {
    await page.goto(place.origin + linkIn(await mailbox.mailTo(who)));
    await page.click("button[value=open]");
    await page.waitForSelector("button[value=sign]");
  };

  await openAs(email);
  const ways = await page.$$("button[value=delegate], button[value=code]");
  if (ways.length > 0) throw new Error("the page offers to name others, or a code, though nobody asked for that");
  await act(page, "decline", { "#reason": REASON });
  await shoot("10-declined");
  const [signer] = await expectStates(screen, place, declined, ["declined", "declined"]);
  if (signer?.decline_reason !== REASON) throw new Error(`the reason came as ${signer?.decline_reason}`);

  await openAs(first);
  await page.click("button[value=code]");
  await page.waitForSelector(".good");
  const person = { "#delegate-name": "Ana Blanc", "#delegate-email": second };
  await act(page, "delegate", { ...person, "#delegate-code": await codeBySms(place.outbox, phone) });
  await shoot("11-delegated");
  await openAs(second);
  await signWith(page, { code: null, shoot: async () => undefined, mailbox, email: second });
  await page.context().close();
  await expectStates(screen, place, delegated, ["completed", "delegated", "signed"]);
}

/** Fills in a form behind its heading and sends it; there is nothing more to do afterwards. */
async function act(page: Page, named: string, fields: Readonly<Record<string, string>>): Promise<void> {
  await page.click(`details:has(button[value=${named}]) summary`);
  for (const [field, text] of Object.entries(fields)) await page.fill(field, text);
  await page.click(`button[value=${named}]`);
  await page.waitForSelector("main:not(:has(form))");
}

/** The code of the one text message to this number. */
function codeBySms(outbox: string, phone: string): Promise<string> {
  return eventually(`a text message to ${phone}`, async () => {
    const names = (await readdir(outbox).catch(() => [])).filter((name) => name.endsWith(".txt"));
    const texts = await Promise.all(names.map((name) => readFile(join(outbox, name), "utf8")));
    const own = texts.find((text) => text.startsWith(`To: ${phone}\n`));
    return /\b(\d{6})\b/.exec(own?.split("\n\n")[1] ?? "")?.[1] ?? null;
  });
}

type Signing = {
  /** A wrong one to try first. */
  readonly code: string | null;
  readonly shoot: Shoot;
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
