/** Listeners of one kind. */
export class Emitter<T> {
  readonly #listeners = new Set<(value: T) => void>()

  subscribe = (listener: (value: T) => void): (() => void) => {
    // The same function may listen twice.
    const own = (value: T) => listener(value)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  emit(value: T): void {
    for (const listener of [...this.#listeners]) listener(value)
  }
}
