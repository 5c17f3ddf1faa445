/** A sandbox on a borrowed database: what most tests need, and half the price. */
import {
  type Sandbox,
  type SandboxOptions,
  startSandbox as startWhole,
} from "../../src/sandbox/index.ts";
import { borrowDatabase } from "./database.ts";

/** As the sandbox's own; a `databaseUrl` that is given is used instead. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  if (options.databaseUrl !== undefined) return startWhole(options);
  const database = await borrowDatabase();
  try {
    const sandbox = await startWhole({ ...options, databaseUrl: database.url });
    return {
      ...sandbox,
      async close() {
        await sandbox.close();
        database.giveBack();
      },
    };
  } catch (error) {
    database.giveBack();
    throw error;
  }
}
