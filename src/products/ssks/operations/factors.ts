import type { Keyring } from "../../../platform/keys/keyring.ts";
import { mailAddress } from "../../../platform/notify/address.ts";
import type { App } from "../app.ts";
import { refusedField } from "../errors.ts";
import { readFactor, type Factor, type FactorType } from "../factor.ts";

type GivenFactor = { readonly type: FactorType; readonly value: string };
/** A factor, or a mail address by the older name. */
export type GivenFactors = {
  readonly auth_factor?: GivenFactor | null | undefined;
  readonly email?: string | null | undefined;
};

/** The factor of a request; null where it names none. Throws `validation_failed` for what is none, or two that differ. */
export function optionalFactor({ auth_factor: given, email }: GivenFactors): Factor | null {
  const factor = given === null || given === undefined ? null : factorOf(given, "auth_factor");
  const older = email === null || email === undefined ? null : factorOf({ type: "EM", value: email }, "email");
  const isOther = factor !== null && older !== null && (factor.type !== "EM" || factor.normal !== older.normal);
  if (isOther) throw refusedField("email", "must be the address of auth_factor, where both are given");
  return factor ?? older;
}

export function requiredFactor(given: GivenFactors): Factor {
  const factor = optionalFactor(given);
  if (factor === null) throw refusedField("auth_factor", "is required");
  return factor;
}

export function factorOf({ type, value }: GivenFactor, parameter: string): Factor {
  const factor = readFactor(type, value);
  const isMail = factor !== null && factor.type === "EM";
  if (factor === null || (isMail && mailAddress(factor.address) === null)) {
    const form = type === "SMS" ? "a telephone number in international form, such as +12065550100" : "a mail address";
    throw refusedField(parameter, `must be ${form}`);
  }
  return factor;
}

/** What is kept of a factor: comparable within one application, by this server alone. */
export function factorMac(keyring: Keyring, app: Pick<App, "id">, factor: Pick<Factor, "type" | "normal">): Buffer {
  return keyring.mac("address-hashes", `ssks/${app.id}/${factor.type}/${factor.normal}`);
}
