import fc from "fast-check";
import { startWorker } from "../worker/harness.ts";
import { differences, withoutOurCookie } from "./proxy-differences.ts";
import { send, startPlannedOrigin } from "./proxy-peers.ts";
import { plan } from "./proxy-plan.ts";
const origin = await startPlannedOrigin();
const worker = await startWorker({ vars: { ORIGIN_URL: origin.url, CANARY_OVERRIDE: "signed" } });
const kinds = new Map<string, [number, string]>();
const count = (k: string, e: string) => kinds.set(k, [(kinds.get(k)?.[0] ?? 0) + 1, kinds.get(k)?.[1] ?? e]);
const seed = Number(process.argv[2] ?? 1);
const t = performance.now();
for (const [i, p] of fc.sample(plan, { seed, numRuns: Number(process.argv[3] ?? 200) }).entries()) {
  const desc = JSON.stringify({ ...p.request, body: p.request.body?.length, answer: { ...p.answer, body: p.answer.body.length } }).slice(0, 700);
  let direct, via;
  try { origin.plan(`d-${i}`, p.answer); const got = await send(origin.url, `d-${i}`, p.request); direct = { seen: origin.seen(`d-${i}`), got }; } catch (e) { count("direct " + e, desc); continue; }
  if (direct.seen) direct.seen = { ...direct.seen, headers: withoutOurCookie(direct.seen.headers) };
  try { origin.plan(`w-${i}`, p.answer); const got = await send(worker.url, `w-${i}`, p.request); via = { seen: origin.seen(`w-${i}`), got }; } catch (e) { count("via " + e, desc); continue; }
  if (via.seen) via.seen = { ...via.seen, start: via.seen.start.replace("w-", "d-") };
  for (const d of differences(direct, via)) count(d.slice(0, 150).replace(/\d+/g, "N"), desc);
}
console.log(performance.now() - t);
for (const [k, [n, e]] of [...kinds].sort((a, b) => b[1][0] - a[1][0]).slice(0, 40)) console.log(n, k, "\n      ", e);
await worker.dispose(); await origin.close();
