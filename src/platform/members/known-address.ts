import type { Tx } from "../db/tx.ts";
import type { Keyring } from "../keys/keyring.ts";
import { addressPrefix } from "../limits/limit-keys.ts";
import { deleteSpareAddresses, insertKnownAddress } from "./store/known-addresses.ts";

/** Of how many networks it is remembered that a member signed in from there. */
export const MAX_KNOWN_ADDRESSES = 20;

/** Stands for an account and the network that is signed in from; neither can be found by trying without the key. */
export function knownHash(keyring: Keyring, accountHash: Buffer, remoteAddress: string): Buffer {
  return keyring.mac("address-hashes", `known/${accountHash.toString("hex")}/${addressPrefix(remoteAddress)}`);
}

/** Whoever proved who they are from here need not wait for strangers. With 0 for `others`, all other places go. */
export async function rememberAddress(
  tx: Tx,
  tenantId: string,
  seen: { memberId: string; hash: Buffer; now: Date; others?: number },
): Promise<void> {
  const { memberId, hash, others = MAX_KNOWN_ADDRESSES - 1 } = seen;
  await deleteSpareAddresses(tx, tenantId, { memberId, hash, kept: others });
  await insertKnownAddress(tx, tenantId, seen);
}
