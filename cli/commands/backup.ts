import type { HandedOn } from "../command.ts";

export const backup: HandedOn = {
  summary: "Make, verify or restore an encrypted backup of everything.",
  serverCommand: "backup",
  help: `Usage: npx tabellion backup create <file>|-   [--recipient age1...] [--passphrase-file F] [--with-root-key] [--force]
       npx tabellion backup verify <file>|-   [--identity-file F | --passphrase-file F]
       npx tabellion backup restore <file>|-  [--identity-file F | --passphrase-file F]

A backup is one file, encrypted with age to a recipient or a passphrase: the database, all documents and, on demand, the
root key. It is made while the server runs. It works on the database and the data folder that the server's settings
name (TABELLION_DATA, DATABASE_URL, DATABASE_OWNER_URL), so run it where the server runs.

  create    Writes a backup; - writes it to standard output.
  verify    Reads a backup to its end and tells whether it could be restored.
  restore   Fills an empty data folder and an empty database.

Options:
  --recipient age1...   Encrypt to this age public key.
  --identity-file F     The age identity that opens the backup.
  --passphrase-file F   Read the passphrase from this file.
  --with-root-key       Put the root key into the backup. Without it the backup is of use only together with root.key,
                        which is to be kept elsewhere.
  --force               Replace a file that is there.

Environment:
  TABELLION_BACKUP_PASSPHRASE  The passphrase; asked for at the terminal when neither it nor a file is given.

Exit codes: 0 done, 1 failed, 2 the command line was not understood, 3 made, but without objects that had decayed on
the disk.
`,
};
