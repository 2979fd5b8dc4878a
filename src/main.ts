import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { boot, type Running } from "./boot.ts";

import { ConfigError } from "./platform/config/settings.ts";
import { describeConfig, readConfig, unknownVariables, type Config } from "./platform/config/config.ts";
import { createLog, type Log } from "./platform/log/log.ts";

/** Failures that an operator can mend by what their message says. */
const EXPECTED = new Set(["AlreadyRunningError", "RootKeyError", "MigrationError"]);

async function run(name: string, args: readonly string[]): Promise<number> {
  try {
    if (name === "config") {
      process.stdout.write(describeConfig());
      readConfig();
      return 0;
    }
    const config = readConfig();
    const log = createLog(config.logLevel);
    if (name === "backup") throw new Error("backup");
    if (name !== "serve") throw new Error(`there is no command ${name}`);
    return await serve(config, log);
  } catch (error) {
    // Told in one line where it is a matter of configuration; with its trace where it is not.
    const isExpected = error instanceof ConfigError || (error instanceof Error && EXPECTED.has(error.name));
    process.stderr.write(`tabellion: ${isExpected ? error.message : describe(error)}\n`);
    return 1;
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `\n  because: ${error.cause.message}` : "";
  return `${error.stack ?? error.message}${cause}`;
}

async function serve(config: Config, log: Log): Promise<number> {
  for (const name of unknownVariables()) log.warn({ variable: name }, "no setting has this name");
  const stopped = stopSignal();
  const running = await boot(config, log);
  await announce(running, config);
  const signal = await stopped;
  log.info({ signal }, "stopping");
  await running.stop();
  log.info("stopped");
  return 0;
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(signal));
  });
}

async function announce(running: Running, config: Config): Promise<void> {
  const { services, origin } = running;
  if (origin === null) {
    process.stdout.write("Tabellion works in the background.\n");
    return;
  }
  const url = services.publicUrl();
  const file = join(config.dataDirectory, "demo.env");
  const demoFile = existsSync(file) ? file : null;
  process.stdout.write(
    [
      "",
      `Tabellion answers at ${url}`,
      `  API reference   ${url}/v1/secufile/reference`,
      `  OpenAPI         ${url}/v1/secufile/openapi.json`,
      ...(demoFile === null ? [] : tryIt(relative(process.cwd(), demoFile))),
      "",
      "",
    ].join("\n"),
  );
}

function tryIt(demoFile: string): string[] {
  return [
    `  Try it          . ${demoFile.startsWith("..") ? demoFile : `./${demoFile}`}`,
    '                  curl -X POST "$SECUFILE_URL/v1/secufile/documents" -H "Authorization: Bearer $SECUFILE_API_KEY" \\',
    '                    -H "Idempotency-Key: $(uuidgen)" -H "Content-Type: application/json" \\',
    `                    -d '{"filename":"hello.txt.age","key_wrap":"vault://kms/key/01HX..."}'`,
  ];
}

/** `node src/main.ts` serves; `config` and `backup` are for the command line, which starts them. */
const [command = "serve", ...rest] = process.argv.slice(2);
process.exitCode = await run(command, rest);
