import { argon2, randomBytes, timingSafeEqual, type Argon2Parameters } from "node:crypto";
import { promisify } from "node:util";
import { platformError } from "../errors/platform-errors.ts";

const argon2Async = promisify(argon2);

/** What one hash costs. They stand in the stored text, so that they can grow later. */
export type PasswordCost = { readonly memoryKib: number; readonly passes: number; readonly lanes: number };

/** OWASP's first choice of 2025: 19 MiB, two passes, one lane. */
export const PASSWORD_COST: PasswordCost = { memoryKib: 19_456, passes: 2, lanes: 1 };

/** Hashes and checks passwords, a few at a time. */
export type PasswordHasher = {
  hash(password: string): Promise<string>;
  /**
   * Whether `password` made `stored`. With null, the same work is done against a hash that no password made, so that
   * the answer for an unknown address takes the same way.
   */
  verify(password: string, stored: string | null): Promise<{ isRight: boolean; isOutdated: boolean }>;
};

export type HasherOptions = {
  readonly cost?: PasswordCost;
  /** How many run at once: each takes a core and its memory. */
  readonly atOnce?: number;
  /** How many may wait; one more is refused at once. */
  readonly maxWaiting?: number;
};

const SALT_BYTES = 16;
const TAG_BYTES = 32;
const FORM = /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/;
const DEFAULT_AT_ONCE = 2;
const DEFAULT_MAX_WAITING = 50;
const RETRY_SECONDS = 5;

export function createPasswordHasher(options: HasherOptions = {}): PasswordHasher {
  const cost = options.cost ?? PASSWORD_COST;
  const lane = createLane(options.atOnce ?? DEFAULT_AT_ONCE, options.maxWaiting ?? DEFAULT_MAX_WAITING);
  const nobody = stored(cost, randomBytes(SALT_BYTES), randomBytes(TAG_BYTES));
  return {
    hash: (password) =>
      lane(async () => {
        const salt = randomBytes(SALT_BYTES);
        return stored(cost, salt, await tagOf(password, salt, cost));
      }),
    verify: (password, known) =>
      lane(async () => {
        const parts = partsOf(known ?? nobody);
        const isSame = timingSafeEqual(await tagOf(password, parts.salt, parts.cost), parts.tag);
        return { isRight: isSame && known !== null, isOutdated: isWeaker(parts.cost, cost) };
      }),
  };
}

function isWeaker(given: PasswordCost, wanted: PasswordCost): boolean {
  return given.memoryKib < wanted.memoryKib || given.passes < wanted.passes || given.lanes < wanted.lanes;
}

/** The same letters typed on another keyboard are the same password (NIST SP 800-63B, section 3.1.1.2). */
async function tagOf(password: string, salt: Buffer, cost: PasswordCost): Promise<Buffer> {
  const parameters: Argon2Parameters = {
    message: Buffer.from(password.normalize("NFKC"), "utf8"),
    nonce: salt,
    parallelism: cost.lanes,
    tagLength: TAG_BYTES,
    memory: cost.memoryKib,
    passes: cost.passes,
  };
  return argon2Async("argon2id", parameters);
}

function stored(cost: PasswordCost, salt: Buffer, tag: Buffer): string {
  const head = `$argon2id$v=19$m=${cost.memoryKib},t=${cost.passes},p=${cost.lanes}`;
  return `${head}$${salt.toString("base64url")}$${tag.toString("base64url")}`;
}

function partsOf(text: string): { cost: PasswordCost; salt: Buffer; tag: Buffer } {
  const match = FORM.exec(text);
  if (match === null) throw new Error("a stored password is not of a form that this server makes");
  const [, memory, passes, lanes, salt = "", tag = ""] = match;
  return {
    cost: { memoryKib: Number(memory), passes: Number(passes), lanes: Number(lanes) },
    salt: Buffer.from(salt, "base64url"),
    tag: Buffer.from(tag, "base64url"),
  };
}

/** Runs at most `atOnce` works, lets `maxWaiting` wait in order, and refuses the rest before any work is done. */
function createLane(atOnce: number, maxWaiting: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= atOnce) {
      if (waiting.length >= maxWaiting) {
        throw platformError("unavailable", "Too many sign-ins at once.", { retryAfterSeconds: RETRY_SECONDS });
      }
      // Whoever ends hands its place on, so `running` stays as it is.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
