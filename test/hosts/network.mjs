// Hosts on this machine: network namespaces, each joined to it by a cable that can be pulled out. Linux, as root.
import { spawnSync } from 'node:child_process'

/** A range for tests of networks (RFC 2544), which no machine should be using. */
const NETWORK = '198.18'
export const RANGE = `${NETWORK}.0.0/16`

/** @throws with the reason when there can be none. */
export function checkHosts() {
  if (process.platform !== 'linux') throw new Error(`Hosts are network namespaces, which are of Linux; this is ${process.platform}.`)
  if (process.getuid() !== 0) throw new Error('Making network namespaces needs root: run this with sudo.')
  if (spawnSync('ip', ['-V']).error !== undefined) throw new Error('Making network namespaces needs `ip`: install the package iproute2.')
}

/** `number` makes the addresses: one per host. */
export function makeHost(number) {
  const name = `kerja-${process.pid}-${number}`
  const [outer, inner] = [`kjo${process.pid}n${number}`, `kji${process.pid}n${number}`].map((cable) => cable.slice(-15))
  const near = `${NETWORK}.${number}.1`
  ip('netns', 'add', name)
  try {
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', name)
    ip('addr', 'add', `${near}/30`, 'dev', outer)
    ip('-n', name, 'addr', 'add', `${NETWORK}.${number}.2/30`, 'dev', inner)
    for (const link of ['lo', inner]) ip('-n', name, 'link', 'set', link, 'up')
    ip('link', 'set', outer, 'up')
  } catch (error) {
    ip('netns', 'del', name)
    throw error
  }
  return {
    /** This machine, as the host sees it. */
    near,
    /** What runs a program there. */
    command: ['ip', 'netns', 'exec', name],
    cut: () => ip('link', 'set', outer, 'down'),
    join: () => ip('link', 'set', outer, 'up'),
    /** The cable goes with it. Nothing may run there any more. */
    remove: () => ip('netns', 'del', name),
  }
}

function ip(...words) {
  const { status, stderr } = spawnSync('ip', words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr.trim()}`)
}
