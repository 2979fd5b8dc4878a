import { randomBytes } from "node:crypto";
import { link, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StartError } from "../errors/start-error.ts";

/** One generation of the root key: 32 bytes that open the tenants' keys. */
export type RootGeneration = { readonly generation: number; readonly key: Buffer };

/** At most two generations: the newest wraps, both open. */
export type RootKey = { readonly newest: RootGeneration; readonly previous: RootGeneration | null };

const FILE = "root.key";
const KEY_BYTES = 32;

/** The root key cannot be used: absent where data exists, unreadable, or open to others. */
export class RootKeyError extends StartError {
  override readonly name = "RootKeyError";
}

/** Reads `<generation>:<base64>` entries, separated by commas or lines, the newest last. */
export function parseRootKey(text: string): RootKey {
  const entries = text
    .split(/[\s,]+/)
    .filter((part) => part !== "")
    .map((part) => {
      const match = /^(\d{1,6}):([A-Za-z0-9+/]{43}=)$/.exec(part);
      if (match === null) throw new RootKeyError("the root key is not <generation>:<base64 of 32 bytes>");
      return { generation: Number(match[1]), key: Buffer.from(match[2] ?? "", "base64") };
    });
  const newest = entries.at(-1);
  const previous = entries.at(-2) ?? null;
  if (newest === undefined || entries.length > 2) throw new RootKeyError("one or two root key generations are needed");
  if (previous !== null && previous.generation >= newest.generation) {
    throw new RootKeyError("the root key generations must rise, the newest last");
  }
  return { newest, previous };
}

export function formatRootKey(root: RootKey): string {
  const entries = root.previous === null ? [root.newest] : [root.previous, root.newest];
  return `${entries.map((entry) => `${entry.generation}:${entry.key.toString("base64")}`).join("\n")}\n`;
}

/**
 * The root key from the setting, else from `root.key` in the data folder, else a new one, on disk before this
 * returns. A new one is made only where `mayCreate` says that no data exists that an older one would have to open.
 */
export async function loadRootKey(
  dataDirectory: string,
  fromSetting: string | null,
  mayCreate: boolean,
): Promise<RootKey> {
  if (fromSetting !== null) return parseRootKey(fromSetting);
  const file = join(dataDirectory, FILE);
  const known = await readRootKey(file);
  if (known !== null) return known;
  if (!mayCreate) {
    throw new RootKeyError(
      `${file} is missing, but the database holds data sealed under it; put it back or set TABELLION_ROOT_KEY`,
    );
  }
  await createRootKey(file, { newest: { generation: 1, key: randomBytes(KEY_BYTES) }, previous: null });
  const made = await readRootKey(file);
  if (made === null) throw new RootKeyError(`${file} was removed while the server started`);
  return made;
}

async function readRootKey(file: string): Promise<RootKey | null> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return null;
    throw new RootKeyError(`${file} cannot be read`, { cause: error });
  });
  if (text === null) return null;
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0) throw new RootKeyError(`${file} can be read by others; run: chmod 600 ${file}`);
  return parseRootKey(text);
}

/**
 * Of two that start on one folder the first one's key stands, and both use it: a link is refused where a file is.
 * A key that replaced another one would leave what that one has sealed without a key.
 */
async function createRootKey(file: string, root: RootKey): Promise<void> {
  const draft = await writeDraft(file, root);
  try {
    await link(draft, file);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(file);
}

/** Replaces the file `root.key` as a whole; on disk before this returns. */
export async function writeRootKey(dataDirectory: string, root: RootKey): Promise<void> {
  const file = join(dataDirectory, FILE);
  await rename(await writeDraft(file, root), file);
  await syncFolder(file);
}

/** A complete file beside `file`, readable to nobody else from its first moment on. */
async function writeDraft(file: string, root: RootKey): Promise<string> {
  const draft = `${file}.${randomBytes(8).toString("hex")}`;
  await writeFile(draft, formatRootKey(root), { mode: 0o600, flag: "wx", flush: true });
  return draft;
}

async function syncFolder(file: string): Promise<void> {
  const folder = await open(dirname(file));
  await folder.sync();
  await folder.close();
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
