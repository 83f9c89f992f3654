import type { Random } from '../support/seed.ts'

const JUNK = ['\0', '\t', ' ', '\r', '\n', '\r\n', '\xff', '\x80', '!', 'get ', 'x'.repeat(60)]

/**
 * Damages a stream in one to three places: bytes dropped, doubled, changed, junk put between them,
 * lengths off by one. Digits are never invented, so that no time to live becomes a short one.
 */
export function mutate(random: Random, bytes: string): string {
  let damaged = bytes
  for (let left = random.between(1, 3); left > 0; left--) damaged = mutateOnce(random, damaged)
  return damaged
}

function mutateOnce(random: Random, bytes: string): string {
  const at = random.below(bytes.length + 1)
  switch (random.below(6)) {
    case 0:
      return bytes.slice(0, at) + bytes.slice(at + 1)
    case 1:
      return bytes.slice(0, at) + random.pick(JUNK) + bytes.slice(at)
    case 2:
      return bytes.slice(0, at) + String.fromCharCode(58 + random.below(198)) + bytes.slice(at + 1)
    case 3:
      return bytes.slice(0, at)
    case 4:
      return offByOne(random, bytes)
    default:
      return dropToken(random, bytes)
  }
}

/** A storage command whose length is one more or one less than that of its data. */
function offByOne(random: Random, bytes: string): string {
  const step = random.pick([-2, -1, 1, 2])
  return bytes.replace(
    /((?:set|add|replace|append|prepend|cas) \S+ \S+ \S+ |ms \S+ )(\d+)/,
    (_, start: string, length: string) => `${start}${Math.max(0, Number(length) + step)}`,
  )
}

function dropToken(random: Random, bytes: string): string {
  const spaces = [...bytes.matchAll(/ [^ \r\n]+/g)]
  if (spaces.length === 0) return bytes
  const token = random.pick(spaces)
  return bytes.slice(0, token.index) + bytes.slice(token.index + token[0].length)
}
