// The filter of 3 x 3 taps that keeps every second row and column of contiguous maps: what networks mostly ask for.
//
// Nothing is copied. Two vectors of a row, parted into even and odd samples, hold what the right two taps of a vector of
// outputs see; the left tap sees the odd ones moved by a lane. Backward is the same in the other direction: a row's
// gradients are put together in registers, and only the row that two rows of outputs share is kept until both have
// added to it. Samples of borders enter and leave as single lanes.
#pragma once

#include "adaptive/arguments.h"
#include "shared/row_k3s2.h"

namespace antialias::ANTIALIAS_ISA {

// T is the type of the maps, N the lanes of a vector; weights are tiles as in softmax.h, `tile` numbers apart.
template <class T, int N>
struct ContiguousK3S2 {
  using A = Sum<T>;
  using V = Vector<A, N>;

  const AdaptiveArguments& p;
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

  // A line of zeros; backward, one more for each channel.
  int64_t scratch(int64_t together) const { return (1 + together) * line; }

  const T* zeros(A* scratch) const {
    clear<N>(scratch, line);
    return reinterpret_cast<const T*>(scratch);
  }

  struct Rows {
    const T* at[3];
    int64_t step[3];  // to the next channel
  };

  ALWAYS_INLINE Rows rows_of(const T* x_HW, int64_t o, const T* zeros) const {
    Rows rows;
    for (int r = 0; r < 3; ++r) {
      const int64_t source = p.source_row[2 * o + r];
      rows.at[r] = source < 0 ? zeros : x_HW + source * width, rows.step[r] = source < 0 ? 0 : map;
    }
    return rows;
  }

  ALWAYS_INLINE static V with_lane(V v, int64_t lane, A value) {
    return lane_numbers<A>(std::make_integer_sequence<int, N>{}) == all<A, N>(lane) ? all<A, N>(value) : v;
  }

  // What the taps of a row see. Copied where loops use it: the compiler cannot know that a store leaves the members as
  // they are.
  struct Window {
    const T* zeros;
    int64_t last, left_source, right_source;
    bool right_border;

    ALWAYS_INLINE SamplesK3S2<A, N> operator()(const T* row, int64_t i) const {
      const T* at = row + 2 * i;
      return samples_k3s2<A, N>(load<N>(at), load<N>(at + N), [&](V& right) {
        if (right_border) right = with_lane(right, last - i, right_source < 0 ? A(0) : get(row + right_source));
        return all<A, N>(get(i ? at - 1 : left_source < 0 ? zeros : row + left_source));
      });
    }
  };

  Window window(const T* zeros) const { return {zeros, out_width - 1, left_source, right_source, right_border}; }

  // Rows first .. last - 1 of the output of neighbouring channels; y begins at the first of them, x with the map.
  template <int Together>
  void filter(const A* weights_TN, const T* x_HW, int64_t first, int64_t last, A* scratch, T* y_HW) const {
    const int64_t size = out_width, y_step = out_map, tile_size = tile;
    const T* none = zeros(scratch);
    const Window samples = window(none);
    for (int64_t o = first; o < last; ++o, y_HW += size) {
      const Rows rows = rows_of(x_HW, o, none);
      const bool spill = may_spill && o + 1 < last;
      for (int64_t i = 0; i < size; i += N, weights_TN += tile_size) {
        V sums_N[Together] = {};
#pragma GCC unroll 3
        for (int r = 0; r < 3; ++r) {
          const A* w_TN = weights_TN + r * 3 * N;
          const V left_N = load<N>(w_TN), centre_N = load<N>(w_TN + N), right_N = load<N>(w_TN + 2 * N);
#pragma GCC unroll 4
          for (int j = 0; j < Together; ++j) {
            const T* row = rows.at[r] + j * rows.step[r];
            if (r) fetch_soon(row + 2 * i), fetch_soon(row + 2 * i + N);
            const auto s = samples(row, i);
            sums_N[j] += left_N * s.left_N;
            sums_N[j] += centre_N * s.centre_N;
            sums_N[j] += right_N * s.right_N;
          }
        }
        for (int j = 0; j < Together; ++j) store_some<N>(y_HW + j * y_step + i, sums_N[j], spill ? N : size - i);
      }
    }
  }

  // What the first and the last output of a row give to the samples of the border.
  struct Border {
    A left, right;
  };

  // A row of gradients on its way to memory.
  struct GradientRow {
    int64_t width, left_source, right_source;
    bool right_border;

    ALWAYS_INLINE static void add_sample(V& even_N, V& odd_N, int64_t source, int64_t i, A value) {
      if (source < 0) return;
      if (source % 2) {
        odd_N += with_lane(V{}, source / 2 - i, value);
      } else {
        even_N += with_lane(V{}, source / 2 - i, value);
      }
    }

    ALWAYS_INLINE void add_border(V& even_N, V& odd_N, int64_t i, Border border) const {
      add_sample(even_N, odd_N, left_source, i, border.left);
      if (right_border) add_sample(even_N, odd_N, right_source, i, border.right);
    }

    // All of both vectors if they may spill, or else what of them lies in the row.
    template <bool Add>
    ALWAYS_INLINE void write(V even_N, V odd_N, Border border, T* row, int64_t i, bool spill = false) const {
      add_border(even_N, odd_N, i, border);
      V first = interleaved_first<A, N>(even_N, odd_N), second = interleaved_last<A, N>(even_N, odd_N);
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

    ALWAYS_INLINE void add_border_to_line(A* line, Border border) const {
      for (int64_t i = 0; 2 * i < width; i += N) {
        V even_N = load<N>(line + 2 * i), odd_N = load<N>(line + 2 * i + N);
        add_border(even_N, odd_N, i, border);
        store<N>(line + 2 * i, even_N), store<N>(line + 2 * i + N, odd_N);
      }
    }
  };

  // The gradients that rows first .. last - 1 of the output give. Rows of grad_x before 2 * first - 1 have been written,
  // those behind have not; what that row has got so far is carried, a line a channel. What the image of a row in the
  // border gets is added when the row itself has been written.
  template <int Together>
  void backward(const A* weights_TN, A* grad_weights_TN, const T* x_HW, const T* grad_y_HW, int64_t first, int64_t last,
                A* carried, int64_t carry_size, A* scratch, T* grad_x_HW) const {
    const int64_t size = out_width, x_step = map, y_step = out_map, tile_size = tile, in = width, height = p.height;
    const int64_t lane = (size - 1) % N, line_size = line, row_of_tiles = vectors * tile_size;
    const T* none = zeros(scratch);
    const Window samples = window(none);
    const GradientRow gradient_row{width, left_source, right_source, right_border};
    A* top = scratch + line_size;
    Border carried_border[Together] = {}, top_border[Together] = {};
    for (int j = 0; first == 0 && j < Together; ++j) clear<N>(carried + j * carry_size, line_size);
    for (int64_t o = first; o < last; ++o, grad_y_HW += size) {
      const Rows rows = rows_of(x_HW, o, none);
      const bool spill = may_spill && 2 * o + 1 < height;
      Border border[Together][3];
      for (int j = 0; j < Together; ++j) {
        const A left = get(grad_y_HW + j * y_step), right = get(grad_y_HW + j * y_step + size - 1);
        const A* last_weights_TN = weights_TN + row_of_tiles - tile_size + lane;
        for (int r = 0; r < 3; ++r) {
          border[j][r] = {left * weights_TN[r * 3 * N], right * last_weights_TN[(r * 3 + 2) * N]};
        }
        border[j][0].left += carried_border[j].left, border[j][0].right += carried_border[j].right;
        carried_border[j] = border[j][2];
        if (o == 0) top_border[j] = border[j][0];
      }
      V next_N[Together][3] = {};  // what the left taps of the vector behind gave
      T* to = grad_x_HW + 2 * o * in;
      weights_TN += row_of_tiles, grad_weights_TN += row_of_tiles;
      for (int64_t i = (size - 1) / N * N; i >= 0; i -= N) {
        weights_TN -= tile_size, grad_weights_TN -= tile_size;
        V g_N[Together];
        for (int j = 0; j < Together; ++j) {
          const T* from = grad_y_HW + j * y_step + i;
          fetch_soon(from);
          g_N[j] = first_lanes<A, N>(load<N>(from), size - i);
        }
#pragma GCC unroll 3
        for (int r = 0; r < 3; ++r) {
          const A* w_TN = weights_TN + r * 3 * N;
          A* gw_TN = grad_weights_TN + r * 3 * N;
          V left_N = load<N>(gw_TN), centre_N = load<N>(gw_TN + N), right_N = load<N>(gw_TN + 2 * N);
          const V w_left_N = load<N>(w_TN), w_centre_N = load<N>(w_TN + N), w_right_N = load<N>(w_TN + 2 * N);
#pragma GCC unroll 4
          for (int j = 0; j < Together; ++j) {
            const T* row = rows.at[r] + j * rows.step[r];
            if (r) fetch_soon(row + 2 * i), fetch_soon(row + 2 * i + N);
            const auto s = samples(row, i);
            left_N += g_N[j] * s.left_N, centre_N += g_N[j] * s.centre_N, right_N += g_N[j] * s.right_N;
            const V before_N = g_N[j] * w_left_N;
            V even_N = g_N[j] * w_centre_N, odd_N = g_N[j] * w_right_N + of_next_output<A, N>(before_N, next_N[j][r]);
            next_N[j][r] = before_N;
            A *keep = carried + j * carry_size + 2 * i, *keep_top = top + j * line_size + 2 * i;
            T* row_to = to + j * x_step;
            if (r == 1) {
              fetch_soon(row_to + 2 * i), fetch_soon(row_to + 2 * i + N);
              fetch_soon(row_to + in + 2 * i), fetch_soon(row_to + in + 2 * i + N);
              gradient_row.template write<false>(even_N, odd_N, border[j][1], row_to, i, spill);
            } else if (r == 2) {
              store<N>(keep, even_N), store<N>(keep + N, odd_N);
            } else {
              even_N += load<N>(keep), odd_N += load<N>(keep + N);
              if (o == 0) {
                store<N>(keep_top, even_N), store<N>(keep_top + N, odd_N);
              } else {
                gradient_row.template write<false>(even_N, odd_N, border[j][0], row_to - in, i, may_spill);
              }
            }
          }
          store<N>(gw_TN, left_N), store<N>(gw_TN + N, centre_N), store<N>(gw_TN + 2 * N, right_N);
        }
      }
      weights_TN += row_of_tiles, grad_weights_TN += row_of_tiles;
    }
    const int64_t bottom_source = p.source_row[2 * last], top_source = p.source_row[0];
    for (int j = 0; j < Together; ++j) {
      T* to = grad_x_HW + j * x_step;
      A* line_of_next = carried + j * carry_size;
      if (last < p.out_height) {
        gradient_row.add_border_to_line(line_of_next, carried_border[j]);
      } else if (2 * last - 1 < height) {
        gradient_row.template write_line<false>(line_of_next, carried_border[j], to + (2 * last - 1) * in);
      } else if (bottom_source >= 0) {
        gradient_row.template write_line<true>(line_of_next, carried_border[j], to + bottom_source * in);
      }
      if (first == 0 && top_source >= 0) {
        gradient_row.template write_line<true>(top + j * line_size, top_border[j], to + top_source * in);
      }
    }
  }
};

}  // namespace antialias::ANTIALIAS_ISA
