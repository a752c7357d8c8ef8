/** Where a login leads that `next` in the address asks for: a path of this console only. */
export function pathOfNext(next: unknown): string {
  return typeof next === 'string' && /^\/(?!\/)/.test(next) && !/^\/(login|second-factor)\b/.test(next) ? next : '/'
}
