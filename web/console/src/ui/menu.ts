/** The context menu of the page: one at a time, shown by `MenuHost.vue`. */
import { shallowRef, type Component } from 'vue'

export interface MenuItem {
  label: string
  icon?: Component
  /** The key that does the same. */
  keys?: string
  danger?: boolean
  disabled?: boolean
  /** What this item and those after it are about. */
  heading?: string
  /** A line above this item. */
  separated?: boolean
  /** Shows a mark: the item is a choice, and this one is in force. */
  checked?: boolean
  run: () => unknown
}

export interface OpenMenu {
  label: string
  items: MenuItem[]
  /** Where it opens, in pixels of the window. */
  x: number
  y: number
  /** Opens upwards from `y`. */
  up: boolean
  /** Takes the focus again when the menu closes. */
  opener: HTMLElement | null
}

export const openedMenu = shallowRef<OpenMenu | null>(null)

/** Opens a menu at the pointer, or below (`up`: above) the element that opens it. */
export function openMenu(
  label: string,
  items: MenuItem[],
  at: MouseEvent | HTMLElement,
  options: { up?: boolean; opener?: HTMLElement | null } = {},
): void {
  const opener = options.opener ?? (document.activeElement instanceof HTMLElement ? document.activeElement : null)
  const up = options.up ?? false
  if (at instanceof HTMLElement) {
    const box = at.getBoundingClientRect()
    openedMenu.value = {
      label,
      items,
      x: box.left,
      y: up ? box.top - 4 : box.bottom + 4,
      up,
      opener: options.opener ?? at,
    }
  } else {
    openedMenu.value = { label, items, x: at.clientX, y: at.clientY, up, opener }
  }
}

/** Closes the menu and gives the focus back. */
export function closeMenu(): void {
  const menu = openedMenu.value
  if (!menu) return
  openedMenu.value = null
  menu.opener?.focus({ preventScroll: true })
}
