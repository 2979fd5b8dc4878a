#!/usr/bin/env node
// The command `tabellion`, as npm installs it.
import { fileURLToPath } from "node:url";
import { runWithNode } from "../scripts/with-node.mjs";

await runWithNode(fileURLToPath(new URL("./main.ts", import.meta.url)), process.argv.slice(2));
