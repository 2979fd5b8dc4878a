import assert from "node:assert/strict";
import { linkIn, openMailbox, type Mailbox } from "./mailbox.ts";
import { clientOf, expected, storedDocument, type Client, type Json } from "./secufile-client.ts";
import { startTestServer } from "./server.ts";
import { visitorOf, type Visitor } from "./sign-visitor.ts";

export type Requested = { readonly id: string; readonly envelope: string; readonly documentId: string };

/** A server whose mails to signers arrive in a mailbox, and a signer's browser. */
export type SigningPlace = {
  readonly mailbox: Mailbox;
  readonly server: Awaited<ReturnType<typeof startTestServer>>;
  readonly api: Client;
  readonly visitor: Visitor;
  /** An address that nobody else has, so that each test finds its own mails. */
  person(): string;
  /** Asks for signatures on a document whose content is stored. */
  requested(order: Json): Promise<Requested>;
  /** The link in the `count`th mail to an address. */
  linkOf(email: string, count?: number): Promise<string>;
  /** The same of the first one, which its signer has opened. */
  openedBy(email: string): Promise<string>;
  stop(): Promise<void>;
};

export async function startSigningPlace(env: Readonly<Record<string, string>> = {}): Promise<SigningPlace> {
  const mailbox = await openMailbox();
  const server = await startTestServer({ ...mailbox.env, ...env });
  const api = clientOf(server.origin, server.apiKey);
  const visitor = visitorOf(server.origin);
  let people = 0;
  const linkOf = async (email: string, count = 1): Promise<string> => linkIn(await mailbox.mailTo(email, count));
  return {
    ...{ mailbox, server, api, visitor, linkOf },
    person: () => `signer-${++people}@example.com`,
    async requested(order) {
      const documentId = await storedDocument(api, Buffer.from("ciphertext"), { filename: "promesse.pdf" });
      const made = expected(await api.post(`/documents/${documentId}/signatures`, order), 201);
      return { id: made.signature_id, envelope: new URL(made.signature_url).pathname, documentId };
    },
    async openedBy(email) {
      const path = await linkOf(email);
      assert.equal((await visitor.send(path, { act: "open" })).status, 200);
      return path;
    },
    async stop() {
      await server.remove();
      await mailbox.close();
    },
  };
}
