/**
 * The second rung: the prepared proxy-only version is deployed to all visitors. It needs the Workers API in place of KV,
 * and is there within seconds, however long KV's copies live. Done means: every `/qa` runs that version.
 */

import {
  proxyOnlyIn,
  type Share,
  servesAll,
  servesAny,
  shortId,
  splitText,
  uploadCommand,
  type WorkerVersion,
} from "../../domain/ladder/proxy-only.ts";
import type { VersionRung } from "../../domain/ladder/rung.ts";
import type { CallOptions } from "../../ports/api.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import { SecretsChanged } from "../../ports/ladder.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome } from "../command.ts";
import { deploySplit } from "../lib/deploy-split.ts";
import { NOT_ASKED, proveLive } from "../lib/prove-live.ts";
import { asUpstream } from "../lib/write-result.ts";
import type { RungData, RungInput } from "./rung-data.ts";
import { beginRung, endRung, keepRungEarly, traceRung } from "./rung-end.ts";

export async function takeVersion(input: RungInput, ports: Ports): Promise<Outcome<RungData>> {
  const { run, call, startedMs, signal } = beginRung(
    "version",
    "not-aus --via version",
    input,
    ports,
  );
  const found = await lookFor(ports, call);
  if ("problem" in found) return endRung(run, { kind: "not-taken", ...found });

  const { version, before, already } = found;
  const rung: VersionRung = { via: "version", action: "taken", versionId: version.id, before };
  // The journal knows from the first time what was there before; the account's history may have gone on since.
  const kept = already ? { ...rung, before: null } : rung;
  await keepRungEarly(run, kept);
  const error = already ? null : await deploy(ports, version.id, call);
  if (error !== null && error.kind !== "ambiguous") {
    const outcome = { kind: "not-taken", problem: error.message, error } as const;
    return endRung(run, outcome);
  }
  const elapsedMs = run.elapsed();
  if (error === null && !already) {
    ports.progress.stage({ kind: "written", what: "version", elapsedMs });
  }
  const expected = { emergency: true, versions: [version.id] };
  const proof = input.verify
    ? await proveLive(ports, expected, { signal, startedMs, what: "version" })
    : NOT_ASKED;
  const taken = { proof, sure: error === null };
  const note = already
    ? `version ${shortId(version.id)} was deployed already`
    : `version ${shortId(version.id)} deployed${inPlaceOf(before)}`;
  await traceRung(run, { ...taken, rung: kept }, note);
  return endRung(run, { kind: "taken", ...taken, rung, already });
}

function inPlaceOf(before: readonly Share[] | null): string {
  return before === null ? "" : ` in place of ${splitText(before)}`;
}

type Found =
  | { version: WorkerVersion; before: Share[] | null; already: boolean }
  | { problem: string; error?: UpstreamError; fix?: string };

/** Both at once; what was deployed before is worth knowing, and no reason to wait or to fail. */
async function lookFor({ deployments, target }: Ports, call: CallOptions): Promise<Found> {
  const listing = deployments.list(call).catch(() => []);
  try {
    const version = proxyOnlyIn(await deployments.versions(call));
    if (version !== null) {
      const splits = (await listing).map(({ split }) => split);
      const already = splits.slice(0, 1).some((split) => servesAll(split, version.id));
      // What restore goes back to must be free of it, or no restore would ever end it.
      const before = splits.find((split) => !servesAny(split, version.id));
      return { version, before: before === undefined ? null : [...before], already };
    }
    const problem = `there is no proxy-only version of ${target.worker} among the newest 100`;
    return { problem, fix: uploadCommand(target.worker) };
  } catch (thrown) {
    const error = asUpstream(thrown);
    return { problem: error.message, error };
  }
}

/** Null when it is deployed. Looks before it says that an answer was lost. */
async function deploy(
  { deployments, progress, identity }: Ports,
  versionId: string,
  call: CallOptions,
): Promise<UpstreamError | null> {
  const split = [{ versionId, percentage: 100 }];
  const options = { ...call, message: `pixcanary not-aus by ${identity.actor}` };
  try {
    try {
      await deploySplit(deployments, split, options);
    } catch (error) {
      if (!(error instanceof SecretsChanged)) throw error;
      progress.warn(
        `${error.message}; the proxy-only version is deployed with its own, older ones`,
      );
      await deploySplit(deployments, split, { ...options, force: true });
    }
    return null;
  } catch (thrown) {
    return asUpstream(thrown);
  }
}
