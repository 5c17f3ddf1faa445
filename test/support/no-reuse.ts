/**
 * workerd closes connections that have been idle for 5 s; a request on one that is closed just then fails.
 * Browsers and edges try again; tests open a new one for each request.
 */
import { Agent, setGlobalDispatcher } from "undici";

setGlobalDispatcher(new Agent({ pipelining: 0 }));
