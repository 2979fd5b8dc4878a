import type { ParseArgsConfig } from "node:util";

/** What a command is given by the process that it runs in; `main.ts` hands it out. */
export type Surroundings = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadStream;
  /** Results, and nothing else. */
  readonly stdout: NodeJS.WritableStream;
  /** Warnings, questions and errors. */
  readonly stderr: NodeJS.WritableStream;
};

/** One option as `parseArgs` reads it, and how the help tells it. */
export type Option = {
  readonly type: "string" | "boolean";
  readonly multiple?: boolean;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly meaning: string;
};

/** What was given on the command line. */
export type Given = {
  readonly names: readonly string[];
  /** The option's value; undefined when it was not given. */
  text(option: string): string | undefined;
  /** Every value of an option that may be repeated. */
  texts(option: string): readonly string[];
  has(option: string): boolean;
};

/** The last word of a command, such as `create` in `tenant create`. */
export type Action = {
  readonly summary: string;
  /** The positional arguments, all of them required. */
  readonly takes: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  readonly details: string;
  /** Answers the exit code. */
  run(given: Given, surroundings: Surroundings): Promise<number>;
};

/** A noun with its actions; one of them may be a noun with actions of its own, such as `stream` in `audit stream create`. */
export type Group = { readonly summary: string; readonly actions: Readonly<Record<string, Action | Group>> };

/** A command that the server's own program carries out: its arguments are handed on as they are. */
export type HandedOn = { readonly summary: string; readonly help: string; readonly serverCommand: string };

export type Command = Group | HandedOn | Action;

/** The command line was not understood; the exit code is 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command could not be carried out, and the message says why; the exit code is 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** An option that every action has, so that scripts can read what it answers. */
export const jsonOption = { json: { type: "boolean", meaning: "Print JSON for scripts." } } as const;

/** What `parseArgs` needs to know of an action's options. */
export function parseOptions(action: Action): NonNullable<ParseArgsConfig["options"]> {
  const known: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [name, { type, multiple = false }] of Object.entries(action.options)) known[name] = { type, multiple };
  return known;
}
