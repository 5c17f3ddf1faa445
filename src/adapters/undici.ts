/** undici is CommonJS: only a static import keeps its names in the bundle, hence this lazy doorway. */
export { Agent, request } from "undici";
