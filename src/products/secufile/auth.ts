import type { IncomingMessage } from "node:http";
import type { TokenCheck } from "../../platform/credentials/check.ts";
import { platformError } from "../../platform/errors/platform-errors.ts";
import type { Caller, OpenCall } from "../../platform/product.ts";

/** `Authorization: Bearer <token>` with a token of this product. */
export function authenticateWith(tokenCheck: TokenCheck) {
  return async (request: IncomingMessage, call: OpenCall): Promise<Caller> => {
    const caller = await tokenCheck.bearer(request.headers.authorization, call.remoteAddress);
    if (caller.product !== "secufile") throw platformError("unauthorized", "This is not a SecuFile token.");
    return caller;
  };
}
