/** One write of one key: never repeated without another look, never repeated when it may have arrived. */
import { expect, test } from "vitest";
import { writeGuarded } from "../../../src/commands/lib/write-guarded.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";

/** Each write ends as the next of these; `null` is acknowledged. `conflictAt` is the look that sees one. */
async function written(ends: (UpstreamError["kind"] | null)[], conflictAt = Infinity) {
  const told: string[] = [];
  const ports = {
    clock: { sleep: async (ms: number) => void told.push(`wait ${ms}`) },
    rng: { next: () => 0 },
  } as unknown as Ports;
  const end = await writeGuarded<{ kind: string }>(
    ports,
    { signal: new AbortController().signal },
    {
      async look(attempt) {
        told.push(`look ${attempt}`);
        return attempt === conflictAt ? { kind: "conflict" } : null;
      },
      async write() {
        told.push("write");
        const kind = ends.shift() ?? null;
        if (kind !== null) throw new UpstreamError(kind, "HTTP 429");
      },
      readBack: async (lost) => ({ kind: lost === undefined ? "read back" : `lost: ${lost.kind}` }),
    },
  );
  return { end: end.kind, told };
}

test("a refused write is repeated after another look", async () => {
  expect(await written(["unavailable", null])).toEqual({
    end: "read back",
    told: ["look 1", "write", "wait 300", "look 2", "write"],
  });
});

test("what somebody has written meanwhile ends it, unwritten", async () => {
  const { end, told } = await written(["unavailable", null], 2);
  expect([end, told.filter((what) => what === "write")]).toEqual(["conflict", ["write"]]);
});

test.each(["ambiguous", "auth", "rejected"] as const)(
  "one that is %s is not repeated",
  async (kind) => {
    const { end, told } = await written([kind, null]);
    expect(told).toEqual(["look 1", "write"]);
    expect(end).toBe(kind === "ambiguous" ? "lost: ambiguous" : "failed");
  },
);

test("six refusals are enough", async () => {
  const { end, told } = await written(Array.from({ length: 9 }, () => "unavailable" as const));
  expect([end, told.filter((what) => what === "write").length]).toEqual(["failed", 6]);
});
