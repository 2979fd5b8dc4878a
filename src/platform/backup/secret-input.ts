import { readFile } from "node:fs/promises";
import type { BackupIdentity, BackupRecipient } from "./age-file.ts";
import { BackupError } from "./backup-error.ts";

/** The terminal, or what stands in its place. */
export type Terminal = {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?(isRaw: boolean): unknown };
  readonly output: NodeJS.WritableStream;
};

export type SecretOptions = {
  /** The passphrase given in the environment, or null. */
  readonly passphrase: string | null;
  readonly passphraseFile: string | undefined;
  readonly terminal: Terminal;
};

/** A passphrase is guessed at leisure by whoever has the file: shorter ones are refused for new backups. */
const LEAST_PASSPHRASE_CHARACTERS = 12;
const IDENTITY_START = "AGE-SECRET-KEY-";

export async function readRecipient(options: SecretOptions, recipient: string | undefined): Promise<BackupRecipient> {
  if (recipient !== undefined) {
    if (options.passphraseFile !== undefined) throw usage("--recipient and --passphrase-file exclude each other");
    return { age: recipient };
  }
  const given = await givenPassphrase(options);
  const passphrase = given ?? (await ask(options.terminal, "Passphrase of the backup: "));
  if (given === null && (await ask(options.terminal, "Once more: ")) !== passphrase) throw usage("the two differ");
  if (Array.from(passphrase).length < LEAST_PASSPHRASE_CHARACTERS) {
    throw usage(`a passphrase has at least ${LEAST_PASSPHRASE_CHARACTERS} characters`);
  }
  return { passphrase };
}

export async function readIdentity(options: SecretOptions, identityFile: string | undefined): Promise<BackupIdentity> {
  if (identityFile === undefined) {
    return {
      passphrase: (await givenPassphrase(options)) ?? (await ask(options.terminal, "Passphrase of the backup: ")),
    };
  }
  if (options.passphraseFile !== undefined) throw usage("--identity-file and --passphrase-file exclude each other");
  const lines = (await readSecretFile(identityFile)).split("\n").map((line) => line.trim());
  const identities = lines.filter((line) => line.startsWith(IDENTITY_START));
  if (identities.length === 0) throw usage(`${identityFile} holds no age identity (${IDENTITY_START}1…)`);
  return { identities };
}

async function givenPassphrase(options: SecretOptions): Promise<string | null> {
  if (options.passphraseFile === undefined) return options.passphrase;
  return (await readSecretFile(options.passphraseFile)).replace(/\r?\n$/, "");
}

async function readSecretFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new BackupError("usage", `${path} cannot be read`, error);
  }
}

/** Reads a line from the terminal, which does not show it. */
async function ask({ input, output }: Terminal, question: string): Promise<string> {
  if (input.isTTY !== true || input.setRawMode === undefined) {
    throw usage("no passphrase: set TABELLION_BACKUP_PASSPHRASE, or use --passphrase-file or an age key");
  }
  output.write(question);
  input.setRawMode(true);
  input.resume();
  try {
    return await readHiddenLine(input);
  } finally {
    input.setRawMode(false);
    input.pause();
    output.write("\n");
  }
}

function readHiddenLine(input: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let line: string[] = [];
    const onData = (data: Buffer | string): void => {
      for (const character of Array.from(data.toString("utf8"))) {
        const isEnd = character === "\r" || character === "\n";
        const isRefusal = character === "\u0003" || character === "\u0004";
        if (isEnd) resolve(line.join(""));
        if (isRefusal) reject(usage("no passphrase was given"));
        if (isEnd || isRefusal) {
          input.off("data", onData);
          return;
        }
        if (character === "\u007f" || character === "\b") line = line.slice(0, -1);
        else line.push(character);
      }
    };
    input.on("data", onData);
  });
}

function usage(message: string): BackupError {
  return new BackupError("usage", message);
}
