/** A binary heap: the least item first, in logarithmic time. Entries that became stale are left in it and skipped by its owner. */

export interface Heap<T> {
  readonly size: number
  peek(): T | undefined
  push(item: T): void
  pop(): T | undefined
}

/** `before(a, b)`: `a` comes out first. */
export function createHeap<T>(before: (a: T, b: T) => boolean): Heap<T> {
  const items: T[] = []

  const swap = (a: number, b: number): void => {
    const item = items[a] as T
    items[a] = items[b] as T
    items[b] = item
  }
  const precedes = (a: number, b: number): boolean => before(items[a] as T, items[b] as T)

  function rise(index: number): void {
    let child = index
    while (child > 0) {
      const parent = (child - 1) >> 1
      if (!precedes(child, parent)) return
      swap(child, parent)
      child = parent
    }
  }

  function sink(index: number): void {
    let parent = index
    for (;;) {
      const left = 2 * parent + 1
      const right = left + 1
      let least = parent
      if (left < items.length && precedes(left, least)) least = left
      if (right < items.length && precedes(right, least)) least = right
      if (least === parent) return
      swap(parent, least)
      parent = least
    }
  }

  return {
    get size() {
      return items.length
    },
    peek: () => items[0],
    push(item) {
      items.push(item)
      rise(items.length - 1)
    },
    pop() {
      const top = items[0]
      const last = items.pop()
      if (items.length > 0 && last !== undefined) {
        items[0] = last
        sink(0)
      }
      return top
    },
  }
}
