/** The few statistics that the tables need. */
const ascending = (values) => [...values].sort((a, b) => a - b)

/** The value below which `fraction` of the values lie: the nearest rank, so always one that was measured. */
export function percentile(values, fraction) {
  const sorted = ascending(values)
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)]
}

export function median(values) {
  const sorted = ascending(values)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export function summarize(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), values }
}

/** Slope of the least-squares line through the points `[x, y]`. */
export function slope(points) {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return covariance / variance
}
