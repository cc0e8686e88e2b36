/** The pictures and the clip that visitors upload: made here, so the repository carries none. */
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { hasFfmpeg } from '../app/clips.js'

export interface Samples {
  readonly pictures: readonly Buffer[]
  /** null where there is no ffmpeg. */
  readonly clip: Buffer | null
}

const WIDTH = 1600
const HEIGHT = 1200
const GRAIN_SIDE = 400
const SCENES = [
  { name: 'dawn', from: '#fde68a', to: '#7c3aed' },
  { name: 'sea', from: '#a5f3fc', to: '#1e3a8a' },
  { name: 'forest', from: '#bbf7d0', to: '#14532d' },
  { name: 'rose', from: '#fecdd3', to: '#881337' },
  { name: 'desert', from: '#fed7aa', to: '#7c2d12' },
  { name: 'night', from: '#334155', to: '#020617' },
] as const
const CLIP_SECONDS = 40

export async function makeSamples(folder: string): Promise<Samples> {
  const grain = await makeGrain()
  const pictures = await Promise.all(SCENES.map((scene) => makePicture(scene, grain)))
  return { pictures, clip: hasFfmpeg() ? await makeClip(folder) : null }
}

/** Noise as a camera has it, so that the pictures are no easier to encode than real ones. */
const makeGrain = (): Promise<Buffer> =>
  sharp({ create: { width: GRAIN_SIDE, height: GRAIN_SIDE, channels: 3, background: '#000', noise: { type: 'gaussian', mean: 128, sigma: 12 } } })
    .png({ compressionLevel: 1 })
    .toBuffer()

/** A gradient with hills, grain and a name. */
async function makePicture({ name, from, to }: (typeof SCENES)[number], grain: Buffer): Promise<Buffer> {
  const scene = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
    <defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="${from}"/><stop offset="1" stop-color="${to}"/></linearGradient></defs>
    <rect width="100%" height="100%" fill="url(#sky)"/>
    <circle cx="1150" cy="330" r="130" fill="${from}"/>
    <path d="M0 900 Q400 600 800 880 T1600 760 V1200 H0 Z" fill="${to}" opacity="0.8"/>
    <text x="80" y="180" font-size="120" font-family="sans-serif" fill="white">${name}</text>
  </svg>`)
  return sharp(scene)
    .composite([{ input: grain, tile: true, blend: 'soft-light' }])
    .jpeg({ quality: 88 })
    .toBuffer()
}

async function makeClip(folder: string): Promise<Buffer> {
  const path = join(folder, 'sample.mkv')
  const source = `testsrc=duration=${CLIP_SECONDS}:size=640x360:rate=25`
  const { status, stderr } = spawnSync('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', source, '-c:v', 'mpeg4', path], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ffmpeg could not make the sample clip: ${stderr}`)
  return readFile(path)
}
