/**
 * Ends this measurement as failed. No job of a benchmark may fail or be retried: rates would count the wrong work and start times would belong to another
 * attempt. Thrown outside the caller's stack, since event hubs contain what their listeners throw.
 */
export function spoil(reason) {
  setImmediate(() => {
    throw new Error(reason)
  })
}
