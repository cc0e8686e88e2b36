import { EventEmitter } from 'node:events'
import type { ReadStream, WriteStream } from 'node:tty'
import { describe, expect, it } from 'vitest'
import { createScreen } from './screen.js'

class FakeInput extends EventEmitter {
  raw = false
  paused = true
  setRawMode(raw: boolean) {
    this.raw = raw
    return this
  }
  setEncoding() {
    return this
  }
  resume() {
    this.paused = false
    return this
  }
  pause() {
    this.paused = true
    return this
  }
}
class FakeOutput extends EventEmitter {
  columns = 40
  rows = 4
  text = ''
  write(text: string) {
    this.text += text
    return true
  }
}

function open() {
  const input = new FakeInput()
  const output = new FakeOutput()
  return { input, output, screen: createScreen(input as unknown as ReadStream, output as unknown as WriteStream) }
}

describe('the screen', () => {
  it.each(['q', 'Q', '\u0003'])('ends at once on %j and puts everything back', async (key) => {
    const { input, output, screen } = open()
    expect([input.raw, input.paused, output.text]).toEqual([true, false, '\u001b[?1049h\u001b[?25l'])
    const pause = screen.pause(3_600_000)
    input.emit('data', key)
    await pause
    expect(screen.ended).toBe(true)
    await screen.pause(3_600_000)
    screen.close()
    expect([input.raw, input.paused]).toEqual([false, true])
    expect(output.text.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true)
    expect([input.listenerCount('data'), output.listenerCount('resize')]).toEqual([0, 0])
  })

  it('looks again on a resize or another key', async () => {
    const { input, output, screen } = open()
    for (const nudge of [() => input.emit('data', 'x'), () => output.emit('resize')]) {
      const pause = screen.pause(3_600_000)
      nudge()
      await pause
    }
    expect(screen.ended).toBe(false)
    screen.close()
  })

  it('draws what fits', () => {
    const { output, screen } = open()
    output.text = ''
    screen.show(['one', 'two', 'three', 'four'])
    expect(output.text).toBe('\u001b[Hone\u001b[K\ntwo\u001b[K\nthree\u001b[K\n\u001b[J')
    expect(screen.width).toBe(40)
    screen.close()
  })
})
