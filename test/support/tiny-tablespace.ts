import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { look } from "./secufile-client.ts";

const SIZE = "4m";

/** A tablespace on a file system of a few megabytes, so that a disk can be full without filling a real one. */
export type TinyTablespace = {
  readonly name: string;
  /** After the databases that use it are gone. */
  remove(superUrl: string): Promise<void>;
};

/** Answers why it cannot be made here instead: mounting needs root, and the right to mount. */
export async function makeTinyTablespace(superUrl: string): Promise<TinyTablespace | string> {
  if (process.getuid?.() !== 0) return "mounting a tiny file system needs root";
  const [row] = await look(superUrl, "select current_setting('data_directory') as folder");
  const { uid, gid } = statSync(row.folder);
  const mount = mkdtempSync(join(tmpdir(), "tabellion-tiny-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE},mode=0755`, "tmpfs", mount], { stdio: "pipe" });
  } catch (error) {
    rmSync(mount, { recursive: true });
    return `a tiny file system cannot be mounted here: ${String(error).slice(0, 200)}`;
  }
  const folder = join(mount, "space");
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, uid, gid);
  const name = `tiny_${randomBytes(6).toString("hex")}`;
  await look(superUrl, `create tablespace ${name} location '${folder}'`);
  return {
    name,
    async remove(url) {
      await look(url, `drop tablespace ${name}`);
      execFileSync("umount", [mount]);
      rmSync(mount, { recursive: true });
    },
  };
}
