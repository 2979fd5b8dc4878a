import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type Client } from "./client.ts";
import { CommandError, type Surroundings } from "./command.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** As whoever runs the server: by the token that its last start wrote beside its data, or that was given. */
export async function asOperator(surroundings: Surroundings): Promise<Client> {
  const { environment } = surroundings;
  const url = environment["TABELLION_URL"] ?? defaultUrl(environment);
  const given = environment["TABELLION_OPERATOR_TOKEN"];
  return connect(url, given ?? (await readOperatorToken(environment)), surroundings);
}

/** As an organisation: by a token of its own that holds `scope`. The key is shown only to the server it belongs to. */
export function asTenant(surroundings: Surroundings, scope = "tokens:manage"): Client {
  const { environment } = surroundings;
  const url = environment["TABELLION_URL"] ?? environment["SECUFILE_URL"] ?? defaultUrl(environment);
  const token = environment["SECUFILE_API_KEY"];
  if (token === undefined) {
    throw new CommandError(
      `SECUFILE_API_KEY is not set. Put a token with the scope ${scope} there (for the demo organisation: ` +
        ". ./data/demo.env), or name an organisation by --tenant to act as the operator",
    );
  }
  return connect(url, token, surroundings);
}

/** As an organisation that manages applications of SSKS. */
export function asSsksManager(surroundings: Surroundings): Client {
  const { environment } = surroundings;
  const url = environment["TABELLION_URL"] ?? environment["SSKS_URL"] ?? defaultUrl(environment);
  const token = environment["SSKS_TOKEN"];
  if (token === undefined) {
    throw new CommandError(
      "SSKS_TOKEN is not set. Put a token with the scope apps:write there (for the demo organisation: " +
        ". ./data/demo.env), or name an organisation by --tenant to act as the operator",
    );
  }
  return connect(url, token, surroundings);
}

/** Where a member signs in: as named on the command line, else as every other command finds it. */
export function urlOf(given: string | undefined, environment: Surroundings["environment"]): string {
  return given ?? environment["TABELLION_URL"] ?? defaultUrl(environment);
}

/** As nobody yet, or by a token, where that is what is to be shown. */
export function connect(url: string, token: string | null, surroundings: Surroundings): Client {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new CommandError(`${JSON.stringify(url)} is not the URL of a server, such as https://docs.example.org`);
  }
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw new CommandError("the token holds characters that no token has");
  const { protocol, hostname } = new URL(url);
  if (protocol === "http:" && !LOOPBACK.has(hostname)) {
    surroundings.stderr.write(
      `tabellion: warning: ${token === null ? "what you type" : "the token"} goes to ${hostname} without TLS\n`,
    );
  }
  return createClient({ url, token });
}

function defaultUrl(environment: Surroundings["environment"]): string {
  const scheme = environment["TABELLION_TLS_CERT"] === undefined ? "http" : "https";
  return `${scheme}://127.0.0.1:${environment["TABELLION_PORT"] ?? "8080"}`;
}

async function readOperatorToken(environment: Surroundings["environment"]): Promise<string> {
  const file = join(environment["TABELLION_DATA"] ?? "data", "operator.token");
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    throw new CommandError(
      `the operator token cannot be read from ${file}. Run this where the server runs and as its account, set ` +
        "TABELLION_DATA to its data folder, or give the token in TABELLION_OPERATOR_TOKEN",
      { cause: error },
    );
  }
}
