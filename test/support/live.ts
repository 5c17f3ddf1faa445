/** What the isolates themselves go by, whatever the store holds. */
import { expect, vi } from "vitest";
import { type QaDocument, qaSchema } from "../../src/domain/proof/qa-document.ts";
import type { SandboxDescription } from "../../src/sandbox/index.ts";
import { DATASET } from "../../src/sandbox/types.ts";
import { PATIENCE } from "./patience.ts";

const HEALTHY = { status: "healthy" };
type Shown = Pick<
  QaDocument["canary"],
  "percent" | "revision" | "emergency_proxy" | "last_updated"
>;

/**
 * Until each location shows this. A visitor's request may be decided by what its
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

/**
 * Until each location finds its parts healthy and the metrics have answered: what starts with its first
 * use (connections, the engine of the metrics) has started.
 */
export async function untilReady(sandbox: SandboxDescription): Promise<void> {
  const { locations, qaToken, apiBaseUrl, accountId, apiToken } = sandbox;
  const healthy = async (url: string): Promise<void> => {
    const answer = await fetch(`${url}/qa`, { headers: { authorization: `Bearer ${qaToken}` } });
    const { health } = qaSchema().parse(await answer.json());
    expect([health.native, health.proxy]).toMatchObject([HEALTHY, HEALTHY]);
  };
  const measured = async (): Promise<void> => {
    const answer = await fetch(`${apiBaseUrl}/accounts/${accountId}/analytics_engine/sql`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiToken}` },
      body: `SELECT count() AS points FROM ${DATASET} FORMAT JSON`,
    });
    expect(answer.status, await answer.text()).toBe(200);
  };
  await Promise.all([
    ...locations.map(({ url }) => vi.waitFor(() => healthy(url), PATIENCE)),
    vi.waitFor(measured, PATIENCE),
  ]);
}
