import { problemDialect } from "../../platform/http/problem.ts";

/** Where the codes of failures are described, one fragment a code. */
export const REFERENCE_PATH = "/v1/secufile/reference";

/** Where the pages for signers are. */
export const SIGN_PREFIX = "/sign";

/** SecuFile words failures as problem details (RFC 9457). */
export const secufileDialect = problemDialect(REFERENCE_PATH, [SIGN_PREFIX]);
