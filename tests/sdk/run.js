// SPDX-License-Identifier: Apache-2.0
// run.js: runs every *.test.mjs here, one after the other, in TAP. Ends 1 if anything failed.
//   node run.js [NAME…]      only files whose name holds one of these
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const wanted = process.argv.slice(2);
const files = readdirSync(here)
  .filter((name) => name.endsWith(".test.mjs"))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort();
let failed = files.length === 0;
for (const file of files) {
  console.log(`# ${file}`);
  const run = spawnSync(process.execPath, ["--test-reporter=tap", file], {
    cwd: here, stdio: "inherit",
  });
  failed ||= run.status !== 0;
}
process.exitCode = failed ? 1 : 0;
