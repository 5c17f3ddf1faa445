/** What is read back after a write: an old copy is nobody's answer to it. */
import { expect, it } from "vitest";
import { readBase, writeConfigOnce } from "../../../src/commands/lib/stored-state.ts";
import type { CanaryConfig } from "../../../src/domain/state/documents.ts";
import { AT_ONCE, modelPorts, modelStore } from "../../support/fake-ports.ts";

function configOf(revision: string, canary_percent: number): CanaryConfig {
  const last_updated = "2020-01-01T00:00:00Z";
  return { canary_percent, canary_tag: "B2a", emergency_proxy: false, last_updated, revision };
}

/** Reads in turn: the plan's, and two after the write; each serves a value so many writes ago. */
async function writtenOver(staleness: number[], theirs: CanaryConfig[]): Promise<string> {
  const kv = { config: [JSON.stringify(configOf("BASE", 20))], stop: [null] };
  const store = modelStore(kv, AT_ONCE, staleness);
  const ports = modelPorts({
    ...store,
    async writeConfig(config, options) {
      await store.writeConfig(config, options);
      kv.config.push(...theirs.map((one) => JSON.stringify(one)));
    },
  });
  const base = await readBase(ports);
  if (!("state" in base)) throw base;
  const options = { signal: AbortSignal.any([]), recheck: false };
  return (await writeConfigOnce(ports, base, configOf("OURS", 2), options)).kind;
}

it.each([
  ["ours", [0, 0, 0], [], "written"],
  ["what it was written over, twice: an old copy", [0, 1, 1], [], "written"],
  ["an old copy and then ours", [0, 1, 0], [], "written"],
  ["somebody's later one, twice", [0, 0, 0], [configOf("THEIRS", 50)], "conflict"],
])("reads %s", async (_, staleness, theirs, kind) => {
  expect(await writtenOver(staleness, theirs)).toBe(kind);
});
