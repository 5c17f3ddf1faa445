/**
 * AT-19: neither token leaves the process but in the Authorization header to its own host: every
 * command on every fault of the API (in this process), and every command as a program.
 */
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../src/cli/run.ts";
import type { CommandDef } from "../../src/commands/command.ts";
import { commands } from "../../src/commands/index.ts";
import { type FaultRuleInput, faultRuleSchema } from "../../src/sandbox/api/faults.ts";
import type { CentralStore } from "../../src/sandbox/kv/central-store.ts";
import { ACCOUNT, NAMESPACE } from "../sandbox/api-harness.ts";
import { ensureCli, PLAIN_ENV, runCli } from "../support/cli.ts";
import { shellFor } from "../support/here.ts";
import { thoroughly } from "../support/runs.ts";
import { ensureBundle } from "../worker/bundle.ts";
import { type Api, knowingApi } from "./knowing-api.ts";
import { type Lane, resetLane, startLane, writeConfig } from "./lane.ts";
import { API_SECRET, leaks, QA_SECRET } from "./leaks.ts";

const TOKENS = { CLOUDFLARE_API_TOKEN: API_SECRET, PIXCANARY_QA_TOKEN: QA_SECRET };

let lane: Lane;
let scratch = "";
const closers: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lane = await startLane({ locations: ["FRA"], vars: { QA_TOKEN: QA_SECRET } });
  scratch = await mkdtemp(join(tmpdir(), "pixcanary-secrets-"));
});
afterAll(async () => {
  await Promise.all(closers.map((close) => close()));
  await lane?.close();
  await rm(scratch, { recursive: true, force: true });
});

async function api(faults: readonly FaultRuleInput[]): Promise<Api> {
  const started = await knowingApi(faults);
  closers.push(() => started.close());
  return started;
}

const place = (apiBaseUrl: string, more: Record<string, unknown> = {}) =>
  writeConfig(lane, { apiBaseUrl, accountId: ACCOUNT, namespaceId: NAMESPACE, ...more });

const REASON = ["--reason", "AT-19"];
/** Every verb, with what makes it go as far as it can. */
const VERBS: Readonly<Record<string, readonly string[]>> = {
  "not-aus": REASON,
  reduce: REASON,
  disable: REASON,
  restore: [...REASON, "--to", "50", "--force", "--yes"],
  status: [],
  verify: [],
  history: [],
  explain: ["--cohort", "native"],
  doctor: [],
  card: [],
};

function storeText(store: CentralStore): string {
  const { keys } = store.list({ limit: 10_000 });
  return keys.map(({ name }) => `${name} ${store.text(name)}`).join("\n");
}

async function filesText(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return (await Promise.all(files.map((f) => readFile(join(f.parentPath, f.name), "utf8")))).join();
}

interface Heard {
  out: string;
  err: string;
  files: string;
  code: number;
}

/** A verb in this process: all of it but the words' way in. */
async function runHere(def: CommandDef, config: string, json: boolean): Promise<Heard> {
  const state = await mkdtemp(join(scratch, "state-"));
  const heard = { out: "", err: "" };
  const shell = shellFor({
    console: {
      out: (text) => {
        heard.out += text;
      },
      err: (text) => {
        heard.err += text;
      },
    },
    // Pasted where it does not belong, it must not be stored either.
    env: { ...TOKENS, XDG_STATE_HOME: state, CI: "true", PIXCANARY_ACTOR: `ada ${QA_SECRET}` },
    argv: [def.name],
  });
  const exposes = def.name === "restore" || def.name === "ramp start";
  const own = {
    to: def.name === "restore" ? "50" : undefined,
    plan: def.name === "ramp start" ? "50:1s,60" : undefined,
    force: exposes,
    // Of incidents: what they cannot do without.
    ...{ title: ["AT-19"], text: ["AT-19"], kind: "slack" },
  };
  const flags = {
    config,
    json,
    yes: true,
    reason: `AT-19, with ${API_SECRET}`,
    incident: `INC-${QA_SECRET}`,
    timeout: "1",
    verify: true,
    color: false,
  };
  const code = await run(def, own, flags, shell);
  return { ...heard, files: await filesText(state), code };
}

const QUICK: Readonly<Record<string, object>> = {
  delay: { ms: 10 },
  drip: { bytes: 8, everyMs: 5 },
  "duplicate-write": { afterMs: 1 },
};
const KINDS: FaultRuleInput[] = faultRuleSchema.options.map((option) => {
  const kind = option.shape.kind.value;
  return { kind, ...QUICK[kind] } as FaultRuleInput;
});
const ECHOES = [400, 401, 403, 404, 429, 500].map(
  (status): FaultRuleInput => ({ kind: "echo-authorization", status }),
);

/** Every command × every fault; where somebody waits each kind meets but every third command, another third by kind. */
function drawCases() {
  const pair = (fault: FaultRuleInput, kind: number) =>
    commands
      .map((def, nth) => ({ fault, def, json: nth % 2 === 0, met: (nth + kind) % 3 === 0 }))
      .filter(({ met }) => thoroughly(true, met || fault.kind === "echo-authorization"));
  return [...KINDS, ...ECHOES].flatMap(pair);
}

test("every command × every fault of the API, text and JSON: no secret anywhere", async () => {
  process.setMaxListeners(0);
  const cases = drawCases();
  const found = await Promise.all(
    cases.map(async ({ fault, def, json }) => {
      const { url, store } = await api([fault]);
      const { out, err, files } = await runHere(def, await place(url), json);
      if (out + err === "") return [`${def.name} × ${fault.kind}: said nothing`];
      const found = leaks({
        stdout: out,
        stderr: err,
        "local journal": files,
        KV: storeText(store),
      });
      return found.map((leak) => `${def.name} × ${JSON.stringify(fault)}: ${leak}`);
    }),
  );
  expect(cases.length).toBeGreaterThanOrEqual(240);
  expect(found.flat()).toEqual([]);
});

describe("the checker's own test", () => {
  const base = commands.find(({ name }) => name === "history") as CommandDef;
  const leaking = (render: () => string): CommandDef => ({
    ...base,
    render,
  });

  test.each([
    ["in base64", () => Buffer.from(`Bearer ${API_SECRET}`).toString("base64")],
    ["cut in half", () => QA_SECRET.slice(0, 20)],
    ["in hex", () => Buffer.from(QA_SECRET).toString("hex")],
  ])("a render that leaks a secret %s is caught", async (_, render) => {
    const { url } = await api([]);
    const { out } = await runHere(leaking(render), await place(url), false);
    expect(leaks({ stdout: out })).toHaveLength(1);
  });

  test("a render that leaks it as it is has it taken out by the redactor", async () => {
    const { url } = await api([]);
    const { out } = await runHere(
      leaking(() => `token ${API_SECRET}!`),
      await place(url),
      false,
    );
    expect(out).toContain("token ***!");
    expect(leaks({ stdout: out })).toEqual([]);
  });
});

/** How the tokens reach the program. */
const CHANNELS = ["environment", "file", "stdin"] as const;

async function channel(how: (typeof CHANNELS)[number]) {
  if (how === "environment") return { args: [], env: TOKENS, input: "" };
  const file = join(await mkdtemp(join(scratch, "token-")), "t");
  await writeFile(file, how === "file" ? API_SECRET : QA_SECRET, { mode: 0o600 });
  if (how === "file") {
    const env = { PIXCANARY_QA_TOKEN: QA_SECRET };
    return { args: ["--token-file", file], env, input: "" };
  }
  return { args: ["--token-file", "-", "--qa-token-file", file], env: {}, input: API_SECRET };
}

async function asProgram(words: readonly string[], how: (typeof CHANNELS)[number], config: string) {
  const state = await mkdtemp(join(scratch, "state-"));
  const { args, env, input } = await channel(how);
  let cmdline: Promise<string> = Promise.resolve("");
  const result = await runCli([...words, "--config", config, "--timeout", "2", ...args], {
    env: { ...PLAIN_ENV, HOME: state, ...env },
    input,
    onStart: ({ pid }) => {
      cmdline = readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    },
  });
  const files = await filesText(state);
  return {
    code: result.code,
    places: { ...result, code: "", signal: "", files, argv: await cmdline },
  };
}

describe("as a program, by each channel", () => {
  const WORDS: readonly (readonly string[])[] = [
    ...Object.entries(VERBS).map(([verb, args]) => [verb, ...args]),
    ["drill", "--env", "sandbox", "--yes"],
    ["validate", "--markdown"],
    ["--help"],
    ["completion", "bash"],
    ["nonsense"],
  ];

  test.each(WORDS.map((words, nth) => ({ words, how: CHANNELS[nth % 3] ?? "stdin" })))(
    "$words ($how): an API that quotes our header",
    async ({ words, how }) => {
      await resetLane(lane);
      const { url, store } = await api([{ kind: "echo-authorization" }]);
      const { places } = await asProgram(words, how, await place(url));
      expect(leaks({ ...places, KV: storeText(store) })).toEqual([]);
    },
  );

  test("a healthy stop leaves no secret in either journal", async () => {
    await resetLane(lane);
    const { url, store } = await api([]);
    const { places } = await asProgram(["not-aus", "--no-verify"], "environment", await place(url));
    expect(storeText(store)).toMatch(/^journal\//m);
    expect(places.files).toMatch(/"command":"not-aus"/);
    expect(leaks({ ...places, KV: storeText(store) })).toEqual([]);
  });

  test("a crash of the program itself prints no secret", async () => {
    const path = join(scratch, "crash.cjs");
    const source =
      'require("node:os").hostname = () => { throw new Error("boom " + process.env.CLOUDFLARE_API_TOKEN); };' +
      'require("node:module").syncBuiltinESMExports();';
    await writeFile(path, source);
    const { url } = await api([]);
    const result = await runCli(["status", "--json", "--config", await place(url)], {
      env: { ...PLAIN_ENV, ...TOKENS, HOME: scratch },
      nodeArgs: ["--require", path],
    });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/bug in pixcanary/);
    expect(leaks({ stdout: result.stdout, stderr: result.stderr })).toEqual([]);
  });
});

describe("an API and a /qa of others", () => {
  async function listen(answer: (request: IncomingMessage) => { status: number; to: string }) {
    const seen: string[] = [];
    const server: Server = createServer((request, response) => {
      seen.push(`${request.url} ${request.headers.authorization ?? ""}`);
      const { status, to } = answer(request);
      response.writeHead(status, { location: `${to}${request.url}` }).end("{}");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    const address = server.address();
    return { seen, port: typeof address === "object" && address !== null ? address.port : 0 };
  }

  test("one API token in both variables, of no known form, goes to the API alone", async () => {
    const server = await listen(() => ({ status: 200, to: "" }));
    const url = `http://127.0.0.1:${server.port}`;
    const config = await place(`${url}/client/v4`, { qaUrls: [`${url}/qa`] });
    const env = { CLOUDFLARE_API_TOKEN: API_SECRET, PIXCANARY_QA_TOKEN: API_SECRET };
    await runCli(["status", "--config", config, "--timeout", "2"], {
      env: { ...PLAIN_ENV, ...env, HOME: scratch },
    });
    const asked = (path: string) => server.seen.filter((line) => line.startsWith(path)).join();
    expect(asked("/client/v4")).toContain(API_SECRET);
    expect(asked("/qa")).not.toBe("");
    expect(asked("/qa")).not.toContain(API_SECRET);
  });

  test.each([301, 302, 303, 307, 308])("HTTP %i: nobody else is asked anything", async (status) => {
    const thief = await listen(() => ({ status: 200, to: "" }));
    const to = `http://127.0.0.1:${thief.port}`;
    const trap = await listen(() => ({ status, to }));
    const url = `http://127.0.0.1:${trap.port}`;
    const config = await place(`${url}/client/v4`, { qaUrls: [`${url}/qa`] });
    const results = await Promise.all(commands.map((def) => runHere(def, config, false)));
    expect(trap.seen.some((line) => line.includes(API_SECRET))).toBe(true);
    expect(trap.seen.some((line) => line.includes(QA_SECRET))).toBe(true);
    expect(thief.seen).toEqual([]);
    expect(leaks({ all: results.map(({ out, err }) => out + err).join() })).toEqual([]);
  });
});
