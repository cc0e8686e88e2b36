/** What a call answers in time; null when it takes longer. It goes on; who wants to know its end awaits it elsewhere. @throws what it fails with in time */
export async function within<Answer>(call: Promise<Answer>, ms: number): Promise<Answer | null> {
  let timer: NodeJS.Timeout | undefined
  const passed = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms)
  })
  try {
    return await Promise.race([call, passed])
  } finally {
    clearTimeout(timer)
    // Failing later it is nobody's error here.
    call.catch(() => undefined)
  }
}
