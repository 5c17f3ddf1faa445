/**
 * workerd closes connections that have been idle for 5 s; a request on one that is closed just then fails.
 * Browsers and edges try again; tests give up a connection long before.
 */
import { Agent, setGlobalDispatcher } from "undici";

setGlobalDispatcher(new Agent({ keepAliveTimeout: 1_000, keepAliveMaxTimeout: 1_000 }));
