/** The sound of a new message, made by the browser: there is no file to load, and no `media-src` to allow. */
import type { Shell } from '../../shell.js'

let context: AudioContext | null = null

/** Plays once for the message `id`, in one of the tabs. */
export function play(shell: Shell, id: number): void {
  const locks = navigator.locks as LockManager | undefined
  const name = 'sounded'
  if (locks) {
    // Held for as long as the other tabs may take to come.
    void locks.request(`kefu:${shell.options.key}:${id}`, { ifAvailable: true }, async (lock) => {
      if (!lock) return
      ring()
      await new Promise((resolve) => setTimeout(resolve, 3_000))
    })
  } else if (Number(shell.local.get(name)) < id) {
    shell.local.set(name, String(id))
    ring()
  }
}

function ring(): void {
  // Without a click on the page yet, browsers play nothing.
  if (navigator.userActivation?.hasBeenActive === false) return
  try {
    context ??= new AudioContext()
    const start = context.currentTime + 0.01
    for (const [pitch, at] of [
      [880, 0],
      [1318.5, 0.11],
    ] as const) {
      const tone = context.createOscillator()
      const level = context.createGain()
      tone.frequency.value = pitch
      level.gain.setValueAtTime(0, start + at)
      level.gain.linearRampToValueAtTime(0.2, start + at + 0.01)
      level.gain.exponentialRampToValueAtTime(0.001, start + at + 0.5)
      tone.connect(level).connect(context.destination)
      tone.start(start + at)
      tone.stop(start + at + 0.6)
    }
  } catch {
    // A page whose browser has no sound goes without.
  }
}
