// ---- detections: a picture, its window, and the curve of each object a detector ------------------------------------------

const OBJECT_COLOURS = 8;
const SURENESS = { height: 190, top: 18, bottom: 30, left: 44, right: 10 };
const EVENTS = { appears: "M0 -7l6 11h-12z", vanishes: "M0 7l6 -11h-12z" };

class Detector {
  constructor(trace, view, source, onSeek) {
    this.trace = trace;
    this.view = view;
    this.counts = trace.objects.map(({ scores }) => scores.map((score) => score !== null && score >= view.least));
    const { width, height, name } = view.image;
    this.marks = drawing("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    this.window = element("div", { class: "window" });
    this.tags = element("div");
    this.frame = element("div", { class: "frame" },
      element("img", { src: source, alt: `${name}, with what ${trace.network} finds in the frame` }), this.window, this.marks, this.tags);
    this.frame.style.aspectRatio = `${width} / ${height}`;
    this.frame.classList.toggle("small", width < 160);
    this.chart = drawing("svg", { class: "sureness", role: "img", "aria-label": this.summary() });
    this.list = element("ul", { class: "objects" });
    for (const [node, inset] of [[this.frame, () => [0, 0]], [this.chart, () => [SURENESS.left, SURENESS.right]]])
      node.addEventListener("pointerdown", (event) => followPointer(node, event, (at) => onSeek(this.stepAt(node, at, inset()))));
    this.node = element("article", { class: "detector", "data-network": trace.network },
      element("header", {}, element("h3", {}, mark(trace.network), trace.network), element("span", { class: "tally" }, this.tally())),
      this.frame, element("div", {}, this.chart, this.list));
  }

  get length() { return this.view.path.length; }

  stepAt(node, fraction, [left, right]) {
    const width = node.clientWidth;
    const place = (fraction * width - left) / (width - left - right) * (node === this.frame ? this.length : this.length - 1);
    const step = node === this.frame ? Math.floor(place) : Math.round(place);
    return Math.min(this.length - 1, Math.max(0, step));
  }

  /** Say what becomes of an object at a step: "appears", "vanishes", or nothing. */
  event(index, step) {
    const [before, now] = [this.counts[index][step - 1], this.counts[index][step]];
    return step === 0 || before === now ? "" : now ? "appears" : "vanishes";
  }

  tally() {
    const all = this.trace.objects.flatMap((_, i) => this.view.path.map((_, step) => this.event(i, step)));
    const [come, go] = ["appears", "vanishes"].map((kind) => all.filter((event) => event === kind).length);
    return `${come} ${come === 1 ? "object appears" : "objects appear"}, ${go} ${go === 1 ? "vanishes" : "vanish"} in ${this.length - 1} moves`;
  }

  summary() {
    const names = this.trace.objects.map(({ label, scores }, i) => {
      const found = scores.filter((score) => score !== null);
      return `${i + 1} ${label} ${percent(Math.min(...found))} to ${percent(Math.max(...found))}`;
    });
    return `${this.trace.network}: ${this.tally()}. Sureness of each object: ${names.join("; ") || "none was found"}`;
  }

  describe(step) {
    const counted = this.trace.objects.filter((_, i) => this.counts[i][step]).length;
    const events = this.trace.objects.flatMap(({ label }, i) => this.event(i, step) ? [`${i + 1} ${label} ${this.event(i, step)}`] : []);
    return [`${this.trace.network}: ${counted} ${counted === 1 ? "object" : "objects"}`, ...events].join(", ");
  }

  /** Draw the curves; the shown step is a line that `show` moves. */
  draw() {
    const width = this.chart.clientWidth || 600;
    const { height, top, bottom, left, right } = SURENESS;
    const highest = Math.max(this.view.least, ...this.trace.objects.flatMap(({ scores }) => scores));
    const ceiling = [0.1, 0.25, 0.5, 1].find((one) => highest <= one) || 1;
    this.x = (step) => left + step / Math.max(1, this.length - 1) * (width - left - right);
    this.y = (score) => height - bottom - score / ceiling * (height - top - bottom);
    const grid = [0, ceiling / 2, ceiling].flatMap((score) => [
      drawing("path", { class: "grid", d: `M${left} ${this.y(score)}H${width - right}` }),
      drawing("text", { x: left - 8, y: this.y(score) + 5.5, "text-anchor": "end" }, String(100 * score)),
    ]);
    const least = drawing("path", { class: "least", d: `M${left} ${this.y(this.view.least)}H${width - right}` });
    const below = [[0, "0", "middle"], [(this.length - 1) / 2, "pixels moved; sureness in %", "middle"], [this.length - 1, String(this.length - 1), "end"]]
      .map(([step, words, anchor]) => drawing("text", { x: this.x(step), y: height - 6, "text-anchor": anchor }, words));
    this.here = drawing("path", { class: "cursor" });
    const curves = this.trace.objects.map((object, i) => this.curve(object, i));
    this.points = this.trace.objects.map((_, i) => drawing("circle", { class: `point a${i % OBJECT_COLOURS}`, r: 5 }));
    const events = this.trace.objects.flatMap((_, i) => this.view.path.map((_, step) => this.eventMark(i, step)).filter(Boolean));
    this.chart.replaceChildren(...grid, least, ...below, this.here, ...curves, ...this.points, ...events);
  }

  curve({ scores }, index) {
    const pieces = scores.map((score, step) => score === null ? "" : `${step && scores[step - 1] !== null ? "L" : "M"}${this.x(step)} ${this.y(score)}`);
    return drawing("path", { class: `curve a${index % OBJECT_COLOURS}`, d: pieces.join("") || "M0 0", "data-object": index });
  }

  eventMark(index, step) {
    const event = this.event(index, step);
    const score = this.trace.objects[index].scores[step] ?? 0;
    return event && drawing("path", { class: `event ${event} a${index % OBJECT_COLOURS}`, d: EVENTS[event], "data-event": event, "data-step": step,
      transform: `translate(${this.x(step)} ${this.y(score)})` });
  }

  show(step) {
    this.here.setAttribute("d", `M${this.x(step)} ${SURENESS.top - 8}V${SURENESS.height - SURENESS.bottom}`);
    this.points.forEach((point, i) => {
      const score = this.trace.objects[i].scores[step];
      point.setAttribute("visibility", score === null ? "hidden" : "visible");
      point.setAttribute("cx", this.x(step));
      point.setAttribute("cy", this.y(score ?? 0));
    });
    this.placeWindow(step);
    this.marks.replaceChildren();
    this.tags.replaceChildren();
    this.taken = [];
    this.trace.objects.forEach((_, i) => this.markObject(i, step));
    this.list.replaceChildren(...this.trace.objects.map((_, i) => this.row(i, step)));
    if (!this.trace.objects.length) this.list.append(element("li", { class: "none" }, "Nothing counts in this picture."));
  }

  placeWindow(step) {
    const { width, height } = this.view.image;
    const [left, top] = this.view.path[step];
    const [windowHeight, windowWidth] = this.view.window;
    Object.assign(this.window.style, { left: `${100 * left / width}%`, top: `${100 * top / height}%`,
      width: `${100 * windowWidth / width}%`, height: `${100 * windowHeight / height}%` });
  }

  /** Draw an object that counts, or, dashed and where it was, one that has just vanished. */
  markObject(index, step) {
    const event = this.event(index, step);
    if (!this.counts[index][step] && event !== "vanishes") return;
    const { boxes, outlines } = this.trace.objects[index];
    const at = event === "vanishes" ? step - 1 : step;
    const group = drawing("g", { class: `object a${index % OBJECT_COLOURS} ${{ appears: "new", vanishes: "gone" }[event] ?? ""}`, "data-object": index });
    if (outlines[at]) group.append(drawing("path", { class: "mask", d: outlines[at], "fill-rule": "evenodd" }));
    if (boxes[at]) {
      const [x1, y1, x2, y2] = boxes[at];
      const shape = { x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) };
      group.append(drawing("rect", { class: "halo", ...shape }), drawing("rect", { class: "box", ...shape }));
      this.tags.append(this.tag(index, event, boxes[at]));
    }
    this.marks.append(group);
  }

  /** Name an object above the corner of its box, or as near below as no other name is in the way. */
  tag(index, event, [x1, y1]) {
    const { width, height } = this.view.image;
    const words = { appears: `${index + 1} new`, vanishes: `${index + 1} gone` }[event] ?? String(index + 1);
    const [room, depth] = [this.frame.clientWidth || 400, this.frame.clientHeight || 300];
    const [long, high] = [12 + 9.5 * words.length, 22];
    const left = Math.max(0, Math.min(room - long, x1 / width * room));
    let top = Math.max(0, y1 / height * depth - high);
    const inTheWay = (other) => left < other.left + other.long && other.left < left + long && Math.abs(top - other.top) < high;
    while (this.taken.some(inTheWay) && top + 2 * high < depth) top += high + 1;
    this.taken.push({ left, long, top });
    const tag = element("span", { class: "tag", "aria-hidden": "true" }, words);
    Object.assign(tag.style, { left: `${left}px`, top: `${top}px` });
    return tag;
  }

  row(index, step) {
    const { label, scores } = this.trace.objects[index];
    const event = this.event(index, step);
    return element("li", { class: this.counts[index][step] ? "counts" : "" },
      element("span", { class: `swatch a${index % OBJECT_COLOURS}` }), element("span", {}, String(index + 1)),
      element("span", { class: "label" }, label), ...(event ? [element("span", { class: "event" }, event)] : []),
      element("span", { class: "score" }, scores[step] === null ? "not found" : percent(scores[step])));
  }
}

class DetectionPlayer {
  constructor(root, views) {
    this.views = views;
    this.find = (selector) => root.querySelector(selector);
    this.range = this.find("input[type=range]");
    this.playButton = this.find(".play");
    this.thumbs = [...root.querySelectorAll(".thumbs button")];
    this.thumbs.forEach((button, i) => button.addEventListener("click", () => this.choose(i)));
    this.range.addEventListener("input", () => this.moveTo(Number(this.range.value)));
    this.playButton.addEventListener("click", () => this.toggle());
    root.addEventListener("keydown", (event) => this.onKey(event));
    this.choose(0);
    new ResizeObserver(() => this.redraw()).observe(this.find(".detectors"));
  }

  get count() { return this.view.path.length; }

  onKey(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined || event.target === this.range) return;  // the range input moves by itself
    event.preventDefault();
    this.moveTo(Math.min(this.count - 1, Math.max(0, this.step + by)));
  }

  choose(index) {
    this.view = this.views[index];
    this.thumbs.forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
    const source = this.thumbs[index].querySelector("img").src;
    this.detectors = this.view.traces.map((trace) => new Detector(trace, this.view, source, (step) => this.moveTo(step)));
    this.find(".detectors").replaceChildren(...this.detectors.map(({ node }) => node));
    this.range.max = String(this.count - 1);
    this.step = 0;
    this.redraw();
  }

  redraw() {
    this.detectors.forEach((detector) => detector.draw());
    this.moveTo(this.step);
  }

  moveTo(step) {
    this.step = step;
    this.range.value = String(step);
    this.range.setAttribute("aria-valuetext", this.detectors.map((detector) => detector.describe(step)).join("; "));
    this.find(".position").textContent = `${step} px`;
    this.detectors.forEach((detector) => detector.show(step));
  }

  toggle() {
    const playing = Boolean(this.timer);
    clearInterval(this.timer);
    this.timer = playing ? null : setInterval(() => this.moveTo((this.step + 1) % this.count), 400);
    this.playButton.setAttribute("aria-pressed", String(!playing));
    this.playButton.setAttribute("aria-label", playing ? "Play the objects" : "Pause the objects");
  }
}

const detectionsRoot = document.querySelector("[data-detections]");
if (detectionsRoot) new DetectionPlayer(detectionsRoot, DATA.detections);
