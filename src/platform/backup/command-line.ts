import { parseArgs } from "node:util";
import { BackupError } from "./backup-error.ts";

export const USAGE = `tabellion backup create FILE|-  [--recipient age1…] [--passphrase-file F] [--with-root-key] [--force]
tabellion backup verify FILE|-  [--identity-file F | --passphrase-file F]
tabellion backup restore FILE|- [--identity-file F | --passphrase-file F]

The passphrase is taken from --passphrase-file, else from TABELLION_BACKUP_PASSPHRASE, else asked for.
Without --with-root-key the backup is of use only together with root.key, which is to be kept elsewhere.
`;

export type BackupCommandLine = {
  readonly verb: "create" | "verify" | "restore";
  /** A path, or `-` for standard input or output. */
  readonly file: string;
  readonly recipient: string | undefined;
  readonly identityFile: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly isRootKeyWanted: boolean;
  readonly isReplacing: boolean;
};

/** Which options go with which verb, beside `--passphrase-file`. */
const OPTIONS_OF = {
  create: ["recipient", "with-root-key", "force"],
  verify: ["identity-file"],
  restore: ["identity-file"],
} as const;

/** Throws `BackupError` (`usage`). */
export function parseCommandLine(argv: readonly string[]): BackupCommandLine {
  const { values, positionals } = parse(argv);
  const [verb, file, more] = positionals;
  if (verb !== "create" && verb !== "verify" && verb !== "restore") throw usage("create, verify or restore?");
  if (file === undefined || more !== undefined)
    throw usage(`${verb} takes one file, or - for standard input or output`);
  const allowed = new Set<string>(["passphrase-file", ...OPTIONS_OF[verb]]);
  const foreign = Object.keys(values).find((name) => !allowed.has(name));
  if (foreign !== undefined) throw usage(`--${foreign} does not go with ${verb}`);
  return {
    verb,
    file,
    recipient: values.recipient,
    identityFile: values["identity-file"],
    passphraseFile: values["passphrase-file"],
    isRootKeyWanted: values["with-root-key"] === true,
    isReplacing: values.force === true,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        recipient: { type: "string" },
        "identity-file": { type: "string" },
        "passphrase-file": { type: "string" },
        "with-root-key": { type: "boolean" },
        force: { type: "boolean" },
      },
    });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : "the options cannot be read");
  }
}

function usage(message: string): BackupError {
  return new BackupError("usage", message);
}
