/** The SQL endpoint: what Analytics Engine answers, and that nothing else can be reached through it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Chdb } from "../../src/sandbox/analytics/chdb.ts";
import { AnalyticsEngine } from "../../src/sandbox/analytics/engine.ts";
import { checkSql } from "../../src/sandbox/analytics/sql.ts";
import { analyticsRoutes } from "../../src/sandbox/api/analytics-routes.ts";
import { seededRandom } from "../../src/sandbox/random.ts";
import { storedPoint } from "../support/metric-points.ts";
import { PATIENCE } from "../support/patience.ts";
import { ACCOUNT, type ApiUnderTest, startApi } from "./api-harness.ts";

const CHDB = new URL("../../src/sandbox/analytics/chdb.ts", import.meta.url).href;
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const T0 = 1_795_514_400_250;
const clock = { ms: T0 + 60_000 };
/** It draws what a sample keeps and nothing else, in the order in which it is written: the same in each run. */
const engine = new AnalyticsEngine(seededRandom(1), () => clock.ms);
const untouched = new AnalyticsEngine(seededRandom(SEED));
let api: ApiUnderTest;

beforeAll(async () => {
  api = await startApi({
    extend: (routes) => analyticsRoutes(routes, { accountId: ACCOUNT }, engine),
  });
});
afterAll(async () => {
  await api.close();
  await engine.close();
});

function ask(sql: string, init: { token?: string; account?: string } = {}): Promise<Response> {
  const { account = ACCOUNT, ...rest } = init;
  const path = `/accounts/${account}/analytics_engine/sql`;
  return api.call(path, { method: "POST", body: sql, ...rest });
}

async function rowsOf(sql: string): Promise<Record<string, unknown>[]> {
  const response = await ask(sql);
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return (JSON.parse(text) as { data: Record<string, unknown>[] }).data;
}

describe("before the first point", () => {
  test("there is no dataset, and no chDB", async () => {
    const response = await ask("SELECT 1 FROM canary_requests");
    expect(response.status).toBe(422);
    expect(await response.text()).toContain("unknown table: canary_requests");
    expect(engine.started).toBe(false);
  });
});

describe("answers", () => {
  beforeAll(() => {
    engine.add([
      storedPoint(T0, { durationMs: 12.5 }, { sampleInterval: 3 }),
      storedPoint(T0 + 1_000, { cohort: "proxy", colo: "ÅÄÖ '\"\\\n", durationMs: 7 }),
    ]);
  });

  test("have the columns of Analytics Engine, whole seconds, and 64-bit integers as text", async () => {
    const rows = await rowsOf("SELECT * FROM canary_requests ORDER BY timestamp LIMIT 1");
    expect(Object.keys(rows[0] ?? {})).toHaveLength(4 + 20 + 20);
    expect(rows[0]).toMatchObject({
      dataset: "canary_requests",
      timestamp: "2026-11-24 10:00:00",
      _sample_interval: 3,
      index1: "B2a:native",
      blob1: "request",
      blob20: "",
      double2: 12.5,
      double20: 0,
    });
    const response = await ask("SELECT SUM(_sample_interval) AS n FROM canary_requests");
    expect(await response.json()).toEqual({
      meta: [{ name: "n", type: "UInt64" }],
      data: [{ n: "4" }],
      rows: 1,
    });
  });

  test("come in three formats", async () => {
    const sql = "SELECT blob2, double2 FROM canary_requests ORDER BY double2";
    const lines = '{"blob2":"proxy","double2":7}\n{"blob2":"native","double2":12.5}\n';
    expect(await (await ask(`${sql} FORMAT JSONEachRow`)).text()).toBe(lines);
    expect(await (await ask(`${sql} FORMAT TabSeparated;`)).text()).toBe(
      "proxy\t7\nnative\t12.5\n",
    );
    expect((await ask(`${sql} FORMAT CSV`)).status).toBe(422);
  });

  test("take literals as they are meant, whatever is in them", async () => {
    const text = "ÅÄÖ '\"\\\n";
    const literal = `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
    const rows = await rowsOf(`SELECT blob2 FROM canary_requests WHERE blob6 = ${literal}`);
    expect(rows).toEqual([{ blob2: "proxy" }]);
  });

  test("know subqueries, names in any case, and intervals", async () => {
    const rows = await rowsOf(`
      SELECT cohort, Max(n) AS most FROM (
        SELECT blob2 AS cohort, toStartOfInterval(timestamp, INTERVAL '1' MINUTE) AS minute,
               SUMIF(_sample_interval, double2 > 0) AS n
        FROM \`canary_requests\` WHERE blob1 IN ('request') AND timestamp > now() - INTERVAL '9' YEAR
        GROUP BY cohort, minute
      ) GROUP BY cohort HAVING most >= 1 ORDER BY cohort DESC LIMIT 10 OFFSET 0`);
    expect(rows).toEqual([
      { cohort: "proxy", most: "1" },
      { cohort: "native", most: "3" },
    ]);
    expect(await rowsOf("SELECT count() AS n FROM canary_requests")).toEqual([{ n: "2" }]);
  });

  test("see every point that was written before, and one later only when it is due", async () => {
    const count = "SELECT SUM(_sample_interval) AS n FROM canary_requests WHERE blob7 = 'late'";
    const written = { indexes: ["x"], doubles: [], atMs: clock.ms, colo: "FRA" };
    const blobs = ["request", "native", "b1a", "cookie", "/", "FRA", "late"];
    engine.write("canary_requests", { ...written, blobs });
    engine.settings = { sampleInterval: 1, delayMs: 5_000 };
    engine.write("canary_requests", { ...written, blobs });
    engine.settings = { sampleInterval: 1, delayMs: 0 };
    expect(await rowsOf(count)).toEqual([{ n: "1" }]);
    clock.ms += 4_999;
    expect(await rowsOf(count)).toEqual([{ n: "1" }]);
    clock.ms += 1;
    expect(await rowsOf(count)).toEqual([{ n: "2" }]);
  });

  test("sampling keeps one in so many, says so, and spares other index values", async () => {
    const write = (index: string) =>
      engine.write("sampled", { indexes: [index], blobs: [], doubles: [], atMs: T0, colo: "FRA" });
    engine.settings = { sampleInterval: { many: 10 }, delayMs: 0 };
    for (let i = 0; i < 5_000; i++) for (const index of ["many", "few"]) write(index);
    engine.settings = { sampleInterval: 1, delayMs: 0 };
    const rows = await rowsOf(
      "SELECT index1, count() AS kept, SUM(_sample_interval) AS n FROM sampled GROUP BY index1 ORDER BY index1",
    );
    expect(rows[0]).toEqual({ index1: "few", kept: "5000", n: "5000" });
    expect(Number(rows[1]?.n)).toBe(10 * Number(rows[1]?.kept));
    const sigma = Math.sqrt(5_000 * (10 - 1));
    expect(Math.abs(Number(rows[1]?.n) - 5_000)).toBeLessThan(4 * sigma);
  });
});

describe("tokens", () => {
  const sql = "SELECT 1 FROM canary_requests";

  test.each([
    ["full", 200],
    ["analytics-read-only", 200],
    ["kv-read-only", 403],
    ["logs-read-only", 403],
    ["no-permissions", 403],
    ["expired", 401],
    ["wrong-account", 403],
  ] as const)("%s: %i", async (kind, status) => {
    expect((await ask(sql, { token: api.token(kind) })).status).toBe(status);
  });

  test("another account is not answered", async () => {
    expect((await ask(sql, { account: "c".repeat(32) })).status).toBe(403);
  });
});

/** What Analytics Engine lacks, or what would reach beyond the datasets. */
const REFUSED: readonly string[] = [
  "",
  "SELECT",
  "INSERT INTO canary_requests VALUES (1)",
  "DROP TABLE canary_requests",
  "CREATE TABLE x (a String) ENGINE = Memory",
  "SHOW TABLES",
  "SET readonly = 0",
  "SYSTEM SHUTDOWN",
  "WITH 1 AS x SELECT x FROM canary_requests",
  "SELECT 1 FROM canary_requests; SELECT 2 FROM canary_requests",
  "SELECT 1 FROM canary_requests UNION ALL SELECT 1 FROM canary_requests",
  "SELECT 1 FROM canary_requests JOIN canary_requests USING blob1",
  "SELECT 1 FROM canary_requests AS a, canary_requests AS b",
  "SELECT 1 FROM canary_requests, sampled",
  "SELECT 1 FROM (SELECT 1 FROM canary_requests), sampled",
  "SELECT 1 AS sampled FROM canary_requests, sampled",
  "SELECT blob1 FROM canary_requests GROUP BY blob1 WITH TOTALS",
  "SELECT blob1 FROM canary_requests ORDER BY blob1 LIMIT 1 WITH TIES",
  "SELECT CASE WHEN double1 > 1 THEN 1 ELSE 2 END AS x FROM canary_requests",
  "SELECT 1 FROM canary_requests WHERE double1 > 1 SETTINGS max_threads = 1",
  "SELECT 1 FROM canary_requests SETTINGS readonly = 0",
  "SELECT 1 FROM canary_requests INTO OUTFILE '/tmp/x'",
  "SELECT 1 FROM canary_requests FORMAT JSON SETTINGS readonly = 0",
  "SELECT 1 FROM canary_requests LIMIT 1 BY blob1",
  "SELECT 1 FROM canary_requests ARRAY JOIN [1, 2] AS x",
  "SELECT 1 FROM canary_requests FINAL",
  "SELECT blob1 FROM canary_requests WHERE blob1 IN (SELECT blob1 FROM canary_requests)",
  "SELECT 1 AS sampled FROM canary_requests WHERE blob1 IN sampled",
  "SELECT (SELECT 1) FROM canary_requests",
  "SELECT * FROM system.tables",
  "SELECT 1 AS system FROM system.tables",
  "SELECT * FROM `system.tables`",
  "SELECT * FROM tables",
  "SELECT * FROM numbers(10)",
  "SELECT * FROM file('/etc/passwd', 'LineAsString')",
  "SELECT * FROM url('http://127.0.0.1/', 'LineAsString')",
  "SELECT * FROM (file('/etc/passwd'))",
  "SELECT file('/etc/passwd') FROM canary_requests",
  "SELECT sleep(3) FROM canary_requests",
  "SELECT uniq(blob1) FROM canary_requests",
  "SELECT avgWeighted(double1, _sample_interval) FROM canary_requests",
  "SELECT getSetting('readonly') FROM canary_requests",
  "SELECT `file`('/etc/passwd') FROM canary_requests",
  "SELECT 1 FROM canary_requests WHERE timestamp > now() - INTERVAL 1 DAY",
  "SELECT 1 FROM canary_requests WHERE timestamp > now() - INTERVAL '1' FORTNIGHT",
  "SELECT nothing FROM canary_requests",
  "SELECT blob21 FROM canary_requests",
  "SELECT [1] FROM canary_requests",
  "SELECT {x:String} FROM canary_requests",
  "SELECT 1::String FROM canary_requests",
  "SELECT x -> x FROM canary_requests",
  "SELECT 1 /* comment */ FROM canary_requests",
  "SELECT 'open FROM canary_requests",
  "SELECT '\\x41' FROM canary_requests",
  "SELECT (1 FROM canary_requests",
  "SELECT 1) FROM canary_requests",
];

test.each(REFUSED)("is refused: %s", async (sql) => {
  expect((await ask(sql)).status).toBe(422);
});

test("too long a query is refused", async () => {
  expect((await ask(`SELECT ${"1, ".repeat(2_000)} 1 FROM canary_requests`)).status).toBe(422);
  expect(
    (await ask(`SELECT 1 FROM canary_requests WHERE blob1 = '${"x".repeat(70_000)}'`)).status,
  ).toBe(422);
});

describe("random queries", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      ..."SELECT FROM WHERE GROUP BY ORDER LIMIT OFFSET HAVING AS IN AND OR NOT DISTINCT INTERVAL".split(
        " ",
      ),
      ..."canary_requests sampled system tables file url numbers blob1 double1 timestamp x".split(
        " ",
      ),
      ..."count sum quantileExactWeighted(0.5) toDateTime if topK(3) format extract substring".split(
        " ",
      ),
      ..."( ) , * + - / = != < > . ; ' \" ` '1' DAY 1 0.5 [ ] { } :: -- /* */ \\ \0 FORMAT JSON".split(
        " ",
      ),
      "UNION ALL",
      "JOIN",
      "SETTINGS",
      "file('/etc/passwd')",
      "'/etc/passwd'",
      "\u00a0",
      "\n",
      "ä",
    ),
    fc.string({ maxLength: 5 }),
  );
  const query = fc
    .tuple(fc.boolean(), fc.array(piece, { maxLength: 25 }))
    .map(([sensible, pieces]) =>
      (sensible ? ["SELECT", "blob1", "FROM", "canary_requests", ...pieces] : pieces).join(" "),
    );

  test("never fail, and what passes has no other tables than it says", () => {
    fc.assert(
      fc.property(query, (sql) => {
        const checked = checkSql(sql);
        if (!checked.ok) return checked.problem.length > 0;
        const outside = checked.sql.replaceAll(/'(?:[^'\\]|\\.)*'/g, "''");
        const tables = [...outside.matchAll(/\bFROM\s+(\S+)/gi)].map(([, name]) => name);
        const datasets = checked.datasets.flatMap((name) => [name, `\`${name}\``]);
        return tables.every((name) => name === "(" || datasets.includes(name ?? ""));
      }),
      { seed: SEED, numRuns: 5_000 },
    );
  });

  test("are answered with rows or with a refusal", async () => {
    await fc.assert(
      fc.asyncProperty(query, async (sql) => {
        const response = await ask(sql);
        const text = await response.text();
        expect([200, 422], text).toContain(response.status);
        expect(text).not.toContain("root:");
      }),
      { seed: SEED, numRuns: 150 },
    );
  });
});

describe("the process of chDB", () => {
  const SECRET = join(tmpdir(), `pixcanary-secret-${process.pid}`);

  test("reads no files and changes nothing, even for a query that nobody checked", async () => {
    const chdb = new Chdb();
    try {
      await chdb.ask({ kind: "insert", dataset: "d", lines: '{"blob1":"a"}' });
      const select = (sql: string) => chdb.ask({ kind: "select", sql, format: "TabSeparated" });
      expect(await select("SELECT count() FROM d")).toBe("1\n");
      const table = `file('${SECRET}', 'LineAsString')`;
      await expect(select(`SELECT * FROM ${table}`)).rejects.toThrow("readonly");
      await expect(select("SELECT * FROM url('http://127.0.0.1:1/', 'CSV')")).rejects.toThrow(
        "readonly",
      );
      await expect(select(`INSERT INTO FUNCTION ${table} SELECT 1`)).rejects.toThrow();
    } finally {
      await chdb.close();
    }
  });

  test("ends with close, and leaves no folder; a second one runs beside it", async () => {
    const folders = async () =>
      (await readdir(tmpdir())).filter((name) => name.startsWith("pixcanary-metrics-"));
    const before = new Set(await folders());
    const two = [new Chdb(), new Chdb()];
    for (const [i, chdb] of two.entries()) {
      const lines = JSON.stringify({ blob1: String(i) });
      await chdb.ask({ kind: "insert", dataset: "d", lines });
    }
    for (const [i, chdb] of two.entries()) {
      const asked = { kind: "select", sql: "SELECT blob1 FROM d", format: "TabSeparated" } as const;
      expect(await chdb.ask(asked)).toBe(`${i}\n`);
    }
    const mine = (await folders()).filter((name) => !before.has(name));
    expect(mine.length).toBeGreaterThanOrEqual(2);
    await Promise.all(two.map((chdb) => chdb.close()));
    await Promise.all(two.map((chdb) => chdb.close()));
    const left = new Set(await folders());
    expect(mine.filter((name) => left.has(name)).length).toBeLessThanOrEqual(mine.length - 2);
    await expect(two[0]?.ask({ kind: "forget", dataset: "d" })).rejects.toThrow("closing");
  });
});

test.runIf(existsSync("/proc/self/task")).each(["SIGKILL", "SIGINT"] as const)(
  "chDB outlives no parent: %s to all of the terminal's processes",
  async (signal) => {
    const { child, folder, pid } = await parentWithChdb();
    // Ctrl-C goes to the whole group, SIGKILL to the parent alone.
    process.kill(signal === "SIGINT" ? -(child.pid ?? 0) : (child.pid ?? 0), signal);
    const [code, by] = await once(child, "exit");
    expect([code, by]).toEqual(signal === "SIGINT" ? [0, null] : [null, "SIGKILL"]);
    await expect.poll(() => isAlive(pid), PATIENCE).toBe(false);
    await expect.poll(() => existsSync(folder), PATIENCE).toBe(false);
  },
);

/** A process that asks chDB and, at SIGINT, asks once more and closes it. */
async function parentWithChdb(): Promise<{ child: ChildProcess; folder: string; pid: number }> {
  const script = `
    import { readFileSync, readdirSync } from "node:fs";
    const { Chdb } = await import(${JSON.stringify(CHDB)});
    const chdb = new Chdb();
    const select = () => chdb.ask({ kind: "select", sql: "SELECT 1", format: "TabSeparated" });
    const stay = setInterval(() => undefined, 1_000);
    process.once("SIGINT", async () => {
      clearInterval(stay);
      if ((await select()) === "1\\n") await chdb.close();
      else process.exitCode = 1;
    });
    await select();
    const [child] = readFileSync("/proc/self/task/" + process.pid + "/children", "utf8").split(" ");
    const words = readFileSync("/proc/" + child + "/cmdline", "utf8").split("\\0");
    console.log(JSON.stringify({ pid: Number(child), folder: words[2] }));`;
  const args = ["--input-type=module", "--eval", script];
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { child, ...(JSON.parse(String(line)) as { folder: string; pid: number }) };
}

/** Dead also where nobody has taken note of its end: not every machine's first process does. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/^ [ZX]/.test(stat.slice(stat.lastIndexOf(")") + 1));
}

test("an engine that was never asked starts nothing and closes at once", async () => {
  untouched.add([storedPoint(T0)]);
  expect(untouched.started).toBe(false);
  await untouched.close();
});
