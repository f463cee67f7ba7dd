// ---- live: what networks answer now, while a window is dragged over one's own image ---------------------------------------

const LIVE = DATA.live;
const CLIENT = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const TOKEN = new URLSearchParams(location.search).get("token");
const MOST_POINTS = 600;  // of each curve
const REST = 250;         // milliseconds without a move before filters are asked for
const IMAGES = /\.(jpe?g|png|webp|bmp)$/i;
const MOST_DROPPED = 24;
const MOST_LOOKED_AT = 2000;  // files and folders of what is dropped

/** Ask the machine that runs the page; what it refuses is an Error with its words. */
async function ask(path, body, type = "application/json") {
  const headers = { ...(body && { "Content-Type": type }), ...(TOKEN && { Authorization: `Bearer ${TOKEN}` }) };
  let response;
  try {
    response = await fetch(path, { method: body ? "POST" : "GET", body, headers });
  } catch {
    throw new Error("The machine that runs this page does not answer. Is antialias explore still running?");
  }
  const said = await response.json().catch(() => ({ error: `The machine that runs this page answers ${response.status}.` }));
  if (!response.ok) throw Object.assign(new Error(said.error), { status: response.status });
  return said;
}

/** Files that were dropped, and of folders the images, by name, also those of folders in them; more than MOST_DROPPED are not read. */
async function filesOf(transfer) {
  const dropped = [...transfer.items].filter(({ kind }) => kind === "file").map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const files = [];
  let looked = 0;
  const take = async (one) => {
    if (!one || files.length > MOST_DROPPED || ++looked > MOST_LOOKED_AT) return;
    if (!one.isDirectory) return files.push(one instanceof File ? one : await new Promise((...ends) => one.file(...ends)));
    const [reader, inside] = [one.createReader(), []];
    for (let some = [1]; some.length; inside.push(...some)) some = await new Promise((...ends) => reader.readEntries(...ends));
    inside.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
    for (const each of inside) if (each.isDirectory || IMAGES.test(each.name)) await take(each);
  };
  for (const one of dropped) await take(one);
  return files;
}

/** Give a network the next colour and sign, for as long as the page is open. */
function know(network) {
  DATA.networks[network] ??= Object.keys(DATA.networks).length % DATA.shapes.length;
  return DATA.networks[network];
}

/** How much each network's answers changed for each pixel that the window moved: grows with every answer. */
class Drift {
  constructor(root) {
    this.root = root;
    this.svg = root.querySelector("svg");
    this.lines = new Map();
    root.querySelector(".reset").addEventListener("click", () => this.reset());
    new ResizeObserver(() => this.draw()).observe(this.svg);
  }

  reset() {
    this.lines.clear();
    this.draw();
  }

  add(network, moved, change) {
    if (change === null || !moved) return;
    const line = this.lines.get(network) ?? { pixels: 0, moves: 0, changes: 0, points: [] };
    line.pixels += moved;
    line.moves += 1;
    line.changes += change;
    line.points.push([line.pixels, line.changes / line.pixels]);
    if (line.points.length > MOST_POINTS) line.points = line.points.filter((_, i) => i % 2);
    this.lines.set(network, line);
  }

  get unit() { return LIVE.kind === "values" ? 1 : 100; }

  rate({ changes, pixels }) { return `${(this.unit * changes / pixels).toFixed(this.unit === 1 ? 3 : 1)}${this.unit === 1 ? "" : " %"}`; }

  count({ changes }) { return LIVE.kind === "classes" ? String(changes) : changes.toFixed(2); }

  draw() {
    const [width, height, left, right, top, bottom] = [this.svg.clientWidth || 600, 264, 54, 14, 14, 52];
    const lines = [...this.lines];
    const far = Math.max(10, ...lines.map(([, { pixels }]) => pixels));
    const highest = Math.max(0.01, ...lines.flatMap(([, { points }]) => points.filter(([pixels], i) => pixels > 0.1 * far || i === points.length - 1).map(([, rate]) => rate)));
    const ceiling = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((one) => highest <= one) ?? Math.ceil(highest);
    const x = (pixels) => left + pixels / far * (width - left - right);
    const y = (rate) => height - bottom - Math.min(1, rate / ceiling) * (height - top - bottom);
    const ticks = [0, ceiling / 2, ceiling].flatMap((rate) => [
      drawing("path", { class: "grid", d: `M${left} ${y(rate)}H${width - right}` }),
      drawing("text", { x: left - 8, y: y(rate) + 5.5, "text-anchor": "end" }, String(Number((this.unit * rate).toPrecision(2)))),
    ]);
    const below = [0, 0.5, 1].map((share) => drawing("text", { x: x(share * far), y: height - bottom + 22, "text-anchor": share === 1 ? "end" : share ? "middle" : "start" }, String(Math.round(share * far))));
    const axis = drawing("text", { x: width - right, y: height - 6, "text-anchor": "end" }, `pixels moved${this.unit === 1 ? "" : "; changes a pixel in %"}`);
    const drawn = lines.map(([network, { points }]) => {
      const [last, rate] = points.at(-1);
      return drawing("g", { class: `line n${know(network)}`, "data-network": network },
        drawing("polyline", { points: points.map(([pixels, one]) => `${x(pixels)},${y(one)}`).join(" ") }),
        drawing("path", { d: DATA.shapes[know(network)], transform: `translate(${x(last)} ${y(rate)})` }));
    });
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...ticks, ...below, axis, ...drawn);
    this.svg.setAttribute("aria-label", lines.map(([network, line]) => `${network}: ${this.rate(line)} a pixel over ${line.pixels} pixels`).join("; ") || "Nothing has moved yet.");
    this.root.querySelector(".legend").replaceChildren(...lines.map(([network]) => element("li", {}, mark(network), network)));
    this.root.querySelector("tbody").replaceChildren(...lines.map(([network, line]) => element("tr", { "data-network": network },
      element("th", { scope: "row" }, element("span", { class: "name" }, mark(network), network)),
      ...[line.pixels, line.moves, this.count(line), this.rate(line)].map((text) => element("td", {}, String(text))))));
  }
}

/** A network that answers with a map: the image, and the map in the window. */
class MapLane {
  constructor(name) {
    this.image = element("img", { alt: "" });
    this.answer = element("img", { class: "answer", alt: `What ${name} answers in the window` });
    this.window = element("div", { class: "window" });
    this.frame = element("div", { class: "frame" }, this.image, this.window, this.answer);
    this.list = element("ul", { class: "legend" });
    this.node = element("article", { class: "map-lane", "data-network": name },
      element("h3", {}, mark(name), name), this.frame, this.list);
  }

  show(said, image, place) {
    if (this.image.src !== image.data) this.image.src = image.data;
    this.frame.style.aspectRatio = `${image.width} / ${image.height}`;
    this.answer.src = said.map;
    for (const node of [this.window, this.answer]) Object.assign(node.style, place);
    const rows = said.legend
      ? said.legend.map(([label, colour, share]) => [colour, `${label} ${percent(share)}`])
      : [[null, `dark ${said.range[0].toPrecision(3)} to bright ${said.range[1].toPrecision(3)}`]];
    this.list.replaceChildren(...rows.map(([colour, words]) => {
      const swatch = element("span", { class: "swatch" });
      if (colour) swatch.style.background = colour;
      return element("li", {}, ...(colour ? [swatch] : []), words);
    }));
  }
}

class Live {
  constructor(root, drift) {
    this.root = root;
    this.drift = drift;
    this.find = (selector) => root.querySelector(selector);
    this.frame = this.find(".scene .frame");
    this.sliders = [this.find("[name=across]"), this.find("[name=down]")];
    this.place = document.querySelector(".live-filters");
    this.images = new Map();
    this.path = [];
    this.at = [0, 0];
    root.classList.add(`of-${LIVE.kind}`);
    this.listen();
    for (const image of LIVE.images) this.addThumb(image);
    if (LIVE.images.length) this.choose(LIVE.images[0].id);
    else this.tell("There are no images yet: add one of yours.");
  }

  listen() {
    this.frame.addEventListener("pointerdown", (event) => this.drag(event));
    this.frame.addEventListener("keydown", (event) => this.onKey(event));
    this.sliders.forEach((slider, axis) => slider.addEventListener("input", () => {
      const at = [...this.at];
      at[axis] = Number(slider.value);
      this.moveTo(at);
    }));
    for (const node of this.root.querySelectorAll("[name=filter], [name=phases]"))
      node.addEventListener("change", () => { this.path = []; this.wake(); });
    this.find(".play").addEventListener("click", () => this.toggle());
    const files = this.find("input[type=file]");
    files.addEventListener("change", () => { this.add([...files.files]); files.value = ""; });
    addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
    addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
    addEventListener("drop", (event) => {
      event.preventDefault();
      document.body.classList.remove("dropping");
      filesOf(event.dataTransfer).then(
        (dropped) => (dropped.length ? this.add(dropped) : this.tell("There is no image in what was dropped. Use JPEG, PNG, WebP or BMP.", "files")),
        () => this.tell("What was dropped cannot be read. Is it still there?", "files"));
    });
    new ResizeObserver(() => this.redraw()).observe(this.find(".stage"));
  }

  // ---- images ----------------------------------------------------------------------------------------------------------

  /** Say what is the matter with files, or with an answer; the next answer takes back only what was said of the last. */
  tell(words, of = "answer") {
    this.told = { ...this.told, [of]: words };
    this.find(".trouble").textContent = Object.values(this.told).filter(Boolean).join(" ");
  }

  async add(files) {
    this.tell("", "files");
    let last;
    const refused = files.length > MOST_DROPPED ? [`There are more than ${MOST_DROPPED} files: the first ${MOST_DROPPED} were taken.`] : [];
    for (const file of files.slice(0, MOST_DROPPED)) {
      try {
        if (file.size > LIVE.upload) throw new Error(`The file has ${file.size.toLocaleString("en")} bytes, more than ${LIVE.upload.toLocaleString("en")}. Use a smaller one.`);
        const bytes = await file.arrayBuffer().catch(() => { throw new Error("The file cannot be read. Is it still there?"); });
        const image = await ask(`/images?name=${encodeURIComponent(file.name)}`, bytes, "application/octet-stream");
        this.addThumb(image);
        last = image.id;
      } catch (error) {
        refused.push(`${file.name}: ${error.message}`);
      }
    }
    if (last) await this.choose(last);
    if (refused.length) this.tell(refused.join(" "), "files");
  }

  addThumb({ id, name, thumb }) {
    const button = element("button", { type: "button", "data-image": id, "aria-pressed": "false" },
      element("img", { src: thumb, alt: "" }), element("span", {}, name));
    button.addEventListener("click", () => this.choose(id));
    this.find(".thumbs").append(button);
  }

  async choose(id) {
    this.pause();
    try {
      if (!this.images.has(id)) this.images.set(id, await ask(`/images/${encodeURIComponent(id)}`));
    } catch (error) {
      return this.tell(error.message);
    }
    this.tell("");
    this.tell("", "files");
    this.image = this.images.get(id);
    for (const button of this.root.querySelectorAll(".thumbs button")) button.setAttribute("aria-pressed", String(button.dataset.image === id));
    const { data, width, height, name, window: [tall, wide], room, start } = this.image;
    const picture = this.frame.querySelector("img");
    picture.src = data;
    picture.alt = `${name}; the frame on it is what the networks see`;
    this.frame.style.aspectRatio = `${width} / ${height}`;
    this.find(".caption").textContent = `${name}, ${width} × ${height}; the frame shows ${wide} × ${tall} pixels.`;
    this.sliders.forEach((slider, axis) => { slider.max = String(room[axis]); slider.disabled = !room[axis]; });
    this.path = [];
    this.moveTo(start, true);
  }

  // ---- moving ----------------------------------------------------------------------------------------------------------

  /** The window follows the pointer as far as that moves on the page: by as many of the image's pixels. */
  drag(event) {
    if (!this.image || event.button) return;
    this.pause();
    this.frame.focus({ preventScroll: true });
    const [left, top] = this.at;
    const scale = this.image.width / this.frame.clientWidth;
    const move = ({ clientX, clientY }) => this.moveTo([left + scale * (clientX - event.clientX), top + scale * (clientY - event.clientY)]);
    const stop = () => {
      this.frame.removeEventListener("pointermove", move);
      for (const kind of ["pointerup", "pointercancel"]) this.frame.removeEventListener(kind, stop);
    };
    this.frame.setPointerCapture(event.pointerId);
    this.frame.addEventListener("pointermove", move);
    for (const kind of ["pointerup", "pointercancel"]) this.frame.addEventListener(kind, stop);
  }

  onKey(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by || !this.image) return;
    event.preventDefault();
    const step = event.shiftKey ? 8 : 1;
    this.moveTo(this.at.map((one, axis) => one + step * by[axis]));
  }

  moveTo(at, anew = false) {
    const place = at.map((one, axis) => Math.min(this.image.room[axis], Math.max(0, Math.round(one))));
    if (!anew && place.every((one, axis) => one === this.at[axis])) return false;
    this.at = place;
    const { width, height, window: [tall, wide] } = this.image;
    const [left, top] = place;
    this.style = { left: `${100 * left / width}%`, top: `${100 * top / height}%`, width: `${100 * wide / width}%`, height: `${100 * tall / height}%` };
    Object.assign(this.find(".scene .window").style, this.style);
    this.sliders.forEach((slider, axis) => { slider.value = String(place[axis]); });
    this.find(".position").textContent = `${left}, ${top} px`;
    this.wake();
    return true;
  }

  /** Walk diagonally, and turn where the image ends. */
  step() {
    this.way ??= [1, 1];
    this.way = this.way.map((one, axis) => (this.at[axis] + one < 0 || this.at[axis] + one > this.image.room[axis] ? -one : one));
    if (!this.moveTo(this.at.map((one, axis) => one + this.way[axis]))) this.pause();
  }

  toggle() {
    if (!this.image) return;
    this.walking = !this.walking;
    this.showWalking();
    if (this.walking) this.step();
  }

  pause() {
    this.walking = false;
    this.showWalking();
  }

  showWalking() {
    this.find(".play").setAttribute("aria-pressed", String(Boolean(this.walking)));
    this.find(".play").setAttribute("aria-label", this.walking ? "Stop walking" : "Walk by itself, a pixel at a time");
  }

  // ---- answers: one is asked for at a time, always the newest place ------------------------------------------------------

  get choice() {
    return { filter: this.find("[name=filter]:checked").value, phases: Number(this.find("[name=phases]").value) };
  }

  wake() {
    this.stale = true;
    clearTimeout(this.rest);
    if (!this.asking) this.work();
  }

  async work() {
    this.asking = true;
    this.root.setAttribute("aria-busy", "true");
    while (this.stale) {
      this.stale = false;
      const { image, at, choice } = this;
      const path = [...this.path.slice(1 - LIVE.most), at];
      const started = performance.now();
      try {
        const said = await ask("/answer", JSON.stringify({ client: CLIENT, image: image.id, path, ...choice }));
        if (image !== this.image || JSON.stringify(choice) !== JSON.stringify(this.choice)) continue;
        this.tell(said.refused);
        this.show(said, performance.now() - started);
      } catch (error) {
        if (error.status === 429 || error.status === 503) {
          await new Promise((resume) => setTimeout(resume, 1000));
          this.stale = true;
        } else if (error.status !== 409) {
          this.pause();
          this.tell(error.message);
          this.forget();
        }
      }
      if (this.walking && !this.stale) this.step();
    }
    this.asking = false;
    this.root.removeAttribute("aria-busy");
    this.rest = setTimeout(() => this.askFilters(), REST);
  }

  /** What is shown would be of other switches or another image. */
  forget() {
    this.said = null;
    this.path = [];
    for (const selector of [".lanes", ".maps", ".detectors"]) this.find(selector).replaceChildren();
    this.find(".cost").textContent = "";
  }

  show(said, took) {
    this.said = said;
    this.path = said.path;
    for (const { network, moved, change } of said.networks) {
      know(network);
      this.drift.add(network, moved, change);
    }
    this.drift.draw();
    this.redraw();
    const costs = said.networks.map(({ network, cost, macs }) => `${network} ${cost.toFixed(2)} × (${(macs / 1e9).toPrecision(3)} G)`);
    this.find(".cost").textContent = said.networks[0].macs ? `Multiply-adds: ${costs.join("; ")}` : "";
    this.find(".time").textContent = `${Math.round(took)} ms`;
    this.find("[role=status]").textContent = this.inWords(said);
  }

  inWords(said) {
    const words = said.networks.map(({ network, trace, legend, change }) => {
      if (LIVE.kind === "classes") return `${network}: ${trace.predictions.at(-1)[0].label}`;
      if (LIVE.kind === "objects") return `${network}: ${trace.objects.filter(({ scores }) => (scores.at(-1) ?? 0) >= LIVE.least).length} objects`;
      return `${network}: ${legend ? legend[0][0] : "values"}${change === null ? "" : `, changed ${change.toFixed(3)}`}`;
    });
    return `At ${this.at.join(", ")}. ${words.join("; ")}`;
  }

  redraw() {
    if (!this.said || !this.image) return;
    const traces = this.said.networks.map(({ trace }) => trace);
    if (LIVE.kind === "classes") this.drawLanes(traces);
    else if (LIVE.kind === "objects") this.drawDetectors(traces);
    else this.drawMaps();
  }

  drawLanes(traces) {
    const viewer = { traces };
    const colours = answerColours(viewer), ceiling = ceilingOf(viewer), back = (step) => this.moveTo(this.path[step]);
    const lanes = traces.map((trace) => new Lane(trace, colours, ceiling, back));
    this.find(".lanes").replaceChildren(...lanes.map(({ node }) => node));
    this.find(".answers").hidden = false;
    this.find(".answers").replaceChildren(...legendOf(colours));
    for (const lane of lanes) {
      lane.draw();
      lane.show(lane.trace.predictions.length - 1);
    }
  }

  drawDetectors(traces) {
    const { width, height, name, data, window } = this.image;
    const view = { image: { width, height, name }, path: this.path, window, least: LIVE.least };
    const detectors = traces.map((trace) => new Detector(trace, view, data, (step) => this.moveTo(this.path[step])));
    this.find(".detectors").replaceChildren(...detectors.map(({ node }) => node));
    for (const detector of detectors) {
      detector.draw();
      detector.show(this.path.length - 1);
    }
  }

  drawMaps() {
    const names = this.said.networks.map(({ network }) => network);
    if (this.mapNames !== JSON.stringify(names) || !this.find(".maps").children.length) {
      this.mapNames = JSON.stringify(names);
      this.mapLanes = names.map((name) => new MapLane(name));
      this.find(".maps").replaceChildren(...this.mapLanes.map(({ node }) => node));
    }
    this.mapLanes.forEach((lane, i) => lane.show(this.said.networks[i], this.image, this.style));
  }

  // ---- filters: the report's own section, filled anew where the window rests --------------------------------------------

  async askFilters() {
    const link = document.querySelector(".to-filters");
    if (!this.said?.networks.some(({ filters }) => filters)) {
      this.place.replaceChildren();
      link.hidden = true;
      return;
    }
    const asked = JSON.stringify({ client: CLIENT, image: this.image.id, path: [this.at], ...this.choice });
    try {
      const { html, data } = await ask("/filters", asked);
      if (this.asking) return;  // the window has moved on
      this.showFilters(html, data);
      link.hidden = !html;
    } catch (error) {
      if (error.status !== 409) this.tell(error.message);
    }
  }

  /** Where the sites are the same, maps change in place, so that a probe and the controls stay as they are. */
  showFilters(html, data) {
    const fresh = element("template");
    fresh.innerHTML = html;
    const shape = (node) => JSON.stringify([...node.querySelectorAll("canvas.map")].map(({ width, height, dataset }) => [width, height, dataset.network, dataset.site]));
    if (this.filters && html && this.place.children.length && shape(fresh.content) === shape(this.place)) {
      for (const tile of this.filters.tiles) {
        tile.filter = new SiteFilters(data[tile.maps].sites[tile.row]);
        tile.image = data[tile.maps].image.name;
      }
      const sources = [...fresh.content.querySelectorAll("figure[data-picture] img")].map(({ src }) => src);
      this.filters.pictures.forEach((figure, i) => { figure.querySelector("img").src = sources[i]; });
      return this.filters.draw();
    }
    this.place.replaceChildren(fresh.content);
    const root = this.place.querySelector("#filters");
    this.filters = root && new Filters(root, data);
  }
}

new Live(document.querySelector("[data-live]"), new Drift(document.querySelector("#drift")));
