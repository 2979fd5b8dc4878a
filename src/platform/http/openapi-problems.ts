import { z } from "zod";
import { AppError, type ErrorRow } from "../errors/errors.ts";
import { platformErrors } from "../errors/platform-errors.ts";
import type { Product } from "../product.ts";
import type { Answer, Media, Reference } from "./openapi-document.ts";
import { failureHeaders } from "./openapi-headers.ts";
import { MAX_FIELDS_REPORTED } from "./schema-reasons.ts";

/** The problem details (RFC 9457) of `problem.ts`, as published. */
export const problemShape = z
  .strictObject({
    type: z.string().max(2048).meta({ description: "Page that explains the code." }),
    title: z.string().max(200).meta({ description: "What went wrong, the same for every problem of this code." }),
    status: z.int().min(400).max(599).meta({ description: "The HTTP status, again." }),
    detail: z.string().max(4096).meta({ description: "What went wrong this time, for people." }),
    instance: z.string().max(8192).meta({ description: "Path of the request." }),
    code: z
      .string()
      .max(100)
      .regex(/^[A-Za-z0-9_.-]+$/)
      .meta({ description: "Name of the problem, for programs. New codes may come.", examples: ["validation_failed"] }),
    request_id: z.string().max(128).meta({ description: "Id of the request, to name in a question to us." }),
    errors: z
      .array(
        z.strictObject({
          parameter: z.string().max(4096).meta({ description: "Dotted path, for example `signers.0.email`." }),
          reason: z.string().max(4096).meta({ description: "What is wrong with it." }),
        }),
      )
      .max(MAX_FIELDS_REPORTED)
      .optional()
      .meta({ description: "The fields that are wrong." }),
  })
  .meta({ id: "Problem", description: "Why a request failed, as problem details (RFC 9457)." });

/** What decides which failures the pipeline may raise for an operation. */
export type FailureSurface = {
  readonly proof: "token" | "headers" | "none";
  readonly needsStepUp: boolean;
  readonly hasInput: boolean;
  /** `unwanted`: one that is sent all the same is read as JSON, and nobody looks at it. */
  readonly body: "json" | "stream" | "unwanted" | null;
  /** Failures of later areas that the pipeline puts in front of this operation. */
  readonly further: readonly ErrorRow[];
};

/** Failures that an operation can meet besides its own. 404 and 405 of unknown paths belong to no operation. */
export function commonErrors(surface: FailureSurface): ErrorRow[] {
  const { proof, needsStepUp, hasInput, body, further } = surface;
  const rows: ErrorRow[] = [platformErrors.bad_request];
  if (body === "json") rows.push(platformErrors.invalid_json);
  if (body === "json" || body === "unwanted") rows.push(platformErrors.unsupported_media_type);
  if (body !== null) rows.push(platformErrors.request_timeout, platformErrors.payload_too_large);
  if (proof !== "none") rows.push(platformErrors.unauthorized);
  if (proof === "token") rows.push(platformErrors.forbidden, platformErrors.address_forbidden);
  if (needsStepUp) rows.push(platformErrors.step_up_required);
  if (hasInput) rows.push(platformErrors.validation_failed);
  const { rate_limited, internal, audit_unavailable, unavailable } = platformErrors;
  return [...rows, ...further, rate_limited, internal, audit_unavailable, unavailable];
}

/**
 * Owns the answers that the operations of one document share. A status that only the pipeline raises is a
 * reference to a shared answer; one with failures of the operation's own is spelt out with all its codes.
 */
export class ProblemShelf {
  readonly #product: Product;
  readonly #common: ReadonlySet<ErrorRow>;
  readonly #shared = new Map<string, Answer>();

  constructor(product: Product, further: readonly ErrorRow[]) {
    this.#product = product;
    this.#common = new Set([...Object.values<ErrorRow>(platformErrors), ...further]);
  }

  /** The failures of one operation, one answer a status. */
  answers(own: readonly ErrorRow[], surface: FailureSurface, path: string): Record<string, Answer | Reference> {
    const rows = uniqueRows([...own, ...commonErrors(surface)]);
    const answers: Record<string, Answer | Reference> = {};
    for (const [status, ofStatus] of Map.groupBy(rows, (row) => worded(row, this.#product, path).status)) {
      answers[status] = ofStatus.every((row) => this.#common.has(row))
        ? this.#share(ofStatus, path)
        : problemAnswer(ofStatus, this.#product, path);
    }
    return answers;
  }

  all(): Record<string, Answer> {
    return Object.fromEntries([...this.#shared].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  #share(rows: readonly ErrorRow[], path: string): Reference {
    const names = rows.map((row) => pascalCase(row.wire)).toSorted();
    const isOurs = rows.every((row) => worded(row, this.#product, path).type === PROBLEM_TYPE);
    const name = `${names.join("Or")}${isOurs ? "" : "Plain"}`;
    if (!this.#shared.has(name)) this.#shared.set(name, problemAnswer(rows, this.#product, path));
    return { $ref: `#/components/responses/${name}` };
  }
}

function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|[^A-Za-z0-9])([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());
}

function uniqueRows(rows: readonly ErrorRow[]): ErrorRow[] {
  return [...new Map(rows.map((row) => [row.wire, row])).values()];
}

const PROBLEM_TYPE = "application/problem+json";

type Worded = { readonly status: number; readonly type: string; readonly value: unknown };

/** What the product's own dialect says to this failure on this path, so that examples cannot differ from answers. */
function worded(row: ErrorRow, product: Product, path: string): Worded {
  const isInput = row.wire === platformErrors.validation_failed.wire;
  const fields = isInput ? [{ parameter: "limit", reason: "must be 200 or less" }] : [];
  const retry = row.status === 429 ? { retryAfterSeconds: 5 } : {};
  const error = new AppError({ area: product.name, code: row.wire }, row, `${row.title}.`, { fields, ...retry });
  const failure = product.dialect.failure(error, { requestId: "req_01KB2Q6V9XJ4M8T3RZ5C7D1E0F", path });
  const value: unknown = JSON.parse(failure.body);
  return { status: failure.status, type: failure.headers["content-type"] ?? PROBLEM_TYPE, value };
}

function problemAnswer(rows: readonly ErrorRow[], product: Product, path: string): Answer {
  const codes = rows.map((row) => row.wire);
  const [first] = rows;
  return {
    description: rows.map((row) => `\`${row.wire}\`: ${row.title}.`).join(" "),
    headers: failureHeaders(first === undefined ? 500 : worded(first, product, path).status),
    content: problemContent(rows, product, path),
    "x-problem-codes": codes,
  };
}

function problemContent(rows: readonly ErrorRow[], product: Product, path: string): Record<string, Media> {
  const content: Record<
    string,
    { schema: Media["schema"]; examples: Record<string, { summary: string; value: unknown }> }
  > = {};
  for (const row of rows) {
    const { type, value } = worded(row, product, path);
    const shape = type === PROBLEM_TYPE ? "Problem" : "Failure";
    content[type] ??= { schema: { $ref: `#/components/schemas/${shape}` }, examples: {} };
    content[type].examples[row.wire] = { summary: row.title, value };
  }
  return content;
}
