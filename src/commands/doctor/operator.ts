/** Whether a signed stop would be taken: the key of this machine, and every Worker's list of keys. */

import type { Target } from "../../domain/config/environment.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { bytesOf, markedName } from "../../domain/signed-stop/operators.ts";
import { LocalError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Check, passed, warned } from "../lib/check.ts";

const NAME = "operator key";

/** As `/qa` names it; or why the key cannot be used. Never throws. */
export async function operatorMark(
  { stopSender }: Pick<Ports, "stopSender">,
  signal: AbortSignal,
): Promise<{ mark: string } | { problem: string; fix: string | null } | null> {
  if (stopSender === null) return null;
  try {
    const publicKey = bytesOf(await stopSender.publicKey(signal)) ?? new Uint8Array();
    return { mark: markedName({ name: stopSender.operator, publicKey }) };
  } catch (error) {
    const fix = error instanceof LocalError ? error.fix : null;
    return { problem: error instanceof Error ? error.message : String(error), fix };
  }
}

/** Warnings: a stop by the API needs no key. None where no key is configured: a skipped line says so. */
export function operatorCheck(
  found: Awaited<ReturnType<typeof operatorMark>>,
  sightings: readonly Sighting[],
  { env }: Pick<Target, "env">,
): Check {
  if (found === null) {
    const detail =
      "none configured: not-aus needs the API, other locations follow by KV alone (pixcanary operator-key makes one)";
    return { name: NAME, result: "skip", detail, fix: null };
  }
  if ("problem" in found) {
    const make = "correct operator in pixcanary.json, or make a key: pixcanary operator-key";
    return warned(NAME, `${found.problem}: no signed stop`, found.fix ?? make);
  }
  const { mark } = found;
  const shown = sightings.filter(({ qa }) => qa !== null);
  if (shown.length === 0) {
    return { name: NAME, result: "skip", detail: `${mark}; no /qa shows who may stop`, fix: null };
  }
  const without = shown.filter(({ qa }) => qa?.operators?.includes(mark) !== true);
  const other = shown.find(({ qa }) => (qa?.environment ?? env) !== env);
  if (other !== undefined) {
    const detail = `${placeOf(other)} serves ${other.qa?.environment}, and refuses a stop of ${env}`;
    return warned(NAME, detail, `set the var NOTIFY_ENV of the Worker to ${env}, and deploy`);
  }
  if (without.length === 0) return passed(NAME, `${mark}, known at every /qa that answers`);
  const places = without.map((sighting) => placeOf(sighting)).join(", ");
  const fix =
    "add its line to OPERATOR_KEYS (pixcanary operator-key --name NAME --show), and deploy";
  return warned(NAME, `${mark} is not in the Worker's OPERATOR_KEYS at ${places}`, fix);
}
