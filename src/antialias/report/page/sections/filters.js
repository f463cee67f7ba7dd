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

for (const root of document.querySelectorAll("#filters")) new Maps(root, DATA.filters);
