import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { clientOf, expected, expectedProblem, type Client } from "../support/secufile-client.ts";
import { startTestServer } from "../support/server.ts";
import { tabellion } from "../support/tabellion-command.ts";

describe("mails and text messages of a running server", () => {
  let server: Awaited<ReturnType<typeof startTestServer>>;
  let operator: Client;
  let env: Record<string, string>;
  before(async () => {
    server = await startTestServer();
    operator = clientOf(server.origin, server.operatorToken);
    env = { TABELLION_URL: server.origin, TABELLION_DATA: server.dataDirectory };
  });
  after(() => server.remove());

  const fileOf = async (id: string): Promise<string> => {
    const folder = join(server.dataDirectory, "outbox");
    const names = (await readdir(folder)).filter((name) => name.includes(id));
    assert.equal(names.length, 1);
    return readFile(join(folder, names[0] ?? ""), "utf8");
  };

  for (const to of ["operator@example.org", "+33612345678"]) {
    test(`the operator sends a test to ${to}, which becomes a file, and sees what became of it`, async () => {
      const ended = await tabellion(["notify", "test", "--to", to, "--lang", "fr", "--json"], env);
      assert.equal(ended.code, 0, ended.stderr + ended.stdout);
      const sent = JSON.parse(ended.stdout) as Record<string, string>;
      assert.deepEqual([sent["state"], sent["error"], sent["tenant_id"]], ["sent", null, "server"]);
      assert.ok((await fileOf(sent["notification_id"] ?? "")).includes(to));
      const listed = await tabellion(["notify", "list", "--state", "sent"], env);
      assert.ok(listed.stdout.includes(sent["notification_id"] ?? "?"), listed.stderr);
      assert.ok(!listed.stdout.includes(to));
      assert.ok(!server.output().includes(to), "no address in the log");
    });
  }

  test("a wrong address, state or id is refused; so is another token", async () => {
    expectedProblem(await operator.post("/v1/platform/notifications/test", { to: "nobody" }), 422, "invalid_address");
    expectedProblem(await operator.get("/v1/platform/notifications?state=lost"), 422, "validation_failed");
    expectedProblem(await operator.get("/v1/platform/notifications/ntf_01KB2Q6V9XJ4M8T3RZ5C7D1E0F"), 404, "not_found");
    expectedProblem(
      await clientOf(server.origin, server.apiKey).get("/v1/platform/notifications"),
      401,
      "unauthorized",
    );
    assert.equal((await tabellion(["notify", "list", "--state", "lost"], env)).code, 2);
    assert.equal((await tabellion(["notify", "test"], env)).code, 2);
  });

  test("the metrics count what waits, failed and is uncertain", async () => {
    const text = await (await fetch(`${server.origin}/metrics`)).text();
    for (const name of ["waiting", "failed", "uncertain"])
      assert.match(text, new RegExp(`^tabellion_notifications_${name} 0$`, "m"));
    expected(await operator.get("/v1/platform/notifications?limit=1"), 200);
  });
});
