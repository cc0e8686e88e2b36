/** `kerja schedules`: what recurs, and stopping, resuming, running or removing it. */
import type { Command } from 'commander'
import type { Kerja, ScheduleStatus } from '../../index.js'
import { createCli } from '../cli.js'
import { examples } from '../help.js'
import { relativeTime, safe } from '../text.js'
import { ruleWords, scheduleJson } from '../views.js'

const COLUMNS = [
  { title: 'name' },
  { title: 'state' },
  { title: 'rule' },
  { title: 'time zone' },
  { title: 'kind' },
  { title: 'next' },
  { title: 'last' },
  { title: 'source' },
] as const

interface Action {
  readonly name: 'pause' | 'resume' | 'run' | 'remove'
  readonly description: string
  /** Does it to one schedule; answers with what to print behind its name and the facts for --json. */
  readonly run: (kerja: Kerja, schedule: string) => Promise<{ readonly words: string; readonly facts: Readonly<Record<string, unknown>> }>
}

const ACTIONS: readonly Action[] = Object.freeze([
  {
    name: 'pause',
    description: 'Stop schedules from enqueueing. Ticks that pass meanwhile are missed ticks.',
    run: async (kerja, schedule) => {
      await kerja.schedules.pause(schedule)
      return { words: 'paused', facts: { paused: true } }
    },
  },
  {
    name: 'resume',
    description: 'Let paused schedules enqueue again.',
    run: async (kerja, schedule) => {
      await kerja.schedules.resume(schedule)
      return { words: 'resumed', facts: { paused: false } }
    },
  },
  {
    name: 'run',
    description: 'Enqueue the job of schedules now; their next ticks stay as they are.',
    run: async (kerja, schedule) => {
      const { id } = await kerja.schedules.runNow(schedule)
      return { words: `enqueued ${id}`, facts: { jobId: id } }
    },
  },
  {
    name: 'remove',
    description: 'Remove schedules. One that a worker declares comes back when that worker starts: remove it from the code too.',
    run: async (kerja, schedule) => {
      await kerja.schedules.remove(schedule)
      return { words: 'removed', facts: { removed: true } }
    },
  },
])

export function registerSchedules(program: Command): void {
  const schedules = program
    .command('schedules')
    .summary('list, pause, resume, run and remove schedules')
    .description('List, pause, resume, run and remove schedules.')
  schedules
    .command('list')
    .description('List the schedules with their rule, next and last tick.')
    .addHelpText('after', examples(['kerja schedules list', "kerja schedules list --json | jq -r '.schedules[].name'"]))
    .action(async (_options: unknown, command: Command) => {
      const { output, withKerja } = createCli(command)
      const found = await withKerja((kerja) => kerja.schedules.list())
      output.value({ schedules: found.map(scheduleJson) })
      if (found.length === 0) return output.line('No schedules: declare them with kerja.worker({ schedules: [defineSchedule(…)] }).')
      output.table(
        COLUMNS,
        found.map((schedule) => scheduleRow(schedule, Date.now())),
      )
    })
  for (const action of ACTIONS) {
    schedules
      .command(action.name)
      .description(action.description)
      .argument('<schedule...>', 'names of schedules')
      .addHelpText('after', examples([`kerja schedules ${action.name} nightly`]))
      .action((names: readonly string[], _options: unknown, command: Command) => act(action, names, command))
  }
}

async function act(action: Action, names: readonly string[], command: Command): Promise<void> {
  const { output, withKerja } = createCli(command)
  await withKerja(async (kerja) => {
    const results: object[] = []
    for (const schedule of names) {
      const { words, facts } = await action.run(kerja, schedule)
      results.push({ schedule, ...facts })
      output.line(`${safe(schedule)}: ${words}`)
    }
    output.value({ schedules: results })
  })
}

const scheduleRow = (schedule: ScheduleStatus, now: number): readonly string[] => [
  schedule.name,
  schedule.paused ? 'paused' : 'active',
  ruleWords(schedule),
  schedule.timeZone,
  schedule.kind,
  schedule.paused ? '-' : relativeTime(schedule.nextAt, now),
  relativeTime(schedule.lastAt, now),
  schedule.source,
]
