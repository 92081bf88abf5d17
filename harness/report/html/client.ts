/**
 * The page's own script: replaces each static plot by a live one when it comes into view. It runs in the reader's
 * browser, so it is plain text here; it reads nothing but the page.
 */
export const CLIENT_SCRIPT = `
"use strict";
(() => {
  const HEIGHT = 260;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const digits = (value) => {
    const size = Math.abs(value);
    const decimals = size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    return String(Number(value.toFixed(decimals)));
  };

  /** Calls paint with each phase that is in view, and its edges. */
  const eachPhase = (u, plot, paint) => {
    const { ctx, bbox } = u;
    ctx.save();
    for (const phase of plot.phases) {
      const from = Math.max(bbox.left, u.valToPos(phase.start, "x", true));
      const to = Math.min(bbox.left + bbox.width, u.valToPos(phase.end, "x", true));
      if (to > from) paint(ctx, bbox, phase, from, to);
    }
    ctx.restore();
  };

  /** Faint bands behind the lines, what is under load a little stronger. */
  const drawPhases = (plot) => (u) => eachPhase(u, plot, (ctx, bbox, phase, from, to) => {
    ctx.fillStyle = css(phase.loaded ? "--band-loaded" : "--band");
    ctx.fillRect(from, bbox.top, to - from, bbox.height);
  });

  /** Above the plot, where no line can hide them. */
  const drawPhaseNames = (plot) => (u) => eachPhase(u, plot, (ctx, bbox, phase, from, to) => {
    ctx.font = 11 * devicePixelRatio + "px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.fillStyle = css("--muted");
    if (to - from > ctx.measureText(phase.name).width + 6) {
      ctx.fillText(phase.name, (from + to) / 2, bbox.top - 5 * devicePixelRatio);
    }
  });

  const drawLosses = (plot) => (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.fillStyle = css("--bad");
    const bottom = bbox.top + bbox.height;
    for (const at of plot.losses) {
      const x = u.valToPos(at, "x", true);
      if (x >= bbox.left && x <= bbox.left + bbox.width) ctx.fillRect(x, bottom - 5 * devicePixelRatio, devicePixelRatio, 5 * devicePixelRatio);
    }
    ctx.restore();
  };

  /** A change while the run went on: a dashed line with its number, which the list above the plots explains. */
  const drawMarks = (plot) => (u) => {
    const { ctx, bbox } = u;
    const dot = devicePixelRatio;
    let free = -Infinity;
    ctx.save();
    ctx.font = 10 * dot + "px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.lineWidth = dot;
    for (const mark of plot.marks || []) {
      const x = u.valToPos(mark.at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = ctx.fillStyle = css("--muted");
      ctx.setLineDash([4 * dot, 3 * dot]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      if (x < free) continue;
      free = x + 17 * dot;
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.rect(x - 7 * dot, bbox.top + dot, 14 * dot, 14 * dot);
      ctx.fillStyle = css("--card");
      ctx.fill();
      ctx.stroke();
      ctx.fillStyle = css("--ink");
      ctx.fillText(String(mark.number), x, bbox.top + 12 * dot);
    }
    ctx.restore();
  };

  /** What a change was, while the pointer is near its line. */
  const tellMark = (plot) => (u) => {
    const near = (plot.marks || []).filter((mark) => Math.abs(u.valToPos(mark.at, "x") - u.cursor.left) < 6);
    u.over.title = near.map((mark) => mark.at + " s: " + mark.text).join("\\n");
  };

  const seriesOf = (plot) => plot.series.map((s, i) => {
    const area = s.stackOn !== undefined;
    const color = css("--c" + s.color);
    const fill = color + (s.pale ? "80" : "d9");
    const own = (u, value, _, at) => {
      if (value == null) return "–";
      const below = area && s.stackOn >= 0 ? plot.series[s.stackOn].values[at] || 0 : 0;
      return digits(Math.abs(value - below)) + (plot.y.unit ? " " + plot.y.unit : "");
    };
    return {
      label: s.label, stroke: color, width: area ? 0 : 1.5, dash: s.dashed ? [5, 4] : undefined,
      fill: area ? fill : undefined, fillTo: area ? 0 : undefined, value: own, points: { show: !area && plot.x.values.length < 3 },
      paths: area ? uPlot.paths.stepped({ align: 1 }) : undefined,
    };
  });

  const axis = (label, unit, extra) => ({
    stroke: css("--muted"), font: "11px system-ui, sans-serif", labelFont: "11px system-ui, sans-serif",
    grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, gap: 6, label, labelSize: 18, labelGap: 0, size: 46,
    ...extra,
  });
  const tickText = (u, splits) => splits.map((v) => (v == null ? null : digits(Math.abs(v))));
  /** 1, 2, 5 per decade; only powers over many decades; evenly spaced within a part of one. */
  const logSplits = (u, axis, low, high) => {
    const decades = Math.log10(high / low);
    const steps = decades > 2.5 ? [1] : decades > 0.8 ? [1, 2, 5] : [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9];
    const splits = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const step of steps) {
        const at = Number((step * 10 ** power).toPrecision(6));
        if (at >= low && at <= high) splits.push(at);
      }
    }
    if (splits.length > 2) return splits;
    return [0, 1, 2, 3, 4].map((i) => Number((low + ((high - low) * (i + 0.5)) / 5).toPrecision(3)));
  };
  const logAxis = { splits: logSplits, filter: (u, splits) => splits };
  const optionsOf = (plot, width, log) => {
    const onX = plot.switchable && plot.switchable.axis === "x";
    const yLog = log && plot.switchable && !onX;
    const percent = plot.y.unit === "%";
    const linear = (u, low, high) => (percent ? [0, 100] : [Math.min(0, low * 1.05), high > 0 ? high * 1.08 : 1]);
    const positive = (u, low, high) => [Math.max(0.01, low * 0.9), Math.max(0.02, high * 1.1)];
    const xRange = plot.phases.length ? [plot.phases[0].start, plot.phases[plot.phases.length - 1].end] : [plot.x.values[0], plot.x.values[plot.x.values.length - 1]];
    return {
      width, height: HEIGHT, padding: [plot.phases.length ? 18 : 8, 10, 0, 0],
      legend: { markers: { width: 0, fill: (u, i) => css("--c" + plot.series[i - 1].color) + (plot.series[i - 1].pale ? "80" : "") } },
      cursor: { sync: { key: plot.group, scales: ["x", null] }, drag: { x: true, y: false }, points: { size: 6 } },
      scales: {
        x: { time: false, distr: onX && log ? 3 : 1, range: (u, low, high) => (low === u.data[0][0] && high === u.data[0].at(-1) ? xRange : [low, high]) },
        y: { distr: yLog ? 3 : 1, range: yLog ? positive : linear },
      },
      axes: [
        axis(plot.x.label + ", " + plot.x.unit, plot.x.unit, { size: 30, values: tickText, ...(onX && log ? logAxis : {}) }),
        axis(plot.y.label + (plot.y.unit ? ", " + plot.y.unit : ""), plot.y.unit, { values: tickText, ...(yLog ? logAxis : {}) }),
      ],
      series: [{ label: plot.x.label, value: (u, v) => (v == null ? "–" : digits(v) + " " + plot.x.unit) }, ...seriesOf(plot)],
      bands: plot.series.flatMap((s, i) => (s.stackOn >= 0 ? [{ series: [i + 1, s.stackOn + 1], dir: s.values.some((v) => v < 0) ? 1 : -1 }] : [])),
      hooks: { drawClear: [drawPhases(plot)], draw: [drawLosses(plot), drawPhaseNames(plot), drawMarks(plot)], setCursor: [tellMark(plot)] },
    };
  };

  const plots = new Map();
  const draw = (figure) => {
    const state = plots.get(figure);
    if (!state.visible) return;
    const box = figure.querySelector(".live");
    const { plot, log } = state;
    if (state.u) state.u.destroy();
    figure.classList.add("is-live");
    const width = Math.floor(box.getBoundingClientRect().width);
    if (width <= 0) return;
    state.width = width;
    state.u = new uPlot(optionsOf(plot, width, log), [plot.x.values, ...plot.series.map((s) => s.values)], box);
  };
  const redrawAll = () => { for (const figure of plots.keys()) draw(figure); };

  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const state = plots.get(target);
      if (!isIntersecting || state.visible) continue;
      state.visible = true;
      draw(target);
    }
  }, { rootMargin: "400px" });

  for (const figure of document.querySelectorAll("figure.plot")) {
    const plot = JSON.parse(figure.querySelector("script").textContent);
    const state = { plot, log: plot.switchable ? plot.switchable.log : false, visible: false, u: null, width: 0 };
    plots.set(figure, state);
    const toggle = figure.querySelector(".toggle");
    if (toggle) {
      toggle.hidden = false;
      toggle.addEventListener("click", () => {
        state.log = !state.log;
        toggle.setAttribute("aria-pressed", String(state.log));
        draw(figure);
      });
    }
    seen.observe(figure);
    new ResizeObserver(() => {
      const width = Math.floor(figure.querySelector(".live").getBoundingClientRect().width);
      if (state.u && width > 0 && width !== state.width) {
        state.width = width;
        state.u.setSize({ width, height: HEIGHT });
      }
    }).observe(figure);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
})();
`;
