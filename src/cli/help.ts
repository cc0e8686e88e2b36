/** Words of the help and readers of options that several commands share. */
import { InvalidArgumentError } from 'commander'

export const examples = (lines: readonly string[]): string => `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`

/** A whole number in a range, as an option. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }

/** One of a few words, as an option. */
export const oneOf =
  <const Word extends string>(words: readonly Word[]) =>
  (text: string): Word => {
    const found = words.find((word) => word === text)
    if (found !== undefined) return found
    throw new InvalidArgumentError(`It must be one of ${words.join(', ')}.`)
  }

/** Collects an option given several times. */
export const collect = (text: string, earlier: readonly string[] | undefined): readonly string[] => [...(earlier ?? []), text]

/** The same, of a few words. */
export const collectOf = <const Word extends string>(words: readonly Word[]) => {
  const read = oneOf(words)
  return (text: string, earlier: readonly Word[] | undefined): readonly Word[] => [...(earlier ?? []), read(text)]
}
