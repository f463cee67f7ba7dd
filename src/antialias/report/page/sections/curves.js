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
      for (const [name, value] of [["tabindex", "0"], ["role", "application"], ["aria-roledescription", "curves"]]) svg.setAttribute(name, value);
      svg.addEventListener("keydown", (event) => this.onKey(panel, dots, event));
      svg.addEventListener("focus", () => this.read(panel, dots, dots[0]));
      svg.addEventListener("blur", () => this.leave(panel));
    }
  }

  point(panel, dots, fraction) {
    const at = fraction * panel.querySelector("svg").viewBox.baseVal.width;
    const gap = (dot) => Math.abs(Number(dot.dataset.x) - at);
    this.read(panel, dots, dots.reduce((best, dot) => (gap(dot) < gap(best) ? dot : best)));
  }

  /** Arrow keys go from distance to distance. */
  onKey(panel, dots, event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const places = [...new Set(dots.map((dot) => Number(dot.dataset.x)))].sort((a, b) => a - b);
    const place = places[Math.min(places.length - 1, Math.max(0, places.indexOf(Number(this.dot.dataset.x)) + by))];
    this.read(panel, dots, dots.find((dot) => Number(dot.dataset.x) === place));
  }

  read(panel, dots, nearest) {
    this.dot = nearest;
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

for (const root of document.querySelectorAll("#curves")) new Curves(root);
