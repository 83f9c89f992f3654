export type Format = 'text' | 'openmetrics'

interface MediaRange {
  /** As `text/plain`, in small letters. */
  readonly type: string
  /** '' when it does not say. */
  readonly version: string
  readonly quality: number
}

interface Offer {
  readonly format: Format
  readonly type: string
  readonly version: string
}

/** In the order in which we would choose where the client does not mind. */
const OFFERS: readonly Offer[] = [
  { format: 'text', type: 'text/plain', version: '0.0.4' },
  { format: 'openmetrics', type: 'application/openmetrics-text', version: '1.0.0' },
]

/**
 * Which format a client wants (RFC 9110, 12.5.1): that of the highest quality, where the range that
 * names a type most exactly is the one that counts for it. Who names both with the same quality knows
 * OpenMetrics and gets it; whoever accepts neither gets text, as scrapers expect.
 */
export function negotiate(accept: string | undefined): Format {
  if (accept === undefined) return 'text'
  const ranges = accept.split(',').map(mediaRange)
  const wishes = OFFERS.map((offer) => ({ offer, ...wishFor(offer, ranges) }))
  const [text, openMetrics] = wishes
  if (text === undefined || openMetrics === undefined) return 'text'
  if (openMetrics.quality !== text.quality) {
    return openMetrics.quality > text.quality ? 'openmetrics' : 'text'
  }
  return openMetrics.quality > 0 && openMetrics.exactness >= TYPE ? 'openmetrics' : 'text'
}

/** How exactly a range names an offer. */
const NOT_AT_ALL = 0
const ANYTHING = 1
const ANY_SUBTYPE = 2
const TYPE = 3
const VERSION = 4

function wishFor(
  offer: Offer,
  ranges: readonly MediaRange[],
): { exactness: number; quality: number } {
  let wish = { exactness: NOT_AT_ALL, quality: 0 }
  for (const range of ranges) {
    const exactness = exactnessOf(range, offer)
    if (exactness > wish.exactness) wish = { exactness, quality: range.quality }
  }
  return wish
}

function exactnessOf({ type, version }: MediaRange, offer: Offer): number {
  if (type === '*/*') return ANYTHING
  if (type === `${offer.type.split('/')[0]}/*`) return ANY_SUBTYPE
  if (type !== offer.type) return NOT_AT_ALL
  if (version === '') return TYPE
  return version === offer.version ? VERSION : NOT_AT_ALL
}

function mediaRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const values = new Map(
    parameters.map((parameter) => {
      const [name = '', value = ''] = parameter.split('=')
      return [name.trim(), value.trim().replace(/^"(.*)"$/, '$1')]
    }),
  )
  return { type, version: values.get('version') ?? '', quality: qualityOf(values.get('q')) }
}

/** A weight that cannot be read is taken for none at all: better too much than an empty page. */
function qualityOf(weight: string | undefined): number {
  if (weight === undefined || !/^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight)) return 1
  return Number(weight)
}
