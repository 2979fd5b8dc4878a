import type { IncomingMessage } from "node:http";
import type { TokenCheck } from "../../../platform/credentials/check.ts";
import { platformError } from "../../../platform/errors/platform-errors.ts";
import type { Caller, OpenCall } from "../../../platform/product.ts";

/** `Authorization: Bearer <token>` with a token of this product, or the access token of a member. */
export function authenticateManagerWith(tokenCheck: TokenCheck) {
  return async (request: IncomingMessage, call: OpenCall): Promise<Caller> => {
    const caller = await tokenCheck.bearer(request.headers.authorization, call.remoteAddress);
    if (caller.product !== "ssks") throw platformError("unauthorized", "This is not an SSKS token.");
    return caller;
  };
}
