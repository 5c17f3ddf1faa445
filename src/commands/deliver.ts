/**
 * Pays what earlier commands on this machine still owe: entries of the journal in KV, and notifications. It
 * runs by itself, in the background, after a command that could not wait for them.
 */
import { anySignal } from "../domain/lib/abort.ts";
import { timeOf } from "../domain/lib/time.ts";
import type { Debt } from "../domain/state/debt.ts";
import type { Ports } from "../ports/ports.ts";
import type { CommonInput, Outcome, ReadingVerb } from "./command.ts";
import { noFlags } from "./flag.ts";
import { invocation } from "./lib/format.ts";
import { payDebt } from "./lib/pay-debt.ts";

const ROUNDS = 3;
const FIRST_PAUSE_MS = 5_000;
const PAYMENT_MS = 10_000;
/** What people are told later than this misleads them; the journal takes it at any time. */
const TELL_WITHIN_MS = 24 * 3_600_000;

export interface DeliverData {
  delivered: string[];
  lost: string[];
  queued: string[];
}

export const deliver: ReadingVerb<typeof noFlags, DeliverData> = {
  name: "deliver",
  summary: "Send queued journal entries and notifications",
  details:
    "Sends the journal entries and notifications that earlier commands on this machine had to queue. " +
    "Runs by itself in the background; notifications older than a day are dropped.",
  examples: ["pixcanary deliver --env production"],
  anyHost: true,
  timeoutMs: 60_000,
  input: noFlags,
  run,
  render,
};

async function run(input: CommonInput, ports: Ports): Promise<Outcome<DeliverData>> {
  const { clock, debts, interrupt } = ports;
  const signal = anySignal([clock.timeout(input.timeoutMs), interrupt]);
  const data: DeliverData = { delivered: [], lost: [], queued: [] };
  let owed = await debts.takeOver();
  for (let round = 1; ; round += 1) {
    owed = await payAll(owed, data, ports, signal);
    if (owed.length === 0 || round === ROUNDS) break;
    const paused = clock.sleep(FIRST_PAUSE_MS * round, signal);
    if (!(await paused.then(() => true).catch(() => false))) break;
  }
  if (owed.length === 0) return { kind: "done", changed: data.delivered.length > 0, data };
  const next = invocation(ports.target, "deliver");
  return { kind: "pending", data, waitingFor: "others to take what is queued", next };
}

/** In their order: a stop is told before its release. Returns what is left. */
async function payAll(
  owed: readonly Debt[],
  data: DeliverData,
  ports: Ports,
  signal: AbortSignal,
): Promise<Debt[]> {
  const rest: Debt[] = [];
  data.queued = [];
  for (const debt of owed) {
    const name = `${debt.entry.command} of ${debt.entry.at}`;
    const stale = ports.clock.now() - timeOf(debt.entry.at) > TELL_WITHIN_MS;
    const limit = anySignal([signal, ports.clock.timeout(PAYMENT_MS)]);
    const payment = await payDebt(ports, stale ? { ...debt, channels: [] } : debt, limit);
    if (stale && debt.channels.length > 0) data.lost.push(`${name}: too old to tell anybody`);
    data.lost.push(...payment.lost.map((problem) => `${name}: ${problem}`));
    if (payment.left === null) {
      await ports.debts.drop(debt);
      data.delivered.push(name);
      continue;
    }
    await ports.debts.keep(payment.left);
    rest.push(payment.left);
    data.queued.push(...payment.open.map((problem) => `${name}: ${problem}`));
  }
  return rest;
}

function render(outcome: Outcome<DeliverData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { delivered, lost, queued } = outcome.data;
  const lines = [
    ...delivered.map((name) => `✔ delivered: ${name}`),
    ...lost.map((problem) => `! not delivered: ${problem}`),
    ...queued.map((problem) => `! still queued: ${problem}`),
  ];
  return lines.length === 0 ? "nothing was queued" : lines.join("\n");
}
