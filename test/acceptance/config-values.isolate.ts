/** Runs in workerd: the verdicts of config-verdicts.ts. */
import type { Order, Verdicts } from "./config-verdicts.ts";
import { verdictsOf } from "./config-verdicts.ts";
import { programOf } from "./program.ts";

export default programOf<Order, Verdicts>(verdictsOf);
