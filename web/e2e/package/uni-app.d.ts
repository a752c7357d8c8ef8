/** The hooks of a page, as far as the example uses them: `@dcloudio/uni-app` itself needs the whole of a uni-app. */
declare module '@dcloudio/uni-app' {
  export function onShow(hook: () => void): void
  export function onHide(hook: () => void): void
  export function onUnload(hook: () => void): void
}
