/** Icons that Element Plus's family lacks, drawn to go with it. */
import { h, type FunctionalComponent } from 'vue'

function icon(...paths: string[]): FunctionalComponent {
  const drawn: FunctionalComponent = () =>
    h(
      'svg',
      {
        viewBox: '0 0 24 24',
        fill: 'none',
        stroke: 'currentColor',
        'stroke-width': 1.6,
        'stroke-linecap': 'round',
        'stroke-linejoin': 'round',
        'aria-hidden': 'true',
      },
      paths.map((d) => h('path', { d })),
    )
  drawn.inheritAttrs = true
  return drawn
}

export const Pin = icon('M9 3h6l-1 7 3.5 3.5h-11L10 10zM12 13.5V21')
export const Unpin = icon('M9 3h6l-1 7 3.5 3.5h-11L10 10zM12 13.5V21M4 4l16 16')
export const Keyboard = icon(
  'M4 6h16a1.5 1.5 0 0 1 1.5 1.5v9A1.5 1.5 0 0 1 20 18H4a1.5 1.5 0 0 1-1.5-1.5v-9A1.5 1.5 0 0 1 4 6z',
  'M6.5 10h.01M10 10h.01M13.5 10h.01M17 10h.01M8 14.2h8',
)
export const Language = icon(
  'M3.5 6h9M8 4v2M11 6c-.6 4-3.2 6.8-7 8.2M5.5 9c1 2.4 3 4 5.7 5M12.5 20l4-10 4 10M13.9 16.8h5.2',
)
export const MarkUnread = icon(
  'M20.5 11v6A1.5 1.5 0 0 1 19 18.5H5A1.5 1.5 0 0 1 3.5 17V8A1.5 1.5 0 0 1 5 6.5h9',
  'm4 8 8 5.5 4-2.7',
  'M19.5 4.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4z',
)
export const Smile = icon(
  'M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17z',
  'M8.6 14.2a4 4 0 0 0 6.8 0M9 9.6v.01M15 9.6v.01',
)
export const Team = icon(
  'M9 4.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z',
  'M2.8 19.5c.3-3.3 2.8-5.3 6.2-5.3s5.9 2 6.2 5.3z',
  'M15.5 5a3.2 3.2 0 0 1 .6 6.2M17.6 14.4c2.1.6 3.4 2.3 3.6 5.1',
)
export const Widget = icon(
  'M20.5 10V6.5A1.5 1.5 0 0 0 19 5H5a1.5 1.5 0 0 0-1.5 1.5v11A1.5 1.5 0 0 0 5 19h5.5M3.5 9h17M6.5 7h.01M9 7h.01',
  'M15 12.5h5a1.5 1.5 0 0 1 1.5 1.5v3.5A1.5 1.5 0 0 1 20 19h-2.2l-2.3 2v-2H15a1.5 1.5 0 0 1-1.5-1.5V14a1.5 1.5 0 0 1 1.5-1.5z',
)
export const Headset = icon(
  'M4 14v-2a8 8 0 0 1 16 0v2M4 14.5a1.5 1.5 0 0 1 1.5-1.5H7v6H5.5A1.5 1.5 0 0 1 4 17.5zM20 14.5a1.5 1.5 0 0 0-1.5-1.5H17v6h1.5a1.5 1.5 0 0 0 1.5-1.5z',
  'M18.5 19c-.6 1.6-2.2 2.2-4.5 2.2',
)
export const Hand = icon(
  'M7.5 12V6.2a1.4 1.4 0 0 1 2.8 0V11M10.3 11V4.4a1.4 1.4 0 0 1 2.8 0V11M13.1 11V5.6a1.4 1.4 0 0 1 2.8 0V12M15.9 9.4a1.4 1.4 0 0 1 2.8 0V15a6 6 0 0 1-6 6h-.6a6 6 0 0 1-4.8-2.4l-3-4a1.4 1.4 0 0 1 2.2-1.8l1 1.1',
)
