import pg from "pg";

/** A session of the role that owns the tables, which tells when it is lost. */
export type OwnerSession = {
  readonly client: pg.Client;
  /** Aborted, with the reason, when the connection ends by itself. */
  readonly lost: AbortSignal;
  close(): Promise<void>;
};

const CONNECT_TIMEOUT_MS = 10_000;

export async function openOwnerSession(ownerUrl: string, applicationName: string): Promise<OwnerSession> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  });
  const lost = new AbortController();
  let isClosing = false;
  client.on("error", (error) => lost.abort(error));
  client.on("end", () => {
    if (!isClosing) lost.abort(new Error("the database closed the connection"));
  });
  await client.connect();
  return {
    client,
    lost: lost.signal,
    async close() {
      isClosing = true;
      await client.end();
    },
  };
}
