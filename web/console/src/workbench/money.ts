/** Both languages of the console group digits the same way. */
const format = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

/** A price of the shop, which is counted in hundredths of a yuan, e.g. `¥1,234.50`. */
export function money(hundredths: number): string {
  return `¥${format.format(hundredths / 100)}`
}
