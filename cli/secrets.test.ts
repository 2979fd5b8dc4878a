import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { askHidden, openSecrets } from "./secrets.ts";

/** A terminal as far as asking needs one. */
function terminal(isTTY = true) {
  const modes: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode: (mode: boolean) => void modes.push(mode) });
  const stderr = new PassThrough();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no other part of a terminal is used
  const surroundings = { stdin: stdin as unknown as NodeJS.ReadStream, stderr };
  let text = "";
  stderr.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  return { stdin, modes, surroundings, shown: () => text };
}

describe("a secret at a terminal", () => {
  test("is what was typed up to Enter, erased characters and arrows apart; nothing of it is shown", async () => {
    const { stdin, modes, surroundings, shown } = terminal();
    const asked = askHidden("Password: ", surroundings);
    for (const keys of ["corréx", "\u007f", "ct\u{1f427}\b", "\u001b[D", " horse\r"]) stdin.write(keys);
    assert.equal(await asked, "corréct horse");
    assert.equal(shown(), "Password: \n");
    assert.deepEqual(modes, [true, false], "the terminal shows again what is typed");
  });

  test("is none after Ctrl-C, at the end of the input, or where nothing was typed; the terminal is as before", async () => {
    for (const keys of ["secret\u0003", "\u0004", "\r", null]) {
      const { stdin, modes, surroundings } = terminal();
      const asked = askHidden("Password: ", surroundings);
      if (keys === null) stdin.end();
      else stdin.write(keys);
      await assert.rejects(asked, /nothing was typed/);
      assert.deepEqual(modes, [true, false]);
    }
  });

  test("comes from the lines of standard input where there is no terminal", async () => {
    const { stdin, surroundings } = terminal(false);
    const secrets = openSecrets(surroundings);
    stdin.end("one two\nthree\r\n\n");
    assert.equal(await secrets.ask("Password: "), "one two");
    assert.equal(await secrets.ask("Code: "), "three");
    await assert.rejects(secrets.ask("Code: "), /nothing was read/);
    secrets.close();
  });
});
