/** The monthly report: a page of PDF, by pdfkit. */
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import PDFDocument from 'pdfkit'
import { replaceFile } from './files.js'

export interface ReportLine {
  readonly label: string
  readonly count: number
}

export interface Report {
  readonly title: string
  readonly at: Date
  readonly lines: readonly ReportLine[]
}

const MARGIN = 60
const BAR_HEIGHT = 22
const BAR_GAP = 46
const LABEL_WIDTH = 130
const BAR_WIDTH_MAX = 300

export async function writeReport(path: string, report: Report): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const document = new PDFDocument({ size: 'A4', margin: MARGIN, info: { Title: report.title, CreationDate: report.at } })
    const file = document.pipe(createWriteStream(temporary))
    drawReport(document, report)
    document.end()
    await finished(file)
  })
}

function drawReport(document: PDFKit.PDFDocument, { title, at, lines }: Report): void {
  document.fontSize(24).fillColor('#222').text(title)
  document.fontSize(11).fillColor('#777').text(at.toISOString())
  const top = document.y + 30
  const most = Math.max(1, ...lines.map(({ count }) => count))
  for (const [index, { label, count }] of lines.entries()) {
    const y = top + index * BAR_GAP
    const width = Math.max(1, (count / most) * BAR_WIDTH_MAX)
    document.fillColor('#222').text(label, MARGIN, y + 6, { width: LABEL_WIDTH })
    document.rect(MARGIN + LABEL_WIDTH, y, width, BAR_HEIGHT).fill('#3b82f6')
    document.fillColor('#222').text(String(count), MARGIN + LABEL_WIDTH + width + 8, y + 6)
  }
}
