// Compiled once for each instruction set, see CMakeLists.txt.
#include "max_pool/arguments.h"

#include <algorithm>
#include <limits>
#include <type_traits>

namespace antialias::ANTIALIAS_ISA {
namespace {

// As torch chooses: the first of equals, and NaN before everything.
template <class T>
inline bool beats(T value, T best) {
  return (value > best) | (value != value);
}

// K is the side of the window, or 0 if it is known at run time only.
template <class T, int K>
struct Pool {
  using Index = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;  // vectors of both have as many lanes
  static constexpr T kLowest = -std::numeric_limits<T>::infinity();

  const MaxPoolArguments& p;

  int64_t kernel_h() const { return K ? K : p.rows.kernel_size; }
  int64_t kernel_w() const { return K ? K : p.columns.kernel_size; }
  int64_t step() const { return p.columns.dilation * p.channels; }
  int64_t row_in() const { return p.columns.in * p.channels; }
  int64_t row_out() const { return p.columns.out * p.channels; }
  // A row of x with all that windows see beyond it.
  int64_t row_seen() const { return row_out() + p.columns.reach() * p.channels; }
  int64_t left() const { return p.columns.padding * p.channels; }

  int64_t forward_scratch() const { return row_seen() * int64_t(sizeof(T)); }

  // Down the columns first, then along the row.
  void forward(int64_t task, T* highest_WC) const {
    const int64_t map = task / p.rows.out, out = task % p.rows.out;
    const T* x_HWC = static_cast<const T*>(p.x) + map * p.rows.in * row_in();
    T* y_WC = static_cast<T*>(p.y) + task * row_out();
    std::fill_n(highest_WC, row_seen(), kLowest);
    T* const inside_WC = highest_WC + left();
    for (int64_t tap = 0; tap < kernel_h(); ++tap) {
      const int64_t row = out + tap * p.rows.dilation - p.rows.padding;
      if (row < 0 || row >= p.rows.in) continue;
      const T* source_WC = x_HWC + row * row_in();
      for (int64_t i = 0; i < row_in(); ++i) {
        inside_WC[i] = beats(source_WC[i], inside_WC[i]) ? source_WC[i] : inside_WC[i];
      }
    }
    for (int64_t i = 0; i < row_out(); ++i) {
      T best = highest_WC[i];
      for (int64_t tap = 1; tap < kernel_w(); ++tap) {
        const T value = highest_WC[i + tap * step()];
        best = beats(value, best) ? value : best;
      }
      y_WC[i] = best;
    }
  }

  int64_t ring() const { return p.rows.reach() + 1; }
  int64_t margin() const { return p.columns.reach() * p.channels; }
  int64_t row_chosen() const { return std::max(row_out(), row_in()) + 2 * margin(); }

  int64_t backward_scratch() const {
    return ((ring() + 1) * row_seen() + row_chosen()) * int64_t(sizeof(T)) +
           (row_out() + row_chosen()) * int64_t(sizeof(Index));
  }

  int64_t tasks_of_map() const { return (p.rows.in + p.rows_per_task - 1) / p.rows_per_task; }

  // What is summed into one sample is summed in the order of y, whoever owns the rows around it.
  void backward(int64_t task, T* scratch) const {
    const int64_t tasks = tasks_of_map(), map = task / tasks;
    const int64_t top = task % tasks * p.rows_per_task, bottom = std::min(top + p.rows_per_task, p.rows.in);
    Rows rows{*this, scratch, static_cast<const T*>(p.x) + map * p.rows.in * row_in()};
    T* grad_x_HWC = static_cast<T*>(p.grad_x) + map * p.rows.in * row_in();
    const T* grad_y_HWC = static_cast<const T*>(p.grad_y) + map * p.rows.out * row_out();
    std::fill(grad_x_HWC + top * row_in(), grad_x_HWC + bottom * row_in(), T(0));
    const int64_t first = std::max<int64_t>(top - p.rows.reach() + p.rows.padding, 0);
    const int64_t last = std::min(bottom + p.rows.padding, p.rows.out);
    for (int64_t out = first; out < last; ++out) {
      rows.choose(out, grad_y_HWC + out * row_out());
      for (int64_t tap = 0; tap < kernel_h(); ++tap) {
        const int64_t row = out + tap * p.rows.dilation - p.rows.padding;
        if (row >= top && row < bottom) rows.add(tap, grad_x_HWC + row * row_in());
      }
    }
  }

  // The rows of x that a row of y looks at, and which of their samples it took.
  struct Rows {
    const Pool& pool;
    T *ring_HWC, *lowest_WC, *grad_WC;
    Index *first_WC, *chosen_WC;
    const T* x_HWC;
    int64_t loaded = -1;  // the last row that is in the ring

    Rows(const Pool& pool, T* scratch, const T* x_HWC) : pool(pool), x_HWC(x_HWC) {
      ring_HWC = scratch, lowest_WC = ring_HWC + pool.ring() * pool.row_seen(), grad_WC = lowest_WC + pool.row_seen();
      first_WC = reinterpret_cast<Index*>(grad_WC + pool.row_chosen()), chosen_WC = first_WC + pool.row_out();
      std::fill(ring_HWC, grad_WC, kLowest);
      std::fill_n(grad_WC, pool.row_chosen(), T(0));
      std::fill_n(chosen_WC, pool.row_chosen(), Index(-1));
      const PoolDimension& columns = pool.p.columns;
      for (int64_t i = 0; i < pool.row_out(); ++i) {
        first_WC[i] = Index(first_tap(columns, i / pool.p.channels));
      }
    }

    static int64_t first_tap(const PoolDimension& slide, int64_t out) {
      const int64_t outside = std::max<int64_t>(slide.padding - out, 0);
      return (outside + slide.dilation - 1) / slide.dilation;
    }

    const T* at(int64_t row) const { return ring_HWC + row % pool.ring() * pool.row_seen(); }

    void load(int64_t out) {
      const int64_t from = out - pool.p.rows.padding, to = std::min(from + pool.ring(), pool.p.rows.in);
      for (int64_t row = std::max({loaded + 1, from, int64_t(0)}); row < to; ++row) {
        std::copy_n(x_HWC + row * pool.row_in(), pool.row_in(), const_cast<T*>(at(row)) + pool.left());
        loaded = row;
      }
    }

    void choose(int64_t out, const T* grad_y_WC) {
      load(out);
      const T* sources_WC[K ? K : 1];
      const Index start = Index(first_tap(pool.p.rows, out) * pool.kernel_w());
      Index* const taken_WC = chosen_WC + pool.margin();
      std::copy_n(grad_y_WC, pool.row_out(), grad_WC + pool.margin());
      if constexpr (K > 0) {
        for (int64_t tap = 0; tap < K; ++tap) sources_WC[tap] = source(out, tap);
      }
      for (int64_t i = 0; i < pool.row_out(); ++i) {
        T best = kLowest;
        Index index = start + first_WC[i];
        for (int64_t tap = 0; tap < pool.kernel_h(); ++tap) {
          const T* row_WC = K ? sources_WC[K ? tap : 0] : source(out, tap);
          for (int64_t along = 0; along < pool.kernel_w(); ++along) {
            const T value = row_WC[i + along * pool.step()];
            const bool better = beats(value, best);
            best = better ? value : best;
            index = better ? Index(tap * pool.kernel_w() + along) : index;
          }
        }
        taken_WC[i] = index;
      }
    }

    const T* source(int64_t out, int64_t tap) const {
      const int64_t row = out + tap * pool.p.rows.dilation - pool.p.rows.padding;
      return row < 0 || row >= pool.p.rows.in ? lowest_WC : at(row);
    }

    // Gives each sample of a row of x the gradients of those who took it at vertical tap `tap`.
    void add(int64_t tap, T* grad_x_WC) const {
      const int64_t origin = pool.margin() + pool.left();
      for (int64_t i = 0; i < pool.row_in(); ++i) {
        T sum = grad_x_WC[i];
        for (int64_t along = pool.kernel_w() - 1; along >= 0; --along) {
          const int64_t out = origin + i - along * pool.step();
          sum += chosen_WC[out] == Index(tap * pool.kernel_w() + along) ? grad_WC[out] : T(0);
        }
        grad_x_WC[i] = sum;
      }
    }
  };
};

template <class T, int K>
Passes<MaxPoolArguments> passes_of() {
  using Kernel = Pool<T, K>;
  return {{
              [](const MaxPoolArguments& p) { return p.maps * p.rows.out; },
              [](const MaxPoolArguments& p) { return Kernel{p}.forward_scratch(); },
              [](const MaxPoolArguments& p, int64_t first, int64_t last, void* scratch) {
                for (int64_t task = first; task < last; ++task) Kernel{p}.forward(task, static_cast<T*>(scratch));
              },
          },
          {
              [](const MaxPoolArguments& p) { return p.maps * Kernel{p}.tasks_of_map(); },
              [](const MaxPoolArguments& p) { return Kernel{p}.backward_scratch(); },
              [](const MaxPoolArguments& p, int64_t first, int64_t last, void* scratch) {
                for (int64_t task = first; task < last; ++task) Kernel{p}.backward(task, static_cast<T*>(scratch));
              },
          }};
}

template <class T>
Passes<MaxPoolArguments> for_size(int64_t kernel_h, int64_t kernel_w) {
  if (kernel_h == 3 && kernel_w == 3) return passes_of<T, 3>();
  if (kernel_h == 2 && kernel_w == 2) return passes_of<T, 2>();
  return passes_of<T, 0>();
}

}  // namespace

Passes<MaxPoolArguments> max_pool(const MaxPoolArguments& p) {
  const int64_t rows = p.rows.kernel_size, columns = p.columns.kernel_size;
  return p.float64 ? for_size<double>(rows, columns) : for_size<float>(rows, columns);
}

}  // namespace antialias::ANTIALIAS_ISA
