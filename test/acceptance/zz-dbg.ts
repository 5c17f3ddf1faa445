import { Pool } from "undici";
const test = async (n: string, f: () => Promise<void>, t?: number) => { await f(); };
import { startWorker } from "/work/main/test/worker/harness.ts";
import { startOrigin } from "/work/main/test/worker/origin.ts";
import { ask, watchOrigin } from "/work/main/test/acceptance/matrix-client.ts";
test("x", async () => {
  const origin = await startOrigin();
  const worker = await startWorker({ origin });
  const seen = watchOrigin(origin);
  const pool = new Pool(worker.url, { connections: 8 });
  for (const method of ["GET","HEAD","POST","OPTIONS","UPGRADE"] as const) {
    const t = performance.now(); let n=0;
    try { for (; n < 20; n++) {
      const r = await Promise.race([ask({ pool, url: worker.url, sawAtOrigin: seen.has }, { method } as never, method+n, {}), new Promise((_,j)=>setTimeout(()=>j(new Error("slow")),3000))]);
      if (n===0) console.log(method, JSON.stringify(r)); } }
    catch (e) { console.log(method, n, String(e)); }
    console.log(method, n, performance.now()-t);
  }
  await pool.close(); await worker.dispose(); await origin.close();
}, 30000);
