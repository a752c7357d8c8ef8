/** A price of the shop, which is counted in hundredths of a yuan. */
export function money(hundredths: number): string {
  return `¥${(hundredths / 100).toFixed(2)}`
}
