/** What it takes to tell an operator's stop from any other request. */
import type { GuessLimit } from "../qa/guess-limit.ts";
import type { Signatures } from "./signatures.ts";

export interface StopDoor {
  signatures: Signatures;
  /** Of its own: a stale /qa token must not keep its owner from stopping. */
  guesses: GuessLimit;
  /** As signed stops have to name it. */
  environment: string;
  now(): number;
}
