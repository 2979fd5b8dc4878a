import type { CorsPolicy } from "../http/route.ts";

const PREFLIGHT_SECONDS = "600";

/**
 * What lets pages of any origin call a route and read its answer, whatever that is. There is no cookie to protect: the
 * caller is known by what the page itself sends.
 */
export function corsHeaders({ allowHeaders, exposeHeaders }: CorsPolicy, method: string): Record<string, string> {
  return {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": method,
    "access-control-allow-headers": allowHeaders.join(", "),
    "access-control-expose-headers": exposeHeaders.join(", "),
    "access-control-max-age": PREFLIGHT_SECONDS,
  };
}
