/**
 * `npm run world -- --runs 5000000 [--seed N]`: plays so many histories, on all processors, and says how far it is.
 * Ends with 1 and the story of the first that breaks; Ctrl-C ends it at once.
 */
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Campaign, campaign } from "./campaign.ts";
import { REAL } from "./twins.ts";

/** Histories from one report to the next. */
const CHUNK = 250;
const PROGRESS_MS = 5_000;

interface Share {
  seed: number;
  runs: number;
  step: number;
}

interface Report {
  runs: number;
  failure: Campaign["failure"];
}

async function work({ seed, runs, step }: Share): Promise<void> {
  for (let done = 0; done < runs; done += CHUNK) {
    const part = { seed: seed + done * step, runs: Math.min(CHUNK, runs - done), step };
    const { runs: played, failure } = await campaign(REAL, part);
    parentPort?.postMessage({ runs: played, failure } satisfies Report);
    if (failure !== null) return;
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new Error(`--${name} must be a whole number`);
  return Number(text);
}

function options(): { runs: number; seed: number } {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "100000" },
      seed: { type: "string", default: "1" },
    },
  });
  return { runs: wholeNumber("runs", values.runs), seed: wholeNumber("seed", values.seed) };
}

function lead(): void {
  const { runs, seed } = options();
  const step = Math.max(1, Math.min(availableParallelism(), runs));
  const startMs = performance.now();
  let done = 0;
  const say = (): void => {
    const perSecond = Math.round((done * 1_000) / (performance.now() - startMs));
    const left = perSecond === 0 ? "" : `, ${Math.ceil((runs - done) / perSecond / 60)} min left`;
    console.log(`${done} of ${runs} histories, ${perSecond}/s${left}, 0 broken`);
  };
  const progress = setInterval(say, PROGRESS_MS).unref();
  let busy = step;
  const end = (code: number): void => {
    clearInterval(progress);
    process.exit(code);
  };
  process.once("SIGINT", () => {
    console.log(`interrupted after ${done} of ${runs} histories, 0 broken`);
    end(130);
  });
  for (let index = 0; index < step; index += 1) {
    const share: Share = { seed: seed + index, runs: Math.ceil((runs - index) / step), step };
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: share });
    worker.on("message", ({ runs: more, failure }: Report) => {
      done += more;
      if (failure === null) return;
      console.log(`broken after ${done} histories: seed ${failure.seed}\n${failure.story}`);
      end(1);
    });
    worker.on("error", (error) => {
      console.error(error);
      end(1);
    });
    worker.on("exit", () => {
      busy -= 1;
      if (busy > 0) return;
      say();
      end(0);
    });
  }
}

if (isMainThread) lead();
else await work(workerData as Share);
