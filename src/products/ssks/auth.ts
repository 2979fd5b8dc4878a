import type { IncomingMessage } from "node:http";
import type { TokenCheck } from "../../platform/credentials/check.ts";
import type { Caller, OpenCall } from "../../platform/product.ts";
import { API_KEY_PRODUCT, keyScope } from "./api-key.ts";
import { ssksError } from "./errors.ts";

/** The two headers of an application's server. The platform's check of tokens holds keys of applications, too. */
export function authenticateApplicationWith(tokenCheck: TokenCheck) {
  return async (request: IncomingMessage, call: OpenCall): Promise<Caller> => {
    const { "x-seald-appid": appId, "x-seald-apikey": key } = request.headers;
    if (typeof appId !== "string" || typeof key !== "string" || /\s/.test(key)) throw unknown();
    const caller = await tokenCheck.bearer(`Bearer ${key}`, call.remoteAddress);
    if (caller.product !== API_KEY_PRODUCT || !caller.scopes.has(keyScope(appId.toLowerCase()))) throw unknown();
    return caller;
  };
}

function unknown(): Error {
  return ssksError("application_unknown", "The application or its key is not known.");
}
