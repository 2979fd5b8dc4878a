import { randomBytes } from "node:crypto";
import { newUser, type SsksClient } from "../../test/support/ssks-client.ts";
import { PasswordClient } from "../../test/support/ssks-front-client.ts";
import { expectSame, pageOf, RAW_KEY, type PageClient } from "./key-storage-calls.ts";

const PASSWORD = "café au lait";
const [NO_USER, WRONG, EMPTIED] = [
  "SsksClientError: Couldn't find identity with this user id",
  "SsksClientError: Password is invalid for this user id",
  "SsksClientError: Unable to load identity. Have you changed your password?",
];
const NOT_ALLOWED = "TypeError: Failed to fetch";

/** Saved, got back, wrong, changed; and the same elsewhere. */
export async function checkPasswords(call: PageClient, app: SsksClient): Promise<void> {
  const { user_id: userId } = newUser();
  const place = pageOf(app);
  const get = (password: string): Promise<unknown> => call("retrievePassword", place, userId, { password });
  expectSame("no such user", await get(PASSWORD), NO_USER);
  const id = await call("savePassword", place, userId, { password: PASSWORD.normalize("NFD") }, "identity");
  expectSame("got back", await get(PASSWORD), "identity");
  expectSame("a wrong one", await get("wrong"), WRONG);
  const changed = await call("changePassword", place, userId, { from: PASSWORD, to: "another" });
  if (typeof changed !== "string" || changed === id) throw new Error(`a slot of its own: ${String(changed)}`);
  expectSame("the new password", await get("another"), "identity");
  expectSame("the old password", await get(PASSWORD), EMPTIED);
  const client = new PasswordClient(app);
  const elsewhere = await client.retrieveIdentity(userId, { password: "another" });
  expectSame("what the page stored, elsewhere", Buffer.from(elsewhere).toString(), "identity");
  await client.saveIdentity(userId, { password: "a third" }, Buffer.from("from elsewhere"));
  expectSame("what was stored elsewhere", await get("a third"), "from elsewhere");
}

export async function checkRawKeys(call: PageClient, app: SsksClient): Promise<void> {
  const { user_id: userId } = newUser();
  const place = pageOf(app);
  const key = { rawStorageKey: "../=-_@.+/Aa0", rawEncryptionKey: RAW_KEY };
  await call("savePassword", place, userId, key, "identity");
  expectSame("got back", await call("retrievePassword", place, userId, key), "identity");
  const other = { ...key, rawEncryptionKey: randomBytes(64).toString("base64") };
  const refused = await call("retrievePassword", place, userId, other);
  expectSame("a wrong key", refused, "SsksClientError: Invalid rawEncryptionKey");
  const unknown = await call("retrievePassword", place, userId, { ...key, rawStorageKey: "another" });
  expectSame("a wrong storage key", unknown, "SsksClientError: rawStorageKey is invalid for this user id");
}

/** Of an application whose users may be wrong twice. */
export async function checkThrottle(call: PageClient, app: SsksClient): Promise<void> {
  const { user_id: userId } = newUser();
  const get = (): Promise<unknown> => call("retrievePassword", pageOf(app), userId, { password: "wrong" });
  for (const _wrong of [1, 2]) expectSame("a wrong one", await get(), NO_USER);
  const refused = String(await get());
  if (!/^SsksClientError: Request throttled, retry after [1-9]\d*s$/.test(refused)) {
    throw new Error(`Retry-After is not readable: ${refused}`);
  }
}

/** Failures can be read as well; what is the application's server's cannot be called from a page. */
export async function checkBoundary(call: PageClient, app: SsksClient): Promise<void> {
  const place = pageOf(app);
  const unknown = { ...place, appId: "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b" };
  expectSame("no such session", await call("statusOf", place, "/tmr/front/search/"), "404");
  expectSame("no such application", await call("statusOf", unknown, "/tmr/front/search/"), "401");
  expectSame("a wrong body", await call("statusOf", place, "/tmr/front/challenge_validate/"), "400");
  for (const path of ["/tmr/back/challenge_send/", "/strict/back/identity_delete/", "/v1/ssks/apps"]) {
    expectSame(path, await call("statusOf", place, path), NOT_ALLOWED);
  }
}
