import { keyOf, open, seal, secretOf, type Bytes, type Owner, type Sealing } from "../../test/support/ssks-crypto.ts";
import {
  PasswordClient,
  sendFront,
  TwoManRuleClient,
  type PasswordKey,
  type Proof,
  type SsksPlace,
  type TwoManRuleKey,
} from "../../test/support/ssks-front-client.ts";
import { vectorOwner, vectorRandomness } from "../../test/support/ssks-vectors.ts";

type Retrieved = { readonly identity: string; readonly sessionId: string; readonly isRenewed: boolean };

/** What a page is told to do, and tells: texts, because all of it passes through JSON. It runs in a browser. */
export const keyStorage = {
  saveIdentity(
    place: SsksPlace,
    proof: Proof,
    key: TwoManRuleKey,
    text: string,
  ): Promise<{ id: string; sessionId: string }> {
    return new TwoManRuleClient(place).saveIdentity(proof, key, utf8(text));
  },
  async retrieveIdentity(
    place: SsksPlace,
    proof: Proof & { challenge: string },
    key: TwoManRuleKey,
  ): Promise<Retrieved> {
    const renew = (bytes: Bytes): Bytes => utf8(`${textOf(bytes)} renewed`);
    const { identity, ...more } = await new TwoManRuleClient(place).retrieveIdentity(proof, key, renew);
    return { identity: textOf(identity), ...more };
  },
  getFactorToken(place: SsksPlace, proof: Proof): Promise<string> {
    return new TwoManRuleClient(place).getFactorToken(proof);
  },
  savePassword(place: SsksPlace, userId: string, key: PasswordKey, text: string): Promise<string> {
    return new PasswordClient(place).saveIdentity(userId, key, utf8(text));
  },
  async retrievePassword(place: SsksPlace, userId: string, key: PasswordKey): Promise<string> {
    return textOf(await new PasswordClient(place).retrieveIdentity(userId, key));
  },
  changePassword(place: SsksPlace, userId: string, change: { from: string; to: string }): Promise<string | null> {
    return new PasswordClient(place).changePassword(userId, change.from, change.to);
  },
  /** All that a published vector says of one text. */
  async vectorOf(
    sealing: Sealing & { kind: "derived" },
    text: string,
  ): Promise<Readonly<Record<string, string | null>>> {
    const key = await keyOf(sealing.text, { ...vectorOwner, label: sealing.label, salt: vectorRandomness.salt });
    const data = await seal(utf8(text), vectorOwner, sealing, vectorRandomness);
    const raw = await seal(utf8(text), vectorOwner, { kind: "raw", key }, vectorRandomness);
    const opened = await open(data, vectorOwner, sealing);
    return { key: key.toHex(), data, raw, opened: opened === null ? null : textOf(opened) };
  },
  secretOf(password: string, owner: Owner): Promise<string> {
    return secretOf(password, owner);
  },
  /** The status of an answer; a browser has no other word for one that the page may not read than a failure. */
  async statusOf(place: SsksPlace, path: string): Promise<string> {
    return String((await sendFront(place, path, {}, "no session")).status);
  },
};

function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
