import { writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import { z } from "zod";
import { run } from "./programs.ts";
import type { Target } from "./target.ts";
import { debian } from "./tools.ts";

const FOLDER = import.meta.dirname;
const DELIVERY_LIMIT_MS = 20_000;

type Delivery = { readonly headers: IncomingHttpHeaders; readonly body: Buffer };

const webhookShape = z.object({ webhook_id: z.string(), secret: z.string(), public_key: z.string() });

/** What a receiver written in another language is handed: a real delivery, as it came over the wire. */
export type ReceivedFiles = { readonly env: Readonly<Record<string, string>> };

/** Registers a webhook, uploads a document and keeps the delivery that tells of it. */
export async function receiveDelivery(target: Target): Promise<ReceivedFiles> {
  const received = Promise.withResolvers<Delivery>();
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => void chunks.push(chunk));
    request.on("end", () => {
      response.writeHead(204).end();
      received.resolve({ headers: request.headers, body: Buffer.concat(chunks) });
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const address = receiver.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const late = setTimeout(() => received.reject(new Error("no delivery came")), DELIVERY_LIMIT_MS);
  try {
    const order = { url: `http://127.0.0.1:${port}/hook`, events: ["object.uploaded"] };
    const webhook = webhookShape.parse(await target.send("POST", "/v1/secufile/webhooks", order));
    await target.upload(await target.createDocument(), new TextEncoder().encode("ciphertext"));
    const delivery = await received.promise;
    await target.send("DELETE", `/v1/secufile/webhooks/${webhook.webhook_id}`);
    return await keep(target, webhook, delivery);
  } finally {
    clearTimeout(late);
    receiver.closeAllConnections();
    receiver.close();
  }
}

async function keep(
  target: Target,
  webhook: z.output<typeof webhookShape>,
  delivery: Delivery,
): Promise<ReceivedFiles> {
  const headers = join(target.folder, "delivery-headers.json");
  const body = join(target.folder, "delivery-body.json");
  await writeFile(headers, JSON.stringify(delivery.headers));
  await writeFile(body, delivery.body);
  return {
    env: {
      DELIVERY_HEADERS: headers,
      DELIVERY_BODY: body,
      WEBHOOK_SECRET: webhook.secret,
      WEBHOOK_PUBLIC_KEY: webhook.public_key,
    },
  };
}

/** Verified with nothing but Python's standard library. */
export async function checkInPython(delivery: ReceivedFiles): Promise<string> {
  return (await run("python3", [join(FOLDER, "verify-webhook.py")], delivery)).trim();
}

/** Verified with nothing but PHP and its sodium. */
export async function checkInPhp(delivery: ReceivedFiles): Promise<string> {
  await debian("php", "php-cli");
  return (await run("php", [join(FOLDER, "verify-webhook.php")], delivery)).trim();
}
