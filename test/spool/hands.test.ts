// Files that go from one process to another: dead ones, living ones, a person's hand. What was answered is there once at least.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KerjaError } from 'kerja'
import type { Backend } from 'kerja/backend'
import { memory } from 'kerja/memory'
import { describe, expect, it, onTestFinished } from 'vitest'
import { drainFile } from '../../dist/forwarder/drain-folder.js'
import { newOwner } from '../../dist/spool/folder.js'
import type { SpoolBatch } from '../../dist/spool/reader.js'
import { encodeJob, encodeRecord } from '../../dist/spool/record.js'
import { deadSpool, failure, filesOf, idsOf, jobs, only, openSpool, patchFiles, readAll, spoolPath } from './support.js'

/** A backend that takes every job, and tells which. */
async function accepting(onAccepted: (ids: readonly string[]) => Promise<void>): Promise<Backend> {
  const store = memory()
  await store.open()
  onTestFinished(() => store.close())
  return {
    ...store,
    transfer: {
      ...store.transfer,
      accept: async (carried) => {
        await onAccepted(carried.map(({ jobId }) => jobId))
        return store.transfer.accept(carried)
      },
    },
  }
}

const byHand = (path: string, target: Backend) => ({
  path,
  target,
  again: <Answer>(call: () => Promise<Answer>) => call(),
  events: { emit: () => undefined },
  now: Date.now,
  signal: new AbortController().signal,
  onDrained: () => undefined,
})

describe('other processes', () => {
  it('dead ones leave their files to the first that looks, and living ones keep theirs', async () => {
    const path = spoolPath()
    const [dead, living] = [jobs(3), jobs(2)]
    await deadSpool(path, dead)
    const neighbour = openSpool(path)
    await neighbour.write(living)
    const spool = openSpool(path)
    await spool.look()
    expect(spool.facts().jobCount).toBe(3)
    expect(spool.facts().bytes).toBeGreaterThan(0)
    expect(idsOf(await readAll(spool))).toEqual(idsOf(dead))
    expect(idsOf(await readAll(neighbour))).toEqual(idsOf(living))
  })

  it('of two that look at once, one has the file', async () => {
    const path = spoolPath()
    const dead = jobs(3)
    await deadSpool(path, dead)
    const spools = Array.from({ length: 4 }, () => openSpool(path))
    await Promise.all(spools.map((spool) => spool.look()))
    expect(spools.map((spool) => spool.facts().jobCount).sort()).toEqual([0, 0, 0, 3])
  })

  it('a file that is taken from a living one while it is written loses nothing', async () => {
    const path = spoolPath()
    const written = jobs(30)
    const victim = openSpool(path)
    const found = new Set<string>()
    await victim.write(written.slice(0, 1))
    for (const [n, each] of written.entries()) {
      const writing = victim.write([each])
      if (n % 3 === 0) {
        // Its clock is far ahead: everybody seems dead to it.
        const thief = openSpool(path, { now: () => Date.now() + 3_600_000 })
        for (const file of only(path, '.spool')) renameSync(join(path, file), join(path, file.replace(/\.\w+-\d+-/, '.elsewhere-1-')))
        await thief.look()
        for (const stolen of await readAll(thief)) found.add(stolen.id)
        await thief.close()
      }
      await writing
    }
    for (const each of await readAll(victim)) found.add(each.id)
    const last = openSpool(path, { now: () => Date.now() + 7_200_000 })
    await victim.close()
    await last.look()
    for (const each of await readAll(last)) found.add(each.id)
    expect([...found].sort()).toEqual(idsOf(written).sort())
  })
})

describe('files that change hands', () => {
  it('a file that is drained by hand while it is written loses nothing', async () => {
    const path = spoolPath()
    const written = jobs(4)
    const writer = openSpool(path)
    await writer.write(written.slice(0, 1))
    const [file = ''] = only(path, '.spool')
    const found: string[] = []
    // It is there, the backend has its first job, and more come.
    const target = await accepting(async (accepted) => {
      await writer.write(written.slice(1, 3))
      found.push(...accepted)
    })
    await drainFile(byHand(join(path, file), target))
    await writer.write(written.slice(3))
    found.push(...idsOf(await readAll(writer)))
    expect(found.sort()).toEqual(idsOf(written).sort())
    expect(only(path, '.spool').length).toBeLessThanOrEqual(1)
  })

  it('a file that is drained by hand, and not to its end, is there for the next that looks', async () => {
    const path = spoolPath()
    const written = jobs(2)
    const file = await deadSpool(path, written)
    const failing = await accepting(async () => {
      throw new KerjaError('BACKEND_UNAVAILABLE', 'The backend is away, says the test.')
    })
    await expect(drainFile(byHand(file, failing))).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    const next = openSpool(path)
    await next.look()
    expect(idsOf(await readAll(next))).toEqual(idsOf(written))
  })

  it('a file that was set aside is drained whole, also when the rest of its segment is gone already', async () => {
    const path = spoolPath()
    const [segment, written] = ['1764000000000-1a2b3c4d', jobs(2)]
    mkdirSync(path)
    writeFileSync(join(path, `${segment}.left`), encodeRecord('100000'))
    const mended = join(path, `${segment}.0.damaged`)
    writeFileSync(mended, written.map((each) => encodeJob({ at: 1, job: each })).join(''))
    const found: string[] = []
    await drainFile(byHand(mended, await accepting(async (accepted) => void found.push(...accepted))))
    expect(found).toEqual(idsOf(written))
    expect(only(path, '.damaged')).toEqual([])
  })

  it('a file that comes back to its process loses nothing', async () => {
    const path = spoolPath()
    const written = jobs(3)
    const spool = openSpool(path)
    await spool.write(written.slice(0, 1))
    const found: string[] = []
    const batch = (await spool.read({ jobs: 9, bytes: 1_000_000 })) as SpoolBatch
    // Another adopted it, and let it go.
    const [file = ''] = only(path, '.spool')
    renameSync(join(path, file), join(path, file.replace(/-\d+-[0-9a-f]{8}\.spool$/, '-0-00000000.spool')))
    await spool.look()
    await spool.write(written.slice(1, 2))
    found.push(...idsOf(batch.spooled.map(({ job: each }) => each)))
    await spool.leave(batch)
    await spool.write(written.slice(2))
    found.push(...idsOf(await readAll(spool)))
    expect([...new Set(found)].sort()).toEqual(idsOf(written).sort())
    await spool.close()
    expect(filesOf(path)).toEqual([])
  })

  it('a file that comes back while it is begun loses nothing', async () => {
    const path = spoolPath()
    const written = jobs(2)
    const spool = openSpool(path)
    await spool.look()
    let isBegun = false
    patchFiles('open', (real) => async (file, flags, ...rest) => {
      // The sync of the folder, for the new name in it.
      if (file === path && !isBegun) {
        isBegun = true
        const [begun = ''] = only(path, '.spool')
        renameSync(join(path, begun), join(path, begun.replace(/-\d+-[0-9a-f]{8}\.spool$/, '-0-00000000.spool')))
        await spool.look()
      }
      return real(file, flags, ...rest)
    })
    for (const each of written) await spool.write([each])
    expect(isBegun).toBe(true)
    await spool.close()
    const next = openSpool(path)
    await next.look()
    expect([...new Set(idsOf(await readAll(next)))].sort()).toEqual(idsOf(written).sort())
  })

  it('one that cannot be adopted keeps back no other, and is reported', async () => {
    const path = spoolPath()
    await deadSpool(path, jobs(2))
    await deadSpool(path, jobs(2))
    let isFirst = true
    patchFiles('rename', (real) => async (from, to) => {
      if (!isFirst) return real(from, to)
      isFirst = false
      throw failure('EACCES')
    })
    const spool = openSpool(path)
    await expect(spool.look()).rejects.toMatchObject({ code: 'SPOOL_UNAVAILABLE' })
    expect(spool.facts().jobCount).toBe(2)
  })

  it('one that cannot be read keeps back no other, and is there when it can be read again', async () => {
    const path = spoolPath()
    const [unreadable, sound] = [jobs(1), jobs(2)]
    const spool = openSpool(path, { segmentBytes: 1 })
    await spool.write(unreadable)
    const [file = ''] = only(path, '.spool')
    await spool.write(sound)
    let isBroken = true
    patchFiles('open', (real) => async (target, ...rest) => {
      if (isBroken && target === join(path, file)) throw failure('EIO')
      return real(target, ...rest)
    })
    const limits = { jobs: 9, bytes: 1_000_000 }
    const batch = (await spool.read(limits)) as SpoolBatch
    expect(batch.spooled.map(({ job }) => job.id)).toEqual(idsOf(sound))
    await spool.leave(batch)
    await expect(spool.read(limits)).rejects.toMatchObject({ code: 'SPOOL_UNAVAILABLE' })
    isBroken = false
    expect(idsOf(await readAll(spool))).toEqual(idsOf(unreadable))
  })

  it('one that cannot be read once it was adopted is for the next that looks', async () => {
    const path = spoolPath()
    const written = jobs(2)
    await deadSpool(path, written)
    let isBroken = true
    patchFiles('open', (real) => async (target, ...rest) => {
      if (isBroken && String(target).endsWith('.spool')) throw failure('EIO')
      return real(target, ...rest)
    })
    const spool = openSpool(path)
    await expect(spool.look()).rejects.toMatchObject({ code: 'SPOOL_UNAVAILABLE' })
    isBroken = false
    await spool.look()
    expect(idsOf(await readAll(spool))).toEqual(idsOf(written))
  })

  it("one of this process id is not taken for dead as long as it is touched: it may be another thread's", async () => {
    const path = spoolPath()
    mkdirSync(path)
    const file = join(path, `1764000000000-1a2b3c4d.${newOwner().host}-${process.pid}-12345678.spool`)
    writeFileSync(file, encodeJob({ at: 1, job: jobs(1)[0] as never }))
    const spool = openSpool(path)
    await spool.look()
    expect(spool.facts().jobCount).toBe(0)
    const later = openSpool(path, { now: () => Date.now() + 60_000 })
    await later.look()
    expect(later.facts().jobCount).toBe(1)
  })
})
