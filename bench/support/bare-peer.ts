import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** Starts `bare-server.ts` in a process of its own, as our server is. */
export async function startBarePeer(folder: string, answerBytes = 500): Promise<{ origin: string; stop(): void }> {
  const program = join(import.meta.dirname, "bare-server.ts");
  const child = spawn(process.execPath, [program, folder, String(answerBytes)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [port] = await once(child.stdout, "data");
  return { origin: `http://127.0.0.1:${String(port).trim()}`, stop: () => void child.kill() };
}
