import type { HandedOn } from "../command.ts";

export const config: HandedOn = {
  summary: "Print every setting of the server: its value now, its meaning, what is allowed.",
  serverCommand: "config",
  help: `Usage: npx tabellion config

Prints every setting that the server reads from its environment: the variable, its value now (secrets are hidden), its
meaning and what is allowed. Ends with 1 and the reason when a value would stop the start.
`,
};
