import assert from "node:assert/strict";
import { eventually, expected, look, type Client, type Json } from "./secufile-client.ts";

/** Until every audit row of the database has its place in its log. */
export async function allPlaced(superUrl: string): Promise<void> {
  await eventually("every audit row has its place", async () => {
    const [row] = await look(
      superUrl,
      `select count(*)::int as waiting from platform.audit_events e
        where not exists (select 1 from platform.audit_leaves l where l.tenant_id = e.tenant_id and l.event_id = e.id)`,
    );
    return row.waiting === 0 ? true : null;
  });
}

/** All records that a query wants, page after page. */
export async function allRecords(client: Client, query = ""): Promise<Json[]> {
  const all: Json[] = [];
  let cursor = "";
  for (;;) {
    const page = expected(await client.get(`/audit?limit=100${query}${cursor}`), 200);
    all.push(...page.data);
    if (page.next_cursor === null) return all;
    cursor = `&cursor=${page.next_cursor}`;
  }
}

export type ServerSentEvent = { readonly id: string; readonly data: Json };

/**
 * Reads server-sent events until `isDone` says so of all that came, or until the connection ends; then closes it. Answers
 * the events and the last id that the reader would come back with.
 */
export async function follow(
  client: Client,
  query: string,
  options: { readonly lastEventId?: string; isDone(events: readonly ServerSentEvent[]): boolean },
): Promise<{ events: ServerSentEvent[]; lastEventId: string }> {
  const abort = new AbortController();
  const { lastEventId = "" } = options;
  const answer = await fetch(`${client.origin}/v1/secufile/audit/export?follow=true${query}`, {
    headers: {
      authorization: `Bearer ${client.token}`,
      accept: "text/event-stream",
      ...(lastEventId === "" ? {} : { "last-event-id": lastEventId }),
    },
    signal: abort.signal,
  });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
  const events: ServerSentEvent[] = [];
  const state = { rest: "", lastEventId };
  try {
    for await (const chunk of answer.body ?? []) {
      takeEvents(state, Buffer.from(chunk).toString("utf8"), events);
      if (options.isDone(events)) break;
    }
  } catch (error) {
    // The server went away in the middle: that is what a reader has to live with.
    assert.ok(error instanceof Error);
  }
  abort.abort();
  return { events, lastEventId: state.lastEventId };
}

/** HTML, section 9.2.6, as far as the server uses it. A part of an event at the end is kept for the next chunk. */
function takeEvents(state: { rest: string; lastEventId: string }, chunk: string, events: ServerSentEvent[]): void {
  const blocks = (state.rest + chunk).split("\n\n");
  state.rest = blocks.pop() ?? "";
  for (const block of blocks) {
    const id = /^id: (.*)$/m.exec(block)?.[1];
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (id !== undefined) state.lastEventId = id;
    if (id !== undefined && data !== undefined) events.push({ id, data: JSON.parse(data) });
  }
}
