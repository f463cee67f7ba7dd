// The fixed filter, compiled once for each instruction set, see CMakeLists.txt.
//
// An output row is made in two steps: the rows of the map that it looks at are summed to one, in scratch that stays in
// the nearest cache, and that one is filtered along its columns. Forward and backward are the same with other matrices.
#include "blur.h"

#include "lanes.h"

namespace antialias::ANTIALIAS_ISA {
namespace {

template <class T>
struct Blur {
  using A = Sum<T>;
  static constexpr int N = kLanes<A>;

  const BlurProblem& p;
  const Resampling &rows = p.rows, &columns = p.columns;
  const int64_t in_row = columns.in * p.channels, out_row = columns.out * p.channels;

  // A row of sums, with room for vectors that look beyond it.
  int64_t scratch() const { return round_up(in_row + 4 * N, N); }

  void run(int64_t first, int64_t last, A* scratch) const {
    A taps[8];
    for (int64_t c = 0; c < columns.kernel_size; ++c) taps[c] = A(columns.taps[c]);
    clear(scratch, this->scratch());
    for (int64_t task = first; task < last; ++task) {
      const int64_t map = task / rows.out, row = task % rows.out;
      sum_rows(static_cast<const T*>(p.x) + map * rows.in * in_row, row, scratch);
      T* y = static_cast<T*>(p.y) + task * out_row;
      if (p.channels == 1) {
        filter_row(scratch, taps, y);
      } else {
        filter_channels(scratch, y);
      }
    }
  }

  // ---- the rows

  void sum_rows(const T* map, int64_t row, A* to) const {
    const int32_t first = rows.start[row], count = rows.start[row + 1] - first;
    switch (count) {
      case 1:
        return sum_some_rows(map, first, Constant<1>{}, to);
      case 2:
        return sum_some_rows(map, first, Constant<2>{}, to);
      case 3:
        return sum_some_rows(map, first, Constant<3>{}, to);
      default:
        return sum_some_rows(map, first, count, to);
    }
  }

  template <class Count>
  ALWAYS_INLINE void sum_some_rows(const T* map, int32_t first, Count count, A* to) const {
    int64_t i = 0;
    for (; i + N <= in_row; i += N) store<N>(to + i, sum_of_rows<N>(map + i, first, count));
    // The last vector overlaps the one before, unless there is none.
    if (i == in_row) return;
    if (in_row >= N) {
      store<N>(to + in_row - N, sum_of_rows<N>(map + in_row - N, first, count));
    } else {
      for (i = 0; i < in_row; ++i) store<1>(to + i, sum_of_rows<1>(map + i, first, count));
    }
  }

  template <int V, class Count>
  ALWAYS_INLINE Vector<A, V> sum_of_rows(const T* at, int32_t first, Count count) const {
    Vector<A, V> sum{};
    for (int r = 0; r < count; ++r) {
      sum += load<V>(at + rows.from[first + r] * in_row) * A(rows.weight[first + r]);
    }
    return sum;
  }

  // ---- the columns of channels_last maps

  void filter_channels(const A* sums, T* y) const {
    for (int64_t column = 0; column < columns.out; ++column, y += p.channels) {
      const int32_t first = columns.start[column], count = columns.start[column + 1] - first;
      switch (count) {
        case 1:
          filter_position(sums, first, Constant<1>{}, y);
          break;
        case 2:
          filter_position(sums, first, Constant<2>{}, y);
          break;
        case 3:
          filter_position(sums, first, Constant<3>{}, y);
          break;
        default:
          filter_position(sums, first, count, y);
      }
    }
  }

  template <class Count>
  ALWAYS_INLINE void filter_position(const A* sums, int32_t first, Count count, T* y) const {
    int64_t c = 0;
    for (; c + N <= p.channels; c += N) store<N>(y + c, sum_of_columns<N>(sums + c, first, count));
    if (c == p.channels) return;
    if (p.channels >= N) {
      c = p.channels - N;
      store<N>(y + c, sum_of_columns<N>(sums + c, first, count));
    } else {
      for (c = 0; c < p.channels; ++c) store<1>(y + c, sum_of_columns<1>(sums + c, first, count));
    }
  }

  template <int V, class Count>
  ALWAYS_INLINE Vector<A, V> sum_of_columns(const A* at, int32_t first, Count count) const {
    Vector<A, V> sum{};
    for (int c = 0; c < count; ++c) {
      sum += load<V>(at + columns.from[first + c] * p.channels) * A(columns.weight[first + c]);
    }
    return sum;
  }

  // ---- the columns of contiguous maps

  void filter_row(const A* sums, const A* taps, T* y) const {
    if (columns.stride > 2) {
      filter_border(sums, 0, columns.out, y);
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
    if (last - first < kCount) return filter_border(sums, 0, columns.out, y);
    filter_border(sums, 0, first, y);
    int64_t column = first;
    for (; column + kCount <= last; column += kCount) filter_vector<Transposed, S>(sums, taps, k, column, y);
    // The last one overlaps the one before.
    if (column < last) filter_vector<Transposed, S>(sums, taps, k, last - kCount, y);
    filter_border(sums, last, columns.out, y);
  }

  // One after another, as the matrix says.
  void filter_border(const A* sums, int64_t first, int64_t last, T* y) const {
    for (int64_t column = first; column < last; ++column) {
      A sum = 0;
      for (int32_t e = columns.start[column]; e < columns.start[column + 1]; ++e) {
        sum += sums[columns.from[e]] * A(columns.weight[e]);
      }
      put(y + column, sum);
    }
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

template <class T>
BlurPass pass_of() {
  using A = Sum<T>;
  return {
      [](const BlurProblem& p) { return Blur<T>{p}.scratch() * int64_t(sizeof(A)); },
      [](const BlurProblem& p, int64_t first, int64_t last, void* scratch) {
        Blur<T>{p}.run(first, last, static_cast<A*>(scratch));
      },
  };
}

}  // namespace

BlurPass blur(const BlurProblem& p) {
  switch (p.type) {
    case Scalar::bfloat16:
      return pass_of<bfloat16>();
    case Scalar::float64:
      return pass_of<double>();
    default:
      return pass_of<float>();
  }
}

}  // namespace antialias::ANTIALIAS_ISA
