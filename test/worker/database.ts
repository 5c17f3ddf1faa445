/** Postgres for tests: the sandbox's, with worker/schema.sql applied. */
import { startDatabase as startSandboxDatabase } from "../../src/sandbox/database/database.ts";
import { packageRoot } from "../../src/sandbox/edge/bundle.ts";
import { borrowDatabase } from "../support/database.ts";

export interface TestDatabase {
  url: string;
  /** Resets present connections, and new ones too. */
  goDown(): void;
  close(): Promise<void>;
}

export async function startDatabase(): Promise<TestDatabase> {
  const lent = await borrowDatabase();
  const database = await startSandboxDatabase({ root: packageRoot(), databaseUrl: lent.url });
  return {
    url: database.url,
    goDown: () => database.gate.set({ down: true }),
    async close() {
      await database.close();
      lent.giveBack();
    },
  };
}
