/** The brand's colour, and what can be read on it. */

export type Colour = readonly [red: number, green: number, blue: number]

const FALLBACK: Colour = [79, 91, 213]

/** Reads `#rrggbb`; everything else is kefu's own colour. */
export function parse(text: string): Colour {
  const [, ...pairs] = /^#([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(text) ?? []
  return pairs.length ? (pairs.map((pair) => parseInt(pair, 16)) as unknown as Colour) : FALLBACK
}

/** The relative luminance of WCAG, 0 to 1. */
export function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((value) => {
    const part = value / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as unknown as Colour
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** White while its contrast is 4.5:1 (1.05 / 4.5 - 0.05), else black; one of the two always can be read. */
export const textOn = (colour: Colour) => (luminance(colour) > 0.1833 ? '#000' : '#fff')
