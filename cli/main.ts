import { parseArgs } from "node:util";
import {
  CommandError,
  parseOptions,
  UsageError,
  type Action,
  type Command,
  type Given,
  type Group,
  type HandedOn,
  type Surroundings,
} from "./command.ts";
import { login, logout, me } from "./commands/account.ts";
import { audit } from "./commands/audit.ts";
import { backup } from "./commands/backup.ts";
import { config } from "./commands/config.ts";
import { member } from "./commands/member.ts";
import { notify } from "./commands/notify.ts";
import { ssks } from "./commands/ssks.ts";
import { tenant } from "./commands/tenant.ts";
import { token } from "./commands/token.ts";
import { actionHelp, generalHelp, groupHelp } from "./help.ts";
import { runServerProgram } from "./server-program.ts";

const commands: Readonly<Record<string, Command>> = {
  ...{ config, backup, tenant, login, logout, me, member, token, audit, ssks, notify },
};

const FAILED = 1;
const MISUSED = 2;

async function run(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const [name = "", ...rest] = argv;
  if (["--help", "-h", "help"].includes(name)) return tell(generalHelp(commands), surroundings);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const said = name === "" ? "" : `tabellion: there is no command ${name}\n\n`;
    surroundings.stderr.write(`${said}${generalHelp(commands)}`);
    return MISUSED;
  }
  if ("serverCommand" in command) return runHandedOn(command, rest, surroundings);
  if ("actions" in command) return runGroup({ name, group: command }, rest, surroundings);
  return runAction({ path: name, action: command }, rest, surroundings);
}

async function runHandedOn(command: HandedOn, rest: readonly string[], surroundings: Surroundings): Promise<number> {
  if (asksHelp(rest)) return tell(command.help, surroundings);
  return runServerProgram([command.serverCommand, ...rest]);
}

async function runGroup(
  { name, group }: { name: string; group: Group },
  [verb = "", ...rest]: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  if (["--help", "-h", "help"].includes(verb)) return tell(groupHelp(name, group), surroundings);
  const action = Object.hasOwn(group.actions, verb) ? group.actions[verb] : undefined;
  if (action === undefined) {
    const said = verb === "" ? "" : `tabellion: there is no ${name} ${verb}\n\n`;
    surroundings.stderr.write(`${said}${groupHelp(name, group)}`);
    return MISUSED;
  }
  const path = `${name} ${verb}`;
  return "actions" in action
    ? runGroup({ name: path, group: action }, rest, surroundings)
    : runAction({ path, action }, rest, surroundings);
}

async function runAction(
  { path, action }: { path: string; action: Action },
  rest: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  if (asksHelp(rest)) return tell(actionHelp(path, action), surroundings);
  try {
    return await action.run(givenOf(action, rest), surroundings);
  } catch (error) {
    if (error instanceof UsageError) {
      surroundings.stderr.write(`tabellion: ${error.message}\nnpx tabellion ${path} --help tells how it is used.\n`);
      return MISUSED;
    }
    if (!(error instanceof CommandError)) throw error;
    surroundings.stderr.write(`tabellion: ${error.message}\n`);
    return FAILED;
  }
}

/** Words after `--` are values, whatever they look like. */
function asksHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? args.length : end).some((word) => word === "--help" || word === "-h");
}

function tell(text: string, { stdout }: Surroundings): number {
  stdout.write(text);
  return 0;
}

function givenOf(action: Action, args: readonly string[]): Given {
  const { values, positionals } = parse(action, args);
  if (positionals.length !== action.takes.length || positionals.includes("")) {
    const wanted = action.takes.length === 0 ? "no argument" : action.takes.map((name) => `<${name}>`).join(" ");
    throw new UsageError(`it takes ${wanted}`);
  }
  const textsOf = (option: string): readonly string[] =>
    [values[option] ?? []].flat().filter((value) => typeof value === "string");
  return {
    names: positionals,
    text: (option) => textsOf(option)[0],
    texts: textsOf,
    has: (option) => values[option] === true,
  };
}

function parse(action: Action, args: readonly string[]): ReturnType<typeof parseArgs> {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: parseOptions(action) });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

process.exitCode = await run(process.argv.slice(2), {
  // A variable that is set to nothing counts as not set.
  environment: Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== "")),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});
