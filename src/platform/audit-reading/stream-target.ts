import type { TenantKeys } from "../keys/keyring.ts";
import type { StreamRow } from "./store/streams.ts";

/** Where a stream goes. Sealed at rest: the path of a URL is often a secret. */
export type StreamTarget =
  | { readonly type: "webhook"; readonly url: string }
  | { readonly type: "syslog_tls"; readonly host: string; readonly port: number };

export function sealTarget(keys: TenantKeys, streamId: string, target: StreamTarget): Buffer {
  return keys.seal("webhook-secrets", Buffer.from(JSON.stringify(target), "utf8"), `${streamId}/target`);
}

/** Throws `SealError` when it cannot be opened. */
export function openTarget(keys: TenantKeys, stream: Pick<StreamRow, "id" | "sealed_target">): StreamTarget {
  const text = keys.open("webhook-secrets", stream.sealed_target, `${stream.id}/target`).toString("utf8");
  // What was sealed is what `sealTarget` was given.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- by the line above
  return JSON.parse(text) as StreamTarget;
}

/** What of a target may be shown: no path, no query. */
export function shownTarget(target: StreamTarget): string {
  return target.type === "webhook" ? new URL(target.url).origin : `${target.host}:${target.port}`;
}
