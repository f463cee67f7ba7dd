// The filter on contiguous maps.
//
// Work goes by blocks of output rows of one channel group (of all of them, if their taps sum to one together). The rows
// of a channel that a block looks at are copied to scratch with their borders, even and odd samples apart where every
// second one is kept, so that a tap of neighbouring outputs is one load. Rows and weights of a block stay in the nearest
// cache; memory sees each sample of the maps once.
#pragma once

#include "softmax.h"

namespace antialias::ANTIALIAS_ISA {

// K is the kernel size and S the horizontal stride, or 0 where it is known at run time only; T is the type of the maps.
template <class T, int K, int S>
struct Contiguous {
  using A = Sum<T>;
  static constexpr int N = kLanes<A>;
  static constexpr int64_t kBlockBytes = 128 * 1024;
  static constexpr int kPhases = S == 2 ? 2 : 1;
  // How far a tap's gradient lies from where it was computed; what lies further than a vector goes through memory.
  static constexpr int kReach = (K - 1) / (S ? S : 1);
  static constexpr bool kInRegisters = K != 0 && S != 0 && kReach <= N;

  const Problem& p;
  const int64_t k = K ? K : p.kernel_size, stride = S ? S : p.stride_w;
  const int64_t pad = k / 2, taps = k * k, per_group = p.channels / p.groups;
  const int64_t map = p.height * p.width, out_map = p.out_height * p.out_width;
  const int64_t span = p.joint ? p.groups : 1, spans = p.groups / span;
  const int64_t chunks = ceil_div(p.out_width, N);
  const int64_t tile = span * taps * N, row_of_tiles = chunks * tile;
  // Where blocks meet, grad_x is rounded more than once; a type coarser than its sums must not be.
  const int64_t rows = sizeof(T) < sizeof(A)
                           ? p.out_height
                           : least(most(kBlockBytes / (row_of_tiles * int64_t(sizeof(A))), 1), p.out_height);
  const int64_t blocks = ceil_div(p.out_height, rows);
  const int64_t padded_width = (p.out_width - 1) * stride + k;
  // Vectors may be read and written beyond the last tap of the last output, and beyond the last sample.
  const int64_t reached = S ? most((chunks + 1) * N, chunks * N + k) : chunks * N * stride + k;
  const int64_t phase = round_up(most(reached, (p.width + k) / kPhases + N), N);
  const int64_t row_size = kPhases * phase;

  int64_t first_row(int64_t block) const { return block * rows; }
  int64_t rows_in(int64_t block) const { return least(rows, p.out_height - block * rows); }
  int64_t copied_rows(int64_t block) const { return (rows_in(block) - 1) * p.stride_h + k; }
  int64_t all_copied_rows() const { return (rows - 1) * p.stride_h + k; }
  int64_t source_row(int64_t block, int64_t row) const { return p.source_row[first_row(block) * p.stride_h + row]; }
  bool looked_at(int64_t row) const { return row % p.stride_h < k; }

  template <class E>
  ALWAYS_INLINE static Vector<Sum<E>, N> load_before(const E* from, const E* end, int64_t count) {
    return end - from >= N ? load<N>(from) : load_some<N>(from, least(count, end - from));
  }

  // Weights of the positions behind the end of a row are zero.
  void read_weights(int64_t image, int64_t group, int64_t block, A* weights) const {
    with_logits_type<A>(p.logits_type, [&](auto type) {
      const auto* logits = static_cast<const decltype(type)*>(p.logits);
      const auto* end = logits + p.batch * p.groups * taps * out_map;
      const auto* from = logits + (image * p.groups + group) * taps * out_map + first_row(block) * p.out_width;
      for (int64_t t = 0; t < span * taps; ++t, from += out_map) {
        for_each_tile(block, [&](int64_t at, int64_t first, int64_t count) {
          fetch_soon(from + first);
          store<N>(weights + at + t * N, load_before(from + first, end, count));
        });
      }
    });
    for_each_tile(block, [&](int64_t at, int64_t, int64_t count) {
      softmax<A>(weights + at, span * taps);
      if (count < N) keep_first(weights + at, count);
    });
  }

  // Calls `use` with where a tile of a block begins, its first position, and the positions from there to the row's end.
  template <class Use>
  ALWAYS_INLINE void for_each_tile(int64_t block, Use use) const {
    int64_t at = 0;
    for (int64_t row = 0; row < rows_in(block); ++row) {
      for (int64_t i = 0; i < p.out_width; i += N, at += tile) use(at, row * p.out_width + i, p.out_width - i);
    }
  }

  void keep_first(A* weights, int64_t count) const {
    for (int64_t t = 0; t < span * taps; ++t) {
      store<N>(weights + t * N, first_lanes<A, N>(load<N>(weights + t * N), count));
    }
  }

  // ---- rows in scratch: padded sample q lies at q % kPhases * phase + q / kPhases

  ALWAYS_INLINE int64_t in_row(int64_t padded) const { return padded % kPhases * phase + padded / kPhases; }

  ALWAYS_INLINE Vector<A, N> load_tap(const A* row, int64_t first, int64_t column) const {
    if constexpr (S == 0) {
      Vector<A, N> v;
      for (int lane = 0; lane < N; ++lane) v[lane] = row[(first + lane) * stride + column];
      return v;
    } else {
      return load<N>(row + column % S * phase + first + column / S);
    }
  }

  ALWAYS_INLINE void add_tap(A* row, int64_t first, int64_t column, Vector<A, N> v) const {
    if constexpr (S == 0) {
      for (int lane = 0; lane < N; ++lane) row[(first + lane) * stride + column] += v[lane];
    } else {
      A* to = row + column % S * phase + first + column / S;
      store<N>(to, load<N>(to) + v);
    }
  }

  void copy_rows(const T* channel, int64_t block, A* to) const {
    for (int64_t row = 0; row < copied_rows(block); ++row, to += row_size) {
      if (!looked_at(row)) continue;
      const int64_t source = source_row(block, row);
      if (source < 0) {
        clear(to, row_size);
      } else {
        copy_row(channel + source * p.width, to);
      }
    }
  }

  ALWAYS_INLINE void copy_row(const T* from, A* to) const {
    const T* end = static_cast<const T*>(p.x) + p.batch * p.channels * map;
    for (int64_t i = 0; i < p.width; i += kPhases * N) {
      fetch_soon(from + i);
      if constexpr (kPhases == 2) fetch_soon(from + i + N);
      const auto first = load_before(from + i, end, p.width - i);
      if constexpr (kPhases == 2) {
        const auto second = i + N < p.width ? load_before(from + i + N, end, p.width - i - N) : first;
        store<N>(to + in_row(pad + i), evens<A, N>(first, second));
        store<N>(to + in_row(pad + i + 1), odds<A, N>(first, second));
      } else {
        store<N>(to + pad + i, first);
      }
    }
    for (int64_t q = 0; q < pad; ++q) to[in_row(q)] = border(from, q);
    for (int64_t q = pad + p.width; q < padded_width; ++q) to[in_row(q)] = border(from, q);
  }

  ALWAYS_INLINE A border(const T* row, int64_t padded) const {
    const int32_t source = p.source_column[padded];
    return source < 0 ? A(0) : get(row + source);
  }

  // ---- forward: a task is one block of one span of groups

  int64_t forward_tasks() const { return p.batch * spans * blocks; }
  int64_t forward_scratch() const { return rows * row_of_tiles + all_copied_rows() * row_size; }

  void forward(int64_t task, A* scratch) const {
    const int64_t block = task % blocks, group = task / blocks % spans * span, image = task / blocks / spans;
    A *weights = scratch, *copied = weights + rows * row_of_tiles;
    read_weights(image, group, block, weights);
    for (int64_t c = 0; c < span * per_group; ++c) {
      const int64_t channel = image * p.channels + group * per_group + c;
      copy_rows(static_cast<const T*>(p.x) + channel * map, block, copied);
      T* y = static_cast<T*>(p.y) + channel * out_map + first_row(block) * p.out_width;
      filter(weights + c / per_group * taps * N, copied, block, y);
    }
  }

  void filter(const A* weights, const A* copied, int64_t block, T* y) const {
    for (int64_t row = 0; row < rows_in(block); ++row, y += p.out_width, copied += p.stride_h * row_size) {
      for (int64_t i = 0; i < p.out_width; i += N, weights += tile) {
        Vector<A, N> sum{};
#pragma GCC unroll 8
        for (int64_t r = 0; r < k; ++r) {
#pragma GCC unroll 8
          for (int64_t c = 0; c < k; ++c) sum += load<N>(weights + (r * k + c) * N) * load_tap(copied + r * row_size, i, c);
        }
        store_some<N>(y + i, sum, p.out_width - i);
      }
    }
  }

  // ---- backward: a task is all blocks of one span of groups, so that nobody else writes its part of grad_x

  int64_t backward_tasks() const { return p.batch * spans; }
  int64_t backward_scratch() const { return 2 * rows * row_of_tiles + 2 * all_copied_rows() * row_size; }

  void backward(int64_t task, A* scratch) const {
    const int64_t group = task % spans * span, image = task / spans;
    A *weights = scratch, *grad_weights = weights + rows * row_of_tiles, *rest = grad_weights + rows * row_of_tiles;
    int64_t cleared = 0;
    for (int64_t block = 0; block < blocks; ++block) {
      read_weights(image, group, block, weights);
      clear(grad_weights, rows * row_of_tiles);
      const int64_t needed = block + 1 == blocks ? p.height : most(rows_until(block), cleared);
      for (int64_t c = 0; c < span * per_group; ++c) {
        const int64_t channel = image * p.channels + group * per_group + c, of_group = c / per_group * taps * N;
        T* grad_x = static_cast<T*>(p.grad_x) + channel * map;
        for (int64_t row = cleared; row < needed; ++row) {
          if (!writes(block, row)) std::memset(grad_x + row * p.width, 0, p.width * sizeof(T));
        }
        backward_channel(channel, block, cleared, weights + of_group, grad_weights + of_group, rest);
      }
      cleared = needed;
      write_grad(image, group, block, weights, grad_weights);
    }
  }

  // Whether the block looks at a row where it lies, not only at its image in the border.
  bool writes(int64_t block, int64_t source) const {
    const int64_t row = source + pad - first_row(block) * p.stride_h;
    return row >= 0 && row < copied_rows(block) && looked_at(row);
  }

  // One past the last row of grad_x that the block writes or adds to.
  int64_t rows_until(int64_t block) const {
    int64_t end = 0;
    for (int64_t row = 0; row < copied_rows(block); ++row) end = most(end, source_row(block, row) + 1);
    return end;
  }

  void write_grad(int64_t image, int64_t group, int64_t block, const A* weights, A* grad_weights) const {
    for_each_tile(block, [&](int64_t at, int64_t, int64_t) {
      softmax_backward<A>(weights + at, grad_weights + at, span * taps);
    });
    with_logits_type<A>(p.logits_type, [&](auto type) {
      auto* to = static_cast<decltype(type)*>(p.grad_logits) + (image * p.groups + group) * taps * out_map;
      to += first_row(block) * p.out_width;
      // Plane by plane: memory likes few streams.
      for (int64_t t = 0; t < span * taps; ++t, to += out_map) {
        for_each_tile(block, [&](int64_t at, int64_t first, int64_t count) {
          store_some<N>(to + first, load<N>(grad_weights + at + t * N), count);
        });
      }
    });
  }

  // Rows of grad_x from `fresh` on have not been written before.
  void backward_channel(int64_t channel, int64_t block, int64_t fresh, const A* weights, A* grad_weights, A* scratch) const {
    A *copied = scratch, *grads = copied + all_copied_rows() * row_size;
    copy_rows(static_cast<const T*>(p.x) + channel * map, block, copied);
    clear(grads, copied_rows(block) * row_size);
    const T* grad_y = static_cast<const T*>(p.grad_y) + channel * out_map + first_row(block) * p.out_width;
    for (int64_t row = 0; row < rows_in(block); ++row, grad_y += p.out_width) {
      const int64_t offset = row * p.stride_h * row_size, tiles = row * row_of_tiles;
      add_grad_weights(copied + offset, grad_y, grad_weights + tiles);
      if constexpr (kInRegisters) {
        add_grads_in_registers(weights + tiles, grad_y, grads + offset);
      } else {
        add_grads(weights + tiles, grad_y, grads + offset);
      }
    }
    T* grad_x = static_cast<T*>(p.grad_x) + channel * map;
    const T* end_of_task = static_cast<T*>(p.grad_x) + round_up(channel + 1, span * per_group) * map;
    for (const bool images : {false, true}) {
      for (int64_t row = 0; row < copied_rows(block); ++row) {
        const int64_t source = source_row(block, row);
        const bool image = source != first_row(block) * p.stride_h + row - pad;
        if (source < 0 || image != images || !looked_at(row)) continue;
        T* to = grad_x + source * p.width;
        if (image || source < fresh) {
          add_row<true>(grads + row * row_size, to, end_of_task);
        } else {
          add_row<false>(grads + row * row_size, to, end_of_task);
        }
      }
    }
  }

  ALWAYS_INLINE Vector<A, N> load_grad(const T* grad_y, int64_t first) const {
    const T* end = static_cast<const T*>(p.grad_y) + p.batch * p.channels * out_map;
    return first_lanes<A, N>(load_before(grad_y + first, end, p.out_width - first), p.out_width - first);
  }

  void add_grad_weights(const A* copied, const T* grad_y, A* grad_weights) const {
    for (int64_t i = 0; i < p.out_width; i += N, grad_weights += tile) {
      const auto g = load_grad(grad_y, i);
#pragma GCC unroll 8
      for (int64_t r = 0; r < k; ++r) {
#pragma GCC unroll 8
        for (int64_t c = 0; c < k; ++c) {
          A* to = grad_weights + (r * k + c) * N;
          store<N>(to, load<N>(to) + g * load_tap(copied + r * row_size, i, c));
        }
      }
    }
  }

  void add_grads(const A* weights, const T* grad_y, A* grads) const {
    for (int64_t i = 0; i < p.out_width; i += N, weights += tile) {
      const auto g = load_grad(grad_y, i);
      for (int64_t r = 0; r < k; ++r) {
        for (int64_t c = 0; c < k; ++c) add_tap(grads + r * row_size, i, c, g * load<N>(weights + (r * k + c) * N));
      }
    }
  }

  // The same, but the taps of a row that meet in one sample are summed before memory sees them: what a tap gives to the
  // next vector is carried there.
  void add_grads_in_registers(const A* weights, const T* grad_y, A* grads) const {
    for (int64_t r = 0; r < K; ++r) {
      const A* of_row = weights + r * K * N;
      A* to = grads + r * row_size;
      Vector<A, N> before[K] = {};
      const int64_t end = chunks * N - p.out_width < kReach ? p.out_width + N : p.out_width;
      for (int64_t i = 0; i < end; i += N, of_row += tile) {
        Vector<A, N> now[K] = {};
        if (i < p.out_width) {
          const auto g = load_grad(grad_y, i);
          for (int c = 0; c < K; ++c) now[c] = g * load<N>(of_row + c * N);
        }
        Vector<A, N> sums[kPhases] = {};
        add_shifted(before, now, sums, Constant<0>{});
        for (int q = 0; q < kPhases; ++q) store<N>(to + q * phase + i, load<N>(to + q * phase + i) + sums[q]);
        for (int c = 0; c < K; ++c) before[c] = now[c];
      }
    }
  }

  template <int C>
  ALWAYS_INLINE static void add_shifted(const Vector<A, N>* before, const Vector<A, N>* now, Vector<A, N>* sums,
                                        Constant<C>) {
    if constexpr (C < K) {
      constexpr int kStep = S ? S : 1;
      if constexpr (C / kStep == 0) {
        sums[C % kStep] += now[C];
      } else {
        sums[C % kStep] += shifted_up<C / kStep, A, N>(before[C], now[C]);
      }
      add_shifted(before, now, sums, Constant<C + 1>{});
    }
  }

  template <bool Add>
  ALWAYS_INLINE static void add_some(T* to, Vector<A, N> v, const T* end, int64_t count) {
    if constexpr (Add) v += load_before<T>(to, end, count);
    store_some<N>(to, v, count);
  }

  // Adds the gradients of a row in scratch to where it was copied from, or writes them there.
  template <bool Add>
  void add_row(const A* from, T* to, const T* end) const {
    for (int64_t i = 0; i < p.width; i += kPhases * N) {
      const auto first = load<N>(from + in_row(pad + i));
      if constexpr (kPhases == 2) {
        const auto second = load<N>(from + in_row(pad + i + 1));
        add_some<Add>(to + i, interleaved_first<A, N>(first, second), end, p.width - i);
        if (i + N < p.width) add_some<Add>(to + i + N, interleaved_last<A, N>(first, second), end, p.width - i - N);
      } else {
        add_some<Add>(to + i, first, end, p.width - i);
      }
    }
    for (int64_t q = 0; q < pad; ++q) add_border(from, q, to);
    for (int64_t q = pad + p.width; q < padded_width; ++q) add_border(from, q, to);
  }

  ALWAYS_INLINE void add_border(const A* from, int64_t padded, T* to) const {
    const int32_t source = p.source_column[padded];
    if (source >= 0) put(to + source, get(to + source) + from[in_row(padded)]);
  }
};

}  // namespace antialias::ANTIALIAS_ISA
