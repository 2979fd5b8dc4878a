import { resolve } from "node:path";
import { BlockList, isIP } from "node:net";

/** A value read from the environment is not allowed; the message names the variable, what was read, what is allowed. */
export class ConfigError extends Error {
  readonly variable: string;

  constructor(variable: string, read: string, allowed: string) {
    super(`${variable}: read ${read}; allowed: ${allowed}`);
    this.name = "ConfigError";
    this.variable = variable;
  }
}

/** How one variable is read. */
export type Setting<T> = {
  readonly variable: string;
  readonly meaning: string;
  readonly allowed: string;
  /** What it is when the variable is absent, as `tabellion config` prints it. */
  readonly byDefault: string;
  readonly isSecret: boolean;
  /** `text` is undefined when the variable is absent or empty. Throws `Refused` on a wrong value. */
  parse(text: string | undefined): T;
};

/** Thrown by a parser; `readSetting` makes it a `ConfigError` that names the variable. */
class Refused extends Error {}

type Options = { readonly isSecret?: boolean };

function setting<T>(
  variable: string,
  meaning: string,
  shape: { allowed: string; byDefault: string; parse: (text: string | undefined) => T },
  options: Options = {},
): Setting<T> {
  return { variable, meaning, ...shape, isSecret: options.isSecret ?? false };
}

/** Reads one setting; what was read is not repeated when it is a secret. */
export function readSetting<T>(row: Setting<T>, environment: Readonly<Record<string, string | undefined>>): T {
  const raw = environment[row.variable];
  const text = raw === undefined || raw === "" ? undefined : raw;
  try {
    return row.parse(text);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw new ConfigError(row.variable, row.isSecret ? "(a secret)" : JSON.stringify(raw ?? ""), row.allowed);
  }
}

export function integer(
  variable: string,
  meaning: string,
  range: { min: number; max: number; byDefault: number },
): Setting<number> {
  return setting(variable, meaning, {
    allowed: `a whole number from ${range.min} to ${range.max}`,
    byDefault: String(range.byDefault),
    parse(text) {
      if (text === undefined) return range.byDefault;
      if (!/^-?\d{1,15}$/.test(text)) throw new Refused();
      const value = Number(text);
      if (value < range.min || value > range.max) throw new Refused();
      return value;
    },
  });
}

export function flag(variable: string, meaning: string, byDefault: boolean): Setting<boolean> {
  return setting(variable, meaning, {
    allowed: "1 or 0",
    byDefault: byDefault ? "1" : "0",
    parse(text) {
      if (text === undefined) return byDefault;
      if (text !== "0" && text !== "1") throw new Refused();
      return text === "1";
    },
  });
}

export function oneOf<const T extends string>(
  variable: string,
  meaning: string,
  values: readonly T[],
  byDefault: T,
): Setting<T> {
  return setting(variable, meaning, {
    allowed: values.join(", "),
    byDefault,
    parse(text) {
      if (text === undefined) return byDefault;
      const found = values.find((value) => value === text);
      if (found === undefined) throw new Refused();
      return found;
    },
  });
}

export function path(variable: string, meaning: string, byDefault: string): Setting<string> {
  return setting(variable, meaning, {
    allowed: "a path",
    byDefault,
    parse(text) {
      if (text?.includes("\0") === true) throw new Refused();
      return resolve(text ?? byDefault);
    },
  });
}

export function optionalPath(variable: string, meaning: string): Setting<string | null> {
  return setting(variable, meaning, {
    allowed: "a path",
    byDefault: "(none)",
    parse(text) {
      if (text?.includes("\0") === true) throw new Refused();
      return text === undefined ? null : resolve(text);
    },
  });
}

export function optionalText(
  variable: string,
  meaning: string,
  shape: { allowed: string; pattern: RegExp },
  options: Options = {},
): Setting<string | null> {
  return setting(
    variable,
    meaning,
    {
      allowed: shape.allowed,
      byDefault: "(none)",
      parse(text) {
        if (text === undefined) return null;
        if (!shape.pattern.test(text)) throw new Refused();
        return text;
      },
    },
    options,
  );
}

export function pattern(
  variable: string,
  meaning: string,
  shape: { allowed: string; pattern: RegExp; byDefault: string },
): Setting<string> {
  return setting(variable, meaning, {
    allowed: shape.allowed,
    byDefault: shape.byDefault,
    parse(read) {
      if (read === undefined) return shape.byDefault;
      if (!shape.pattern.test(read)) throw new Refused();
      return read;
    },
  });
}

/** An origin: scheme, host and port, no path, query or credentials. */
export function optionalOrigin(variable: string, meaning: string): Setting<string | null> {
  return setting(variable, meaning, {
    allowed: "an origin such as https://docs.example.org, without path",
    byDefault: "(none)",
    parse(read) {
      if (read === undefined) return null;
      if (!URL.canParse(read)) throw new Refused();
      const url = new URL(read);
      const isOrigin = (read === url.origin || read === `${url.origin}/`) && /^https?:$/.test(url.protocol);
      if (!isOrigin) throw new Refused();
      return url.origin;
    },
  });
}

/** Networks in CIDR form, separated by commas; a bare address is a network of one. */
export function networks(variable: string, meaning: string): Setting<readonly string[]> {
  return setting(variable, meaning, {
    allowed: "networks in CIDR form separated by commas, such as 127.0.0.0/8,fd00::/8",
    byDefault: "(none)",
    parse(read) {
      if (read === undefined) return [];
      const list = read.split(",").map((part) => part.trim());
      for (const entry of list) if (!isNetwork(entry)) throw new Refused();
      return list;
    },
  });
}

/** Whether `entry` is an IPv4 or IPv6 address, alone or with a prefix length. */
export function isNetwork(entry: string): boolean {
  const [address = "", prefix, ...rest] = entry.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

/** The set of addresses that `entries` (valid by `isNetwork`) cover. */
export function networkSet(entries: readonly string[]): { has(address: string): boolean } {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    list.addSubnet(address, prefix === undefined ? (family === "ipv6" ? 128 : 32) : Number(prefix), family);
  }
  return {
    has(address) {
      const plain = address.startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
      const family = isIP(plain);
      return family !== 0 && list.check(plain, family === 6 ? "ipv6" : "ipv4");
    },
  };
}
