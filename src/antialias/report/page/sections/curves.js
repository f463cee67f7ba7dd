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

for (const root of document.querySelectorAll("#curves")) new Curves(root);
