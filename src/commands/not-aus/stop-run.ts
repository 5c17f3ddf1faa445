/** What happened during a stop, for its verdict. */
import type { CanaryConfig, StopDocument } from "../../domain/state/documents.ts";
import type { Signal } from "../command.ts";
import type { LiveProof } from "../lib/prove-live.ts";
import type { ProxyQuestion } from "../lib/proxy-health.ts";
import type { SignedWrite } from "../lib/signed.ts";
import type { WriteResult } from "../lib/write-result.ts";

export interface StopRun {
  stop: StopDocument;
  /** `signed`: by the Worker itself. */
  writes: { stop: WriteResult; config: WriteResult; signed: SignedWrite };
  stored:
    | { kind: "stored"; elapsedMs: number }
    | { kind: "released"; by: string }
    /** An earlier stop may be there all the same. */
    | { kind: "unknown"; earlier: StopDocument | null };
  proof: LiveProof;
  /** Still being asked after; the caller ends it. */
  proxyHealth: ProxyQuestion;
  /** `config` from before, when the read that was sent along with the writes caught it. */
  before: CanaryConfig | null;
  verify: boolean;
  interrupted: Signal | null;
}
