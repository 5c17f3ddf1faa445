/**
 * A sandbox in a process of its own: who measures serves nothing beside it. Prints its description, and ends with
 * its standard input.
 */
import { startSandbox } from "../src/sandbox/index.ts";

const locations = process.argv.slice(2);
const lagMs = { min: 0, max: 0 };
const sandbox = await startSandbox({ locations, lagMs, rateLimits: false });
console.log(JSON.stringify(sandbox.description));
process.stdin.resume().on("end", () => {
  void sandbox.close().then(() => process.exit());
});
