/** Offers load to one loopback address: wrk where it is installed, else undici. Bounded in time. */
import { execa } from "execa";
import { Pool } from "undici";

const DURATION_S = 3;
const CONNECTIONS = 32;

/** Requests per second. */
export async function offerLoad(url: string, cookie: string): Promise<number> {
  return (await hasWrk()) ? wrk(url, cookie) : undici(url, cookie);
}

let wrkInstalled: Promise<boolean> | null = null;

function hasWrk(): Promise<boolean> {
  wrkInstalled ??= execa("wrk", ["--version"], { reject: false }).then((r) => r.code !== "ENOENT");
  return wrkInstalled;
}

async function wrk(url: string, cookie: string): Promise<number> {
  const args = ["-t1", `-c${CONNECTIONS}`, `-d${DURATION_S}s`, "-H", `Cookie: ${cookie}`, url];
  const { stdout } = await execa("wrk", args, { timeout: (DURATION_S + 20) * 1_000 });
  if (/Non-2xx/.test(stdout)) throw new Error(`not every answer was good:\n${stdout}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

async function undici(url: string, cookie: string): Promise<number> {
  const { origin, pathname, search } = new URL(url);
  const pool = new Pool(origin, { connections: CONNECTIONS });
  const startedMs = performance.now();
  let answered = 0;
  const worker = async () => {
    while (performance.now() - startedMs < DURATION_S * 1_000) {
      const path = pathname + search;
      const { statusCode, body } = await pool.request({ path, method: "GET", headers: { cookie } });
      await body.dump();
      if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  const seconds = (performance.now() - startedMs) / 1_000;
  await pool.close();
  return answered / seconds;
}
