/** The number of unread conversations in the page's title, and a dot on its icon. */

const TITLE = 'kefu'
const SIZE = 32
let plain: string | null = null

/** Writes the number into the title and puts the dot on the icon, or takes both away. */
export function showBadge(unread: number): void {
  document.title = unread > 0 ? `(${unread > 99 ? '99+' : unread}) ${TITLE}` : TITLE
  const link = document.querySelector<HTMLLinkElement>('link[rel=icon]')
  if (!link) return
  plain ??= link.href
  link.type = unread > 0 ? 'image/png' : 'image/svg+xml'
  link.href = unread > 0 ? (dotted() ?? plain) : plain
}

let drawn: string | null = null

function dotted(): string | null {
  if (drawn) return drawn
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = SIZE
  const pen = canvas.getContext('2d')
  if (!pen) return null
  pen.fillStyle = '#4f5bd5'
  pen.beginPath()
  pen.roundRect(0, 0, SIZE, SIZE, 9)
  pen.fill()
  pen.fillStyle = '#fff'
  pen.font = 'bold 21px sans-serif'
  pen.textAlign = 'center'
  pen.textBaseline = 'middle'
  pen.fillText('k', SIZE / 2, SIZE / 2 + 1)
  pen.fillStyle = '#e5342a'
  pen.beginPath()
  pen.arc(SIZE - 8, 8, 8, 0, 2 * Math.PI)
  pen.fill()
  return (drawn = canvas.toDataURL('image/png'))
}
