import type { Action, Command, Group, Option } from "./command.ts";

const ENVIRONMENT = `Environment:
  TABELLION_URL             Where the server answers; http://127.0.0.1:8080 when not set (TABELLION_PORT counts).
  TABELLION_OPERATOR_TOKEN  The operator's token; read from operator.token in TABELLION_DATA (./data) when not set.
  XDG_CONFIG_HOME           Where login keeps the session, in tabellion/session.json; ~/.config when not set.
  SECUFILE_API_KEY          A token of an organisation, for its own tokens; SECUFILE_URL says where it is used.
  SSKS_TOKEN                A token that manages applications of SSKS; SSKS_URL says where it is used.

Exit codes: 0 done, 1 refused or failed, 2 the command line was not understood.
`;

export function generalHelp(commands: Readonly<Record<string, Command>>): string {
  const lines = Object.entries(commands).map(([name, command]) => `  ${name.padEnd(8)}  ${command.summary}`);
  return `Usage: npx tabellion <command> [...]

${lines.join("\n")}

npx tabellion <command> --help tells more. The server itself is started by npm start.

${ENVIRONMENT}`;
}

export function groupHelp(name: string, group: Group): string {
  const lines = actionsOf(name, group).map(([path, action]) => [synopsis(path, action), action.summary] as const);
  const width = Math.max(...lines.map(([left]) => left.length));
  return `${group.summary}

${lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n")}

npx tabellion ${name} <action> --help tells more.

${ENVIRONMENT}`;
}

function actionsOf(name: string, group: Group): readonly (readonly [string, Action])[] {
  return Object.entries(group.actions).flatMap(([verb, entry]) => {
    const path = `${name} ${verb}`;
    return "actions" in entry ? actionsOf(path, entry) : [[path, entry] as const];
  });
}

export function actionHelp(path: string, action: Action): string {
  const help: Option = { type: "boolean", meaning: "This text." };
  const options = Object.entries({ ...action.options, help });
  const lines = options.map(([name, option]) => {
    const value = option.value === undefined ? "" : ` ${option.value}`;
    return [`--${name}${value}`, option.meaning] as const;
  });
  const width = Math.max(...lines.map(([left]) => left.length));
  return `Usage: npx tabellion ${synopsis(path, action)}

${action.summary}${action.details === "" ? "" : `\n${action.details}`}

Options:
${lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n")}

${ENVIRONMENT}`;
}

function synopsis(path: string, action: Action): string {
  return [path, ...action.takes.map((name) => `<${name}>`)].join(" ");
}
