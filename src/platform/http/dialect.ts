import type { AppError } from "../errors/errors.ts";

/** What a failure needs to be worded: the request it belongs to. */
export type FailureContext = { readonly requestId: string; readonly path: string };

export type Failure = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** How one contract words failures. The only place where its errors become answers. */
export type Dialect = {
  failure(error: AppError, context: FailureContext): Failure;
};
