import { join } from "node:path";
import { z } from "zod";
import { clientOf, expected } from "../../test/support/secufile-client.ts";
import { FAKE_CHALLENGE, newApp, openSession, wideLimits } from "../../test/support/ssks-app.ts";
import { demoSsks, type SsksClient } from "../../test/support/ssks-client.ts";
import { run } from "./programs.ts";
import type { Target } from "./target.ts";
import { schemathesis } from "./tools.ts";

type Length = "short" | "long";
type Subject = {
  readonly document: string;
  readonly config: string;
  /** Test cases that are made up for each operation, beside those for every limit of the document. */
  readonly examples: Readonly<Record<Length, number>>;
  /** What the configuration and the hooks ask for. */
  readonly env: Readonly<Record<string, string>>;
};

/** The short form is the same each time; the long one goes new ways. */
const SHORT_SEED = 20_261_122;
const FOLDER = import.meta.dirname;

const tokenList = z.object({ data: z.array(z.object({ token_id: z.string() })) });

/** SecuFile, by the token of the demo organisation. */
export async function checkSecufile(target: Target, length: Length): Promise<string> {
  const tokens = tokenList.parse(await target.send("GET", "/v1/secufile/tokens"));
  return checkAgainstDocument(target, length, {
    document: "/v1/secufile/openapi.json",
    config: "schemathesis.toml",
    examples: { short: 15, long: 200 },
    env: { TABELLION_OWN_TOKEN: tokens.data[0]?.token_id ?? "", SECUFILE_API_KEY: target.apiKey },
  });
}

/** SSKS, by a token of the demo organisation, and as the server and the pages of an application. */
export async function checkSsks(target: Target, length: Length): Promise<string> {
  const place = { origin: target.origin, dataDirectory: join(target.folder, "data") };
  const { token } = await demoSsks(place);
  const app = await newApp(place, { limits: wideLimits, mails_per_hour: 1_000_000 });
  const tokens = tokenList.parse(expected(await clientOf(target.origin, token).get("/v1/ssks/tokens"), 200));
  return checkAgainstDocument(target, length, {
    document: "/v1/ssks/openapi.json",
    config: "schemathesis-ssks.toml",
    examples: { short: 5, long: 200 },
    env: {
      TABELLION_OWN_TOKEN: tokens.data[0]?.token_id ?? "",
      SSKS_TOKEN: token,
      SEALD_APP_ID: app.appId,
      SEALD_API_KEY: app.apiKey,
      SEALD_SESSION: await authenticatedSession(app),
    },
  });
}

const sessionShape = z.object({ new_id: z.string() });

/** Of the user whose factor the hooks name. */
async function authenticatedSession(app: SsksClient): Promise<string> {
  const user = { user_id: "of the session", auth_factor: { type: "EM", value: "user@example.com" } } as const;
  const { sessionId } = await openSession(app, user);
  const proof = { challenge: FAKE_CHALLENGE, auth_factor: user.auth_factor };
  const answer = await app.front("/tmr/front/challenge_validate/", sessionId, proof);
  return sessionShape.parse(expected(answer, 200)).new_id;
}

/**
 * Schemathesis makes up requests from the served OpenAPI document, right and wrong ones, and holds the answers to it:
 * no 5xx, no status, header or body outside of the document, what breaks the schema is refused, what keeps to it is
 * not. Which checks are relaxed where, and why, is said in the product's `*.toml`.
 */
async function checkAgainstDocument(target: Target, length: Length, subject: Subject): Promise<string> {
  const env = {
    ...subject.env,
    TABELLION_HOOK_URL: "http://127.0.0.1:9/hook",
    PYTHONPATH: FOLDER,
    SCHEMATHESIS_HOOKS: "schemathesis-hooks",
    PYTHONDONTWRITEBYTECODE: "1",
  };
  const printed = await run(
    await schemathesis(),
    [
      ...["--config-file", join(FOLDER, subject.config)],
      ...["run", target.origin + subject.document],
      ...["--max-examples", String(subject.examples[length])],
      ...(length === "short" ? ["--seed", String(SHORT_SEED)] : []),
      ...["--no-shrink", "--continue-on-failure", "--no-color"],
    ],
    { cwd: target.folder, env, timeoutMs: 12 * 60_000 },
  );
  return /^ *\d+ generated.*$/m.exec(printed)?.[0].trim() ?? "";
}
