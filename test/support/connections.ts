/**
 * workerd closes connections that have been idle for 5 s, and all of them when it starts anew; a request on one that
 * is closed just then fails. Browsers and edges try again; tests take a new connection for each request.
 */
import { Agent, setGlobalDispatcher } from "undici";

setGlobalDispatcher(new Agent({ pipelining: 0 }));
