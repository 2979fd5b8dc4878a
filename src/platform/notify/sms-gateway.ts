import { OutboundError, type OutboundErrorCode } from "../outbound/outbound-error.ts";
import type { Outbound } from "../outbound/outbound.ts";
import type { SmsContent } from "./content.ts";
import type { Outcome, Transport } from "./transport.ts";

export type SmsGatewaySettings = {
  readonly url: string;
  readonly token: string;
  readonly from: string | null;
};

/** Failures before a byte of the request can have left. */
const NOTHING_LEFT: ReadonlySet<OutboundErrorCode> = new Set([
  "invalid_url",
  "scheme_not_allowed",
  "credentials_in_url",
  "port_not_allowed",
  "address_not_allowed",
  "name_not_resolved",
  "connect_timeout",
  "connect_failed",
  "tls_failed",
]);
/** The gateway says that it has not taken the message and may take it later. */
const TRY_LATER: ReadonlySet<number> = new Set([401, 403, 408, 425, 429, 503]);

/** Any HTTP gateway that keeps to what docs/operations.md says of it. */
export function smsGateway(outbound: Outbound, settings: SmsGatewaySettings): Transport<SmsContent> {
  return {
    name: "gateway",
    async deliver(parcel, attempt) {
      const { to, text } = parcel.content;
      const body = JSON.stringify({
        to,
        text,
        ...(settings.from === null ? {} : { from: settings.from }),
        id: parcel.id,
      });
      await attempt.begin();
      try {
        const answer = await outbound.fetch(settings.url, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            authorization: `Bearer ${settings.token}`,
            "idempotency-key": parcel.id,
          },
          body: Buffer.from(body, "utf8"),
        });
        answer.body.destroy();
        return outcomeOf(answer.status);
      } catch (error) {
        if (!(error instanceof OutboundError)) throw error;
        const kind = NOTHING_LEFT.has(error.code) ? "later" : "uncertain";
        return { kind, error: `The SMS gateway: ${error.code}` };
      }
    },
  };
}

function outcomeOf(status: number): Outcome {
  if (status >= 200 && status <= 299) return { kind: "sent" };
  const error = `The SMS gateway answered ${status}`;
  if (TRY_LATER.has(status)) return { kind: "later", error };
  // Behind another 5xx the message may have been handed on.
  return { kind: status >= 500 ? "uncertain" : "refused", error };
}
