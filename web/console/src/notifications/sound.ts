/**
 * The sound of a new message, made by the browser's synthesiser: there is no file to load.
 *
 * Browsers play nothing before the first click or key on the page. Until then `soundLocked` says so.
 */
import { readonly, ref } from 'vue'
import type { Tone } from '@/app/preferences'

interface Note {
  /** Hertz. */
  pitch: number
  /** Seconds after the start. */
  at: number
  /** Seconds until it has died away. */
  length: number
  wave: OscillatorType
}

const TONES: Record<Tone, readonly Note[]> = {
  ding: [
    { pitch: 880, at: 0, length: 0.5, wave: 'sine' },
    { pitch: 1318.5, at: 0.11, length: 0.7, wave: 'sine' },
  ],
  chime: [
    { pitch: 1046.5, at: 0, length: 0.9, wave: 'triangle' },
    { pitch: 1568, at: 0.13, length: 0.9, wave: 'triangle' },
    { pitch: 2093, at: 0.26, length: 1.1, wave: 'triangle' },
  ],
  knock: [
    { pitch: 196, at: 0, length: 0.12, wave: 'triangle' },
    { pitch: 174.6, at: 0.16, length: 0.14, wave: 'triangle' },
  ],
}
const LOUDEST = 0.6

const locked = ref(true)
export const soundLocked = readonly(locked)

let context: AudioContext | null = null

/** Makes the page able to play; has an effect only once the page was used. */
function unlock(): void {
  context ??= new AudioContext()
  void context.resume().then(() => {
    locked.value = context?.state !== 'running'
  })
}

/** Unlocks the sound with the first click or key, at once when there was one, and calls `listener` then. */
export function unlockWithFirstUse(listener: () => void): () => void {
  const events = ['pointerup', 'keydown'] as const
  const first = () => {
    for (const event of events) removeEventListener(event, first)
    unlock()
    listener()
  }
  // The login was a click, too.
  if ((navigator as { userActivation?: UserActivation }).userActivation?.hasBeenActive) {
    first()
    return () => undefined
  }
  for (const event of events) addEventListener(event, first)
  return () => {
    for (const event of events) removeEventListener(event, first)
  }
}

/** Plays a tone. @param volume 0 to 100. */
export function play(tone: Tone, volume: number): void {
  if (!context || context.state !== 'running' || volume <= 0) return
  const start = context.currentTime + 0.01
  const master = context.createGain()
  master.gain.value = (volume / 100) ** 1.5 * LOUDEST
  master.connect(context.destination)
  for (const note of TONES[tone]) {
    const oscillator = context.createOscillator()
    const envelope = context.createGain()
    oscillator.type = note.wave
    oscillator.frequency.value = note.pitch
    envelope.gain.setValueAtTime(0, start + note.at)
    envelope.gain.linearRampToValueAtTime(1, start + note.at + 0.008)
    envelope.gain.exponentialRampToValueAtTime(0.001, start + note.at + note.length)
    oscillator.connect(envelope).connect(master)
    oscillator.start(start + note.at)
    oscillator.stop(start + note.at + note.length)
  }
}
