/** A browser and its system, named from its `User-Agent`. Pure. */

const BROWSERS: [name: string, pattern: RegExp][] = [
  ['WeChat', /MicroMessenger\/(\d+)/],
  ['Edge', /Edg(?:e|A|iOS)?\/(\d+)/],
  ['Opera', /OPR\/(\d+)/],
  ['Firefox', /(?:Firefox|FxiOS)\/(\d+)/],
  ['Chrome', /(?:HeadlessChrome|Chrome|CriOS)\/(\d+)/],
  ['Safari', /Version\/(\d+).*Safari/],
  ['curl', /^curl\/(\d+)/],
]
const SYSTEMS: [name: string, pattern: RegExp][] = [
  ['iPhone', /iPhone/],
  ['iPad', /iPad/],
  ['Android', /Android/],
  ['Windows', /Windows/],
  ['macOS', /Mac OS X|Macintosh/],
  ['ChromeOS', /CrOS/],
  ['Linux', /Linux|X11/],
]

/** For instance `Chrome 131 · Windows`; what is not known is shown as it came. */
export function deviceName(userAgent: string): string {
  const browser = BROWSERS.flatMap(([name, pattern]) => {
    const found = pattern.exec(userAgent)
    return found ? [`${name} ${found[1] ?? ''}`.trim()] : []
  })[0]
  const system = SYSTEMS.find(([, pattern]) => pattern.test(userAgent))?.[0]
  return [browser, system].filter(Boolean).join(' · ') || userAgent.slice(0, 60)
}

/** Whether it is a phone or a tablet. */
export function isMobile(userAgent: string): boolean {
  return /iPhone|iPad|Android|Mobile/.test(userAgent)
}
