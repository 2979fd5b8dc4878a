import { randomBytes } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Of the three roles of an embedded PostgreSQL; base64url, so nothing in them needs quoting. */
export type Passwords = { readonly postgres: string; readonly owner: string; readonly app: string };

function fileOf(dataDirectory: string): string {
  return join(dataDirectory, "postgres.passwords");
}

/** The passwords of this data folder, or null when none were made yet. */
export async function findPasswords(dataDirectory: string): Promise<Passwords | null> {
  const text = await readFile(fileOf(dataDirectory), "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  });
  return text === null ? null : (JSON.parse(text) as Passwords);
}

/** The passwords of this data folder, made on the first call. They appear whole or not at all, to other starters too. */
export async function readPasswords(dataDirectory: string): Promise<Passwords> {
  const known = await findPasswords(dataDirectory);
  if (known !== null) return known;
  const random = (): string => randomBytes(24).toString("base64url");
  const made: Passwords = { postgres: random(), owner: random(), app: random() };
  const partial = `${fileOf(dataDirectory)}.${random()}`;
  await writeFile(partial, JSON.stringify(made), { mode: 0o600, flag: "wx", flush: true });
  try {
    await link(partial, fileOf(dataDirectory));
    return made;
  } catch (error) {
    const isTaken = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (isTaken) return (await findPasswords(dataDirectory)) ?? made;
    await rename(partial, fileOf(dataDirectory)); // a file system without hard links: whole, though not first come
    return made;
  } finally {
    await rm(partial, { force: true });
  }
}
