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

for (const root of document.querySelectorAll("[data-player]")) new Player(root, DATA.viewers);
