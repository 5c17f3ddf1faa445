/** The proxy-only version before anybody is sent to it: held at 0 %, and asked at each `/qa` by the override header. */

import { time } from "../../domain/drill/stages.ts";
import {
  holdCommand,
  isHeld,
  notProxyOnly,
  proxyOnlyIn,
  type Share,
  servesAll,
  serving,
  shortId,
  uploadCommand,
} from "../../domain/ladder/proxy-only.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import { compare } from "../../domain/proof/expectation.ts";
import type { Ports } from "../../ports/ports.ts";

export type HeldVersion = { note: string } | { problem: string };

/** `split`: what is deployed now. Throws UpstreamError. */
export async function askHeldVersion(
  split: readonly Share[],
  { deployments, qa, target, clock }: Ports,
  signal: AbortSignal,
): Promise<HeldVersion> {
  const { worker } = target;
  const version = proxyOnlyIn(await deployments.versions({ signal }));
  if (version === null) {
    return { problem: `${worker} has no proxy-only version: ${uploadCommand(worker)}` };
  }
  const { id } = version;
  const [live = ""] = serving(split);
  if (servesAll(split, id))
    return { problem: `version ${shortId(id)} serves all visitors already` };
  if (!isHeld(split, id)) {
    const hold = holdCommand(worker, live, id);
    return { problem: `version ${shortId(id)} is not held at 0 %: ${hold}` };
  }
  const startedMs = clock.monotonic();
  const looks = await Promise.all(
    qa.urls.map((url) => qa.look(url, { signal, health: "cached", version: { worker, id } })),
  );
  const wrong = looks.flatMap((look) => {
    const asked = compare({ emergency: true, versions: [id] }, look);
    const why = notProxyOnly(look) ?? (asked.seen ? null : asked.because);
    return why === null ? [] : [`${placeOf(look)}: ${why}`];
  });
  if (wrong.length > 0) {
    return { problem: `version ${shortId(id)}, asked at 0 %: ${wrong.join("; ")}` };
  }
  const took = time(clock.monotonic() - startedMs);
  const places = looks.map(placeOf).join(", ");
  return {
    note: `${shortId(id)} at 0 %, asked by override: always proxy at ${places}, in ${took}`,
  };
}
