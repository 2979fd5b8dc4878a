import assert from "node:assert/strict";
import { test } from "node:test";
import { typeset, typesetWords } from "./typeset.ts";

const NB = "\u00a0";
const NARROW = "\u202f";

test("French sets spaces that do not break, and leaves code and addresses alone", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["Attention : lisez ceci !", `Attention${NB}: lisez ceci${NARROW}!`],
    ["Prêt? Oui; non!", `Prêt${NARROW}? Oui${NARROW}; non${NARROW}!`],
    ["Le document « contrat » : signé", `Le document «${NB}contrat${NB}»${NB}: signé`],
    ["Vraiment ?!", `Vraiment${NARROW}?!`],
    ["https://x.test/a?b=c:d;e! puis : fin", `https://x.test/a?b=c:d;e! puis${NB}: fin`],
    ["à 10:30, écrivez à a@b.test", "à 10:30, écrivez à a@b.test"],
    ["`code` : sens ; `a ? b : c`, `x ; y`", `\`code\`${NB}: sens${NARROW}; \`a ? b : c\`, \`x ; y\``],
    ["**Fort** ? Non.", `**Fort**${NARROW}? Non.`],
  ];
  for (const [plain, set] of cases) {
    assert.equal(typeset("fr", plain), set);
    assert.equal(typeset("fr", set), set, "a second time changes nothing");
    assert.equal(typeset("en", plain), plain);
  }
});

test("a table of words is set as a whole, whatever its depth", () => {
  const words = { title: "Refusé ?", states: { viewed: "Ouverte ; en attente" }, count: "Trois" };
  assert.deepEqual(typesetWords(words), {
    title: `Refusé${NARROW}?`,
    states: { viewed: `Ouverte${NARROW}; en attente` },
    count: "Trois",
  });
});
