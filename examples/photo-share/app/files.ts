/** Files of the application. A file that exists is whole: it is written under another name first, so a killed process leaves no half picture. */
import { randomUUID } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const RENDITIONS = ['thumbnail', 'resized', 'watermarked'] as const
export type Rendition = (typeof RENDITIONS)[number]

export const originalPath = (folder: string, photoId: string) => join(folder, `${photoId}.original`)
export const renditionName = (photoId: string, rendition: Rendition) => `${photoId}.${rendition}.jpg`
export const clipName = (clipId: string) => `${clipId}.mp4`

/** Has `write` fill a file beside `path`, which then takes its place. */
export async function replaceFile(path: string, write: (temporary: string) => Promise<unknown>): Promise<void> {
  const temporary = `${path}.${randomUUID()}.part`
  try {
    await write(temporary)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

export const saveFile = (path: string, bytes: Buffer): Promise<void> => replaceFile(path, (temporary) => writeFile(temporary, bytes))
