/** One way a call can fail, and all that the outside will ever learn of it. */
export type ErrorRow = {
  /** HTTP status. */
  readonly status: number;
  /** The code on the wire, as the product's contract spells it. */
  readonly wire: string;
  readonly title: string;
  /** Whether the same request may succeed later: `no`, `later` (the state may change) or `now` (at once). */
  readonly retry: "no" | "later" | "now";
};

export type ErrorTable = Readonly<Record<string, ErrorRow>>;

/** A field of the input that is wrong, and why. `parameter` is a dotted path such as `signers.0.email`. */
export type FieldError = { readonly parameter: string; readonly reason: string };

export type ErrorExtras = {
  readonly cause?: unknown;
  readonly fields?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
  /** Further headers of the answer, for example `Content-Range` beside a 416. */
  readonly headers?: Readonly<Record<string, string>>;
};

/** An expected failure. `detail` may be shown to the caller: never a secret, never another tenant's fact. */
export class AppError extends Error {
  readonly area: string;
  readonly code: string;
  readonly row: ErrorRow;
  readonly detail: string;
  readonly fields: readonly FieldError[];
  readonly retryAfterSeconds: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(name: { area: string; code: string }, row: ErrorRow, detail: string, extras: ErrorExtras = {}) {
    const { area, code } = name;
    super(`${area}.${code}: ${detail}`, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = "AppError";
    this.area = area;
    this.code = code;
    this.row = row;
    this.detail = detail;
    this.fields = extras.fields ?? [];
    this.retryAfterSeconds = extras.retryAfterSeconds;
    this.headers = extras.headers ?? {};
  }
}

/** The maker of one area's errors; a code that its table does not hold does not compile. */
export function errorsOf<T extends ErrorTable>(
  area: string,
  table: T,
): (code: keyof T & string, detail: string, extras?: ErrorExtras) => AppError {
  return (code, detail, extras) => {
    const row = table[code];
    if (row === undefined) throw new Error(`${area} has no error ${code}`);
    return new AppError({ area, code }, row, detail, extras);
  };
}

/** Whether `error` is the expected failure `code` of `area`. */
export function isAppError(error: unknown, area: string, code: string): error is AppError {
  return error instanceof AppError && error.area === area && error.code === code;
}
