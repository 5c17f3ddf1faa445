/** What `setup` refuses, leaves to the operator, or must not overwrite. */

import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "@decimalturn/toml-patch";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FIELD_NAMES } from "../../src/domain/setup/logpush-fields.ts";
import type { Permission } from "../../src/sandbox/api/permissions.ts";
import { ACCOUNT, NAMESPACE } from "../sandbox/api-harness.ts";
import { runHere } from "../support/here.ts";
import { PATIENCE } from "../support/patience.ts";
import {
  filesIn,
  IMPATIENT,
  QA_URL,
  type Stage,
  stageSetup,
  WRANGLER,
  writes,
} from "./setup-stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await stageSetup();
});
afterEach(() => stage.close());

const LATE = new DOMException("late", "TimeoutError");
const FOLDER = ".config/pixcanary/production";
const NEEDED = ["Workers KV Storage", "Workers R2 Storage", "Logs", "Workers Scripts"] as const;
type Needed = (typeof NEEDED)[number];

/** A token that may do all that is needed but this; `reading`, it may look at it. */
function without(lacking: readonly Needed[], reading = false): Record<string, string> {
  const permissions = NEEDED.flatMap((name): Permission[] => {
    if (!lacking.includes(name)) return [`${name} Write`];
    return reading && name !== "Logs" ? [`${name} Read`] : [];
  });
  return { CLOUDFLARE_API_TOKEN: stage.api.token("full", permissions) };
}
const named = (lacking: readonly Needed[]) => lacking.map((name) => `${name}: Edit`).join(", ");

describe("permissions", () => {
  test("those of the README are enough", async () => {
    expect((await stage.setup(["--yes"], without([]))).code).toBe(0);
  });

  test.each<[Needed, ...Needed[]]>([
    ["Workers KV Storage"],
    ["Workers R2 Storage"],
    ["Logs"],
    ["Workers Scripts"],
    ["Workers KV Storage", "Logs"],
  ])("without %s it makes nothing, and names it", async (...lacking) => {
    const { code, stderr } = await stage.setup(["--yes"], without(lacking));
    expect([code, stderr]).toEqual([
      23,
      expect.stringContaining(`the token lacks ${named(lacking)} [auth]`),
    ]);
    expect(stderr).toContain("now       nothing was made");
    expect(writes(stage)).toEqual([]);
  });

  test.each<[Needed, string]>([
    ["Workers KV Storage", "nothing was made"],
    ["Workers R2 Storage", "made so far: KV namespace, stop, config"],
    [
      "Workers Scripts",
      "made so far: KV namespace, stop, config, R2 bucket piximmo-media, R2 bucket logs-canary, Logpush job, secret files",
    ],
  ])(
    "a write that %s: Edit would allow ends it with what is done; the next run finishes",
    async (name, truth) => {
      const { code, stderr } = await stage.setup(["--yes"], without([name], true));
      expect([code, stderr]).toEqual([23, expect.stringContaining(`it needs ${name}: Edit)`)]);
      expect(stderr).not.toContain("the token lacks");
      expect(stderr).toContain(`now       ${truth}\n`);
      expect((await stage.setup(["--yes"])).code).toBe(0);
      expect([...stage.api.held.secrets.keys()]).toEqual([
        "COOKIE_KEYS",
        "URL_SIGNING_KEY",
        "QA_TOKEN",
      ]);
    },
  );

  test("the time limit and Ctrl-C have codes of their own, and say what is done", async () => {
    const hanging = { method: "PUT", pathContains: "/secrets" };
    await stage.api.server.faults.replace([{ kind: "hang", match: hanging }]);
    const ended = async (more: (signal: AbortSignal) => object, reason: unknown) => {
      const over = new AbortController();
      stage.api.server.forgetRequests();
      const run = stage.setup(["--yes"], {}, more(over.signal));
      await expect.poll(() => writes(stage).join(), PATIENCE).toContain("/secrets");
      over.abort(reason);
      return run;
    };
    const late = await ended(
      (signal) => ({ clock: { ...IMPATIENT, timeout: () => signal } }),
      LATE,
    );
    expect([late.code, late.stderr]).toEqual([
      124,
      expect.stringContaining("Logpush job, secret files"),
    ]);
    const cut = await ended((interrupt) => ({ interrupt }), "SIGINT");
    expect([cut.code, cut.stderr]).toEqual([130, expect.stringContaining("nothing was made")]);
  });

  test("a token that is not accepted makes nothing", async () => {
    const { code } = await stage.setup(["--yes"], { CLOUDFLARE_API_TOKEN: "x".repeat(40) });
    expect(code).toBe(23);
  });
});

test("a folder whose name holds a line of ours forges none", async () => {
  const cwd = join(stage.dir, "a\n✔ restore: live");
  await mkdir(cwd);
  await rename(join(stage.dir, "wrangler.jsonc"), join(cwd, "wrangler.jsonc"));
  const words = ["setup", "--env", "production", "--qa-url", QA_URL, "--yes"];
  const { code, stdout } = await runHere(words, { env: stage.env, cwd, clock: IMPATIENT });
  expect([code, stdout]).toEqual([0, expect.stringContaining("a\\x0a✔ restore: live")]);
  expect(stdout).not.toMatch(/^✔ restore/m);
});

describe("what is there", () => {
  test("a stop that is set while it runs is not overwritten", async () => {
    const { held, store } = stage.api;
    const active = '{"active":true,"at":"2026-11-29T12:00:00Z","by":"on-call"}';
    const create = held.namespaces.create.bind(held.namespaces);
    held.namespaces.create = (title) => {
      store.put("stop", active);
      return create(title);
    };
    expect((await stage.setup(["--yes"])).code).toBe(0);
    expect(store.text("stop")).toBe(active);
  });

  test("what another run makes meanwhile is not made again", async () => {
    const { held } = stage.api;
    const create = held.namespaces.create.bind(held.namespaces);
    held.namespaces.create = (title) => {
      for (const name of ["logs-canary", "piximmo-media"]) held.buckets.add(name);
      const place = `r2://logs-canary/b2a/{DATE}?account-id=${ACCOUNT}`;
      const output_options = { field_names: [...FIELD_NAMES] };
      const job = { dataset: "workers_trace_events", destination_conf: place, output_options };
      held.jobs.push({ ...job, id: 7, enabled: true });
      return create(title);
    };
    expect((await stage.setup(["--yes"])).code).toBe(0);
    expect(held.jobs.map(({ id }) => id)).toEqual([7]);
    expect(writes(stage).filter((one) => /r2|logpush/.test(one))).toEqual([]);
  });

  test.each(["/storage/kv/namespaces", "/r2/buckets", "/logpush/jobs"])(
    "a lost answer of POST %s makes nothing twice, and does not end it",
    async (pathContains) => {
      const match = { method: "POST", pathContains };
      await stage.api.server.faults.replace([{ kind: "reset-after", match, times: 1 }]);
      const { code, stderr } = await stage.setup(["--yes"]);
      expect([code, stderr]).toEqual([0, expect.anything()]);
      expect(stage.api.held.namespaces.list()).toHaveLength(1);
      expect(stage.api.held.jobs).toHaveLength(1);
    },
  );

  test.each([
    "/storage/kv/namespaces",
    "/values/stop",
    "/values/config",
    "/r2/buckets",
    "/logpush/jobs",
  ])("what %s acknowledges and reads do not show is not called made", async (pathContains) => {
    const lost = ["POST", "PUT"].map((method) => {
      return { kind: "forgotten-write" as const, match: { method, pathContains } };
    });
    await stage.api.server.faults.replace(lost);
    const { code, stderr } = await stage.setup(["--yes"]);
    expect([code, stderr]).toEqual([24, expect.stringContaining("reads do not show it")]);
    await stage.api.server.faults.clear();
    expect((await stage.setup(["--yes"])).code).toBe(0);
  });

  test("an API that asks to wait is asked again", async () => {
    await stage.api.server.faults.replace([{ kind: "rate-limited", retryAfterS: 1, times: 3 }]);
    expect((await stage.setup(["--yes"])).code).toBe(0);
  });

  test("pixcanary.json keeps comments, order and its other settings", async () => {
    const before = `{
  // Two of them.
  "environments": {
    "staging": { "accountId": "not looked at" }, // later
    "production": {
      /* the tag of spring */
      "canaryTag": "B3",
      "onCall": "the canary rotation" // by phone
    }
  }
}
`;
    const path = join(stage.dir, "pixcanary.json");
    await writeFile(path, before.replace('"accountId": "not looked at"', VALID));
    await chmod(path, 0o640);
    expect((await stage.setup(["--yes"])).code).toBe(0);
    const files = await filesIn(stage.dir);
    const text = files["pixcanary.json"]?.text ?? "";
    const back = text.replace(/(by phone)\n {6}"accountId"[^}]*\n {4}\}/, "$1\n    }");
    expect(back.replace('rotation",', 'rotation"')).toBe(
      before.replace('"accountId": "not looked at"', VALID),
    );
    expect(files["pixcanary.json"]?.mode).toBe("640");
    expect(JSON.parse(stage.api.store.text("config") ?? "")).toMatchObject({ canary_tag: "B3" });
  });

  test("a namespace that the Worker is bound to is used, whatever its title", async () => {
    const { id } = stage.api.held.namespaces.create("by hand") ?? { id: "" };
    await writeFile(join(stage.dir, "wrangler.jsonc"), WRANGLER.replace(`${"0".repeat(31)}1`, id));
    expect((await stage.setup(["--yes"])).code).toBe(0);
    expect(stage.api.held.namespaces.list()).toEqual([{ id, title: "by hand" }]);
  });

  test("a Logpush job that is off or lacks fields is put right, and stays the only one", async () => {
    await stage.setup(["--yes"]);
    const [job] = stage.api.held.jobs;
    if (job === undefined) throw new Error("no job");
    Object.assign(job, { enabled: false, output_options: { field_names: ["Event"] } });
    const { code, stdout } = await stage.setup(["--yes"]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("made      on, with all fields")]);
    expect(stage.api.held.jobs).toMatchObject([
      { enabled: true, name: "pix-sandbox-trace-events" },
    ]);
    expect(stage.api.held.jobs[0]?.output_options?.field_names).toContain("Logs");
  });
});

const VALID = `"accountId": "${ACCOUNT}", "namespaceId": "${NAMESPACE}", "worker": "w", "qaUrls": ["${QA_URL}"], "canaryTag": "B2a"`;

describe("secret files", () => {
  const put = async (name: string, text: string, mode = 0o600): Promise<void> => {
    await mkdir(join(stage.dir, FOLDER), { recursive: true, mode: 0o700 });
    await writeFile(join(stage.dir, FOLDER, name), text, { mode });
  };
  const token = "the-operators-own-qa-token-of-40-letters";

  test("a /qa token of the operator's own is used and stays", async () => {
    await put("qa-token", `${token}\n`);
    expect((await stage.setup(["--yes"])).code).toBe(0);
    expect(stage.api.held.secrets.get("QA_TOKEN")).toBe(token);
    expect((await filesIn(stage.dir))[`${FOLDER}/qa-token`]?.text).toBe(`${token}\n`);
  });

  test.each<[string, () => Promise<void>, string]>([
    ["others can read", () => put("qa-token", token, 0o644), "can be read or changed by others"],
    ["is too short", () => put("qa-token", "short"), "is not 32 printable characters or more"],
    ["is no JSON", () => put("worker-secrets.json", "{"), "is not JSON"],
    [
      "holds another token",
      async () => {
        await put("qa-token", token);
        const keys = { COOKIE_KEYS: '{"k1":"x"}', URL_SIGNING_KEY: "k".repeat(32) };
        await put("worker-secrets.json", JSON.stringify({ ...keys, QA_TOKEN: "q".repeat(32) }));
      },
      "hold different /qa tokens",
    ],
  ])("one that %s is refused, and nothing is made", async (_, prepare, why) => {
    await prepare();
    const before = await filesIn(stage.dir);
    const { code, stderr } = await stage.setup(["--yes"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
    expect(writes(stage)).toEqual([]);
    expect(await filesIn(stage.dir)).toEqual(before);
  });

  test("secrets that the Worker has and this machine has not are not replaced", async () => {
    await stage.setup(["--yes"]);
    const secrets = new Map(stage.api.held.secrets);
    await rename(join(stage.dir, FOLDER), join(stage.dir, "elsewhere"));
    const { code, stdout } = await stage.setup(["--yes"]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining("its secrets are not on this machine"),
    ]);
    expect(stage.api.held.secrets).toEqual(secrets);
    expect(Object.keys(await filesIn(join(stage.dir, FOLDER)))).toEqual([]);
  });
});

describe("refused before anything is made", () => {
  test.each<[string, () => Promise<readonly string[]>, string]>([
    [
      "a configured namespace of another account",
      async () => {
        const staging = `{"environments":{"production":{${VALID}}}}`;
        await writeFile(join(stage.dir, "pixcanary.json"), staging.replace('"w"', '"pix-sandbox"'));
        return [];
      },
      `is not a KV namespace of account ${ACCOUNT}`,
    ],
    [
      "two namespaces that are both there",
      async () => {
        const { id } = stage.api.held.namespaces.create("one") ?? { id: "" };
        const other = stage.api.held.namespaces.create("other")?.id ?? "";
        const text = `{"environments":{"production":{${VALID}}}}`.replace(NAMESPACE, id);
        await writeFile(join(stage.dir, "pixcanary.json"), text.replace('"w"', '"pix-sandbox"'));
        await writeFile(
          join(stage.dir, "wrangler.jsonc"),
          WRANGLER.replace(`${"0".repeat(31)}1`, other),
        );
        return [];
      },
      "correct one of the two",
    ],
    [
      "a wrangler file without this environment",
      async () => {
        const text = '{ "name": "pix-sandbox", "env": { "staging": {} } }';
        await writeFile(join(stage.dir, "wrangler.jsonc"), text);
        return ["--worker", "pix-sandbox"];
      },
      "has no environment production; it has: staging",
    ],
    ["another Worker than wrangler's", async () => ["--worker", "pix-other"], "pix-sandbox in"],
    [
      "an address that is no https URL",
      async () => ["--qa-url", "http://api.pix.immo/qa"],
      "--qa-url must be",
    ],
  ])("%s", async (_, prepare, why) => {
    const words = await prepare();
    const { code, stderr } = await stage.setup(["--yes", ...words]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
    expect(writes(stage)).toEqual([]);
  });

  test("a pixcanary.json that others can write to, unless it is named", async () => {
    const path = join(stage.dir, "pixcanary.json");
    await writeFile(path, "{}");
    await chmod(path, 0o666);
    const { code, stderr } = await stage.setup(["--yes"]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("and did not read it: others can write to "),
    ]);
    expect(stage.api.server.requests()).toEqual([]);
    expect((await stage.setup(["--yes", "--config", path])).code).toBe(0);
  });

  test("no R2 key for a Logpush job that is to be made", async () => {
    const { code, stderr } = await stage.setup(["--yes"], { PIXCANARY_R2_KEY: "" });
    expect([code, stderr]).toEqual([2, expect.stringContaining("export PIXCANARY_R2_KEY=")]);
    expect(writes(stage)).toEqual([]);
  });

  test("a Logpush job of the same name that delivers elsewhere", async () => {
    await stage.setup(["--yes"]);
    stage.api.server.forgetRequests();
    const { code, stderr } = await stage.setup(["--yes", "--logs-bucket", "logs-other"]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("delivers to logs-canary/b2a/, not to logs-other/b2a/"),
    ]);
    expect(writes(stage)).toEqual([]);
  });
});

describe("left to the operator", () => {
  test("a Worker that is not deployed: the command that gives it the secrets", async () => {
    await writeFile(join(stage.dir, "wrangler.jsonc"), WRANGLER.replace("pix-sandbox", "pix-new"));
    const { code, stdout } = await stage.setup(["--yes"]);
    expect(code).toBe(0);
    const secrets = `npx wrangler secret bulk < ${stage.dir}/${FOLDER}/worker-secrets.json`;
    const deploy = `(cd ${stage.dir} && npx wrangler deploy && ${secrets})`;
    expect(stdout).toContain(`→ next: ${deploy} && pixcanary doctor`);
    const upload = "npx wrangler versions upload --var PROXY_ONLY:1 --tag proxy-only";
    expect(stdout).toContain(`    (cd ${stage.dir} && ${upload} && npx wrangler deploy)\n`);
    expect(stage.api.held.secrets.size).toBe(0);
  });

  test("TOML is updated like JSON: its comments and order stay, and a second run changes nothing", async () => {
    const path = join(stage.dir, "wrangler.toml");
    const toml = [
      "# by hand",
      'name = "pix-sandbox" # the Worker',
      'routes = [ { pattern = "api.pix.immo/*", zone_name = "pix.immo" } ]',
      "",
      "[vars]",
      'ENVIRONMENT = "staging"   # not production',
      "",
      "[[kv_namespaces]]",
      'binding = "OTHER"',
      'id = "0123"',
      "",
    ];
    await writeFile(path, toml.join("\n"));
    const words = ["--yes", "--wrangler", "wrangler.toml", "--worker", "pix-sandbox"];
    const { code, stdout, stderr } = await stage.setup(words);
    expect([code, stdout + stderr]).toEqual([0, expect.stringContaining("wrangler.toml")]);
    const after = await readFile(path, "utf8");
    for (const line of toml) expect(after.split("\n")).toContain(line);
    const known = parse(after);
    expect(known).toMatchObject({
      logpush: true,
      vars: { ENVIRONMENT: "staging", ANALYTICS_DATASET: "canary_requests" },
      kv_namespaces: [{ binding: "OTHER" }, { binding: "KV_CANARY_CONFIG", id: NAMESPACE }],
      r2_buckets: [{ binding: "MEDIA" }],
    });
    expect((await stage.setup(words)).code).toBe(0);
    expect(await readFile(path, "utf8")).toBe(after);
  });

  test("what is no TOML is refused before anything is made", async () => {
    await writeFile(join(stage.dir, "wrangler.toml"), 'name = "pix-sandbox\n');
    const words = ["--yes", "--wrangler", "wrangler.toml", "--worker", "pix-sandbox"];
    const { code, stderr } = await stage.setup(words);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/wrangler\.toml: not TOML: /)]);
  });
});
