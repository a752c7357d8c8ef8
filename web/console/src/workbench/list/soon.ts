/** Makes a call now, or as soon as the last one is long enough ago. Asked for again meanwhile, it is made once. */
export class Soon {
  private timer: ReturnType<typeof setTimeout> | undefined

  /** `pause` between two calls and what `last` tells of the last one are in milliseconds. */
  constructor(
    private readonly pause: number,
    private readonly last: () => number,
    private readonly call: () => void,
  ) {}

  ask(): void {
    this.timer ??= setTimeout(
      () => {
        this.timer = undefined
        this.call()
      },
      Math.max(0, this.last() + this.pause - Date.now()),
    )
  }
}
