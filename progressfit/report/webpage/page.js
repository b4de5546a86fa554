"use strict";
// Draws the charts once the text is on the screen, one after the other, and keeps the lines below them up to date.
(() => {
  const OPTIONS = {
    actions: false, ast: true, renderer: "svg", defaultStyle: false, mode: "vega-lite",
    logLevel: 1, tooltip: { disableDefaultStyle: true },
  };
  const WIDE = 150, NARROW = 520, MOST_NAMED = 8;
  const followers = [];

  const shown = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "-");

  function fitTo(spec, width) {
    spec.config.legend.columns = Math.max(1, Math.floor(width / WIDE));
    if (width < NARROW) spec.config.axis.labelLimit = 130;
  }

  function look(view, line, { controls, sentences }) {
    const update = () => {
      line.textContent = sentences[controls.map((name) => view.signal(name)).join("|")] || "";
    };
    controls.forEach((name) => view.addSignalListener(name, update));
    update();
  }

  function period(value) {
    const ends = value && Object.values(value)[0];
    return Array.isArray(ends) && ends.length === 2 && ends[0] !== ends[1] ? ends : null;
  }

  function describe(rows, ends) {
    const inside = rows.filter((row) => row.x >= ends[0] && row.x <= ends[1]);
    if (!inside.length) return `No row from ${shown(ends[0])} to ${shown(ends[1])}.`;
    const off = inside.reduce((sum, row) => sum + (row.observed - row.fitted), 0) / inside.length;
    const names = inside.slice(0, MOST_NAMED).map((row) => row.name).join(", ");
    const more = inside.length > MOST_NAMED ? ` and ${inside.length - MOST_NAMED} more` : "";
    return `${inside.length} of ${rows.length} rows from ${shown(ends[0])} to ${shown(ends[1])}, observed minus fitted ` +
      `${shown(off)} on average: ${names}${more}.`;
  }

  function list(view, line, { brush, rows, hint }) {
    view.addSignalListener(brush, (name, value) => {
      const ends = period(value);
      line.textContent = ends ? describe(rows, ends) : hint;
      followers.forEach((other) => other.signal("period_from", ends ? ends[0] : null)
        .signal("period_to", ends ? ends[1] : null).runAsync());
    });
    line.textContent = hint;
  }

  async function draw(figure) {
    const place = figure.querySelector(".chart");
    const { spec, lookup, listing, follows } = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
    fitTo(spec, place.clientWidth);
    place.replaceChildren();
    const { view } = await vegaEmbed(place, spec, OPTIONS);
    const line = figure.querySelector(".says");
    if (lookup) look(view, line, lookup);
    if (listing) list(view, line, listing);
    if (follows) followers.push(view);
    figure.dataset.drawn = "yes";
  }

  async function drawAll() {
    for (const figure of document.querySelectorAll("figure[data-chart]")) {
      try {
        await draw(figure);
      } catch (error) {
        figure.querySelector(".chart").textContent = "This chart could not be drawn; its numbers are in the table below.";
        console.error(figure.dataset.chart, error);
      }
      await new Promise((next) => setTimeout(next));
    }
    document.documentElement.dataset.charts = "drawn";
  }

  requestAnimationFrame(() => setTimeout(drawAll));
})();
