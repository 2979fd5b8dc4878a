import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Delivery } from "./checker.ts";
import { contentOf, type PlannedDocument } from "./plan.ts";

export type Running = { readonly origin: string; close(): Promise<void> };

/** Serves the bytes of planned documents at `/<index>`, as a customer's own storage would. */
export async function startSource(seed: string, documents: readonly PlannedDocument[]): Promise<Running> {
  return listen(
    createServer((request, response) => {
      const document = documents[Number(request.url?.slice(1))];
      response.writeHead(document === undefined ? 404 : 200).end(document && contentOf(seed, document));
    }),
  );
}

export type Receiver = Running & {
  readonly deliveries: readonly Delivery[];
  /** From now on deliveries of this endpoint are checked with this secret. */
  expect(endpointId: string, secret: string): void;
};

/** Takes webhooks, checks both signatures, and notes what came before it answers. */
export async function startReceiver(): Promise<Receiver> {
  const secrets = new Map<string, string>();
  const deliveries: Delivery[] = [];
  const running = await listen(
    createServer((request, response) => {
      const take = async (): Promise<void> => {
        const body = await readBody(request);
        // A body that broke off was not delivered: its sender was killed.
        if (body === null) return;
        deliveries.push(deliveryOf(request, body, secrets));
        response.writeHead(204).end();
      };
      void take();
    }),
  );
  return { ...running, deliveries, expect: (endpointId, secret) => void secrets.set(endpointId, secret) };
}

type Envelope = { endpoint_id: string; seq: number; data: { document_id: string; sha256: string } };

function deliveryOf(request: IncomingMessage, body: Buffer, secrets: ReadonlyMap<string, string>): Delivery {
  const envelope = JSON.parse(body.toString("utf8")) as Envelope;
  const header = (name: string): string => String(request.headers[name]);
  const secret = secrets.get(envelope.endpoint_id) ?? "";
  return {
    endpointId: envelope.endpoint_id,
    deliveryId: header("x-secufile-delivery"),
    eventId: header("webhook-id"),
    eventType: header("x-secufile-event"),
    seq: envelope.seq,
    documentId: envelope.data.document_id,
    sha256: envelope.data.sha256,
    bodySha256: createHash("sha256").update(body).digest("hex"),
    isSignatureGood:
      isEqual(header("x-secufile-signature"), `sha256=${hmac(Buffer.from(secret), body).toString("hex")}`) &&
      header("webhook-signature")
        .split(" ")
        .some((given) => isEqual(given, standardSignature(request, secret, body))),
  };
}

/** By Standard Webhooks 1.0.0. */
function standardSignature(request: IncomingMessage, secret: string, body: Buffer): string {
  const head = `${String(request.headers["webhook-id"])}.${String(request.headers["webhook-timestamp"])}.`;
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  return `v1,${hmac(key, Buffer.concat([Buffer.from(head), body])).toString("base64")}`;
}

function hmac(key: Buffer, bytes: Buffer): Buffer {
  return createHmac("sha256", key).update(bytes).digest();
}

function isEqual(given: string, wanted: string): boolean {
  return given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted));
}

async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return null;
  }
  return Buffer.concat(chunks);
}

async function listen(server: Server): Promise<Running> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
