/** Resolves when the promise settles, or after `limitMs`: shutdown has a deadline even where the backend has none, and goes on whatever fails. */
export async function within(promise: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, limitMs))
  })
  await Promise.race([Promise.allSettled([promise]), limit])
  clearTimeout(timer)
}
