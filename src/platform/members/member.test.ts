import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { linkMail } from "./mail.ts";
import { isMemberAddress, isMemberName } from "./member.ts";
import { renderMemberPage } from "./pages.ts";

describe("what members are called, and where they are written to", () => {
  test("names of all scripts are names; what shows nothing, or as something else, is none", () => {
    for (const name of ["Ada", "شهرزاد\u200cعلی", "क्\u200dषमा", "李小龍", "👩‍⚖️ Ada"]) {
      assert.equal(isMemberName(name), true, name);
    }
    for (const name of ["", "\u3164", "\u00ad", "Ada\u202eb", "Ada\u{e0041}", "Ada\n", "Ada\ud800", "x".repeat(201)]) {
      assert.equal(isMemberName(name), false, JSON.stringify(name));
    }
  });

  test("only addresses that a mail can be sent to are taken", () => {
    for (const email of ["a@b.example", "o'brien+tag@münchen.example"])
      assert.equal(isMemberAddress(email), true, email);
    for (const email of ["a@b", "é@b.example", "a..b@c.example", "a@-b.example", "a@b.example\r\nBcc: c@d.example"]) {
      assert.equal(isMemberAddress(email), false, JSON.stringify(email));
    }
  });

  test("the name of an organisation turns nothing around on pages and in mails", () => {
    const organisation = "Étude\u202efdp\u2028exe";
    const invite = { kind: "invite", organisation, email: "a@b.example", name: "", wrong: null } as const;
    const { body } = renderMemberPage(invite, "en");
    assert.ok(typeof body === "string");
    const at = new Date("2026-11-25T09:00:00Z");
    const mail = { to: "a@b.example", locale: "en", organisation, url: "https://x.test", at, expiresAt: at } as const;
    for (const text of [body, linkMail("reset", mail).text, linkMail("invitation", mail).text]) {
      assert.match(text, /Étude fdp exe/);
    }
  });
});
