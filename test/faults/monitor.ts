import { setTimeout as delay } from "node:timers/promises";
import type { FoundLogs } from "./checker.ts";

export type Monitor = {
  /** Once `over` is aborted: the keys of both logs, and every checkpoint that it was given. */
  found(): Promise<Pick<FoundLogs, "keys" | "handedOut">>;
};

const EVERY_MS = 100;
const LIMIT_MS = 5_000;
const LOGS = { audit: "/log/checkpoint", top: "/log/top/checkpoint" } as const;

/** Fetches the newest checkpoints of both logs again and again, and keeps them as somebody outside would. */
export function startMonitor(
  { origin, apiKey }: { readonly origin: string; readonly apiKey: string },
  over: AbortSignal,
): Monitor {
  const kept = { audit: new Set<string>(), top: new Set<string>() };
  const get = async (path: string): Promise<string | null> => {
    const answer = await fetch(`${origin}/v1/secufile/audit${path}`, {
      headers: { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const text = await answer.text();
    return answer.status === 200 ? text : null;
  };
  const watch = async (): Promise<void> => {
    while (!over.aborted) {
      for (const log of ["audit", "top"] as const) {
        // The server is killed all the time; the next look finds it again.
        const note = await get(LOGS[log]).catch(() => null);
        if (note !== null) kept[log].add(note);
      }
      await delay(EVERY_MS, undefined, { signal: over }).catch(() => undefined);
    }
  };
  const watching = watch();
  return {
    async found() {
      await watching;
      const keys = JSON.parse((await get("/log/key")) ?? "null") as { audit: string[]; top: string[] };
      return {
        keys: { audit: keys.audit[0] ?? "", top: keys.top[0] ?? "" },
        handedOut: { audit: [...kept.audit], top: [...kept.top] },
      };
    },
  };
}
