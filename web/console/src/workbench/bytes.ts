/** A size in bytes as people write it, e.g. `1.5 MB`, in powers of 1024. Number and unit stay on one line. */
export function bytes(size: number, locale: string): string {
  const units = ['B', 'KB', 'MB', 'GB'] as const
  let value = size
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value)}\u00a0${units[unit] ?? ''}`
}
