import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { run } from "./programs.ts";
import type { Target } from "./target.ts";
import { debian } from "./tools.ts";

const TEXT = "Ceci est un compromis de vente.\n".repeat(4_000);

const keyShape = z.object({ key_id: z.string() });
const dataKeyShape = z.object({ key_wrap: z.string(), plaintext_key: z.string(), wrapped_key: z.string() });
const releaseShape = z.object({ algorithm: z.literal("age"), encrypted_key: z.string() });

/** A file that `age -r` encrypted comes back as it went, and `age -d` opens it. */
export async function checkAgeFile(target: Target): Promise<string> {
  const { identity, recipient } = await newIdentity(target, "file");
  const plain = join(target.folder, "plain.txt");
  const sealed = join(target.folder, "plain.txt.age");
  const back = join(target.folder, "back.age");
  await writeFile(plain, TEXT);
  await run("age", ["-r", recipient, "-o", sealed, plain]);
  const id = await target.createDocument({ filename: "plain.txt.age" });
  await target.upload(id, new Uint8Array(await readFile(sealed)));
  await writeFile(back, await target.download(id));
  if ((await run("age", ["-d", "-i", identity, back])) !== TEXT) throw new Error("the opened text is another one");
  return id;
}

/** A data key that the server releases to an age recipient is opened by `age -d`. */
export async function checkAgeRelease(target: Target): Promise<string> {
  const { identity, recipient } = await newIdentity(target, "release");
  const { key_id } = keyShape.parse(await target.send("POST", "/v1/secufile/kms/keys", { name: "interop" }));
  const dataKey = dataKeyShape.parse(await target.send("POST", `/v1/secufile/kms/keys/${key_id}/data-key`));
  const id = await target.createDocument({ key_wrap: dataKey.key_wrap, wrapped_key: dataKey.wrapped_key });
  const order = { recipient_public_key: recipient, reason: "interop" };
  const released = releaseShape.parse(await target.send("POST", `/v1/secufile/documents/${id}/key-release`, order));
  const file = join(target.folder, "released.age");
  const key = join(target.folder, "released.key");
  await writeFile(file, Buffer.from(released.encrypted_key, "base64"));
  await run("age", ["-d", "-i", identity, "-o", key, file]);
  if ((await readFile(key)).toString("base64") !== dataKey.plaintext_key) throw new Error("it is another key");
  return id;
}

async function newIdentity(target: Target, name: string): Promise<{ identity: string; recipient: string }> {
  await debian("age", "age");
  const identity = join(target.folder, `${name}.identity`);
  await run("age-keygen", ["-o", identity]);
  return { identity, recipient: (await run("age-keygen", ["-y", identity])).trim() };
}
