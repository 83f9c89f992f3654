import { BarChart, CustomChart, LineChart } from 'echarts/charts'
import {
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TitleComponent,
} from 'echarts/components'
import type { EChartsCoreOption } from 'echarts/core'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { whiskers } from './whiskers.ts'

use([BarChart, CustomChart, LineChart, GridComponent, LegendComponent, MarkLineComponent])
use([TitleComponent, SVGRenderer])

export interface BarSeries {
  readonly name: string
  /** One for each category; null where nothing was measured. */
  readonly values: readonly (number | null)[]
  /** Ends of the spread that is drawn over each bar. */
  readonly low?: readonly number[]
  readonly high?: readonly number[]
}

export interface BarPlot {
  readonly title: string
  readonly subtitle?: string
  readonly unit: string
  readonly categories: readonly string[]
  readonly series: readonly BarSeries[]
  /** A line across all bars: what a ratio is held against. */
  readonly reference?: number
}

export interface LineSeries {
  readonly name: string
  readonly points: readonly (readonly [number, number])[]
}

export interface LinePlot {
  readonly title: string
  readonly subtitle?: string
  readonly xName: string
  readonly yName: string
  readonly xLog?: boolean
  readonly yLog?: boolean
  readonly series: readonly LineSeries[]
}

const WIDTH = 800
const LINE_HEIGHT = 420
const INK = '#24292f'
const FAINT = '#d8dee4'

/** Told apart by people with any kind of colour vision: blue, orange, green, purple, sky, red, grey. */
const PALETTE = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#777777']
const DASHES = ['solid', 'dashed', 'dotted'] as const
const SYMBOLS = ['circle', 'triangle', 'rect', 'diamond'] as const

/** The grid's margins are meant for everything outside of the axes, their names as well. */
const LABELS_INSIDE = { outerBoundsMode: 'same', outerBoundsContain: 'all' }

/** More points than this cannot be seen at this width, and would only make the file larger. */
const POINTS_DRAWN_MAX = 200

/** Lying bars, so that names of categories have room; the spread is drawn over each. */
export function barPlot(plot: BarPlot): string {
  const bars = plot.series.length
  const height = headRoom(plot) + 50 + plot.categories.length * (10 + bars * 18)
  const highest = Math.max(...plot.series.flatMap((series) => [...ends(series)]))
  const grid = { left: 16, right: 24, top: headRoom(plot), bottom: 34, ...LABELS_INSIDE }
  return draw(height, {
    ...head(plot),
    grid,
    xAxis: {
      ...numberAxis(plot.unit),
      // Room for the figure behind the longest bar.
      max: highest > 0 ? highest * 1.12 : 1,
      axisLabel: { color: INK, showMaxLabel: false, formatter: shortNumber },
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: [...plot.categories],
      axisLabel: { color: INK, width: 230, overflow: 'break' },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: INK } },
    },
    series: [
      ...plot.series.map((series, index) => ({
        name: series.name,
        type: 'bar',
        silent: true,
        barCategoryGap: '28%',
        barGap: '0%',
        data: [...series.values],
        markLine: index === 0 && plot.reference !== undefined ? reference(plot.reference) : {},
      })),
      ...plot.series.map((series, index) => whiskers(series, { index, count: bars, ink: INK })),
    ],
  })
}

export function linePlot(plot: LinePlot): string {
  return draw(LINE_HEIGHT, {
    ...head(plot),
    grid: { left: 30, right: 30, top: headRoom(plot), bottom: 36, ...LABELS_INSIDE },
    xAxis: { ...numberAxis(plot.xName), type: plot.xLog === true ? 'log' : 'value', scale: true },
    yAxis: {
      ...numberAxis(plot.yName),
      nameRotate: 90,
      nameGap: 46,
      type: plot.yLog === true ? 'log' : 'value',
    },
    series: plot.series.map((series, index) => ({
      name: series.name,
      type: 'line',
      silent: true,
      symbol: SYMBOLS[index % SYMBOLS.length],
      symbolSize: 6,
      showSymbol: series.points.length <= 20,
      lineStyle: { width: 2, type: DASHES[Math.floor(index / 2) % DASHES.length] },
      data: thinned(series.points).map(([x, y]) => [x, y]),
    })),
  })
}

function* ends(series: BarSeries): Generator<number> {
  for (const value of [...series.values, ...(series.high ?? [])]) {
    if (value !== null && Number.isFinite(value)) yield value
  }
}

function head(plot: BarPlot | LinePlot): EChartsCoreOption {
  return {
    animation: false,
    backgroundColor: '#ffffff',
    color: PALETTE,
    textStyle: { fontFamily: 'sans-serif', color: INK },
    title: {
      text: plot.title,
      subtext: plot.subtitle ?? '',
      left: 16,
      top: 10,
      itemGap: 5,
      textStyle: { fontSize: 16, color: INK },
      subtextStyle: { fontSize: 12, color: '#57606a' },
    },
    legend: {
      show: plot.series.length > 1,
      data: plot.series.map((series) => series.name),
      left: 12,
      itemGap: 24,
      top: plot.subtitle === undefined ? 36 : 56,
      textStyle: { color: INK },
    },
  }
}

function headRoom(plot: BarPlot | LinePlot): number {
  const legendRows = plot.series.length > 1 ? Math.ceil(plot.series.length / 5) : 0
  return 46 + (plot.subtitle === undefined ? 0 : 20) + legendRows * 26
}

function numberAxis(name: string): EChartsCoreOption {
  return {
    type: 'value',
    name,
    nameLocation: 'middle',
    nameGap: 26,
    nameTextStyle: { color: INK },
    axisLine: { lineStyle: { color: INK } },
    axisLabel: { color: INK, formatter: shortNumber },
    splitLine: { lineStyle: { color: FAINT } },
  }
}

function reference(value: number): EChartsCoreOption {
  return {
    silent: true,
    symbol: 'none',
    label: { show: false },
    lineStyle: { color: INK, type: 'dashed', width: 1.5 },
    data: [{ xAxis: value }],
  }
}

/** The figure of an axis: 1500000 as 1.5M. */
function shortNumber(value: number): string {
  for (const [size, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(4))}${letter}`
  }
  return String(Number(value.toPrecision(4)))
}

function thinned<Point>(points: readonly Point[]): Point[] {
  if (points.length <= POINTS_DRAWN_MAX) return [...points]
  const step = (points.length - 1) / (POINTS_DRAWN_MAX - 1)
  return Array.from({ length: POINTS_DRAWN_MAX }, (_, index) => points[Math.round(index * step)]!)
}

function draw(height: number, option: EChartsCoreOption): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height })
  chart.setOption(option)
  const svg = chart.renderToSVGString()
  chart.dispose()
  return tidy(svg)
}

/** The renderer numbers what it draws across all plots of the process, and adds what only a mouse needs. */
function tidy(svg: string): string {
  const names = new Map<string, string>()
  return `${svg
    .replace(/<style[^>]*>.*?<\/style>/s, '')
    .replace(/ (?:class|pointer-events|ecmeta_\w+)="[^"]*"/g, '')
    .replace(/\bzr\d+-\w+(?:-\w+)*/g, (name) => {
      const kept = names.get(name) ?? `part-${names.size}`
      names.set(name, kept)
      return kept
    })
    .replace(/[ \t]*\n+/g, '\n')
    .trim()}\n`
}
