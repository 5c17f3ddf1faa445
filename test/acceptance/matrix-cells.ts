/** AT-8: the cells of the decision matrix, and what each of them sends. */
import { overridePayload } from "../../src/domain/decision/override.ts";
import { importHmacKey, signText } from "../../worker/hmac.ts";
import { session, type WorkerUnderTest } from "../worker/harness.ts";

const PERCENTS = [0, 1, 50, 99, 100] as const;
/** In this order one isolate can go through all of them: a stop that was seen stays. */
export const STOPS = ["absent", "false", "corrupt", "true"] as const;
const FLAGS = [false, true] as const;
const COOKIES = ["none", "native", "proxy", "expired", "forged", "old-key", "unknown-key"] as const;
export const OVERRIDES = ["none", "valid", "forged", "expired"] as const;
const METHODS = ["GET", "HEAD", "POST", "OPTIONS", "UPGRADE"] as const;

export interface StateOfCell {
  percent: (typeof PERCENTS)[number];
  stop: (typeof STOPS)[number];
  flag: boolean;
}

export interface Cell extends StateOfCell {
  mode: "signed" | "open" | "off";
  cookie: (typeof COOKIES)[number];
  /** `plain`: the bare `1` of mode `open`. */
  override: (typeof OVERRIDES)[number] | "plain";
  method: (typeof METHODS)[number];
  originUp: boolean;
}

export type Method = Cell["method"];

/** By method: what to ask for, and whether a native handler exists for it. */
export const TARGETS: Readonly<Record<Method, { path: string; native: boolean }>> = {
  GET: { path: "/api/pixcapture/download/none", native: true },
  HEAD: { path: "/api/pixcapture/download/none", native: true },
  POST: { path: "/api/pixcapture/upload/finalize", native: true },
  OPTIONS: { path: "/api/pixcapture/download/none", native: false },
  UPGRADE: { path: "/api/socket", native: false },
};

export const STATES: readonly StateOfCell[] = STOPS.flatMap((stop) =>
  FLAGS.flatMap((flag) => PERCENTS.map((percent) => ({ percent, stop, flag }))),
);

/** All cells of one state in mode `signed`; an unknown key only where a cookie can decide. */
export function cellsOf(state: StateOfCell, originUp: boolean): Cell[] {
  const decides = state.stop === "absent" && !state.flag;
  const cookies = COOKIES.filter((cookie) => decides || cookie !== "unknown-key");
  return cookies.flatMap((cookie) =>
    OVERRIDES.flatMap((override) =>
      METHODS.map((method) => ({
        ...state,
        mode: "signed" as const,
        cookie,
        override,
        method,
        originUp,
      })),
    ),
  );
}

/** The header values that the cells need, signed once. */
export interface Credentials {
  cookies: Readonly<Record<Cell["cookie"], string | null>>;
  overrides: Readonly<Record<Cell["override"], string | null>>;
}

const keysOf = (id: string, byte: number): string =>
  JSON.stringify({ [id]: Buffer.alloc(32, byte).toString("base64") });

export async function credentials(
  worker: Pick<WorkerUnderTest, "cookie">,
  nowMs: number,
): Promise<Credentials> {
  const native = await worker.cookie("native", { atMs: nowMs });
  const proxy = await worker.cookie("proxy", { atMs: nowMs });
  const key = await importHmacKey(Buffer.alloc(32, 1));
  const signed = async (expiresAtS: number) =>
    `v1.${expiresAtS}.k1.${await signText(key, overridePayload(expiresAtS, "k1"))}`;
  const nowS = Math.floor(nowMs / 1000);
  const valid = await signed(nowS + 1_800);
  return {
    cookies: {
      none: null,
      native,
      proxy,
      expired: await worker.cookie("native", { atMs: nowMs - 86_400_000 }),
      forged: proxy.replace("v1.p", "v1.n"),
      "old-key": await worker.cookie("native", { atMs: nowMs, keys: keysOf("k1", 1) }),
      "unknown-key": await worker.cookie("native", { atMs: nowMs, keys: keysOf("k9", 9) }),
    },
    overrides: {
      none: null,
      valid,
      forged: valid.replace(`v1.${nowS + 1_800}`, `v1.${nowS + 1_801}`),
      expired: await signed(nowS - 1),
      plain: "1",
    },
  };
}

/** All are logged in: native answers others before it has read their body, which ends the connection. */
export function headersOf(cell: Cell, given: Credentials): Record<string, string> {
  const cookie = given.cookies[cell.cookie];
  const override = given.overrides[cell.override];
  return {
    cookie: cookie === null ? session("anna") : `${cookie}; ${session("anna")}`,
    ...(override === null ? {} : { "x-canary": override }),
  };
}

/** Of the documents: a release dated long before its stop was first seen would be an old copy. */
const FIRST_MS = Date.now();

/** What `config` and `stop` hold in this state; `turn` makes each newer than the one before. */
export function documentsOf(
  state: StateOfCell,
  turn: number,
): { config: Record<string, unknown>; stop: Record<string, unknown> | string | null } {
  const at = new Date(FIRST_MS + turn * 60_000).toISOString();
  const config = {
    canary_percent: state.percent,
    emergency_proxy: state.flag,
    last_updated: at,
    revision: `turn-${turn}`,
  };
  const stop = {
    absent: null,
    false: { active: false, id: `release-${turn}`, at },
    true: { active: true, id: `stop-${turn}`, at },
    corrupt: '{"active":fal',
  }[state.stop];
  return { config, stop };
}
