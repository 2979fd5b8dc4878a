import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import type { Running } from "./boot.ts";
import {
  describeConfig,
  readBackupPassphrase,
  readConfig,
  unknownVariables,
  type Config,
} from "./platform/config/config.ts";
import { ConfigError } from "./platform/config/settings.ts";
import { StartError } from "./platform/errors/start-error.ts";
import { createLog, type Log } from "./platform/log/log.ts";
import { platformMigrations } from "./platform/platform-migrations.ts";
import { productMigrations } from "./products/product-migrations.ts";

async function run(name: string, args: readonly string[]): Promise<number> {
  try {
    if (name === "config") return showConfig();
    const config = readConfig();
    if (name === "backup") return await runBackup(config, args);
    if (name !== "serve" || args.length > 0) throw new StartError(`there is no command ${[name, ...args].join(" ")}`);
    return await serve(config, createLog(config.logLevel));
  } catch (error) {
    process.stderr.write(`tabellion: ${isMendable(error) ? error.message : describe(error)}\n`);
    return 1;
  }
}

/**
 * Whether the message says what an operator needs to know: then it is told in one line, else with its trace. The
 * system's own refusals (`syscall`) name the file or address that they are about.
 */
function isMendable(error: unknown): error is Error {
  if (error instanceof ConfigError || error instanceof StartError) return true;
  return error instanceof Error && "syscall" in error;
}

function showConfig(): number {
  process.stdout.write(describeConfig());
  for (const name of unknownVariables()) process.stderr.write(`tabellion: warning: no setting is named ${name}\n`);
  readConfig();
  return 0;
}

async function runBackup(config: Config, args: readonly string[]): Promise<number> {
  // Loaded here, because a server never needs it.
  const { runBackupCommand } = await import("./platform/backup/command.ts");
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => stopping.abort(new StartError(`stopped by ${signal}`)));
  }
  return runBackupCommand(args, {
    config,
    // Standard output may be where the backup goes.
    log: createLog(config.logLevel, process.stderr),
    passphrase: readBackupPassphrase(),
    folders: [...platformMigrations, ...productMigrations],
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: stopping.signal,
  });
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `\n  because: ${error.cause.message}` : "";
  return `${error.stack ?? error.message}${cause}`;
}

async function serve(config: Config, log: Log): Promise<number> {
  for (const name of unknownVariables()) log.warn({ variable: name }, "no setting has this name");
  const stopped = stopSignal();
  // Loaded here: settings that are wrong are told at once, and other commands do without.
  const { boot } = await import("./boot.ts");
  const running = await boot(config, log);
  await announce(running, config);
  const signal = await stopped;
  log.info({ signal }, "stopping");
  await running.stop();
  log.info("stopped");
  return 0;
}

/** The first wish to stop; later ones change nothing, as a terminal and a parent may both hand on the same Ctrl-C. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve(signal));
    // Started by another process: when that one dies, nobody is left to say stop.
    process.once("disconnect", () => resolve("the parent process ended"));
    process.channel?.unref();
  });
}

async function announce(running: Running, config: Config): Promise<void> {
  const { services, origin, demoTenantId } = running;
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
      `  SSKS            ${url}/v1/ssks/reference`,
      ...(demoFile === null ? [] : tryIt(relative(process.cwd(), demoFile))),
      ...(demoTenantId === null ? [] : inviteFirst(demoTenantId)),
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

/** Nobody can sign in before: there is no account and no password that the server brings along. */
function inviteFirst(tenantId: string): string[] {
  return [`  First owner     npx tabellion member invite you@example.org --tenant ${tenantId}`];
}

/** `node src/main.ts` serves; `config` and `backup` are for the command line, which starts them. */
const [command = "serve", ...rest] = process.argv.slice(2);
process.exitCode = await run(command, rest);
