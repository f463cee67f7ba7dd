// ---- predicted filters: maps, a slider over the groups, and the filter under the probe -------------------------------

const MEAN = -1;         // instead of a group: all of them, averaged
const FLAT = 0.02;       // maps that span less of what is possible are shown on the whole scale
const RESPONSE = 33;     // frequencies along each axis of a response
const sumOf = (values) => values.reduce((total, value) => total + value, 0);

/** The centre of mass along an axis: 0 is down, 1 to the right. */
function momentOf(kernel, axis) {
  const side = Math.round(Math.sqrt(kernel.length)), middle = (side - 1) / 2;
  let moment = 0;
  for (let i = 0; i < kernel.length; i++) moment += kernel[i] * ((axis ? i % side : Math.floor(i / side)) - middle);
  return moment;
}

function varianceOf(kernel) {
  let total = 0, squares = 0;
  for (const weight of kernel) { total += weight; squares += weight * weight; }
  return squares / kernel.length - (total / kernel.length) ** 2;
}

function entropyOf(kernel) {
  let entropy = 0;
  for (const weight of kernel) if (weight > 0) entropy -= weight * Math.log2(weight);
  return entropy;
}

/** What is computed of a filter's weights; `whole` is what T taps can reach. */
const QUANTITIES = {
  variance: { of: varianceOf, whole: (taps) => (taps - 1) / taps ** 2, ends: ["blurs", "lets pass"], unit: "" },
  entropy: { of: entropyOf, whole: (taps) => Math.log2(taps), ends: ["lets pass", "blurs"], unit: " bits" },
  offset: {
    of: (kernel) => Math.hypot(momentOf(kernel, 0), momentOf(kernel, 1)),
    whole: () => 1, ends: ["centred", "moves the map"], unit: " samples",
  },
};

/** The filters of one site on one picture; an older page's data has the mean variance alone. */
class SiteFilters {
  constructor(data) {
    Object.assign(this, data);
    this.rows = Math.ceil(this.height / this.step);
    this.columns = Math.ceil(this.width / this.step);
    this.bytes = this.weights && Uint8Array.from(atob(this.weights), (letter) => letter.charCodeAt(0));
    this.computed = new Map();
  }

  /** A group that the site has: sites with fewer groups show their last one. */
  clamp(group) { return Math.min(group, this.groups - 1); }

  kernel(group, at, into = new Array(this.taps)) {
    const positions = this.rows * this.columns, step = (this.high - this.low) / 255;
    let place = this.clamp(group) * this.taps * positions + at;
    for (let tap = 0; tap < this.taps; tap++, place += positions) into[tap] = this.low + step * this.bytes[place];
    return into;
  }

  kernels(group, at) {
    return group === MEAN ? Array.from({ length: this.groups }, (_, one) => this.kernel(one, at)) : [this.kernel(group, at)];
  }

  /** The map of a quantity, row by row; without a group its mean over all. */
  map(quantity, group) {
    if (!this.bytes) return this.values;
    const key = `${quantity} ${group === MEAN ? MEAN : this.clamp(group)}`;
    if (!this.computed.has(key)) this.computed.set(key, group === MEAN ? this.mean(quantity) : this.compute(quantity, group));
    return this.computed.get(key);
  }

  compute(quantity, group) {
    const { of } = QUANTITIES[quantity];
    const kernel = new Array(this.taps);
    return Float64Array.from({ length: this.rows * this.columns }, (_, at) => of(this.kernel(group, at, kernel)));
  }

  mean(quantity) {
    const maps = Array.from({ length: this.groups }, (_, group) => this.map(quantity, group));
    return maps[0].map((_, at) => { let total = 0; for (const map of maps) total += map[at]; return total / maps.length; });
  }

  /** The filter at a position; without a group the groups' mean filter. */
  filter(group, at) {
    const kernels = this.kernels(group, at);
    return kernels[0].map((_, tap) => sumOf(kernels.map((kernel) => kernel[tap])) / kernels.length);
  }
}

function colourAt(fraction) {
  const place = Math.min(1, Math.max(0, fraction)) * (DATA.ramp.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, DATA.ramp.length - 1);
  return DATA.ramp[low].map((channel, i) => channel + (place - low) * (DATA.ramp[high][i] - channel));
}

const SHADES = Uint8ClampedArray.from({ length: 3 * 256 }, (_, i) => (DATA.ramp.length ? colourAt(Math.floor(i / 3) / 255)[i % 3] : 0));

function paint(canvas, values, [low, high]) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const factor = 255 / (high - low || 1);
  for (let i = 0; i < values.length; i++) {
    const shade = 3 * Math.min(255, Math.max(0, Math.round((values[i] - low) * factor)));
    for (let channel = 0; channel < 3; channel++) image.data[4 * i + channel] = SHADES[shade + channel];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function rangeOf(maps) {
  let low = Infinity, high = -Infinity;
  for (const map of maps) for (const value of map) { low = Math.min(low, value); high = Math.max(high, value); }
  return [low, high];
}

/** Tell the scale of a quantity on some sites: that of all groups' means, or of all groups, whichever of them is shown. */
function scaleOf(sites, quantity, group, whole = false) {
  const groups = (site) => (group === MEAN || !site.bytes ? [MEAN] : [...Array(site.groups).keys()]);
  const [low, high] = rangeOf(sites.flatMap((site) => groups(site).map((one) => site.map(quantity, one))));
  const possible = Math.max(...sites.map(({ taps }) => QUANTITIES[quantity].whole(taps)));
  return whole || high - low < FLAT * possible ? [0, possible] : [low, high];
}

/** Draw a filter: the area of each square is its weight's share of a cell. */
function drawKernel(svg, kernel) {
  const side = Math.round(Math.sqrt(kernel.length));
  const cells = kernel.map((weight, i) => {
    const edge = Math.sqrt(Math.min(1, Math.max(0, weight))) * 0.94;
    const [x, y] = [i % side + 0.5 - edge / 2, Math.floor(i / side) + 0.5 - edge / 2];
    return drawing("rect", { x, y, width: edge, height: edge, "data-weight": weight.toFixed(4) });
  });
  const lines = Array.from({ length: side - 1 }, (_, i) => `M${i + 1} 0V${side}M0 ${i + 1}H${side}`).join("");
  svg.setAttribute("viewBox", `0 0 ${side} ${side}`);
  svg.replaceChildren(drawing("path", { d: lines }), ...cells);
}

/** The magnitude of a filter's response, from -1/2 to 1/2 cycles a sample on both axes. */
function responseOf(kernel) {
  const side = Math.round(Math.sqrt(kernel.length));
  return Array.from({ length: RESPONSE ** 2 }, (_, i) => {
    const [down, right] = [Math.floor(i / RESPONSE), i % RESPONSE].map((place) => 2 * Math.PI * (place / (RESPONSE - 1) - 0.5));
    const phases = kernel.map((_, tap) => down * Math.floor(tap / side) + right * (tap % side));
    return Math.hypot(sumOf(kernel.map((w, tap) => w * Math.cos(phases[tap]))), sumOf(kernel.map((w, tap) => w * Math.sin(phases[tap]))));
  });
}

/** Which share of white noise above the new Nyquist limit a filter lets through. */
function stopbandOf(kernel, stride) {
  const side = Math.round(Math.sqrt(kernel.length));
  const sinc = (t, s) => (t === 0 ? 1 : Math.sin(Math.PI * t / s) / (Math.PI * t / s)) / s;
  const below = sumOf(kernel.map((w, t) => w * sumOf(kernel.map((v, u) =>
    v * sinc(Math.floor(t / side) - Math.floor(u / side), stride[0]) * sinc(t % side - u % side, stride[1])))));
  return Math.max(0, (sumOf(kernel.map((w) => w * w)) - below) / (1 - 1 / (stride[0] * stride[1])));
}

const towards = (value, [before, after]) => `${Math.abs(value).toFixed(2)} ${Number(value.toFixed(2)) < 0 ? before : after}`;

class Filters {
  constructor(root, filters) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.slider = this.find(".groups input");
    this.tiles = [...root.querySelectorAll("canvas.map")].map((canvas) => this.tileOf(canvas, filters));
    this.pictures = [...root.querySelectorAll("figure[data-picture]")];
    this.probes = [...root.querySelectorAll("[data-probe]")].map((node) => ({
      network: node.dataset.network, row: Number(node.dataset.probe), kernel: node.querySelector(".kernel"),
      response: node.querySelector("canvas"), frame: node.querySelector(".limit"), words: [...node.querySelectorAll("figcaption")],
    }));
    this.listen();
    paint(this.find(".ramp canvas"), [...Array(256).keys()], [0, 255]);
    this.draw();
    this.probe(this.tiles[0], 0.5, 0.5);
  }

  tileOf(canvas, filters) {
    const { maps, site, network } = canvas.dataset;
    const data = filters[maps].sites[site];
    const filter = data.filters ?? (data.filters = new SiteFilters(data));
    return { canvas, filter, network, maps: Number(maps), row: Number(site), image: filters[maps].image.name,
      figure: canvas.closest("figure"), words: canvas.closest("figure").querySelector("figcaption") };
  }

  listen() {
    this.root.querySelectorAll("[name=scale], [name=quantity]").forEach((input) => input.addEventListener("change", () => this.draw()));
    this.slider?.addEventListener("input", () => this.draw());
    this.find(".save")?.addEventListener("click", () => this.save());
    const place = (node, event) => {
      const box = node.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    for (const tile of this.tiles) {
      for (const kind of ["pointermove", "pointerdown"])
        tile.canvas.addEventListener(kind, (event) => this.probe(tile, ...place(tile.canvas, event)));
      tile.canvas.addEventListener("focus", () => this.probe(tile, this.across, this.down));
      tile.canvas.addEventListener("keydown", (event) => this.onKey(tile, event));
    }
    for (const picture of this.pictures) {
      const tile = this.tiles.find(({ maps }) => maps === Number(picture.dataset.picture));
      const image = picture.querySelector("img");
      for (const kind of ["pointermove", "pointerdown"])
        image.addEventListener(kind, (event) => this.probe(tile, ...place(image, event)));
    }
  }

  /** Arrow keys move by one position of the map, page keys to the same place of the next site. */
  onKey(tile, event) {
    const { rows, columns } = tile.filter;
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const site = { PageUp: -1, PageDown: 1 }[event.key];
    if (!move && !site) return;
    event.preventDefault();
    if (site) return this.tiles.find(({ maps, row }) => maps === tile.maps && row === tile.row + site)?.canvas.focus();
    const [column, row] = [this.across * columns, this.down * rows].map(Math.floor);
    this.probe(tile, (column + move[0] + 0.5) / columns, (row + move[1] + 0.5) / rows);
  }

  get quantity() { return this.find("[name=quantity]:checked")?.value ?? "variance"; }

  get group() { return this.slider ? Number(this.slider.value) - 1 : MEAN; }

  /** Paint all maps; a scale belongs to all of them or to one site, never to one picture or group. */
  draw() {
    const { quantity, group, tiles } = this;
    const kind = this.find("[name=scale]:checked").value;
    const bySite = kind === "site";
    const filters = tiles.map(({ filter }) => filter);
    const shared = scaleOf(filters, quantity, group, kind === "whole");
    const scales = new Map();
    for (const name of new Set(filters.map(({ site }) => site)))
      scales.set(name, bySite ? scaleOf(filters.filter(({ site }) => site === name), quantity, group) : shared);
    for (const { canvas, filter, words } of tiles) {
      const values = filter.map(quantity, group);
      const [bottom, top] = scales.get(filter.site);
      paint(canvas, values, [bottom, top]);
      const [low, high] = rangeOf([values]);
      const flat = high - low < FLAT * (top - bottom);
      words.textContent = flat ? `constant, ${((low + high) / 2).toPrecision(2)}` : `${low.toPrecision(2)} – ${high.toPrecision(2)}`;
    }
    const ends = bySite ? ["lowest", "highest"] : shared.map((value) => value.toPrecision(2));
    [this.find(".low").textContent, this.find(".high").textContent] = ends;
    [this.find(".first").textContent, this.find(".last").textContent] = QUANTITIES[quantity].ends;
    if (this.slider) {
      const words = group === MEAN ? `mean of ${this.slider.max}` : `${group + 1} of ${this.slider.max}`;
      this.slider.setAttribute("aria-valuetext", group === MEAN ? `all groups, ${words}` : `group ${words}`);
      this.find(".groups output").textContent = words;
    }
    if (this.tile) this.probe(this.tile, this.across, this.down);
  }

  /** Show the filters of all sites at one place of a picture, and say those of one site in words. */
  probe(tile, across, down) {
    const inside = (value) => Math.min(1 - 1e-6, Math.max(0, value));
    [this.tile, this.across, this.down] = [tile, inside(across), inside(down)];
    for (const other of this.tiles) {
      const here = other.maps === tile.maps;
      other.figure.classList.toggle("probed", here);
      other.canvas.tabIndex = other.row === (other.network === tile.network ? tile.row : 0) ? 0 : -1;
      if (here) this.mark(other.figure, other.filter);
    }
    for (const picture of this.pictures) {
      const here = Number(picture.dataset.picture) === tile.maps;
      picture.classList.toggle("probed", here);
      if (here) this.mark(picture, { rows: 1e4, columns: 1e4 });
    }
    for (const probe of this.probes) {
      const shown = this.tiles.find(({ maps, row }) => maps === tile.maps && row === probe.row);
      if (probe.network === tile.network && shown) this.showFilter(probe, shown.filter);
    }
    this.find(".probe").textContent = this.inWords(tile);
  }

  at({ rows, columns }) { return [Math.floor(this.down * rows), Math.floor(this.across * columns)]; }

  mark(figure, filter) {
    const [row, column] = this.at(filter);
    Object.assign(figure.querySelector(".cross").style, {
      left: `${100 * (column + 0.5) / filter.columns}%`, top: `${100 * (row + 0.5) / filter.rows}%`,
    });
  }

  showFilter({ kernel, response, frame, words }, filter) {
    const [row, column] = this.at(filter);
    const weights = filter.filter(this.group, row * filter.columns + column);
    const { of, unit } = QUANTITIES[this.quantity];
    drawKernel(kernel, weights);
    paint(response, responseOf(weights), [0, 1]);
    const [down, right] = filter.stride;
    Object.assign(frame.style, { width: `${100 / right}%`, height: `${100 / down}%` });
    frame.hidden = down * right === 1;
    const value = this.group === MEAN ? filter.map(this.quantity, MEAN)[row * filter.columns + column] : of(weights);
    words[0].textContent = `${value.toPrecision(2)}${unit}`;
    words[1].textContent = frame.hidden ? "keeps every sample" : `lets ${(100 * stopbandOf(weights, filter.stride)).toFixed(0)} % alias`;
    kernel.setAttribute("aria-label", `Filter at the probe, weights in percent: ${this.rowsOf(weights)}`);
    response.setAttribute("aria-label", `Frequency response of that filter: ${words[1].textContent}`);
  }

  rowsOf(weights) {
    const side = Math.round(Math.sqrt(weights.length));
    return Array.from({ length: side }, (_, row) =>
      weights.slice(row * side, (row + 1) * side).map((weight) => (100 * weight).toFixed(0)).join(" ")).join(", ");
  }

  inWords({ filter, image }) {
    const [row, column] = this.at(filter);
    const at = row * filter.columns + column;
    const where = `${image}, ${filter.site.replace(/\.antialias$/, "")}, row ${row + 1} of ${filter.rows}, column ${column + 1} of ${filter.columns}`;
    if (!filter.bytes) return `${where}: variance ${filter.values[at].toPrecision(2)}`;
    const group = this.group === MEAN ? `mean of ${filter.groups} groups` : `group ${filter.clamp(this.group) + 1} of ${filter.groups}`;
    const value = (quantity) => filter.map(quantity, this.group)[at].toPrecision(2);
    const weights = filter.filter(this.group, at);
    const centre = `${towards(momentOf(weights, 0), ["up", "down"])} and ${towards(momentOf(weights, 1), ["left", "right"])}`;
    return `${where}, ${group}: variance ${value("variance")}, entropy ${value("entropy")} bits, centre of mass ${centre}. `
      + `Weights in percent: ${this.rowsOf(weights)}.`;
  }

  /** Save every shown number: a line a position and group. */
  save() {
    const lines = ["network,picture,site,group,row,column,variance,entropy,offset,weights"];
    for (const { network, image, filter } of this.tiles)
      for (let group = 0; group < filter.groups; group++)
        for (let at = 0; at < filter.rows * filter.columns; at++) {
          const weights = filter.kernel(group, at);
          const place = [group + 1, Math.floor(at / filter.columns) * filter.step, at % filter.columns * filter.step];
          const values = Object.values(QUANTITIES).map(({ of }) => of(weights).toPrecision(4));
          const names = [network, image, filter.site].map((text) => `"${text.replaceAll('"', '""')}"`);
          lines.push([...names, ...place, ...values, weights.map((w) => w.toFixed(4)).join(" ")].join(","));
        }
    const href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    element("a", { href, download: "filters.csv" }).click();
  }
}

for (const root of document.querySelectorAll("#filters")) new Filters(root, DATA.filters);
