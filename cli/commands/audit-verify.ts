import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { ExportError, verifyExport } from "../audit-proofs/export-file.ts";
import { ProofError, verifyProof } from "../audit-proofs/single-proof.ts";
import { CommandError, jsonOption, type Action, type Given, type Option, type Surroundings } from "../command.ts";
import { card, json } from "../output.ts";

const key: Option = {
  type: "string",
  multiple: true,
  value: "VKEY",
  meaning:
    "A verifier key of the log, <origin>+<hash>+<base64>. Give every one that you trust, those of before included.",
};

export const verify: Action = {
  summary: "Verify an export with proofs, without any server.",
  details: `Checks the signed checkpoint, every record against it, the order, and the signature over the whole file. Without
--key the key in the file itself is trusted, which shows only that the file is whole: get the keys once from the server
(GET /v1/secufile/audit/log/key) over a way that you trust, and give them each time.`,
  takes: ["file"],
  options: { key, ...jsonOption },
  run: (given, surroundings) =>
    tell(given, surroundings, async (file, keys) => {
      const found = await verifyExport(createReadStream(file), keys);
      return { found, said: `${file} is as the log signed it.` };
    }),
};

export const verifyProofAction: Action = {
  summary: "Verify one proof, as the server answers it, without any server.",
  details: `Takes the JSON of GET /v1/secufile/audit/proofs/<id>, or of GET /v1/secufile/audit/log/top/proof. What is said of --key
in audit verify holds here, too; the log over all organisations has keys of its own name.`,
  takes: ["file"],
  options: { key, ...jsonOption },
  run: (given, surroundings) =>
    tell(given, surroundings, async (file, keys) => {
      const found = verifyProof(await readFile(file, "utf8"), keys);
      return { found, said: `${file} proves a ${found.proves} of the log.` };
    }),
};

type Checked = { readonly found: Readonly<Record<string, unknown>> & { readonly key: string }; readonly said: string };

async function tell(
  given: Given,
  { stdout, stderr }: Surroundings,
  check: (file: string, keys: readonly string[]) => Promise<Checked>,
): Promise<number> {
  const [file = ""] = given.names;
  const keys = given.texts("key");
  try {
    const { found, said } = await check(file, keys);
    if (keys.length === 0) stderr.write(`tabellion: warning: trusted the key that the file names: ${found.key}\n`);
    stdout.write(given.has("json") ? json(found) : `${said}\n${card(found)}`);
    return 0;
  } catch (error) {
    if (error instanceof ExportError || error instanceof ProofError)
      throw new CommandError(`${file} DOES NOT VERIFY: ${error.message}`, { cause: error });
    if (error instanceof Error && "syscall" in error) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}
