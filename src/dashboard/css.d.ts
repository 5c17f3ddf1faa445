/** Bundled into one style sheet by build.js. */
declare module "*.css";
