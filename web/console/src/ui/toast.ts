/** Short notes that float over the page. Element Plus's messages are loaded with the first of them. */

type Kind = 'success' | 'error' | 'info'

/** How far below the upper edge the first of them stands, in pixels: on a phone below the head of the page, which has what is to be pressed. */
const offset = () => (matchMedia('(max-width: 767px)').matches ? 64 : 16)

/** Shows a note for a few seconds; an error stays longer. */
export async function toast(text: string, kind: Kind = 'info'): Promise<void> {
  const { ElMessage } = await import('./messages')
  ElMessage({
    message: text,
    type: kind,
    duration: kind === 'error' ? 6000 : 2500,
    grouping: true,
    offset: offset(),
    showClose: kind === 'error',
  })
}
