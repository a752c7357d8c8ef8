/** Short notes that float over the page. Element Plus's messages are loaded with the first of them. */

type Kind = 'success' | 'error' | 'info'

/** Shows a note for a few seconds; an error stays longer. */
export async function toast(text: string, kind: Kind = 'info'): Promise<void> {
  const { ElMessage } = await import('./messages')
  ElMessage({
    message: text,
    type: kind,
    duration: kind === 'error' ? 6000 : 2500,
    grouping: true,
    showClose: kind === 'error',
  })
}
