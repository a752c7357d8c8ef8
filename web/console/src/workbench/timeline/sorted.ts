/** The index of the first item for which `test` holds; it must hold for all items after that one, too. */
export function firstIndex<T>(items: readonly T[], test: (item: T) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (test(items[middle] as T)) high = middle
    else low = middle + 1
  }
  return low
}
