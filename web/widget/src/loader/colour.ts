/** Colours that can be read: WCAG's contrast of 4.5:1 for every brand colour. */

export type Colour = [red: number, green: number, blue: number]

const FALLBACK: Colour = [79, 91, 213]
const READABLE = 4.5

/** Reads `#rrggbb`; everything else is kefu's own colour. */
export function parse(text: string): Colour {
  const [, ...pairs] = /^#([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(text) ?? []
  return pairs.length ? (pairs.map((pair) => parseInt(pair, 16)) as Colour) : FALLBACK
}

export const css = ([red, green, blue]: Colour) => `rgb(${red} ${green} ${blue})`

/** The relative luminance of WCAG, 0 to 1. */
function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((value) => {
    const part = value / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as Colour
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** From 1 to 21. */
export function contrast(one: Colour, other: Colour): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

/** White while it can be read on the colour, else black; one of the two always can. */
export function textOn(colour: Colour): Colour {
  const white: Colour = [255, 255, 255]
  return contrast(white, colour) >= READABLE ? white : [0, 0, 0]
}

/** The colour itself, or as much darker or lighter as it takes to be read as text on `ground`. */
export function readableOn(colour: Colour, ground: Colour): Colour {
  const end = luminance(ground) > 0.5 ? 0 : 255
  let text = colour
  for (let part = 1; part <= 20 && contrast(text, ground) < READABLE; part++) {
    text = colour.map((value) => Math.round(value + ((end - value) * part) / 20)) as Colour
  }
  return text
}
