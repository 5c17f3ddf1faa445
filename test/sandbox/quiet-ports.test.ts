import { expect, test } from "vitest";
import { QuietPorts } from "../../src/sandbox/quiet-ports.ts";

/** Few enough that two who draw from them at random would meet. */
const FEW = { lowest: 31_000, beyond: 31_060 };
const takeTwenty = async (ports: QuietPorts) => {
  const taken: number[] = [];
  while (taken.length < 20) taken.push(await ports.take());
  return taken;
};

test("who takes some has them to himself although nobody listens, until he closes", async () => {
  const [one, other] = [new QuietPorts(FEW), new QuietPorts(FEW)];
  try {
    const all = [...(await takeTwenty(one)), ...(await takeTwenty(other))];
    expect(new Set(all).size).toBe(40);
    const [first = 0] = all;
    const alone = { lowest: first, beyond: first + 1 };
    await expect(new QuietPorts(alone).take()).rejects.toThrow(`no free port from ${first}`);
    await one.close();
    const next = new QuietPorts(alone);
    expect(await next.take()).toBe(first);
    await next.close();
  } finally {
    await Promise.all([one.close(), other.close()]);
  }
});
