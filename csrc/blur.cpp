// The fixed filter, compiled once for each instruction set, see CMakeLists.txt.
//
// Rows of the map that an output row looks at are summed to one, which is filtered along its columns, in registers or by
// way of scratch. Forward and backward are the same with other matrices.
#include "blur.h"

#include "lanes.h"

namespace antialias::ANTIALIAS_ISA {
namespace {

bool halves(const BlurProblem& p) { return p.channels == 1 && p.columns.stride == 2 && p.columns.kernel_size == 3; }

// T is the type of the maps, N the lanes of a vector.
template <class T, int N>
struct Blur {
  using A = Sum<T>;

  const BlurProblem& p;
  const Resampling &rows = p.rows, &columns = p.columns;
  const int64_t in_row = columns.in * p.channels, out_row = columns.out * p.channels;

  // A row of sums, with room for vectors that look beyond it.
  int64_t scratch() const { return round_up(in_row + 4 * N, N); }

  void run(int64_t first, int64_t last, A* scratch) const {
    A taps[8];
    for (int64_t c = 0; c < columns.kernel_size; ++c) taps[c] = A(columns.taps[c]);
    clear<N>(scratch, this->scratch());
    int64_t row = first % rows.out;
    const T* x = static_cast<const T*>(p.x) + first / rows.out * rows.in * in_row;
    T* y = static_cast<T*>(p.y) + first * out_row;
    for (int64_t task = first; task < last; ++task, y += out_row) {
      if (p.channels > 1) {
        filter_channels(x, row, scratch, y);
      } else if (!halve(x, row, taps, task + 1 < last, y)) {
        sum_rows(x, row, scratch);
        filter_row(scratch, taps, y);
      }
      if (++row == rows.out) row = 0, x += rows.in * in_row;
    }
  }

  // Entry `e` of row `of` of a sparse matrix, and how many there are.
  static int64_t count_of(const Resampling& matrix, int64_t of) { return matrix.start[of + 1] - matrix.start[of]; }
  static int64_t from_of(const Resampling& matrix, int64_t of, int64_t e) { return matrix.from[matrix.start[of] + e]; }
  static A weight_of(const Resampling& matrix, int64_t of, int64_t e) { return A(matrix.weight[matrix.start[of] + e]); }

  // ---- rows, summed to one

  void sum_rows(const T* x, int64_t row, A* to) const {
    const bool few = with_lines(x, row, [&](const auto& lines) {
      for_each_vector(in_row, [&](auto lanes, int64_t i) {
        for (int r = 0; r < lines.count && lanes == N; ++r) fetch_soon(lines.at[r] + i);
        store<lanes>(to + i, lines.template sum<lanes>(i));
      });
      return true;
    });
    if (!few) sum_many_rows(x, row, to);
  }

  void sum_many_rows(const T* x, int64_t row, A* to) const {
    for_each_vector(in_row, [&](auto lanes, int64_t i) {
      Vector<A, lanes> sum{};
      for (int64_t e = 0; e < count_of(rows, row); ++e) {
        sum += load<lanes>(x + from_of(rows, row, e) * in_row + i) * weight_of(rows, row, e);
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
  ALWAYS_INLINE Lines<T, Rows> lines_of(const T* x, int64_t row) const {
    Lines<T, Rows> lines;
    for (int r = 0; r < Rows; ++r) {
      lines.at[r] = x + from_of(rows, row, r) * in_row, lines.weights[r] = weight_of(rows, row, r);
    }
    return lines;
  }

  static Lines<A, 1> summed(const A* sums) { return {{sums}, {A(1)}}; }

  // What `use` makes of the rows that an output row sees, or false if they are many. Known counts have their weights in
  // registers: the compiler cannot know that a store leaves the matrix as it is.
  template <class Use>
  ALWAYS_INLINE bool with_lines(const T* x, int64_t row, Use use) const {
    switch (count_of(rows, row)) {
      case 1:
        return use(lines_of<1>(x, row));
      case 2:
        return use(lines_of<2>(x, row));
      case 3:
        return use(lines_of<3>(x, row));
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

  void filter_channels(const T* x, int64_t row, A* scratch, T* y) const {
    const bool few = with_lines(x, row, [&](const auto& lines) {
      filter_positions(lines, y);
      return true;
    });
    if (few) return;
    sum_many_rows(x, row, scratch);
    filter_positions(summed(scratch), y);
  }

  template <class From, int Rows>
  ALWAYS_INLINE void filter_positions(const Lines<From, Rows>& lines, T* y) const {
    for (int64_t column = 0; column < columns.out; ++column, y += p.channels) {
      switch (count_of(columns, column)) {
        case 1:
          filter_position<1>(lines, column, y);
          break;
        case 2:
          filter_position<2>(lines, column, y);
          break;
        case 3:
          filter_position<3>(lines, column, y);
          break;
        default:
          for_each_vector(p.channels, [&](auto lanes, int64_t i) {
            Vector<A, lanes> sum{};
            for (int64_t e = 0; e < count_of(columns, column); ++e) {
              sum += lines.template sum<lanes>(from_of(columns, column, e) * p.channels + i) * weight_of(columns, column, e);
            }
            store<lanes>(y + i, sum);
          });
      }
    }
  }

  template <int Count, class From, int Rows>
  ALWAYS_INLINE void filter_position(const Lines<From, Rows>& lines, int64_t column, T* y) const {
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
      if (p.transposed) fetch_soon(y + i);
      store<lanes>(y + i, sum);
    });
  }

  // ---- contiguous maps, three taps and every second column: in registers, straight from the map

  // Whether it was possible: the vectors of a row look beyond it, which the last rows of the maps forbid. They are stored
  // beyond the end of the row if the next one is still to be written.
  ALWAYS_INLINE bool halve(const T* x, int64_t row, const A* taps, bool more, T* y) const {
    if (!halves(p)) return false;
    const int64_t kept = p.transposed ? columns.in : columns.out, vectors = ceil_div(kept, N);
    const T* end = static_cast<const T*>(p.x) + p.maps * rows.in * in_row;
    const bool spill = more && vectors * N <= 2 * kept - 1;
    return with_lines(x, row, [&](const auto& lines) {
      for (int r = 0; r < lines.count; ++r) {
        if (end - lines.at[r] < vectors * N * (p.transposed ? 1 : 2)) return false;
      }
      if (p.transposed) {
        double_row(lines, taps, vectors, spill, y);
      } else {
        halve_row(lines, taps, vectors, spill, y);
      }
      filter_border(lines, 0, columns.regular_first, y), filter_border(lines, columns.regular_end, columns.out, y);
      return true;
    });
  }

  template <int Rows>
  ALWAYS_INLINE void halve_row(const Lines<T, Rows>& lines, const A* taps, int64_t vectors, bool spill, T* y) const {
    const int64_t size = columns.out;
    const A left = taps[0], centre = taps[1], right = taps[2];
    Vector<A, N> before{};
    for (int64_t i = 0; i < vectors * N; i += N) {
      for (int r = Rows / 2; r < Rows; ++r) fetch_soon(lines.at[r] + 2 * i), fetch_soon(lines.at[r] + 2 * i + N);
      const auto a = lines.template sum<N>(2 * i), b = lines.template sum<N>(2 * i + N), odd = odds<A, N>(a, b);
      const auto sum = evens<A, N>(a, b) * centre + odd * right + shifted_up<1, A, N>(before, odd) * left;
      store_some<N>(y + i, sum, spill ? N : size - i);
      before = odd;
    }
  }

  template <int Rows>
  ALWAYS_INLINE void double_row(const Lines<T, Rows>& lines, const A* taps, int64_t vectors, bool spill, T* y) const {
    const int64_t size = columns.out;
    const A left = taps[0], centre = taps[1], right = taps[2];
    Vector<A, N> next{};
    for (int64_t i = (vectors - 1) * N; i >= 0; i -= N) {
      for (int r = 0; r < Rows; ++r) fetch_soon(lines.at[r] + i);
      const auto sum = lines.template sum<N>(i), odd = sum * right + pick<From<1>, A, N>(sum, next) * left;
      const int64_t room = spill ? 2 * N : size - 2 * i;
      fetch_soon(y + 2 * i), fetch_soon(y + 2 * i + N);
      store_some<N>(y + 2 * i, interleaved_first<A, N>(sum * centre, odd), room);
      if (room > N) store_some<N>(y + 2 * i + N, interleaved_last<A, N>(sum * centre, odd), room - N);
      next = sum;
    }
  }

  // One column after another, as the matrix says.
  template <class From, int Rows>
  ALWAYS_INLINE void filter_border(const Lines<From, Rows>& lines, int64_t first, int64_t last, T* y) const {
    for (int64_t column = first; column < last; ++column) {
      A sum = 0;
      for (int64_t e = 0; e < count_of(columns, column); ++e) {
        sum += lines.template sum<1>(from_of(columns, column, e))[0] * weight_of(columns, column, e);
      }
      put(y + column, sum);
    }
  }

  // ---- the columns of other contiguous maps

  void filter_row(const A* sums, const A* taps, T* y) const {
    if (columns.stride > 2) {
      filter_border(summed(sums), 0, columns.out, y);
    } else if (p.transposed) {
      filter_inside<true>(sums, taps, y);
    } else {
      filter_inside<false>(sums, taps, y);
    }
  }

  template <bool Transposed>
  ALWAYS_INLINE void filter_inside(const A* sums, const A* taps, T* y) const {
    if (columns.stride == 1) {
      filter_inside<Transposed, 1>(sums, taps, y);
    } else {
      filter_inside<Transposed, 2>(sums, taps, y);
    }
  }

  template <bool Transposed, int S>
  ALWAYS_INLINE void filter_inside(const A* sums, const A* taps, T* y) const {
    if (columns.kernel_size == 3) {
      filter_inside<Transposed, S>(sums, taps, Constant<3>{}, y);
    } else {
      filter_inside<Transposed, S>(sums, taps, columns.kernel_size, y);
    }
  }

  template <bool Transposed, int S, class Size>
  ALWAYS_INLINE void filter_inside(const A* sums, const A* taps, Size k, T* y) const {
    // Backward with stride 2, a vector of even and one of odd columns are made together.
    constexpr int64_t kStep = Transposed ? S : 1, kCount = kStep * N;
    const int64_t first = round_up(columns.regular_first, kStep), last = columns.regular_end / kStep * kStep;
    if (last - first < kCount) return filter_border(summed(sums), 0, columns.out, y);
    filter_border(summed(sums), 0, first, y);
    int64_t column = first;
    for (; column + kCount <= last; column += kCount) filter_vector<Transposed, S>(sums, taps, k, column, y);
    // The last one overlaps the one before.
    if (column < last) filter_vector<Transposed, S>(sums, taps, k, last - kCount, y);
    filter_border(summed(sums), last, columns.out, y);
  }

  template <bool Transposed, int S, class Size>
  ALWAYS_INLINE void filter_vector(const A* sums, const A* taps, Size k, int64_t column, T* y) const {
    if constexpr (!Transposed) {
      store<N>(y + column, gathered<S>(sums + column * S - columns.pad, taps, k));
    } else if constexpr (S == 1) {
      store<N>(y + column, spread<1>(sums + column, taps, k, 0));
    } else {
      const auto even = spread<2>(sums + column / 2, taps, k, 0), odd = spread<2>(sums + column / 2, taps, k, 1);
      store<N>(y + column, interleaved_first<A, N>(even, odd));
      store<N>(y + column + N, interleaved_last<A, N>(even, odd));
    }
  }

  template <int S, class Size>
  ALWAYS_INLINE Vector<A, N> gathered(const A* at, const A* taps, Size k) const {
    Vector<A, N> sum{};
    for (int c = 0; c < k; ++c) {
      if constexpr (S == 1) {
        sum += load<N>(at + c) * taps[c];
      } else {
        sum += evens<A, N>(load<N>(at + c), load<N>(at + c + N)) * taps[c];
      }
    }
    return sum;
  }

  // Samples of one phase of the columns: each tap that meets them brings a neighbour's share.
  template <int S, class Size>
  ALWAYS_INLINE Vector<A, N> spread(const A* at, const A* taps, Size k, int phase) const {
    const int offset = phase + (k - 1) / 2;
    Vector<A, N> sum{};
    for (int c = offset % S; c < k; c += S) sum += load<N>(at + (offset - c) / S) * taps[c];
    return sum;
  }
};

template <class T, int N>
BlurPass pass_of() {
  using A = Sum<T>;
  return {
      [](const BlurProblem& p) { return Blur<T, N>{p}.scratch() * int64_t(sizeof(A)); },
      [](const BlurProblem& p, int64_t first, int64_t last, void* scratch) {
        Blur<T, N>{p}.run(first, last, static_cast<A*>(scratch));
      },
  };
}

template <int N>
bool fills(const BlurProblem& p) {
  if (p.channels > 1) return p.channels >= N;
  const int64_t step = p.transposed ? p.columns.stride : 1, regular = p.columns.regular_end - p.columns.regular_first;
  if (halves(p)) return (p.transposed ? p.columns.in : p.columns.out) > N / 2;
  return (regular - 2 * (step - 1)) / step >= N;
}

// Shorter vectors where a long one would not fit between the borders, or the channels, or would be half idle.
template <class T, int N = kLanes<Sum<T>>>
BlurPass for_size(const BlurProblem& p) {
  if constexpr (N > 4) {
    if (!fills<N>(p)) return for_size<T, N / 2>(p);
  }
  return pass_of<T, N>();
}

}  // namespace

BlurPass blur(const BlurProblem& p) {
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
