"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);

// ---- small makers: text only ever enters as text -------------------------------------------------------------------

function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function drawing(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function percent(probability) {
  return `${(100 * probability).toFixed(1)} %`;
}

function mark(network) {
  const index = DATA.networks[network];
  return drawing("svg", { class: `mark n${index}`, viewBox: "-8 -8 16 16", "aria-hidden": "true" },
    drawing("path", { d: DATA.shapes[index] }));
}

// ---- the player: a picture, its window, and one lane of answers a network --------------------------------------------

const COLOURS = 8;       // the last one is shared by all rarer answers
const TRACE_HEIGHT = 104;
const HEADROOM = 16;     // room for the flip marks above the bars
const GUTTER = 40;       // room for the scale beside them

/** Give each first answer of a viewer a colour, the most frequent first. */
function answerColours(viewer) {
  const counts = new Map();
  for (const trace of viewer.traces)
    for (const [best] of trace.predictions) counts.set(best.label, (counts.get(best.label) || 0) + 1);
  const ordered = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  return new Map(ordered.map((label, i) => [label, Math.min(i, COLOURS - 1)]));
}

function legendOf(colours) {
  const labels = Array(COLOURS).fill(null);
  for (const [label, colour] of colours) labels[colour] = labels[colour] === null ? label : "other answers";
  return labels.flatMap((label, i) => label === null ? [] : [element("li", {}, element("span", { class: `swatch a${i}` }), label)]);
}

/** Choose the scale of a viewer's bars: confident networks need all of it, hesitant ones would be flat on it. */
function ceilingOf(viewer) {
  const highest = Math.max(...viewer.traces.flatMap((trace) => trace.predictions.map(([best]) => best.probability)));
  return [0.25, 0.5, 1].find((ceiling) => highest <= ceiling) || 1;
}

function flipsOf(trace) {
  const labels = trace.predictions.map(([best]) => best.label);
  return labels.map((_, i) => i).filter((i) => i > 0 && labels[i] !== labels[i - 1]);
}

class Lane {
  constructor(trace, colours, ceiling, onSeek) {
    this.trace = trace;
    this.ceiling = ceiling;
    this.colours = colours;
    this.flips = flipsOf(trace);
    this.swatch = element("span");
    this.label = element("span", { class: "label" });
    this.probability = element("span", { class: "probability" });
    this.rest = element("ul", { class: "rest" });
    this.svg = drawing("svg", { class: "trace", role: "img", "aria-label": this.summary() });
    this.svg.addEventListener("pointerdown", (event) => followPointer(this.svg, event, (at) => this.seek(at, onSeek)));
    this.node = element("article", { class: "lane", "data-network": trace.network },
      element("header", {},
        element("h3", {}, mark(trace.network), trace.network),
        element("span", { class: "flips" }, this.flipCount())),
      element("p", { class: "now" }, this.swatch, this.label, this.probability),
      this.svg, this.rest);
  }

  flipCount() {
    const moves = this.trace.predictions.length - 1;
    return `${this.flips.length} ${this.flips.length === 1 ? "flip" : "flips"} in ${moves} moves`;
  }

  summary() {
    const labels = [...new Set(this.trace.predictions.map(([best]) => best.label))];
    return `${this.trace.network}: ${this.flipCount()}; first answers: ${labels.join(", ")}`;
  }

  seek(fraction, onSeek) {
    const count = this.trace.predictions.length;
    const width = this.svg.clientWidth;
    onSeek(Math.min(count - 1, Math.max(0, Math.floor((fraction * width - GUTTER) / (width - GUTTER) * count))));
  }

  draw() {
    const width = this.svg.clientWidth || 600;
    const step = (width - GUTTER) / this.trace.predictions.length;
    const full = TRACE_HEIGHT - HEADROOM - 8;
    const floor = TRACE_HEIGHT - 7.5;
    const height = (probability) => probability / this.ceiling * full;
    const lines = [0, this.ceiling / 2, this.ceiling].flatMap((p) => [
      drawing("path", { class: "grid", d: `M${GUTTER} ${floor - height(p)}H${width}` }),
      drawing("text", { x: GUTTER - 8, y: floor - height(p) + 5.5, "text-anchor": "end" }, String(100 * p)),
    ]);
    const bars = this.trace.predictions.map(([best], i) => drawing("rect", {
      class: `step a${this.colours.get(best.label)}`, "data-step": i, "data-label": best.label,
      x: GUTTER + i * step + 0.75, width: Math.max(1, step - 1.5),
      y: floor - height(best.probability), height: height(best.probability),
    }));
    const marks = this.flips.map((i) => drawing("path", { class: "flip", "data-flip": i, d: `M${GUTTER + i * step} 12l-6 -11h12z` }));
    this.svg.replaceChildren(...lines, ...bars, ...marks);
    this.bars = bars;
  }

  show(step) {
    const [best, ...rest] = this.trace.predictions[step];
    this.swatch.className = `swatch a${this.colours.get(best.label)}`;
    this.label.textContent = best.label;
    this.probability.textContent = percent(best.probability);
    this.rest.replaceChildren(...rest.slice(0, 2).map((a) => element("li", {}, `${a.label} ${percent(a.probability)}`)));
    this.bars.forEach((bar, i) => bar.classList.toggle("here", i === step));
  }
}

/** Report the pointer's place in a node, 0 left to 1 right, until it is released. */
function followPointer(node, start, report) {
  const box = node.getBoundingClientRect();
  const move = (event) => report((event.clientX - box.left) / box.width);
  const stop = () => {
    node.removeEventListener("pointermove", move);
    node.removeEventListener("pointerup", stop);
    node.removeEventListener("pointercancel", stop);
  };
  node.setPointerCapture(start.pointerId);
  node.addEventListener("pointermove", move);
  node.addEventListener("pointerup", stop);
  node.addEventListener("pointercancel", stop);
  move(start);
}

class Player {
  constructor(root, viewers) {
    this.root = root;
    this.viewers = viewers;
    this.find = (selector) => root.querySelector(selector);
    this.range = this.find("input[type=range]");
    this.playButton = this.find(".play");
    this.thumbs = [...root.querySelectorAll(".thumbs button")];
    this.listen();
    this.choose(0);
  }

  listen() {
    this.thumbs.forEach((button, i) => button.addEventListener("click", () => this.choose(i)));
    this.range.addEventListener("input", () => this.moveTo(Number(this.range.value)));
    this.playButton.addEventListener("click", () => this.toggle());
    this.find(".frame").addEventListener("pointerdown", (event) =>
      followPointer(this.find(".frame"), event, (at) => this.moveTo(this.clamp(Math.floor(at * this.count)))));
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    new ResizeObserver(() => this.redraw()).observe(this.find(".lanes"));
  }

  onKey(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined || event.target === this.range) return;  // the range input moves by itself
    event.preventDefault();
    this.moveTo(this.clamp(this.step + by));
  }

  get count() { return this.viewer.path.length; }

  clamp(step) { return Math.min(this.count - 1, Math.max(0, step)); }

  choose(index) {
    this.viewer = this.viewers[index];
    this.thumbs.forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
    this.showPicture(this.thumbs[index].querySelector("img").src);
    const colours = answerColours(this.viewer);
    const ceiling = ceilingOf(this.viewer);
    this.lanes = this.viewer.traces.map((trace) => new Lane(trace, colours, ceiling, (step) => this.moveTo(step)));
    this.find(".lanes").replaceChildren(...this.lanes.map((lane) => lane.node));
    this.find(".answers").replaceChildren(...legendOf(colours));
    this.range.max = String(this.count - 1);
    this.step = 0;
    this.redraw();
  }

  showPicture(source) {
    const { name, width, height, credit } = this.viewer.image;
    const image = this.find(".frame img");
    image.src = source;
    image.alt = `${name}; the frame on it is what the networks see`;
    this.find(".frame").style.aspectRatio = `${width} / ${height}`;
    this.find(".frame").classList.toggle("small", width < 160);
    const truth = this.viewer.truth ? `True class: ${this.viewer.truth}. ` : "";
    this.find(".caption").textContent = truth + credit;
  }

  redraw() {
    this.lanes.forEach((lane) => lane.draw());
    this.moveTo(this.step);
  }

  moveTo(step) {
    this.step = step;
    this.range.value = String(step);
    this.range.setAttribute("aria-valuetext", this.lanes.map((lane) => `${lane.trace.network}: ${lane.trace.predictions[step][0].label}`).join("; "));
    this.placeWindow(...this.viewer.path[step]);
    this.lanes.forEach((lane) => lane.show(step));
  }

  placeWindow(left, top) {
    const { width, height } = this.viewer.image;
    const [windowHeight, windowWidth] = this.viewer.window;
    const [firstLeft, firstTop] = this.viewer.path[0];
    Object.assign(this.find(".window").style, {
      left: `${100 * left / width}%`, top: `${100 * top / height}%`,
      width: `${100 * windowWidth / width}%`, height: `${100 * windowHeight / height}%`,
    });
    this.find(".position").textContent = `${Math.max(Math.abs(left - firstLeft), Math.abs(top - firstTop))} px`;
  }

  toggle() {
    if (this.timer) return this.pause();
    this.playButton.setAttribute("aria-pressed", "true");
    this.playButton.setAttribute("aria-label", "Pause");
    this.timer = setInterval(() => this.moveTo((this.step + 1) % this.count), 180);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.playButton.setAttribute("aria-pressed", "false");
    this.playButton.setAttribute("aria-label", "Play");
  }
}

// ---- maps of the filters' variance -----------------------------------------------------------------------------------

function colourAt(fraction) {
  const place = Math.min(1, Math.max(0, fraction)) * (DATA.ramp.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, DATA.ramp.length - 1);
  return DATA.ramp[low].map((channel, i) => channel + (place - low) * (DATA.ramp[high][i] - channel));
}

function paint(canvas, values, [low, high]) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, i) => image.data.set([...colourAt((value - low) / (high - low || 1)), 255], 4 * i));
  context.putImageData(image, 0, 0);
}

function rangeOf(maps) {
  let low = Infinity, high = -Infinity;
  for (const map of maps) for (const value of map.values) { low = Math.min(low, value); high = Math.max(high, value); }
  return [low, high];
}

/** Tell the colour scale's range; filters that are all alike are shown on the whole scale, from a box to a single tap. */
function scaleOf(maps) {
  const [low, high] = rangeOf(maps);
  const singleTap = Math.max(...maps.map(({ taps }) => (taps - 1) / taps ** 2));
  return high - low < 0.02 * singleTap ? [0, singleTap] : [low, high];
}

class Maps {
  constructor(root, filters) {
    this.root = root;
    this.sites = filters.flatMap((maps) => maps.sites);
    this.canvases = [...root.querySelectorAll(".tiles canvas")];
    this.shared = scaleOf(this.sites);
    root.querySelectorAll("[name=scale]").forEach((input) => input.addEventListener("change", () => this.draw(input.value)));
    this.canvases.forEach((canvas, i) => {
      canvas.addEventListener("pointermove", (event) => this.probe(canvas, this.sites[i], event));
      canvas.addEventListener("pointerleave", () => this.say(""));
    });
    paint(root.querySelector(".ramp canvas"), [...Array(256).keys()], [0, 255]);
    this.draw(root.querySelector("[name=scale]:checked").value);
  }

  /** Paint all maps; a scale belongs to all of them or to one site, never to one picture, so that flat maps look flat. */
  draw(scale) {
    const scales = new Map();
    for (const name of new Set(this.sites.map(({ site }) => site))) {
      scales.set(name, scale === "site" ? scaleOf(this.sites.filter(({ site }) => site === name)) : this.shared);
    }
    this.canvases.forEach((canvas, i) => paint(canvas, this.sites[i].values, scales.get(this.sites[i].site)));
    const [low, high] = scale === "site" ? ["lowest", "highest"] : this.shared.map((value) => value.toPrecision(2));
    this.root.querySelector(".low").textContent = low;
    this.root.querySelector(".high").textContent = high;
  }

  probe(canvas, site, event) {
    const column = Math.floor(event.offsetX / canvas.clientWidth * site.width);
    const row = Math.floor(event.offsetY / canvas.clientHeight * site.height);
    const value = site.values[row * site.width + column];
    if (value !== undefined) this.say(`variance ${value.toPrecision(2)}`);
  }

  say(text) { this.root.querySelector(".probe").textContent = text; }
}

// ---- curves: the numbers under the pointer ---------------------------------------------------------------------------

class Curves {
  constructor(root) {
    this.readout = root.querySelector(".readout");
    this.resting = this.readout.textContent;
    for (const panel of root.querySelectorAll(".panel")) {
      const svg = panel.querySelector("svg");
      const dots = [...svg.querySelectorAll("[data-distance]")];
      const point = (event) => this.point(panel, dots, (event.clientX - svg.getBoundingClientRect().left) / svg.clientWidth);
      svg.addEventListener("pointermove", point);
      svg.addEventListener("pointerdown", point);
      svg.addEventListener("pointerleave", () => this.leave(panel));
    }
  }

  point(panel, dots, fraction) {
    const at = fraction * panel.querySelector("svg").viewBox.baseVal.width;
    const gap = (dot) => Math.abs(Number(dot.dataset.x) - at);
    const nearest = dots.reduce((best, dot) => (gap(dot) < gap(best) ? dot : best));
    const chosen = dots.filter((dot) => dot.dataset.distance === nearest.dataset.distance).reverse();
    const guide = panel.querySelector(".guide");
    guide.setAttribute("transform", `translate(${nearest.dataset.x} 0)`);
    guide.classList.add("shown");
    const where = `${panel.querySelector("figcaption").textContent}, ${nearest.dataset.distance} px: `;
    this.readout.textContent = where + chosen.map((dot) => dot.dataset.text).join(" · ");
  }

  leave(panel) {
    panel.querySelector(".guide").classList.remove("shown");
    this.readout.textContent = this.resting;
  }
}

// ---- links into what is folded -----------------------------------------------------------------------------------------

function unfoldTarget() {
  const target = document.getElementById(location.hash.slice(1));
  const folded = target?.closest("details:not([open])");
  if (!folded) return;
  folded.open = true;
  target.scrollIntoView();
}

addEventListener("hashchange", unfoldTarget);
unfoldTarget();

// ---- light and dark ---------------------------------------------------------------------------------------------------

const themeButton = document.querySelector(".theme");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function themeNow() {
  return document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light");
}

function nameTheme() {
  themeButton.textContent = themeNow() === "dark" ? "Light" : "Dark";
  themeButton.setAttribute("aria-label", `Show the page ${themeNow() === "dark" ? "light" : "dark"}`);
}

themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  document.documentElement.dataset.theme = themeNow() === "dark" ? "light" : "dark";
  nameTheme();
});
prefersDark.addEventListener("change", nameTheme);
nameTheme();

const playerRoot = document.querySelector("[data-player]");
if (playerRoot) new Player(playerRoot, DATA.viewers);
const curvesRoot = document.getElementById("curves");
if (curvesRoot) new Curves(curvesRoot);
const mapsRoot = document.getElementById("filters");
if (mapsRoot) new Maps(mapsRoot, DATA.filters);
