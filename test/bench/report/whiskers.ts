import type { CustomSeriesOption } from 'echarts'
import type { BarSeries } from './plots.ts'

/** Which of the bars of a category is meant. */
export interface BarPlace {
  readonly index: number
  readonly count: number
  readonly ink: string
}

/** Draws over each bar of a series its spread, and behind it the figure. */
export function whiskers(series: BarSeries, place: BarPlace): CustomSeriesOption {
  const rows = series.values.flatMap((value, category) => {
    if (value === null) return []
    return [[value, category, series.low?.[category] ?? value, series.high?.[category] ?? value]]
  })
  return {
    type: 'custom',
    silent: true,
    z: 5,
    data: rows,
    renderItem: (_, api) => {
      const [value, category, low, high] = [0, 1, 2, 3].map((column) => Number(api.value(column)))
      const coordinates = (data: number[]): number[] => api.coord?.(data) ?? []
      const layout = api.barLayout({
        count: place.count,
        barCategoryGap: '28%',
        barGap: '0%',
      })?.[place.index]
      const [left = 0, middle = 0] = coordinates([low ?? 0, category ?? 0])
      const [right = 0] = coordinates([Math.max(high ?? 0, value ?? 0), category ?? 0])
      const [tip = 0] = coordinates([high ?? 0, category ?? 0])
      const y = middle + (layout?.offsetCenter ?? 0)
      const style = { stroke: place.ink, lineWidth: 1.2 }
      const line = (x1: number, y1: number, x2: number, y2: number) =>
        ({ type: 'line', shape: { x1, y1, x2, y2 }, style }) as const
      const spread =
        high === low
          ? []
          : [line(left, y, tip, y), line(left, y - 4, left, y + 4), line(tip, y - 4, tip, y + 4)]
      const figure = {
        type: 'text',
        style: {
          text: figureOf(value ?? 0),
          x: right + 6,
          y,
          fill: place.ink,
          fontSize: 11,
          verticalAlign: 'middle',
        },
      } as const
      return { type: 'group', children: [...spread, figure] }
    },
  }
}

/** Three figures are more than any of this is good for. */
function figureOf(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return value !== 0 && Math.abs(value) < 10
    ? value.toPrecision(3)
    : String(Number(value.toPrecision(3)))
}
