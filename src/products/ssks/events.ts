import type { EventRow } from "../../platform/product.ts";

/** SSKS tells receivers of nothing: its contract knows no webhooks. */
export const ssksEvents = {} as const satisfies Record<string, EventRow>;
