/** Line icons of one family, 24 units wide. */
const SHAPES = {
  close: 'M6 6l12 12M18 6L6 18',
  send: 'M12 19V5M6 11l6-6 6 6',
  emoji: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 14.5c1.8 2.3 5.2 2.3 7 0M9 9.5h.01M15 9.5h.01',
  attach: 'M20 11.5l-8 8a5 5 0 0 1-7-7l8.5-8.5a3.4 3.4 0 0 1 4.8 4.8L9.8 17.2a1.8 1.8 0 0 1-2.5-2.5L15 7',
  down: 'M12 5v14M6 13l6 6 6-6',
  one: 'M5 12.5l4.5 4.5L19 7.5',
  two: 'M2.5 12.5L7 17l9.5-9.5M12 16l1 1 9-9.5',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.5',
} as const

export type IconName = keyof typeof SHAPES

/** @param shape one that SHAPES does not name */
export function Icon({ name, shape }: { name: IconName; shape?: never } | { name?: never; shape: string }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={shape ?? SHAPES[name]} />
    </svg>
  )
}
