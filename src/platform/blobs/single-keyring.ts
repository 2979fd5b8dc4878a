import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { ObjectKeyring } from "./blobs.ts";

/** A key ring over one given key, for tests and measurements: AES-256-GCM with tenant and context authenticated. */
export function singleKeyring(rootKey: Buffer): ObjectKeyring {
  return {
    async wrap(tenantId, objectKey, context) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", rootKey, nonce);
      cipher.setAAD(Buffer.from(`${tenantId}\n${context}`));
      const sealed = cipher.update(objectKey);
      cipher.final();
      return Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
    },
    async unwrap(tenantId, wrapped, context) {
      const decipher = createDecipheriv("aes-256-gcm", rootKey, wrapped.subarray(0, 12), { authTagLength: 16 });
      decipher.setAAD(Buffer.from(`${tenantId}\n${context}`));
      decipher.setAuthTag(wrapped.subarray(-16));
      const key = decipher.update(wrapped.subarray(12, -16));
      decipher.final();
      return key;
    },
  };
}
