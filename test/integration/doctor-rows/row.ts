/** What `doctor` must say of one broken set-up. */
import type { Broken, DoctorStage } from "../doctor-stage.ts";

export interface Row {
  name: string;
  breaks(stage: DoctorStage): Promise<Broken> | Broken;
  /** The only check that complains. */
  finds: [result: "warn" | "fail", check: string, detail: RegExp, fix: RegExp];
  /** 20 where it fails, 0 where it warns. */
  code?: number;
}

export const HOUR_MS = 3_600_000;
/** A time from now. */
export const at = (fromNowMs: number): string => new Date(Date.now() + fromNowMs).toISOString();
/** Nothing but the sandbox is changed. */
export const inSandbox = (_done: unknown): Broken => ({});

/** As placeOf names the sandbox's only location. */
export const LOCATION = "/qa FRA";
