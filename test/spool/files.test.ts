// The files of a spool: order, damage, a full disk. No backend.
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Envelope } from '../../dist/contract/envelope.js'
import type { SpoolBatch } from '../../dist/spool/reader.js'
import { job } from '../sqlite/support.js'
import { deadSpool, failure, filesOf, idsOf, jobs, only, openSpool, patchFiles, readAll, spoolPath, temporaryFolder } from './support.js'

/** Every file handle of this process does this instead, for as long as the test runs. */
async function patchHandles<Name extends 'write' | 'datasync'>(name: Name, make: (real: FileHandle[Name]) => FileHandle[Name]): Promise<void> {
  const handle = await open('/dev/null')
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const real = prototype[name]
  prototype[name] = make(real)
  onTestFinished(() => {
    prototype[name] = real
  })
}

const withoutRoomAside = () =>
  patchFiles('writeFile', (real) => async (target, ...rest) => {
    if (/\.(damaged|refused)$/.test(String(target))) throw failure('ENOSPC')
    return real(target, ...rest)
  })

describe('a spool', () => {
  it('gives what it took in the order it took it, over many files, in batches of any size', async () => {
    const spool = openSpool(spoolPath(), { segmentBytes: 2_000 })
    const written = jobs(50)
    for (let at = 0; at < 50; at += 5) await spool.write(written.slice(at, at + 5))
    expect(spool.facts().jobCount).toBe(50)
    expect(idsOf(await readAll(spool, 7))).toEqual(idsOf(written))
    expect(spool.facts()).toMatchObject({ jobCount: 0, oldestAt: null })
  })

  it('gives the same batch until it is left', async () => {
    const spool = openSpool(spoolPath())
    await spool.write(jobs(3))
    const first = await spool.read({ jobs: 2, bytes: 1_000_000 })
    expect(await spool.read({ jobs: 2, bytes: 1_000_000 })).toBe(first)
  })

  it('takes a job that is larger than a part', async () => {
    const spool = openSpool(spoolPath())
    const large = job({ payload: JSON.stringify('x'.repeat(5_000)) })
    await spool.write([job(), large, job()])
    const found: Envelope[] = []
    for (let batch = await spool.read({ jobs: 9, bytes: 1_000 }); batch !== null; batch = await spool.read({ jobs: 9, bytes: 1_000 })) {
      found.push(...batch.spooled)
      await spool.leave(batch)
    }
    expect(found[1]?.job).toEqual(large)
    expect(found.length).toBe(3)
  })

  it('takes parts that end between a job and its newline', async () => {
    const spool = openSpool(spoolPath())
    const written = jobs(3)
    for (const each of written) await spool.write([each])
    const bytes = Math.floor(spool.facts().bytes / 3) - 1
    const found: string[] = []
    for (let batch = await spool.read({ jobs: 9, bytes }); batch !== null; batch = await spool.read({ jobs: 9, bytes })) {
      found.push(...batch.spooled.map(({ job: each }) => each.id))
      await spool.leave(batch)
    }
    expect([found, spool.damaged]).toEqual([idsOf(written), []])
  })

  it('keeps what it holds when it is closed, for the next process, and nothing when it is empty', async () => {
    const path = spoolPath()
    const spool = openSpool(path)
    const written = jobs(5)
    await spool.write(written)
    const batch = await spool.read({ jobs: 2, bytes: 1_000_000 })
    await spool.leave(batch as NonNullable<typeof batch>)
    await spool.close()
    // Let go: not even a living process of another host must wait.
    const next = openSpool(path, { now: () => Date.now() - 3_600_000 })
    await next.look()
    expect(next.facts().jobCount).toBe(3)
    expect(idsOf(await readAll(next))).toEqual(idsOf(written.slice(2)))
    await next.close()
    expect(filesOf(path)).toEqual([])
  })

  it('comes back when somebody has cleaned it away', async () => {
    const path = spoolPath()
    const spool = openSpool(path)
    await spool.write(jobs(1))
    rmSync(path, { recursive: true })
    await expect(spool.write(jobs(1))).rejects.toMatchObject({ code: 'SPOOL_UNAVAILABLE' })
    await spool.look()
    const written = jobs(2)
    await spool.write(written)
    expect(idsOf(await readAll(spool))).toEqual(idsOf(written))
  })

  it('is readable by its user alone', async () => {
    const path = spoolPath()
    await openSpool(path).write(jobs(1))
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(filesOf(path).map((file) => statSync(join(path, file)).mode & 0o777)).toEqual([0o600])
  })

  it.each([
    ['a symbolic link', (path: string) => symlinkSync(temporaryFolder(), path), /symbolic link/],
    [
      'a folder that every user may write to',
      (path: string) => {
        mkdirSync(path)
        chmodSync(path, 0o777)
      },
      /every user/,
    ],
    ['a file', (path: string) => writeFileSync(path, ''), /cannot be used/],
  ])('refuses %s', async (_what, make, words) => {
    const path = spoolPath()
    make(path)
    await expect(openSpool(path).write(jobs(1))).rejects.toMatchObject({ code: 'SPOOL_UNAVAILABLE', message: expect.stringMatching(words) })
  })

  it.each([
    ['tmpfs', 0x01021994],
    ['ramfs', 0x858458f6],
  ])('refuses a disk in memory unless told: %s', async (_name, type) => {
    patchFiles('statfs', () => async () => ({ type }) as never)
    await expect(openSpool(spoolPath(), { ephemeral: false }).write(jobs(1))).rejects.toMatchObject({
      code: 'SPOOL_UNAVAILABLE',
      message: expect.stringContaining('ephemeral: true'),
    })
    await openSpool(spoolPath(), { ephemeral: true }).write(jobs(1))
  })
})

describe('damage', () => {
  it('at any byte costs the record that it is in, which is set aside and reported', async () => {
    const origin = await deadSpool(spoolPath(), jobs(4))
    const sound = readFileSync(origin)
    const written = sound
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line.slice(21)) as { job: { id: string } })
    const ends = [...sound].flatMap((byte, at) => (byte === 10 ? [at + 1] : []))
    for (let at = 0; at < sound.length; at += 1) {
      const path = spoolPath()
      mkdirSync(path)
      const bytes = Buffer.from(sound)
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8))
      writeFileSync(join(path, '1764000000000-1a2b3c4d.elsewhere-1-00000000.spool'), bytes)
      const spool = openSpool(path, { now: () => Date.now() + 60_000 })
      await spool.look()
      const hit = ends.findIndex((end) => at < end)
      const isNewline = at + 1 === ends[hit]
      const expected = written.filter((_, n) => isNewline || n !== hit).map((each) => each.job.id)
      expect(idsOf(await readAll(spool)), `byte ${at}`).toEqual(expected)
      expect(spool.damaged.length).toBe(isNewline ? 0 : 1)
      if (!isNewline) expect(readFileSync(spool.damaged[0]?.file as string)).toEqual(bytes.subarray(ends[hit - 1] ?? 0, ends[hit]))
      await spool.close()
      expect(filesOf(path).length).toBe(isNewline ? 0 : 1)
    }
  }, 120_000)

  it('of a file cut at any byte costs what was cut', async () => {
    const sound = readFileSync(await deadSpool(spoolPath(), jobs(3)))
    const ends = [...sound].flatMap((byte, at) => (byte === 10 ? [at + 1] : []))
    for (let cut = 0; cut <= sound.length; cut += 1) {
      const path = spoolPath()
      mkdirSync(path)
      writeFileSync(join(path, '1764000000000-1a2b3c4d.elsewhere-1-00000000.spool'), sound.subarray(0, cut))
      const spool = openSpool(path, { now: () => Date.now() + 60_000 })
      await spool.look()
      const whole = ends.filter((end) => end <= cut + 1).length
      expect((await readAll(spool)).length, `cut at ${cut}`).toBe(whole)
      expect(spool.damaged.length).toBe(cut > (ends[whole - 1] ?? 0) ? 1 : 0)
      await spool.close()
    }
  }, 120_000)

  it('that there is no room to set aside keeps the file, and keeps back no job', async () => {
    const path = spoolPath()
    const written = jobs(3)
    const file = await deadSpool(path, written)
    const bytes = readFileSync(file)
    bytes[30] = (bytes[30] as number) ^ 1
    writeFileSync(file, bytes)
    withoutRoomAside()
    const spool = openSpool(path)
    await spool.look()
    expect(idsOf(await readAll(spool))).toEqual(idsOf(written.slice(1)))
    expect(filesOf(path)).toEqual([expect.stringMatching(/\.kept$/)])
    expect(readFileSync(spool.damaged[0]?.file as string)).toEqual(bytes)
  })

  it('and refused jobs that there is no room to set aside do the same', async () => {
    const path = spoolPath()
    const bytes = readFileSync(await deadSpool(path, jobs(2)))
    withoutRoomAside()
    const spool = openSpool(path)
    await spool.look()
    const batch = (await spool.read({ jobs: 9, bytes: 1_000_000 })) as SpoolBatch
    const file = await spool.setAside(batch.spooled[0] as Envelope)
    await spool.leave(batch)
    expect(readFileSync(file)).toEqual(bytes)
    expect(filesOf(path)).toEqual([expect.stringMatching(/\.kept$/)])
  })

  it('of the mark of how far it is costs nothing: all is given again', async () => {
    const path = spoolPath()
    const written = jobs(6)
    const spool = openSpool(path)
    await spool.write(written)
    const batch = await spool.read({ jobs: 4, bytes: 1_000_000 })
    await spool.leave(batch as NonNullable<typeof batch>)
    await spool.close()
    const [mark = ''] = only(path, '.left')
    const sound = readFileSync(join(path, mark))
    for (let at = 0; at < sound.length; at += 1) {
      const bytes = Buffer.from(sound)
      bytes[at] = (bytes[at] as number) ^ 1
      writeFileSync(join(path, mark), bytes)
      const next = openSpool(path)
      await next.look()
      // The newline says nothing.
      expect(next.facts().jobCount, `byte ${at}`).toBe(at === sound.length - 1 ? 2 : 6)
      await next.close()
    }
  })
})

describe('a disk that is full or broken', () => {
  it('counts what was set aside as well', async () => {
    const path = spoolPath()
    const spool = openSpool(path, { maxBytes: 4_000, segmentBytes: 500 })
    const taken: string[] = []
    const isFull = async () => {
      for (const each of jobs(100)) {
        const error = await spool.write([each]).then(
          () => null,
          (reason: { code: string }) => reason,
        )
        if (error !== null) return error.code
        taken.push(each.id)
        // The backend refuses every one.
        const batch = (await spool.read({ jobs: 9, bytes: 1_000_000 })) as SpoolBatch
        for (const spooled of batch.spooled) await spool.setAside(spooled)
        await spool.leave(batch)
      }
      return null
    }
    expect(await isFull()).toBe('SPOOL_FULL')
    expect(taken.length).toBeGreaterThan(5)
    // Also by one that only finds them there.
    const next = openSpool(path, { maxBytes: 4_000, segmentBytes: 500 })
    await next.look()
    expect(next.facts().asideCount).toBe(taken.length)
    await expect(next.write(jobs(2))).rejects.toMatchObject({ code: 'SPOOL_FULL', message: expect.stringContaining('set aside') })
    for (const file of only(path, '.refused')) rmSync(join(path, file))
    await next.look()
    await next.write(jobs(2))
  })

  it('refuses what is over maxBytes, and takes again when that was drained', async () => {
    const spool = openSpool(spoolPath(), { maxBytes: 4_000, segmentBytes: 500 })
    const taken: string[] = []
    let error: { code?: string; message?: string } | undefined
    for (const each of jobs(100)) {
      error = await spool.write([each]).then(
        () => undefined,
        (reason: { code: string }) => reason,
      )
      if (error !== undefined) break
      taken.push(each.id)
    }
    expect(error).toMatchObject({ code: 'SPOOL_FULL', message: expect.stringMatching(/holds \d+ of maxBytes 4000.*raise spool\.maxBytes/) })
    expect(taken.length).toBeGreaterThan(5)
    expect(idsOf(await readAll(spool))).toEqual(taken)
    await spool.write(jobs(1))
  })

  it.each([
    ['ENOSPC', 'SPOOL_FULL'],
    ['EDQUOT', 'SPOOL_FULL'],
    ['EIO', 'SPOOL_UNAVAILABLE'],
  ])('that says %s in the midst of a write refuses those jobs whole, and keeps the others', async (code, expected) => {
    const path = spoolPath()
    const spool = openSpool(path)
    const before = jobs(3)
    await spool.write(before)
    let broken = true
    await patchHandles(
      'write',
      (real) =>
        async function (this: FileHandle, bytes: Buffer, offset: number) {
          const write = real as (...args: unknown[]) => Promise<never>
          if (!broken) return write.call(this, bytes, offset)
          if (offset > 0) throw failure(code)
          return write.call(this, bytes, offset, Math.floor(bytes.length / 2))
        } as never,
    )
    await expect(spool.write(jobs(2))).rejects.toMatchObject({ code: expected })
    await expect(spool.write(jobs(1))).rejects.toMatchObject({ code: expected })
    await expect(spool.write(jobs(1))).rejects.toMatchObject({ code: expected })
    // A full disk does not fill with empty files.
    expect(only(path, '.spool').length).toBe(1)
    broken = false
    const after = jobs(1)
    await spool.write(after)
    await spool.close()
    const next = openSpool(path)
    await next.look()
    expect(idsOf(await readAll(next))).toEqual(idsOf([...before, ...after]))
    // Nothing was left behind of the write that failed.
    expect(next.damaged).toEqual([])
  })

  it('whose files other processes take all the time refuses the jobs, and says what to do', async () => {
    const spool = openSpool(spoolPath())
    await spool.write(jobs(1))
    patchFiles(
      'stat',
      (real) =>
        (async (target: string, ...rest: never[]) => {
          if (target.endsWith('.spool')) throw failure('ENOENT')
          return real(target, ...rest)
        }) as never,
    )
    await expect(spool.write(jobs(1))).rejects.toMatchObject({
      code: 'SPOOL_UNAVAILABLE',
      message: expect.stringMatching(/keep taking.*a folder of its own/),
    })
  })

  it('that cannot sync refuses the jobs, and goes on in another file', async () => {
    const path = spoolPath()
    const spool = openSpool(path)
    const [before, after] = [jobs(2), jobs(2)]
    await spool.write(before)
    let broken = true
    await patchHandles(
      'datasync',
      (real) =>
        async function (this: FileHandle) {
          if (broken) throw failure('EIO')
          return real.call(this)
        },
    )
    await expect(spool.write(jobs(2))).rejects.toMatchObject({ code: 'SPOOL_UNAVAILABLE' })
    broken = false
    await spool.write(after)
    expect(only(path, '.spool').length).toBe(2)
    expect(idsOf(await readAll(spool))).toEqual(idsOf([...before, ...after]))
    expect(spool.damaged).toEqual([])
  })
})
