/** Thumbnail, resized and watermarked versions of a picture, by sharp. */
import sharp, { type Sharp } from 'sharp'
import { type Rendition, replaceFile } from './files.js'

/** Pixels of the longest side that each version may have. */
export const SIDE_MAX = { thumbnail: 320, resized: 1280, watermarked: 1600 } as const satisfies Record<Rendition, number>

export async function renderPicture(rendition: Rendition, source: string, target: string): Promise<void> {
  const picture = await RENDERERS[rendition](sharp(source).rotate())
  await replaceFile(target, (temporary) => picture.jpeg({ quality: 82 }).toFile(temporary))
}

const RENDERERS = {
  thumbnail: (picture: Sharp) => picture.resize(SIDE_MAX.thumbnail, SIDE_MAX.thumbnail, { fit: 'cover', position: 'attention' }),
  resized: (picture: Sharp) => picture.resize(SIDE_MAX.resized, SIDE_MAX.resized, { fit: 'inside', withoutEnlargement: true }).sharpen(),
  watermarked: watermark,
} as const satisfies Record<Rendition, (picture: Sharp) => Sharp | Promise<Sharp>>

async function watermark(picture: Sharp): Promise<Sharp> {
  // The mark is as wide as the picture will be, and that is known only once it has been resized.
  const { data, info } = await picture
    .resize(SIDE_MAX.watermarked, SIDE_MAX.watermarked, { fit: 'inside', withoutEnlargement: true })
    .toBuffer({ resolveWithObject: true })
  return sharp(data).composite([{ input: Buffer.from(markSvg(info.width, info.height)) }])
}

function markSvg(width: number, height: number): string {
  const size = Math.round(width / 18)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <g fill="white" opacity="0.55" transform="translate(${size / 2} ${height - size / 2})">
      <path transform="scale(${size})" d="M0 -.75 h.2 l.15 -.2 h.3 l.15 .2 h.2 v.75 h-1 z"/>
      <text x="${size * 1.3}" font-size="${size * 0.8}" font-family="sans-serif">photo-share</text>
    </g>
  </svg>`
}
