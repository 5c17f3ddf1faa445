/**
 * One move of a rotation per run, each safe to repeat: the operator's file first, then the Worker. Cookie keys
 * change in three moves, so that no cookie loses its key; the /qa token, which one alone can be, in one.
 */
import { anySignal } from "../domain/lib/abort.ts";
import { type Move, nextMove, type Rotation, signingNow } from "../domain/setup/key-rotation.ts";
import { isoSeconds } from "../domain/text/format.ts";
import { UpstreamError } from "../ports/errors.ts";
import type { Ports } from "../ports/ports.ts";
import type { AccountAdmin, Hidden, KeyFiles } from "../ports/setup.ts";
import type { Outcome, Planned } from "./command.ts";
import { endedBy } from "./lib/ended-by.ts";
import { lookEverywhere } from "./lib/look-everywhere.ts";

export interface RotationPorts extends Pick<Ports, "clock" | "interrupt" | "qa" | "target"> {
  account: Pick<AccountAdmin, "putSecret">;
  keyFiles: KeyFiles;
}

export interface RotationGiven {
  /** The /qa token in place of the cookie keys. */
  qaToken: boolean;
  timeoutMs: number;
  again: string;
}

export type RotationMove = Exclude<Move, { kind: "wait" | "behind" }> | { kind: "qa-token" };

export interface RotationData {
  move: string;
  key_ids: readonly string[];
}

type Result = Outcome<RotationData>;

/** Writes nothing but since when the present key signs. */
export async function planRotation(
  given: RotationGiven,
  ports: RotationPorts,
): Promise<Planned<RotationMove, RotationData>> {
  try {
    if (given.qaToken) return planned({ kind: "qa-token" }, "QA_TOKEN", "in force", "a new one");
    const rotation = await look(given, ports);
    await ports.keyFiles.rememberSigning(signingNow(rotation));
    const move = nextMove(rotation);
    const before = rotation.ids.join(", ");
    if (move.kind === "behind") return { kind: "ended", outcome: behind(move.id, rotation) };
    if (move.kind === "wait") return { kind: "ended", outcome: waiting(move, given, rotation) };
    const after =
      move.kind === "hand-over" ? `${before}, given to the Worker again` : move.ids.join(", ");
    return planned(move, "COOKIE_KEYS", `${before} (the first signs)`, `${after} (${move.kind})`);
  } catch (error) {
    return { kind: "ended", outcome: failed(error, "nothing was changed", given, ports) };
  }
}

function planned(
  steps: RotationMove,
  what: string,
  before: string,
  after: string,
): Planned<RotationMove, RotationData> {
  return { kind: "plan", risk: "none", changes: [{ what, before, after }], notes: [], steps };
}

async function look(given: RotationGiven, ports: RotationPorts): Promise<Rotation> {
  const { clock, interrupt, keyFiles } = ports;
  const signal = anySignal([interrupt, clock.timeout(given.timeoutMs)]);
  const [ids, signing, sightings] = await Promise.all([
    keyFiles.cookieKeyIds(),
    keyFiles.signing(),
    lookEverywhere(ports, "cached", signal),
  ]);
  const shown = sightings.map(({ qa }) => qa?.cookie_key_ids ?? null);
  return { ids, signing, shown, nowMs: clock.now() };
}

/** Its keys in place of the Worker's would cost visitors their cohort. */
function behind(id: string, { ids }: Rotation): Result {
  return {
    kind: "failed",
    code: "conflict",
    message: `/qa shows the key ${id}, which your worker-secrets.json (${ids.join(", ")}) does not hold`,
    truth: "nothing was changed; another operator has rotated",
    next: "get worker-secrets.json from who rotated last, then run this again",
  };
}

function waiting(
  { why, untilMs }: Extract<Move, { kind: "wait" }>,
  { again }: RotationGiven,
  { ids }: Rotation,
): Result {
  const until = untilMs === null ? "" : `, until ${isoSeconds(new Date(untilMs).toISOString())}`;
  const data = { move: "wait", key_ids: ids };
  return { kind: "pending", data, waitingFor: `${why}${until}`, next: again };
}

export async function applyRotation(
  move: RotationMove,
  given: RotationGiven,
  ports: RotationPorts,
): Promise<Result> {
  const { clock, interrupt, keyFiles } = ports;
  const signal = anySignal([interrupt, clock.timeout(given.timeoutMs)]);
  const put = (name: string, value: Hidden): Promise<void> =>
    ports.account.putSecret({ worker: ports.target.worker, name, value }, { signal });
  let truth = "nothing was changed";
  try {
    const isToken = move.kind === "qa-token";
    const value = isToken ? await keyFiles.renewQaToken() : await keyFiles.arrange(move.ids);
    truth = "the file has the new keys, the Worker may have them: run this again";
    await put(isToken ? "QA_TOKEN" : "COOKIE_KEYS", value);
    if (isToken) await keyFiles.keepQaToken();
  } catch (error) {
    return failed(error, truth, given, ports);
  }
  const key_ids = move.kind === "qa-token" ? [] : move.ids;
  const data = { move: move.kind, key_ids };
  const isLast = move.kind === "qa-token" || move.kind === "retire";
  return { kind: "done", changed: true, data, ...(isLast ? {} : { next: given.again }) };
}

function failed(
  error: unknown,
  truth: string,
  { again }: RotationGiven,
  { interrupt }: RotationPorts,
): Result {
  const isForbidden = error instanceof UpstreamError && error.kind === "forbidden";
  const lacks = isForbidden ? "Workers Scripts: Edit" : null;
  return endedBy(error, { interrupt, truth, next: again, lacks });
}

export function renderRotation(outcome: Result): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { move, key_ids: ids } = outcome.data;
  if (move === "qa-token") return "  QA_TOKEN     a new one, in the Worker and in your file";
  return `  COOKIE_KEYS  ${ids.join(", ")} (the first signs)`;
}
