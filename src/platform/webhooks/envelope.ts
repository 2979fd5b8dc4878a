/** What an event says of itself; `data` is the JSON text that was stored. */
export type EnvelopeEvent = {
  readonly id: string;
  readonly type: string;
  readonly createdAt: Date;
  readonly isLive: boolean;
  readonly data: string;
};

/**
 * The body of a delivery, members in this order. Made once; what is stored is what is sent on every attempt. The first
 * byte is `{`, which no event id begins with, so that no body can pass for the signed content of the standard headers.
 */
export function envelopeOf(event: EnvelopeEvent, endpoint: { readonly id: string; readonly seq: number }): string {
  const head = JSON.stringify({
    id: event.id,
    type: event.type,
    created_at: event.createdAt.toISOString(),
    endpoint_id: endpoint.id,
    seq: endpoint.seq,
    livemode: event.isLive,
  });
  return `${head.slice(0, -1)},"data":${event.data}}`;
}
