/** What a command prints: either text for people or one JSON value per line for programs, never both. */
import { cut, pad, safe, toJson } from './text.js'

const STYLES = Object.freeze({ bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const)
export type Style = keyof typeof STYLES
export type Paint = (style: Style, text: string) => string

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

export interface Output {
  readonly json: boolean
  readonly paint: Paint
  /** A line for people: nothing with --json. The text must be safe already, or ours. */
  line(text?: string): void
  /** One JSON value on a line: only with --json. */
  value(value: unknown): void
  /** Rows under headings, cells escaped; on a terminal the last column is cut to the width. Nothing with --json. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void
  /** Something to know that is not the answer: on stderr. */
  note(text: string): void
}

export interface OutputOptions {
  readonly json: boolean
  readonly color: boolean
  /** Columns of the terminal, or null when there is none: then nothing is cut. */
  readonly width: number | null
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

export function createOutput({ json, color, width, out, err }: OutputOptions): Output {
  const paint: Paint = (style, text) => (color ? `\u001b[${STYLES[style][0]}m${text}\u001b[${STYLES[style][1]}m` : text)
  const line = (text = '') => {
    if (!json) out(`${text}\n`)
  }
  return {
    json,
    paint,
    line,
    value: (value) => {
      if (json) out(`${toJson(value)}\n`)
    },
    table: (columns, rows) => {
      for (const text of tableLines(columns, rows, width, paint)) line(text)
    },
    note: (text) => err(`${text}\n`),
  }
}

/** The lines of a table: headings, then one line per row. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[], width: number | null, paint: Paint): string[] {
  const cells = rows.map((row) => row.map(safe))
  const widths = columns.map((column, index) => Math.max(column.title.length, ...cells.map((row) => [...(row[index] ?? '')].length)))
  const format = (row: readonly string[]): string => {
    const text = columns.map((column, index) => pad(row[index] ?? '', widths[index] as number, column.align)).join('  ')
    return width === null ? text.trimEnd() : cut(text.trimEnd(), width)
  }
  return [paint('dim', format(columns.map((column) => column.title.toUpperCase()))), ...cells.map(format)]
}
