/** One part of an Accept header with how much it is wanted. */
interface Range {
  readonly type: string
  readonly quality: number
}

/**
 * Whether a client that sent this Accept header takes that media type. Of several parts that fit, the
 * most exact one decides (RFC 9110, section 12.5.1); a part that cannot be read is no part.
 */
export function accepts(header: string | undefined, mediaType: string): boolean {
  if (header === undefined || header.trim() === '') return true
  const ranges = header.split(',').map(readRange)
  const candidates = [mediaType, `${mediaType.split('/')[0]}/*`, '*/*']
  for (const candidate of candidates) {
    const fitting = ranges.filter((range) => range.type === candidate)
    if (fitting.length > 0) return fitting.some((range) => range.quality > 0)
  }
  return false
}

function readRange(part: string): Range {
  const [type = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase())
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  const quality = weight === undefined ? 1 : Number(weight.slice(2))
  return { type, quality: Number.isNaN(quality) ? 0 : quality }
}
