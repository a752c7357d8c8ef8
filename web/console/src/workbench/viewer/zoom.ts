/** The arithmetic of the picture viewer: how a picture lies in its window. Offsets are from the middle, in pixels. */
export interface Lie {
  /** 1 shows each of the picture's pixels as one of the screen. */
  scale: number
  x: number
  y: number
}

export interface Size {
  width: number
  height: number
}

const largest = 8

/** The scale at which the whole picture is seen; small ones are not blown up. */
export function fitScale(picture: Size, space: Size): number {
  if (picture.width <= 0 || picture.height <= 0) return 1
  return Math.min(1, space.width / picture.width, space.height / picture.height)
}

/** Zooms by a factor so that what is at `point` stays there. */
export function zoomAt(lie: Lie, factor: number, point: { x: number; y: number }, picture: Size, space: Size): Lie {
  const smallest = Math.min(fitScale(picture, space), 1)
  const scale = Math.max(smallest, Math.min(largest, lie.scale * factor))
  const by = scale / lie.scale
  return bounded({ scale, x: point.x - (point.x - lie.x) * by, y: point.y - (point.y - lie.y) * by }, picture, space)
}

/** Keeps the picture in its window: what fits is centred, what does not covers the window. */
export function bounded(lie: Lie, picture: Size, space: Size): Lie {
  const limit = (length: number, room: number) => Math.max(0, (length * lie.scale - room) / 2)
  const clamp = (value: number, most: number) => Math.max(-most, Math.min(most, value)) || 0
  return {
    scale: lie.scale,
    x: clamp(lie.x, limit(picture.width, space.width)),
    y: clamp(lie.y, limit(picture.height, space.height)),
  }
}
