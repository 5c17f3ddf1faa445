/** Made by build.js: see there. */
declare module "#dashboard-page" {
  export const dashboard: string;
  export const signIn: string;
  export const script: string;
  export const style: string;
}
