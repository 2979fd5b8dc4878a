import { randomUUID } from "node:crypto";
import type { LocalServer } from "../support/local-server.ts";
import { linkIn, type Mailbox } from "../support/mailbox.ts";
import { clientOf, expected, storedDocument } from "../support/secufile-client.ts";
import { visitorOf } from "../support/sign-visitor.ts";
import type { Planter, Server } from "./planting.ts";

export type Senders = { readonly mailbox: Mailbox; readonly gateway: LocalServer };

/** Requests for signatures: their messages, links, codes and reasons, carried out by all ways there are. */
export async function plantSignatures(
  planter: Planter,
  server: Server,
  senders: Senders,
  count: number,
): Promise<void> {
  for (let at = 0; at < count; at++) await plantSignature(planter, server, senders, at);
}

async function plantSignature(planter: Planter, server: Server, senders: Senders, at: number): Promise<void> {
  const api = clientOf(server.origin, server.apiKey);
  const visitor = visitorOf(server.origin);
  const email = `canary-${at}@example.com`;
  const phone = `+336123456${String(at).padStart(2, "0")}`;
  const isSms = at % 2 === 1;
  const documentId = await storedDocument(api, Buffer.from("ciphertext"));
  const order = {
    signers: [{ email, role: "buyer", phone }],
    message: `Dear Ada,\n${planter.setting("message to signers")}`,
    require_code: isSms ? "sms" : "mail",
    delegation: true,
  };
  const key = { "idempotency-key": randomUUID() };
  const made = expected(await api.post(`/documents/${documentId}/signatures`, order, key), 201);
  expected(await api.post(`/documents/${documentId}/signatures`, order, key), 201);
  const envelope = new URL(made.signature_url).pathname;
  planter.note("link of an envelope", tokenOf(envelope));
  const path = linkIn(await senders.mailbox.mailTo(email));
  planter.note("link of a signer", tokenOf(path));
  await visitor.send(path, { act: "open" });
  await visitor.send(path, { act: "code" });
  const text = isSms
    ? (await senders.gateway.waitFor(({ body }) => body.includes(phone.slice(1)))).body.toString()
    : (await senders.mailbox.mailTo(email, 2)).text;
  const code = /\b(\d{6})\b/.exec(text)?.[1] ?? "";
  // Six digits alone are found anywhere by chance; with what stands before them they are not.
  for (const before of ["signing code: ", '"code":"', "name=&code="]) planter.note("one-time code", `${before}${code}`);
  const refused = { act: "decline", reason: planter.setting("reason of a refused form"), code };
  await visitor.send(path, refused, { "sec-fetch-site": "cross-site" });
  await visitor.send(path, { ...refused, code: "no code" });
  if (at % 3 === 0) {
    await visitor.send(path, { act: "decline", reason: `Because of ${planter.setting("reason of a refusal")}`, code });
  } else if (at % 3 === 1) await visitor.send(path, { act: "sign", name: "Ada", consent: "yes", code });
  else {
    await visitor.send(envelope, { act: "ask", email });
    planter.note("link of a signer", tokenOf(linkIn(await senders.mailbox.mailTo(email, isSms ? 2 : 3))));
    expected(await api.post(`/signatures/${made.signature_id}/cancel`), 200);
  }
  expected(await api.get(`/signatures/${made.signature_id}`), 200);
  await api.get(`/signatures/${made.signature_id}/evidence.json`);
}

const tokenOf = (path: string): string => path.slice("/sign/".length);
