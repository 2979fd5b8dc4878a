/** `npm run dev`: the server, started again whenever a source changes. */
import { spawn } from "node:child_process";

const child = spawn(process.execPath, ["--watch", "src/main.ts"], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
child.once("exit", (code) => process.exit(code ?? 1));
