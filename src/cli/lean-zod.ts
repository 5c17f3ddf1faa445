/**
 * Imported first of all: zod compiles each schema into code at its first use, which pays off after
 * thousands of parses. A command makes a handful, and the compiling costs a stop some 20 ms.
 */
import { config } from "zod";

config({ jitless: true });
