/** Trusted Types, as far as the page needs them: TypeScript's DOM does not have them yet. */
interface Policies {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): unknown }
}

/** The page's policy wants every script's address to come through here, and lets nothing be parsed as HTML at all. */
const policy = (globalThis as { trustedTypes?: Policies }).trustedTypes?.createPolicy('playground', {
  createScriptURL(url) {
    if (new URL(url, location.href).origin !== location.origin) throw new TypeError(`a script of ${url}`)
    return url
  },
})

/** The address of one of the page's own scripts, in the form that the browser takes. */
export const ownScript = (url: string): string => (policy?.createScriptURL(url) as string | undefined) ?? url
