import { setTimeout as delay } from "node:timers/promises";
import { contentOf, sha256Of, type Plan, type PlannedDocument } from "./plan.ts";
import type { Acknowledged } from "./checker.ts";

export type ClientOptions = {
  readonly plan: Plan;
  /** Where the server answers, now or again soon. */
  readonly origin: string;
  readonly apiKey: string;
  /** Serves the contents of documents that the server fetches itself. */
  readonly sourceOrigin: string;
  readonly clients: number;
};

export type Clients = {
  /** How many documents were acknowledged and, where the client uploads, stored. */
  readonly doneCount: number;
  /** Answers by status, and `lost` for those that never came. */
  readonly answers: ReadonlyMap<string, number>;
  /** Resolves when every planned document is in. Throws when the server refuses one for good. */
  run(): Promise<readonly Acknowledged[]>;
  /** Sends every creation once more, under its old key, and answers the ids that came back. */
  replay(acknowledged: readonly Acknowledged[]): Promise<readonly Acknowledged[]>;
};

type Request = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
};

const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 500;
const ANSWER_LIMIT_MS = 20_000;
/** A request that is not answered by then never will be: more than a lease of an Idempotency-Key. */
const GIVE_UP_MS = 150_000;

/** Clients as a careful customer would write them: the same key and the same bytes again until an answer counts. */
export function createClients(options: ClientOptions): Clients {
  const { plan } = options;
  const answers = new Map<string, number>();
  let doneCount = 0;

  const insist = insistentClient(options, answers);

  async function create(document: PlannedDocument): Promise<string> {
    const answer = await insist({
      method: "POST",
      path: "/documents",
      headers: { "idempotency-key": document.idempotencyKey, "content-type": "application/json" },
      body: JSON.stringify({
        filename: `document-${document.index}.age`,
        key_wrap: "vault://kms/key/faults",
        metadata: { key: document.idempotencyKey },
        ...(document.way === "url" ? { ciphertext_url: `${options.sourceOrigin}/${document.index}` } : {}),
      }),
    });
    return String(answer["document_id"]);
  }

  async function bringIn(document: PlannedDocument): Promise<Acknowledged> {
    const content = contentOf(plan.seed, document);
    const documentId = await create(document);
    if (document.way === "upload") {
      const headers = { "content-type": "application/octet-stream" };
      await insist({ method: "PUT", path: `/documents/${documentId}/content`, headers, body: content });
    }
    doneCount += 1;
    const { idempotencyKey, sizeBytes } = document;
    return { idempotencyKey, documentIds: [documentId], sizeBytes, sha256: sha256Of(content) };
  }

  return {
    get doneCount() {
      return doneCount;
    },
    answers,
    run: () => inParallel(options.clients, plan.documents, bringIn),
    replay: (acknowledged) =>
      inParallel(options.clients, acknowledged, async (each) => {
        const document = plan.documents.find((planned) => planned.idempotencyKey === each.idempotencyKey);
        if (document === undefined) throw new Error(`no document was planned under ${each.idempotencyKey}`);
        return { ...each, documentIds: [...each.documentIds, await create(document)] };
      }),
  };
}

/** Sends a request until an answer counts; notes every answer, and each that never came. */
function insistentClient(
  { origin, apiKey }: ClientOptions,
  answers: Map<string, number>,
): (request: Request) => Promise<Record<string, unknown>> {
  function count(kind: string): void {
    answers.set(kind, (answers.get(kind) ?? 0) + 1);
  }

  async function attempt(request: Request): Promise<{ status: number; text: string } | null> {
    try {
      const answer = await fetch(`${origin}/v1/secufile${request.path}`, {
        method: request.method,
        headers: { authorization: `Bearer ${apiKey}`, ...request.headers },
        body: request.body,
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      });
      const text = await answer.text();
      count(String(answer.status));
      return { status: answer.status, text };
    } catch {
      count("lost");
      return null;
    }
  }

  return async (request) => {
    const giveUpAt = Date.now() + GIVE_UP_MS;
    for (let pauseMs = FIRST_PAUSE_MS; Date.now() < giveUpAt; pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2)) {
      const answer = await attempt(request);
      if (answer !== null && answer.status < 300) return JSON.parse(answer.text) as Record<string, unknown>;
      if (answer !== null && !mayPass(answer.status, answer.text)) {
        throw new Error(`${request.method} ${request.path} was answered ${answer.status}: ${answer.text}`);
      }
      await delay(pauseMs);
    }
    throw new Error(`${request.method} ${request.path} was not answered for ${GIVE_UP_MS} ms`);
  };
}

/** What another try may change: the server is away, or a twin of this request is not known to be dead yet. */
function mayPass(status: number, text: string): boolean {
  return status >= 500 || status === 429 || status === 408 || text.includes("idempotency_key_in_flight");
}

/** Works through `entries` in their order, `workers` at a time. */
export async function inParallel<T, R>(
  workers: number,
  entries: readonly T[],
  work: (entry: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const rest = entries.entries();
  const worker = async (): Promise<void> => {
    for (const [at, entry] of rest) results[at] = await work(entry);
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return results;
}
