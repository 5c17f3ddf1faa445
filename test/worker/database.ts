/** Postgres for tests: the sandbox's, with worker/schema.sql applied. */
import { fileURLToPath } from "node:url";
import { startDatabase as startSandboxDatabase } from "../../src/sandbox/database/database.ts";

export interface TestDatabase {
  url: string;
  /** Resets present connections, and new ones too. */
  goDown(): void;
  close(): Promise<void>;
}

export async function startDatabase(): Promise<TestDatabase> {
  const root = fileURLToPath(new URL("../..", import.meta.url).href);
  const database = await startSandboxDatabase({ root });
  return {
    url: database.url,
    goDown: () => database.gate.set({ down: true }),
    close: () => database.close(),
  };
}
