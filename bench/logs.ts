/** `logs errors` as a whole process over gzip trace events, against the pipeline of the runbook. */
import { spawn } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { type LogData, writeTraceEvents } from "./log-data.ts";
import { peakKibIn, REPORT_PEAK } from "./peak-memory.ts";
import { alternate, type Goal, median, spread } from "./statistics.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ROUNDS = 5;
const LIMIT_MS = 120_000;
const TOTAL_MIB = 220;
const SEED = 7;
const LONG_GIB = 4;

/** The runbook's filter, behind what takes a line out of its trace event. */
const JQ = '.Logs[].Message[0] | fromjson? | select(.level=="ERROR") | .context.error';
const PIPELINE = `zcat "$0"/*.gz | jq -r '${JQ}' | sort | uniq -c | sort -nr`;

export async function benchLogs(): Promise<Goal[]> {
  const scratch = await mkdtemp(join(tmpdir(), "pixcanary-bench-"));
  try {
    const folder = join(scratch, "events");
    const data = await writeTraceEvents(folder, { totalMiB: TOTAL_MIB, fileMiB: 15, seed: SEED });
    const mib = (data.bytes / 1024 ** 2).toFixed(0);
    console.log(`  ${mib} MiB of trace events, ${data.events} lines, ${data.files.length} files`);
    const goals = await compare(folder, scratch);
    return [...goals, await memoryAtSize(data, scratch)];
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The same again and again, as members of one file: memory must not depend on the size. */
async function memoryAtSize({ files, bytes }: LogData, home: string): Promise<Goal> {
  const path = join(home, "long.log.gz");
  const copies = Math.ceil((LONG_GIB * 1024 ** 3) / bytes);
  for (let copy = 0; copy < copies; copy += 1) {
    for (const file of files) await appendFile(path, await readFile(file));
  }
  const { ms, peakMib } = await ours([path, "--max-mib", "100000"], home);
  const gib = (copies * bytes) / 1024 ** 3;
  console.log(`  ${gib.toFixed(1)} GiB in one file           ${(ms / 1_000).toFixed(1)} s`);
  return {
    what: `peak memory in MiB, ${gib.toFixed(1)} GiB`,
    value: peakMib,
    reach: { most: 150 },
  };
}

async function ours(words: string[], home: string): Promise<{ ms: number; peakMib: number }> {
  const all = ["--import", REPORT_PEAK, join(ROOT, "bin/pixcanary.js"), "logs", "errors", ...words];
  const { ms, stderr } = await run(process.execPath, all, home);
  return { ms, peakMib: peakKibIn(stderr) / 1024 };
}

async function compare(folder: string, home: string): Promise<Goal[]> {
  const peaks: number[] = [];
  const contender = {
    name: "ours",
    measure: async () => {
      const { ms, peakMib } = await ours([folder], home);
      peaks.push(peakMib);
      return ms;
    },
  };
  const runbook = {
    name: "runbook",
    measure: async () => (await run("/bin/sh", ["-c", PIPELINE, folder], home)).ms,
  };
  const hasJq = (await execa("jq", ["--version"], { reject: false })).exitCode === 0;
  const results = await alternate(hasJq ? [contender, runbook] : [contender], ROUNDS);
  const of = (name: string) => results.get(name) ?? [];
  console.log(`  logs errors                  ${spread(of("ours"), "ms")}`);
  console.log(`  peak memory                  ${spread(peaks, "MiB")}`);
  const memory: Goal = {
    what: "peak memory in MiB",
    value: Math.max(...peaks),
    reach: { most: 150 },
  };
  if (!hasJq) {
    console.log("  jq is not installed: nothing to compare with");
    return [memory];
  }
  console.log(`  zcat | jq | sort | uniq -c   ${spread(of("runbook"), "ms")}`);
  const value = median(of("runbook")) / median(of("ours"));
  return [{ what: "zcat | jq | sort | uniq -c / logs errors", value, reach: { least: 5 } }, memory];
}

function run(file: string, words: string[], cwd: string): Promise<{ ms: number; stderr: string }> {
  const env = { PATH: process.env.PATH, HOME: cwd, LC_ALL: "C" };
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    let stderr = "";
    const stdio = ["ignore", "ignore", "pipe"] as const;
    const child = spawn(file, words, { env, cwd, timeout: LIMIT_MS, stdio: [...stdio] });
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve({ ms: performance.now() - startedMs, stderr });
      else reject(new Error(`${words.join(" ")} ended with ${code}: ${stderr}`));
    });
  });
}
