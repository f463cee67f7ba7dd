// The filter of 3 x 3 taps that keeps every second row and column of contiguous maps: what networks mostly ask for.
//
// Nothing is copied. Two vectors of a row, parted into even and odd samples, hold what the right two taps of a vector of
// outputs see; the left tap sees the odd ones moved by a lane. Backward is the same in the other direction: a row's
// gradients are put together in registers, and only the row that two rows of outputs share is kept until both have
// added to it. Samples of borders enter and leave as single lanes.
#pragma once

#include "filter.h"
#include "lanes.h"

namespace antialias::ANTIALIAS_ISA {

// T is the type of the maps, N the lanes of a vector; weights are tiles as in softmax.h, `tile` numbers apart.
template <class T, int N>
struct Halving {
  using A = Sum<T>;
  using V = Vector<A, N>;

  const Problem& p;
  const int64_t tile;
  const int64_t width = p.width, out_width = p.out_width, map = p.height * width, out_map = p.out_height * out_width;
  const int64_t vectors = ceil_div(out_width, N), line = vectors * 2 * N;
  // Whether a vector may be stored beyond the end of its row where the next one is still to be written.
  const bool may_spill = line <= 2 * width;
  const int64_t left_source = p.source_column[0], right_source = p.source_column[2 * out_width];
  const bool right_border = width % 2;

  // Whether the vectors that begin in these channels end in the maps, whose last ones are not looked beyond.
  bool reaches(int64_t channel, int64_t together) const {
    const int64_t behind = p.batch * p.channels - channel - together;
    return p.stride_h == 2 && behind * map >= line - width && behind * out_map >= line / 2 - out_width;
  }

  // A line of zeros; backward, two more for each channel.
  int64_t scratch(int64_t together) const { return (1 + 2 * together) * line; }

  const T* zeros(A* scratch) const {
    clear<N>(scratch, line);
    return reinterpret_cast<const T*>(scratch);
  }

  struct Rows {
    const T* at[3];
    int64_t step[3];  // to the next channel
  };

  ALWAYS_INLINE Rows rows_of(const T* x, int64_t o, const T* zeros) const {
    Rows rows;
    for (int r = 0; r < 3; ++r) {
      const int64_t source = p.source_row[2 * o + r];
      rows.at[r] = source < 0 ? zeros : x + source * width, rows.step[r] = source < 0 ? 0 : map;
    }
    return rows;
  }

  ALWAYS_INLINE static V with_lane(V v, int64_t lane, A value) {
    return counted<A>(std::make_integer_sequence<int, N>{}) == all<A, N>(lane) ? all<A, N>(value) : v;
  }

  // What the taps of a row see. Copied where loops use it: the compiler cannot know that a store leaves the members as
  // they are.
  struct Window {
    const T* zeros;
    int64_t last, left_source, right_source;
    bool right_border;

    struct Samples {
      V left, centre, right;
    };

    ALWAYS_INLINE Samples operator()(const T* row, int64_t i) const {
      const T* at = row + 2 * i;
      const V a = load<N>(at), b = load<N>(at + N);
      Samples s;
      s.centre = evens<A, N>(a, b), s.right = odds<A, N>(a, b);
      if (right_border) s.right = with_lane(s.right, last - i, right_source < 0 ? A(0) : get(row + right_source));
      const T* before = i ? at - 1 : left_source < 0 ? zeros : row + left_source;
      s.left = shifted_up<1, A, N>(all<A, N>(get(before)), s.right);
      return s;
    }
  };

  Window window(const T* zeros) const { return {zeros, out_width - 1, left_source, right_source, right_border}; }

  // Rows first .. last - 1 of the output of neighbouring channels; y begins at the first of them, x with the map.
  template <int Together>
  void filter(const A* weights, const T* x, int64_t first, int64_t last, A* scratch, T* y) const {
    const int64_t size = out_width, y_step = out_map, tile_size = tile;
    const T* none = zeros(scratch);
    const Window samples = window(none);
    for (int64_t o = first; o < last; ++o, y += size) {
      const Rows rows = rows_of(x, o, none);
      const bool spill = may_spill && o + 1 < last;
      for (int64_t i = 0; i < size; i += N, weights += tile_size) {
        V sums[Together] = {};
#pragma GCC unroll 3
        for (int r = 0; r < 3; ++r) {
          const A* w = weights + r * 3 * N;
          const V left = load<N>(w), centre = load<N>(w + N), right = load<N>(w + 2 * N);
#pragma GCC unroll 4
          for (int j = 0; j < Together; ++j) {
            const T* row = rows.at[r] + j * rows.step[r];
            if (r) fetch_soon(row + 2 * i), fetch_soon(row + 2 * i + N);
            const auto s = samples(row, i);
            sums[j] += left * s.left;
            sums[j] += centre * s.centre;
            sums[j] += right * s.right;
          }
        }
        for (int j = 0; j < Together; ++j) store_some<N>(y + j * y_step + i, sums[j], spill ? N : size - i);
      }
    }
  }

  // What the first and the last output of a row give to the samples of the border.
  struct Border {
    A left, right;
  };

  // A row of gradients on its way to memory.
  struct Gather {
    int64_t width, left_source, right_source;
    bool right_border;

    ALWAYS_INLINE static void add_sample(V& even, V& odd, int64_t source, int64_t i, A value) {
      if (source < 0) return;
      if (source % 2) {
        odd += with_lane(V{}, source / 2 - i, value);
      } else {
        even += with_lane(V{}, source / 2 - i, value);
      }
    }

    ALWAYS_INLINE void add_border(V& even, V& odd, int64_t i, Border border) const {
      add_sample(even, odd, left_source, i, border.left);
      if (right_border) add_sample(even, odd, right_source, i, border.right);
    }

    // All of both vectors if they may spill, or else what of them lies in the row.
    template <bool Add>
    ALWAYS_INLINE void write(V even, V odd, Border border, T* row, int64_t i, bool spill = false) const {
      add_border(even, odd, i, border);
      V first = interleaved_first<A, N>(even, odd), second = interleaved_last<A, N>(even, odd);
      T* to = row + 2 * i;
      const int64_t left = spill ? 2 * N : width - 2 * i;
      if constexpr (Add) first += load_some<N>(to, left);
      store_some<N>(to, first, left);
      if (left <= N) return;
      if constexpr (Add) second += load_some<N>(to + N, left - N);
      store_some<N>(to + N, second, left - N);
    }

    // A line in scratch: vectors of even and of odd samples in turn.
    template <bool Add>
    ALWAYS_INLINE void write_line(const A* line, Border border, T* row) const {
      for (int64_t i = 0; 2 * i < width; i += N) {
        write<Add>(load<N>(line + 2 * i), load<N>(line + 2 * i + N), border, row, i);
      }
    }

    ALWAYS_INLINE void read_line(const T* row, A* line) const {
      for (int64_t i = 0; 2 * i < width; i += N) {
        const V a = load_some<N>(row + 2 * i, width - 2 * i);
        const V b = load_some<N>(row + 2 * i + N, most(width - 2 * i - N, 0));
        store<N>(line + 2 * i, evens<A, N>(a, b)), store<N>(line + 2 * i + N, odds<A, N>(a, b));
      }
    }
  };

  // The gradients that rows first .. last - 1 of the output give. Rows of grad_x before 2 * first have been written, those
  // behind it have not. What the image of a row in the border gets is added when the row itself has been written.
  template <int Together>
  void backward(const A* weights, A* grad_weights, const T* x, const T* grad_y, int64_t first, int64_t last, A* scratch,
                T* grad_x) const {
    const int64_t size = out_width, x_step = map, y_step = out_map, tile_size = tile, in = width, height = p.height;
    const int64_t lane = (size - 1) % N, line_size = line, row_of_tiles = vectors * tile_size;
    const T* none = zeros(scratch);
    const Window samples = window(none);
    const Gather gather{width, left_source, right_source, right_border};
    A *kept = scratch + line_size, *top = kept + Together * line_size;
    Border kept_border[Together] = {}, top_border[Together] = {};
    for (int j = 0; j < Together; ++j) {
      if (first == 0) {
        clear<N>(kept + j * line_size, line_size);
      } else {
        gather.read_line(grad_x + j * x_step + (2 * first - 1) * in, kept + j * line_size);
      }
    }
    for (int64_t o = first; o < last; ++o, grad_y += size) {
      const Rows rows = rows_of(x, o, none);
      const bool spill = may_spill && 2 * o + 1 < height;
      Border border[Together][3];
      for (int j = 0; j < Together; ++j) {
        const A left = get(grad_y + j * y_step), right = get(grad_y + j * y_step + size - 1);
        const A* last_weights = weights + row_of_tiles - tile_size + lane;
        for (int r = 0; r < 3; ++r) {
          border[j][r] = {left * weights[r * 3 * N], right * last_weights[(r * 3 + 2) * N]};
        }
        border[j][0].left += kept_border[j].left, border[j][0].right += kept_border[j].right;
        kept_border[j] = border[j][2];
        if (o == 0) top_border[j] = border[j][0];
      }
      V next[Together][3] = {};  // what the left taps of the vector behind gave
      T* to = grad_x + 2 * o * in;
      weights += row_of_tiles, grad_weights += row_of_tiles;
      for (int64_t i = (size - 1) / N * N; i >= 0; i -= N) {
        weights -= tile_size, grad_weights -= tile_size;
        V g[Together];
        for (int j = 0; j < Together; ++j) {
          const T* from = grad_y + j * y_step + i;
          fetch_soon(from);
          g[j] = first_lanes<A, N>(load<N>(from), size - i);
        }
#pragma GCC unroll 3
        for (int r = 0; r < 3; ++r) {
          const A* w = weights + r * 3 * N;
          A* gw = grad_weights + r * 3 * N;
          V left = load<N>(gw), centre = load<N>(gw + N), right = load<N>(gw + 2 * N);
          const V w_left = load<N>(w), w_centre = load<N>(w + N), w_right = load<N>(w + 2 * N);
#pragma GCC unroll 4
          for (int j = 0; j < Together; ++j) {
            const T* row = rows.at[r] + j * rows.step[r];
            if (r) fetch_soon(row + 2 * i), fetch_soon(row + 2 * i + N);
            const auto s = samples(row, i);
            left += g[j] * s.left, centre += g[j] * s.centre, right += g[j] * s.right;
            const V before = g[j] * w_left;
            V even = g[j] * w_centre, odd = g[j] * w_right + pick<From<1>, A, N>(before, next[j][r]);
            next[j][r] = before;
            A *keep = kept + j * line_size + 2 * i, *keep_top = top + j * line_size + 2 * i;
            T* row_to = to + j * x_step;
            if (r == 1) {
              fetch_soon(row_to + 2 * i), fetch_soon(row_to + 2 * i + N);
              fetch_soon(row_to + in + 2 * i), fetch_soon(row_to + in + 2 * i + N);
              gather.template write<false>(even, odd, border[j][1], row_to, i, spill);
            } else if (r == 2) {
              store<N>(keep, even), store<N>(keep + N, odd);
            } else {
              even += load<N>(keep), odd += load<N>(keep + N);
              if (o == 0) {
                store<N>(keep_top, even), store<N>(keep_top + N, odd);
              } else {
                gather.template write<false>(even, odd, border[j][0], row_to - in, i, may_spill);
              }
            }
          }
          store<N>(gw, left), store<N>(gw + N, centre), store<N>(gw + 2 * N, right);
        }
      }
      weights += row_of_tiles, grad_weights += row_of_tiles;
    }
    const int64_t bottom_source = p.source_row[2 * last], top_source = p.source_row[0];
    for (int j = 0; j < Together; ++j) {
      T* to = grad_x + j * x_step;
      if (2 * last - 1 < height) {
        gather.template write_line<false>(kept + j * line_size, kept_border[j], to + (2 * last - 1) * in);
      } else if (bottom_source >= 0) {
        gather.template write_line<true>(kept + j * line_size, kept_border[j], to + bottom_source * in);
      }
      if (first == 0 && top_source >= 0) {
        gather.template write_line<true>(top + j * line_size, top_border[j], to + top_source * in);
      }
    }
  }
};

}  // namespace antialias::ANTIALIAS_ISA
