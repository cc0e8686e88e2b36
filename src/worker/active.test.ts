import { describe, expect, it } from 'vitest'
import { type Active, ActiveRuns } from './active.js'

const run = (name: string): Active => ({ job: { jobId: name } }) as unknown as Active

const names = (runs: ActiveRuns): string[] =>
  runs
    .all()
    .map(({ job }) => job.jobId)
    .sort()

describe('the runs of a worker', () => {
  it('come and go in any order', () => {
    const runs = new ActiveRuns()
    const [a, b, c, d] = [run('a'), run('b'), run('c'), run('d')]
    for (const each of [a, b, c]) runs.add(each)
    runs.delete(a)
    expect(names(runs)).toEqual(['b', 'c'])
    runs.add(d)
    runs.delete(c)
    runs.delete(d)
    expect(names(runs)).toEqual(['b'])
    runs.delete(b)
    expect(names(runs)).toEqual([])
  })

  it('one that is gone already takes no other along', () => {
    const runs = new ActiveRuns()
    const [a, b] = [run('a'), run('b')]
    runs.add(a)
    runs.add(b)
    runs.delete(a)
    runs.delete(a)
    expect(names(runs)).toEqual(['b'])
  })

  it('may end while somebody goes through them', () => {
    const runs = new ActiveRuns()
    for (const name of ['a', 'b', 'c']) runs.add(run(name))
    for (const each of runs.all()) runs.delete(each)
    expect(names(runs)).toEqual([])
  })
})
