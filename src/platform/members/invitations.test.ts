import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { look } from "../../../test/support/secufile-client.ts";
import { isAppError } from "../errors/errors.ts";
import {
  acceptInvitation,
  inviteMember,
  listInvitations,
  openInvitation,
  withdrawInvitation,
} from "./operations/invitations.ts";
import { PASSWORD, World } from "./test-world.ts";

const refused = (code: string) => (error: unknown) => isAppError(error, "members", code);
const page = { limit: 50 };

describe("pending invitations", () => {
  let world: World;
  let tenantId: string;
  before(async () => {
    world = await World.open();
    tenantId = await world.tenant();
  });
  after(() => world.close());

  let count = 0;
  const owner = { memberId: "mem_1", role: "owner" } as const;
  async function invited(role: "owner" | "reader" = "reader", where = tenantId) {
    // Ids of one millisecond stand in no order.
    world.clock.advance(1);
    const email = `guest-${(count += 1)}@example.org`;
    const made = await inviteMember(await world.call(where, owner), { email, role, locale: "en" });
    return { ...made, token: await world.linkTo(made.invitation_id) };
  }
  const accept = (token: string, process: 0 | 1 = 0) =>
    acceptInvitation(world.openCall("192.0.2.1", process), world, { token, name: "Guest", password: PASSWORD });

  test("are listed until they are accepted, withdrawn or over, page by page, and to their own organisation alone", async () => {
    const there = await world.tenant("Other");
    const [one, two, three] = [
      await invited("reader", there),
      await invited("owner", there),
      await invited("reader", there),
    ];
    const call = await world.call(there, owner);
    const first = await listInvitations(call, { limit: 2 });
    assert.deepEqual(
      first.data.map(({ email, role, invited_by }) => [email, role, invited_by]),
      [one, two].map(({ email, role }) => [email, role, "mem_1"]),
    );
    const second = await listInvitations(call, { limit: 2, cursor: first.next_cursor ?? "" });
    assert.deepEqual(
      second.data.map(({ invitation_id }) => invitation_id),
      [three.invitation_id],
    );
    const elsewhere = await listInvitations(await world.call(tenantId, owner), page);
    assert.equal(
      elsewhere.data.some(({ email }) => email === one.email),
      false,
    );
    await accept(one.token);
    await withdrawInvitation(call, two.invitation_id);
    await look(
      world.database.superUrl,
      `update platform.invitations set expires_at = created_at where id = '${three.invitation_id}'`,
    );
    assert.deepEqual((await listInvitations(call, page)).data, []);
  });

  test("that were withdrawn open nothing from then on, once, and leave one row", async () => {
    const { invitation_id: id, token } = await invited();
    const before_ = await world.audits("platform.withdrawInvitation");
    const call = await world.call(tenantId, owner);
    await withdrawInvitation(call, id);
    await assert.rejects(openInvitation(world.openCall("192.0.2.1", 1), token), refused("link_not_valid"));
    await assert.rejects(accept(token, 1), refused("link_not_valid"));
    await assert.rejects(withdrawInvitation(call, id), refused("invitation_over"));
    assert.equal(await world.audits("platform.withdrawInvitation"), before_ + 1);
  });

  test("that were accepted, are over or of another organisation cannot be withdrawn", async () => {
    const [accepted, late] = [await invited(), await invited()];
    await accept(accepted.token);
    const call = await world.call(tenantId, owner);
    await assert.rejects(withdrawInvitation(call, accepted.invitation_id), refused("invitation_over"));
    await look(
      world.database.superUrl,
      `update platform.invitations set expires_at = created_at where id = '${late.invitation_id}'`,
    );
    await assert.rejects(withdrawInvitation(call, late.invitation_id), refused("invitation_over"));
    const foreign = await invited("reader", await world.tenant("Other"));
    await assert.rejects(withdrawInvitation(call, foreign.invitation_id), refused("invitation_not_found"));
    await openInvitation(world.openCall(), foreign.token);
  });

  test("of owners are withdrawn by owners and the operator alone", async () => {
    const [one, two] = [await invited("owner"), await invited("owner")];
    const admin = await world.call(tenantId, { memberId: "mem_2", role: "admin" });
    await assert.rejects(withdrawInvitation(admin, one.invitation_id), refused("owner_needed"));
    await withdrawInvitation(await world.call(tenantId, owner), one.invitation_id);
    await withdrawInvitation(await world.call(tenantId, null), two.invitation_id);
  });

  test("withdrawn and accepted by 64 at once on two processes: one wins, whichever it is", async () => {
    for (let round = 0; round < 3; round++) {
      const { invitation_id: id, token, email } = await invited();
      const calls = [await world.call(tenantId, owner, 0), await world.call(tenantId, owner, 1)] as const;
      const ends = await Promise.allSettled(
        Array.from({ length: 64 }, async (_none, index) => {
          const process = index % 4 < 2 ? 0 : 1;
          if (index % 2 === 0) return (await accept(token, process)).member_id;
          // The password of an acceptance is hashed first; so that either may come first, half of these wait as long.
          if (round > 0) await world.hasher.hash(PASSWORD);
          await withdrawInvitation(calls[process], id);
          return "withdrawn";
        }),
      );
      const won = ends.filter((end) => end.status === "fulfilled");
      assert.equal(won.length, 1);
      for (const end of ends) {
        if (end.status === "fulfilled") continue;
        const reason: unknown = end.reason;
        assert.ok(refused("link_not_valid")(reason) || refused("invitation_over")(reason), String(reason));
      }
      const [row] = await look(
        world.database.superUrl,
        `select accepted_at is not null as accepted, withdrawn_at is not null as withdrawn
           from platform.invitations where id = '${id}'`,
      );
      const isWithdrawn = won[0]?.value === "withdrawn";
      assert.deepEqual(row, { accepted: !isWithdrawn, withdrawn: isWithdrawn }, email);
    }
  });
});
