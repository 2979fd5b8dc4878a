/**
 * Why a backup could not be made, read or restored:
 * - `usage`: the command was not understood; `exists`: the output file is there already
 * - `wrong_secret`: the passphrase or identity does not open the file
 * - `not_a_backup`, `damaged`: what the file holds; damaged also means cut off
 * - `version`: it needs another version of the program
 * - `root_key`: the root key is absent or another one
 * - `not_empty`: there is data where a restore would write
 * - `half_restored`: a restore into this database did not finish
 * - `busy`: another process is at it, or changed the schema meanwhile
 */
export type BackupFailure =
  | "usage"
  | "exists"
  | "wrong_secret"
  | "not_a_backup"
  | "damaged"
  | "version"
  | "root_key"
  | "not_empty"
  | "half_restored"
  | "busy";

/** An expected failure of a backup; the message is for the operator and holds no secret. */
export class BackupError extends Error {
  override readonly name = "BackupError";
  readonly failure: BackupFailure;

  constructor(failure: BackupFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.failure = failure;
  }
}
