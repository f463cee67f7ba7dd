// The fixed filter, compiled once for each instruction set, see CMakeLists.txt.
//
// Rows of the map that an output row looks at are summed to one, which is filtered along its columns, in registers or by
// way of scratch. Forward and backward are the same with other matrices.
#include "blur/arguments.h"
#include "shared/row_k3s2.h"

namespace antialias::ANTIALIAS_ISA {
namespace {

bool is_k3s2(const BlurArguments& p) { return p.channels == 1 && p.columns.stride == 2 && p.columns.kernel_size == 3; }

// T is the type of the maps, N the lanes of a vector.
template <class T, int N>
struct Blur {
  using A = Sum<T>;

  const BlurArguments& p;
  const Resampling &rows = p.rows, &columns = p.columns;
  const int64_t in_row = columns.in * p.channels, out_row = columns.out * p.channels;

  // A row of sums, with room for vectors that look beyond it.
  int64_t scratch() const { return round_up(in_row + 4 * N, N); }

  void run(int64_t first, int64_t last, A* scratch) const {
    A taps_T[8];
    for (int64_t c = 0; c < columns.kernel_size; ++c) taps_T[c] = A(columns.taps[c]);
    clear<N>(scratch, this->scratch());
    int64_t row = first % rows.out;
    const T* x_HWC = static_cast<const T*>(p.x) + first / rows.out * rows.in * in_row;
    T* y_HWC = static_cast<T*>(p.y) + first * out_row;
    for (int64_t task = first; task < last; ++task, y_HWC += out_row) {
      if (p.channels > 1) {
        filter_channels(x_HWC, row, scratch, y_HWC);
      } else if (!filter_k3s2(x_HWC, row, taps_T, task + 1 < last, y_HWC)) {
        sum_rows(x_HWC, row, scratch);
        filter_row(scratch, taps_T, y_HWC);
      }
      if (++row == rows.out) row = 0, x_HWC += rows.in * in_row;
    }
  }

  // Entry `e` of row `of` of a sparse matrix, and how many there are.
  static int64_t count_of(const Resampling& matrix, int64_t of) { return matrix.start[of + 1] - matrix.start[of]; }
  static int64_t from_of(const Resampling& matrix, int64_t of, int64_t e) { return matrix.from[matrix.start[of] + e]; }
  static A weight_of(const Resampling& matrix, int64_t of, int64_t e) { return A(matrix.weight[matrix.start[of] + e]); }

  // ---- rows, summed to one

  void sum_rows(const T* x_HWC, int64_t row, A* to) const {
    const bool few = with_lines(x_HWC, row, [&](const auto& lines) {
      for_each_vector(in_row, [&](auto lanes, int64_t i) {
        for (int r = 0; r < lines.count && lanes == N; ++r) fetch_soon(lines.at[r] + i);
        store<lanes>(to + i, lines.template sum<lanes>(i));
      });
      return true;
    });
    if (!few) sum_many_rows(x_HWC, row, to);
  }

  void sum_many_rows(const T* x_HWC, int64_t row, A* to) const {
    for_each_vector(in_row, [&](auto lanes, int64_t i) {
      Vector<A, lanes> sum{};
      for (int64_t e = 0; e < count_of(rows, row); ++e) {
        sum += load<lanes>(x_HWC + from_of(rows, row, e) * in_row + i) * weight_of(rows, row, e);
      }
      store<lanes>(to + i, sum);
    });
  }

  // The rows of the map that an output row sees.
  template <class From, int Rows>
  struct Lines {
    static constexpr int count = Rows;
    const From* at[Rows];
    A weights[Rows];

    template <int Lanes>
    ALWAYS_INLINE Vector<A, Lanes> sum(int64_t i) const {
      Vector<A, Lanes> sum{};
      for (int r = 0; r < Rows; ++r) sum += load<Lanes>(at[r] + i) * weights[r];
      return sum;
    }
  };

  template <int Rows>
  ALWAYS_INLINE Lines<T, Rows> lines_of(const T* x_HWC, int64_t row) const {
    Lines<T, Rows> lines;
    for (int r = 0; r < Rows; ++r) {
      lines.at[r] = x_HWC + from_of(rows, row, r) * in_row, lines.weights[r] = weight_of(rows, row, r);
    }
    return lines;
  }

  static Lines<A, 1> summed(const A* sums_WC) { return {{sums_WC}, {A(1)}}; }

  // What `use` makes of the rows that an output row sees, or false if they are many. Known counts have their weights in
  // registers: the compiler cannot know that a store leaves the matrix as it is.
  template <class Use>
  ALWAYS_INLINE bool with_lines(const T* x_HWC, int64_t row, Use use) const {
    switch (count_of(rows, row)) {
      case 1:
        return use(lines_of<1>(x_HWC, row));
      case 2:
        return use(lines_of<2>(x_HWC, row));
      case 3:
        return use(lines_of<3>(x_HWC, row));
      default:
        return false;
    }
  }

  // Calls `use` with Constant<lanes> and where a vector of so many begins.
  template <class Use>
  ALWAYS_INLINE static void for_each_vector(int64_t size, Use use) {
    int64_t i = 0;
    for (; i + N <= size; i += N) use(Constant<N>{}, i);
    if (i == size) return;
    if (size >= N) {
      use(Constant<N>{}, size - N);  // overlaps the one before
    } else {
      for (i = 0; i < size; ++i) use(Constant<1>{}, i);
    }
  }

  // ---- channels_last maps: a position's channels are vectors, straight from the map if few rows are summed

  void filter_channels(const T* x_HWC, int64_t row, A* scratch, T* y_HWC) const {
    const bool few = with_lines(x_HWC, row, [&](const auto& lines) {
      filter_positions(lines, y_HWC);
      return true;
    });
    if (few) return;
    sum_many_rows(x_HWC, row, scratch);
    filter_positions(summed(scratch), y_HWC);
  }

  template <class From, int Rows>
  ALWAYS_INLINE void filter_positions(const Lines<From, Rows>& lines, T* y_HWC) const {
    for (int64_t column = 0; column < columns.out; ++column, y_HWC += p.channels) {
      switch (count_of(columns, column)) {
        case 1:
          filter_position<1>(lines, column, y_HWC);
          break;
        case 2:
          filter_position<2>(lines, column, y_HWC);
          break;
        case 3:
          filter_position<3>(lines, column, y_HWC);
          break;
        default:
          for_each_vector(p.channels, [&](auto lanes, int64_t i) {
            Vector<A, lanes> sum{};
            for (int64_t e = 0; e < count_of(columns, column); ++e) {
              sum += lines.template sum<lanes>(from_of(columns, column, e) * p.channels + i) * weight_of(columns, column, e);
            }
            store<lanes>(y_HWC + i, sum);
          });
      }
    }
  }

  template <int Count, class From, int Rows>
  ALWAYS_INLINE void filter_position(const Lines<From, Rows>& lines, int64_t column, T* y_HWC) const {
    int64_t at[Count];
    A weights[Count];
    for (int e = 0; e < Count; ++e) {
      at[e] = from_of(columns, column, e) * p.channels, weights[e] = weight_of(columns, column, e);
    }
    for_each_vector(p.channels, [&](auto lanes, int64_t i) {
      Vector<A, lanes> sum{};
      for (int e = 0; e < Count; ++e) {
        for (int r = 0; r < Rows && lanes == N && e == Count - 1; ++r) fetch_soon(lines.at[r] + at[e] + i);
        sum += lines.template sum<lanes>(at[e] + i) * weights[e];
      }
      if (p.transposed) fetch_soon(y_HWC + i);
      store<lanes>(y_HWC + i, sum);
    });
  }

  // ---- contiguous maps, three taps and every second column: in registers, straight from the map

  // Whether it was possible: the vectors of a row look beyond it, which the last rows of the maps forbid. They are stored
  // beyond the end of the row if the next one is still to be written.
  ALWAYS_INLINE bool filter_k3s2(const T* x_HWC, int64_t row, const A* taps_T, bool more, T* y_HWC) const {
    if (!is_k3s2(p)) return false;
    const int64_t kept = p.transposed ? columns.in : columns.out, vectors = ceil_div(kept, N);
    const T* end = static_cast<const T*>(p.x) + p.maps * rows.in * in_row;
    const bool spill = more && vectors * N <= 2 * kept - 1;
    return with_lines(x_HWC, row, [&](const auto& lines) {
      for (int r = 0; r < lines.count; ++r) {
        if (end - lines.at[r] < vectors * N * (p.transposed ? 1 : 2)) return false;
      }
      if (p.transposed) {
        filter_row_k3s2_transposed(lines, taps_T, vectors, spill, y_HWC);
      } else {
        filter_row_k3s2(lines, taps_T, vectors, spill, y_HWC);
      }
      filter_border(lines, 0, columns.regular_first, y_HWC);
      filter_border(lines, columns.regular_end, columns.out, y_HWC);
      return true;
    });
  }

  template <int Rows>
  ALWAYS_INLINE void filter_row_k3s2(const Lines<T, Rows>& lines, const A* taps_T, int64_t vectors, bool spill,
                                     T* y_HWC) const {
    const int64_t size = columns.out;
    const A left = taps_T[0], centre = taps_T[1], right = taps_T[2];
    Vector<A, N> before{};
    for (int64_t i = 0; i < vectors * N; i += N) {
      for (int r = Rows / 2; r < Rows; ++r) fetch_soon(lines.at[r] + 2 * i), fetch_soon(lines.at[r] + 2 * i + N);
      const auto first = lines.template sum<N>(2 * i), second = lines.template sum<N>(2 * i + N);
      const auto s = samples_k3s2<A, N>(first, second, [&](const auto&) { return before; });
      store_some<N>(y_HWC + i, s.centre_N * centre + s.right_N * right + s.left_N * left, spill ? N : size - i);
      before = s.right_N;
    }
  }

  template <int Rows>
  ALWAYS_INLINE void filter_row_k3s2_transposed(const Lines<T, Rows>& lines, const A* taps_T, int64_t vectors, bool spill,
                                                T* y_HWC) const {
    const int64_t size = columns.out;
    const A left = taps_T[0], centre = taps_T[1], right = taps_T[2];
    Vector<A, N> next{};
    for (int64_t i = (vectors - 1) * N; i >= 0; i -= N) {
      for (int r = 0; r < Rows; ++r) fetch_soon(lines.at[r] + i);
      const auto sum = lines.template sum<N>(i), odd = sum * right + of_next_output<A, N>(sum, next) * left;
      const int64_t room = spill ? 2 * N : size - 2 * i;
      fetch_soon(y_HWC + 2 * i), fetch_soon(y_HWC + 2 * i + N);
      store_some<N>(y_HWC + 2 * i, interleaved_first<A, N>(sum * centre, odd), room);
      if (room > N) store_some<N>(y_HWC + 2 * i + N, interleaved_last<A, N>(sum * centre, odd), room - N);
      next = sum;
    }
  }

  // One column after another, as the matrix says.
  template <class From, int Rows>
  ALWAYS_INLINE void filter_border(const Lines<From, Rows>& lines, int64_t first, int64_t last, T* y_HWC) const {
    for (int64_t column = first; column < last; ++column) {
      A sum = 0;
      for (int64_t e = 0; e < count_of(columns, column); ++e) {
        sum += lines.template sum<1>(from_of(columns, column, e))[0] * weight_of(columns, column, e);
      }
      put(y_HWC + column, sum);
    }
  }

  // ---- the columns of other contiguous maps

  void filter_row(const A* sums_WC, const A* taps_T, T* y_HWC) const {
    if (columns.stride > 2) {
      filter_border(summed(sums_WC), 0, columns.out, y_HWC);
    } else if (p.transposed) {
      filter_inside<true>(sums_WC, taps_T, y_HWC);
    } else {
      filter_inside<false>(sums_WC, taps_T, y_HWC);
    }
  }

  template <bool Transposed>
  ALWAYS_INLINE void filter_inside(const A* sums_WC, const A* taps_T, T* y_HWC) const {
    if (columns.stride == 1) {
      filter_inside<Transposed, 1>(sums_WC, taps_T, y_HWC);
    } else {
      filter_inside<Transposed, 2>(sums_WC, taps_T, y_HWC);
    }
  }

  template <bool Transposed, int S>
  ALWAYS_INLINE void filter_inside(const A* sums_WC, const A* taps_T, T* y_HWC) const {
    if (columns.kernel_size == 3) {
      filter_inside<Transposed, S>(sums_WC, taps_T, Constant<3>{}, y_HWC);
    } else {
      filter_inside<Transposed, S>(sums_WC, taps_T, columns.kernel_size, y_HWC);
    }
  }

  template <bool Transposed, int S, class Size>
  ALWAYS_INLINE void filter_inside(const A* sums_WC, const A* taps_T, Size k, T* y_HWC) const {
    // Backward with stride 2, a vector of even and one of odd columns are made together.
    constexpr int64_t kStep = Transposed ? S : 1, kCount = kStep * N;
    const int64_t first = round_up(columns.regular_first, kStep), last = columns.regular_end / kStep * kStep;
    if (last - first < kCount) return filter_border(summed(sums_WC), 0, columns.out, y_HWC);
    filter_border(summed(sums_WC), 0, first, y_HWC);
    int64_t column = first;
    for (; column + kCount <= last; column += kCount) filter_vector<Transposed, S>(sums_WC, taps_T, k, column, y_HWC);
    // The last one overlaps the one before.
    if (column < last) filter_vector<Transposed, S>(sums_WC, taps_T, k, last - kCount, y_HWC);
    filter_border(summed(sums_WC), last, columns.out, y_HWC);
  }

  template <bool Transposed, int S, class Size>
  ALWAYS_INLINE void filter_vector(const A* sums_WC, const A* taps_T, Size k, int64_t column, T* y_HWC) const {
    if constexpr (!Transposed) {
      store<N>(y_HWC + column, gathered<S>(sums_WC + column * S - columns.pad, taps_T, k));
    } else if constexpr (S == 1) {
      store<N>(y_HWC + column, spread<1>(sums_WC + column, taps_T, k, 0));
    } else {
      const A* from_WC = sums_WC + column / 2;
      const auto even = spread<2>(from_WC, taps_T, k, 0), odd = spread<2>(from_WC, taps_T, k, 1);
      store<N>(y_HWC + column, interleaved_first<A, N>(even, odd));
      store<N>(y_HWC + column + N, interleaved_last<A, N>(even, odd));
    }
  }

  template <int S, class Size>
  ALWAYS_INLINE Vector<A, N> gathered(const A* at, const A* taps_T, Size k) const {
    Vector<A, N> sum{};
    for (int c = 0; c < k; ++c) {
      if constexpr (S == 1) {
        sum += load<N>(at + c) * taps_T[c];
      } else {
        sum += evens<A, N>(load<N>(at + c), load<N>(at + c + N)) * taps_T[c];
      }
    }
    return sum;
  }

  // Samples of one phase of the columns: each tap that meets them brings a neighbour's share.
  template <int S, class Size>
  ALWAYS_INLINE Vector<A, N> spread(const A* at, const A* taps_T, Size k, int phase) const {
    const int offset = phase + (k - 1) / 2;
    Vector<A, N> sum{};
    for (int c = offset % S; c < k; c += S) sum += load<N>(at + (offset - c) / S) * taps_T[c];
    return sum;
  }
};

template <class T, int N>
Pass<BlurArguments> pass_of() {
  using A = Sum<T>;
  return {
      [](const BlurArguments& p) { return p.maps * p.rows.out; },
      [](const BlurArguments& p) { return Blur<T, N>{p}.scratch() * int64_t(sizeof(A)); },
      [](const BlurArguments& p, int64_t first, int64_t last, void* scratch) {
        Blur<T, N>{p}.run(first, last, static_cast<A*>(scratch));
      },
  };
}

template <int N>
bool fills(const BlurArguments& p) {
  if (p.channels > 1) return p.channels >= N;
  const int64_t step = p.transposed ? p.columns.stride : 1, regular = p.columns.regular_end - p.columns.regular_first;
  if (is_k3s2(p)) return (p.transposed ? p.columns.in : p.columns.out) > N / 2;
  return (regular - 2 * (step - 1)) / step >= N;
}

// Shorter vectors where a long one would not fit between the borders, or the channels, or would be half idle.
template <class T, int N = kLanes<Sum<T>>>
Pass<BlurArguments> for_size(const BlurArguments& p) {
  if constexpr (N > 4) {
    if (!fills<N>(p)) return for_size<T, N / 2>(p);
  }
  return pass_of<T, N>();
}

}  // namespace

Pass<BlurArguments> blur(const BlurArguments& p) {
  switch (p.type) {
    case Scalar::bfloat16:
      return for_size<bfloat16>(p);
    case Scalar::float64:
      return for_size<double>(p);
    default:
      return for_size<float>(p);
  }
}

}  // namespace antialias::ANTIALIAS_ISA
