/** The brand's colour as a colour of texts, with WCAG's contrast of 4.5:1. */
import type { Colour } from '../loader/colour.js'

const READABLE = 4.5

/** The colour itself, or as much darker or lighter as it takes to be read as text on `ground`. */
export function readableOn(colour: Colour, ground: Colour, luminance: (colour: Colour) => number): Colour {
  const other = luminance(ground)
  const end = other > 0.5 ? 0 : 255
  const readable = (text: Colour) => {
    const own = luminance(text)
    return (Math.max(own, other) + 0.05) / (Math.min(own, other) + 0.05) >= READABLE
  }
  let text = colour
  for (let part = 1; part <= 20 && !readable(text); part++) {
    text = colour.map((value) => Math.round(value + ((end - value) * part) / 20)) as unknown as Colour
  }
  return text
}
