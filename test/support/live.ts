/** What the isolates themselves go by, whatever the store holds. */
import { expect, vi } from "vitest";
import { type QaDocument, qaSchema } from "../../src/domain/qa.ts";
import type { SandboxDescription } from "../../src/sandbox/index.ts";

const PATIENCE = { timeout: 30_000, interval: 100 };
type Shown = Pick<QaDocument["canary"], "percent" | "revision" | "emergency_proxy">;

/**
 * Until each location shows this; throws after 30 s. A visitor's request may be decided by what its
 * isolate read up to 5 s ago, while a look with the token reads anew: once that has shown a state, the
 * next visitor is decided by it.
 */
export async function untilLive(
  { locations, qaToken }: Pick<SandboxDescription, "locations" | "qaToken">,
  wanted: Partial<Shown>,
): Promise<void> {
  const headers = { authorization: `Bearer ${qaToken}` };
  const look = async (url: string): Promise<Shown> => {
    const answer = await fetch(`${url}/qa?health=cached`, { headers });
    return qaSchema().parse(await answer.json()).canary;
  };
  await vi.waitFor(async () => {
    const shown = await Promise.all(locations.map(({ url }) => look(url)));
    for (const one of shown) expect(one).toMatchObject(wanted);
  }, PATIENCE);
}
