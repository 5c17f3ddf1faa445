/** One rung each: put back, proved, and journaled as undone. */
import { serving, shortId, splitText } from "../../domain/ladder/proxy-only.ts";
import type { Rung } from "../../domain/ladder/rung.ts";
import type { Expectation } from "../../domain/proof/expectation.ts";
import { SecretsChanged } from "../../ports/ladder.ts";
import type { QaLook } from "../../ports/visitors.ts";
import type { Outcome } from "../command.ts";
import { deploySplit } from "../lib/deploy-split.ts";
import { invocation } from "../lib/format.ts";
import { isLive, type LiveProof, NOT_ASKED, proveLive, seenOf } from "../lib/prove-live.ts";
import type { RungsTaken } from "../lib/rungs-taken.ts";
import {
  type Down,
  type DownData,
  failedCall,
  refusal,
  type Step,
  traceBack,
  unproved,
} from "./down-run.ts";

export async function routeBack(
  run: Down,
  { zone, zoneId, missing }: NonNullable<RungsTaken["route"]>,
): Promise<Step> {
  const { ports, call, data } = run;
  const added: string[] = [];
  try {
    for (const route of missing) {
      await ports.routes.add(zoneId, route, call);
      added.push(route.pattern);
    }
  } catch (error) {
    // One of several leads to the Worker again, be the next one refused.
    const text = `${added.join(", ")} is back`;
    if (added.length > 0) data.back.push({ what: "route", text, proof: seenOf(NOT_ASKED) });
    return failedCall(run, error);
  }
  const proof = await prove(run, { emergency: true }, "route");
  const patterns = missing.map(({ pattern }) => pattern).join(", ");
  data.back.push({ what: "route", text: `${patterns} is back`, proof: seenOf(proof) });
  const live = isLive(proof) || !run.input.verify;
  const routes = missing.map(({ pattern, script }) => ({ pattern, script }));
  const rung: Rung = { via: "route", action: "undone", zone, zoneId, routes };
  await traceBack(run, rung, `route ${patterns} put back`, live);
  return live ? null : unproved(run, "every /qa to be answered by the Worker, under the stop");
}

export async function versionBack(
  run: Down,
  { id, before }: NonNullable<RungsTaken["version"]>,
): Promise<Step> {
  const { ports, call, data, input } = run;
  if (before === null) {
    return refusal(
      run,
      "no record says which version was deployed before: deploy one with wrangler",
    );
  }
  const message = `pixcanary restore by ${ports.identity.actor}`;
  const options = { ...call, message, force: input.force };
  const [main] = before.toSorted((a, b) => b.percentage - a.percentage);
  const versionId = main?.versionId ?? "";
  try {
    // At 0 %, where it can be asked and serves nobody: each location has to show that it knows of the stop.
    const held = [
      { versionId: id, percentage: 100 },
      { versionId, percentage: 0 },
    ];
    await deploySplit(ports.deployments, held, options);
    const version = { worker: ports.target.worker, id: versionId };
    const expected = { emergency: true, versions: [versionId] };
    const what = `stop by version ${shortId(versionId)}, which serves no visitor yet,`;
    const ahead = await prove(run, expected, what, version);
    if (input.verify && !isLive(ahead)) {
      data.back.push({
        what: "version",
        text: `${shortId(versionId)} waits at 0 %`,
        proof: seenOf(ahead),
      });
      return unproved(
        run,
        `version ${shortId(versionId)}, which serves no visitor yet, to obey the stop`,
      );
    }
    await deploySplit(ports.deployments, before, options);
  } catch (error) {
    return error instanceof SecretsChanged
      ? otherSecrets(run, error.message)
      : failedCall(run, error);
  }
  const proof = await prove(run, { emergency: true, versions: serving(before) }, "version");
  data.back.push({
    what: "version",
    text: `${splitText(before)}, as before`,
    proof: seenOf(proof),
  });
  const live = isLive(proof) || !input.verify;
  const rung: Rung = { via: "version", action: "undone", versionId: id, before: [...before] };
  await traceBack(run, rung, `version ${splitText(before)} put back`, live);
  return live ? null : unproved(run, "every /qa to run the version from before, under the stop");
}

/** More exposure with other secrets than now is a decision. */
function otherSecrets(run: Down, message: string): Outcome<DownData> {
  return {
    kind: "failed",
    code: "conflict",
    message: `${message}; the version from before has the older ones`,
    truth: "the proxy-only version is deployed",
    next: `${invocation(run.ports.target, "restore")} --reason "…" --force   # or deploy a new version with wrangler`,
    data: run.data,
  };
}

function prove(
  run: Down,
  expected: Expectation,
  what: string,
  version?: QaLook["version"],
): Promise<LiveProof> {
  if (!run.input.verify) return Promise.resolve(NOT_ASKED);
  const { signal } = run.call;
  return proveLive(run.ports, expected, { signal, startedMs: run.startedMs, what, version });
}
