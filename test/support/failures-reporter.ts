/** A reporter of `node:test` that says what failed, and where: for the last lines of a long output. */
import type { TestEvent } from "node:test/reporters";

export default async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type !== "test:fail" || isOfSubtests(event.data.details.error)) continue;
    const { file, line, name, details } = event.data;
    yield `✖ ${name} (${file ?? "?"}:${line ?? "?"})\n  ${messageOf(details.error)}\n`;
  }
}

/** A suite fails with its tests, which are told of themselves. */
function isOfSubtests(error: Error): boolean {
  return "failureType" in error && error.failureType === "subtestsFailed";
}

function messageOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  return (cause.stack ?? cause.message).split("\n").slice(0, 12).join("\n  ");
}
