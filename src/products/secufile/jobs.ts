import { job, type JobDefinition } from "../../platform/jobs/jobs.ts";
import type { Services } from "../../platform/product.ts";
import { deleteBlob, sweepOrphanBlobs } from "./operations/blobs.ts";
import { FETCH_ATTEMPTS } from "./operations/documents.ts";
import { expireSignature, sweepDueSignatures } from "./operations/due-signatures.ts";
import { failStaleFetches, fetchDocument } from "./operations/fetch.ts";
import { inviteSigners } from "./operations/invitations.ts";
import { tellSigners } from "./operations/sign-mails.ts";
import {
  deleteBlobPayload,
  emptyPayload,
  expireSignaturePayload,
  fetchDocumentPayload,
  inviteSignersPayload,
  tellSignersPayload,
} from "./schema.ts";

/** What SecuFile does in the background. */
export function secufileJobs(services: Services): JobDefinition[] {
  return [
    job({
      name: "secufile.fetchDocument",
      payload: fetchDocumentPayload,
      maxAttempts: FETCH_ATTEMPTS,
      handle: (payload, run) => fetchDocument(services, payload, run),
    }),
    job({
      name: "secufile.failStaleFetches",
      payload: emptyPayload,
      maxAttempts: 3,
      schedule: "17 4 * * *",
      handle: (_payload, run) => failStaleFetches(services, run),
    }),
    job({
      name: "secufile.inviteSigners",
      payload: inviteSignersPayload,
      maxAttempts: 25,
      handle: (payload) => inviteSigners(services, payload),
    }),
    job({
      name: "secufile.sweepDueSignatures",
      payload: emptyPayload,
      // The next one comes in a minute anyway.
      maxAttempts: 1,
      schedule: "* * * * *",
      handle: (_payload, run) => sweepDueSignatures(services, run),
    }),
    job({
      name: "secufile.expireSignature",
      payload: expireSignaturePayload,
      maxAttempts: 25,
      handle: (payload) => expireSignature(services, payload),
    }),
    job({
      name: "secufile.tellSigners",
      payload: tellSignersPayload,
      maxAttempts: 25,
      handle: (payload) => tellSigners(services, payload),
    }),
    job({
      name: "secufile.deleteBlob",
      payload: deleteBlobPayload,
      maxAttempts: 25,
      handle: (payload) => deleteBlob(services, payload.tenantId, payload.blobRef),
    }),
    job({
      name: "secufile.sweepOrphanBlobs",
      payload: emptyPayload,
      maxAttempts: 3,
      schedule: "41 3 * * *",
      handle: (_payload, run) => sweepOrphanBlobs(services, run),
    }),
  ];
}
