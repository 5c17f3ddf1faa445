/** The sandbox's Postgres as a process: prints its URL, and runs until standard input is closed. */
import { startDatabase } from "../../src/sandbox/database/database.ts";
import { packageRoot } from "../../src/sandbox/edge/bundle.ts";

const { url } = await startDatabase({ root: packageRoot() });
process.stdout.write(`${url}\n`);
process.stdin.resume().on("end", () => process.exit());
