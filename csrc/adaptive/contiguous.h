// The filter on contiguous maps.
//
// Work goes by blocks of output rows of one channel group (of all of them, if their taps sum to one together). The rows
// of a channel that a block looks at are copied to scratch with their borders, even and odd samples apart where every
// second one is kept, so that a tap of neighbouring outputs is one load. Rows and weights of a block stay in the nearest
// cache; memory sees each sample of the maps once. The commonest filter needs no such copy, see
// contiguous_k3s2.h; the channels at the end of the maps go this way then, too.
#pragma once

#include "adaptive/contiguous_k3s2.h"
#include "adaptive/softmax.h"

namespace antialias::ANTIALIAS_ISA {

// K is the kernel size and S the horizontal stride, or 0 where it is known at run time only; T is the type of the maps, N
// the lanes of a vector.
template <class T, int K, int S, int N>
struct Contiguous {
  using A = Sum<T>;
  static constexpr int64_t kBlockBytes = 128 * 1024;
  static constexpr int kPhases = S == 2 ? 2 : 1;
  // How far a tap's gradient lies from where it was computed; what lies further than a vector goes through memory.
  static constexpr int kReach = (K - 1) / (S ? S : 1);
  // Channels that share what they read of the weights.
  static constexpr int kTogether = 2;
  static constexpr bool kInRegisters = K != 0 && S != 0 && kReach <= N;
  static constexpr bool kIsK3S2 = K == 3 && S == 2;

  const AdaptiveArguments& p;
  const Known<K> k{p.kernel_size};
  const Known<S> stride{p.stride_w};
  const Known<K / 2> pad{k / 2};
  const Known<K * K> taps{k * k};
  const int64_t per_group = p.channels / p.groups;
  const int64_t map = p.height * p.width, out_map = p.out_height * p.out_width;
  const int64_t span = p.joint ? p.groups : 1, spans = p.groups / span;
  const int64_t chunks = ceil_div(p.out_width, N);
  const int64_t tile = span * taps * N, row_of_tiles = chunks * tile;
  const int64_t rows = least(most(kBlockBytes / (row_of_tiles * int64_t(sizeof(A))), 2), p.out_height);
  const int64_t blocks = ceil_div(p.out_height, rows);
  // Rows that a block and the next one look at. Their gradients are carried from one to the other as sums, so that they
  // are rounded once.
  const int64_t shared_rows = most(k - p.stride_h, 0);
  const int64_t padded_width = (p.out_width - 1) * stride + k;
  // Vectors may be read and written beyond the last tap of the last output, and beyond the last sample.
  const int64_t reached = S ? most((chunks + 1) * N, chunks * N + k) : chunks * N * stride + k;
  const int64_t phase = round_up(most(reached, (p.width + k) / kPhases + N), N);
  const int64_t row_size = kPhases * phase;

  ContiguousK3S2<T, N> k3s2() const { return {p, tile}; }

  int64_t first_row(int64_t block) const { return block * rows; }
  int64_t rows_in(int64_t block) const { return least(rows, p.out_height - block * rows); }
  int64_t copied_rows(int64_t block) const { return (rows_in(block) - 1) * p.stride_h + k; }
  int64_t all_copied_rows() const { return (rows - 1) * p.stride_h + k; }
  int64_t source_row(int64_t block, int64_t row) const { return p.source_row[first_row(block) * p.stride_h + row]; }
  bool is_last(int64_t block) const { return block + 1 == blocks; }
  // Those whose gradients are complete with this block.
  int64_t completed_rows(int64_t block) const { return copied_rows(block) - (is_last(block) ? 0 : shared_rows); }
  bool looked_at(int64_t row) const { return p.stride_h <= k || row % p.stride_h < k; }

  template <class E>
  ALWAYS_INLINE static Vector<Sum<E>, N> load_before(const E* from, const E* end, int64_t count) {
    return end - from >= N ? load<N>(from) : load_some<N>(from, least(count, end - from));
  }

  // Weights of the positions behind the end of a row are zero.
  void read_weights(int64_t image, int64_t group, int64_t block, A* weights_TN) const {
    with_logits_type<A>(p.logits_type, [&](auto type) {
      const auto* logits = static_cast<const decltype(type)*>(p.logits);
      const auto* end = logits + p.batch * p.groups * taps * out_map;
      const auto* from = logits + (image * p.groups + group) * taps * out_map + first_row(block) * p.out_width;
      if constexpr (K == 3) {
        if (span == 1) return read_weights_of_group(from, end, block, weights_TN);
      }
      for (int64_t t = 0; t < span * taps; ++t, from += out_map) {
        for_each_tile(block, [&](int64_t at, int64_t first, int64_t count) {
          fetch_soon(from + first);
          store<N>(weights_TN + at + t * N, load_before(from + first, end, count));
        });
      }
      for_each_tile(block, [&](int64_t at, int64_t, int64_t count) {
        if (span == 1) {
          softmax<N>(weights_TN + at, taps);
        } else {
          softmax<N>(weights_TN + at, span * taps);
        }
        if (count < N) keep_first(weights_TN + at, count);
      });
    });
  }

  template <class E>
  ALWAYS_INLINE void read_weights_of_group(const E* logits, const E* end, int64_t block, A* weights_TN) const {
    const int64_t plane = out_map;
    for_each_tile(block, [&](int64_t at, int64_t first, int64_t count) {
      const E* from = logits + first;
      if (end - from >= (K * K - 1) * plane + N) {
        const auto logit = [&](int t) {
          fetch_soon(from + t * plane);
          return load<N>(from + t * plane);
        };
        softmax_of<N, K * K>(logit, count, weights_TN + at);
      } else {
        softmax_of<N, K * K>([&](int t) { return load_before(from + t * plane, end, count); }, count, weights_TN + at);
      }
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

  void keep_first(A* weights_TN, int64_t count) const {
    for (int64_t t = 0; t < span * taps; ++t) {
      store<N>(weights_TN + t * N, first_lanes<A, N>(load<N>(weights_TN + t * N), count));
    }
  }

  // ---- rows in scratch: padded sample q lies at q % kPhases * phase + q / kPhases

  ALWAYS_INLINE int64_t in_row(int64_t padded) const { return padded % kPhases * phase + padded / kPhases; }

  // Copied where loops use it: the compiler cannot know that a store leaves the members as they are.
  struct RowsInScratch {
    int64_t row_size, phase;
    Known<S> stride;

    ALWAYS_INLINE Vector<A, N> load_tap(const A* rows, int64_t row, int64_t first, int64_t column) const {
      const A* at = rows + row * row_size;
      if constexpr (S == 0) {
        Vector<A, N> v;
        for (int lane = 0; lane < N; ++lane) v[lane] = at[(first + lane) * stride + column];
        return v;
      } else {
        return load<N>(at + column % S * phase + first + column / S);
      }
    }

    ALWAYS_INLINE void add_tap(A* rows, int64_t row, int64_t first, int64_t column, Vector<A, N> v) const {
      A* to = rows + row * row_size;
      if constexpr (S == 0) {
        for (int lane = 0; lane < N; ++lane) to[(first + lane) * stride + column] += v[lane];
      } else {
        to += column % S * phase + first + column / S;
        store<N>(to, load<N>(to) + v);
      }
    }
  };

  void copy_rows(const T* channel, int64_t block, A* to) const {
    for (int64_t row = 0; row < copied_rows(block); ++row, to += row_size) {
      if (!looked_at(row)) continue;
      const int64_t source = source_row(block, row);
      if (source < 0) {
        clear<N>(to, row_size);
      } else {
        copy_row(channel + source * p.width, to);
      }
    }
  }

  ALWAYS_INLINE void copy_row(const T* from, A* to) const {
    const T* end = static_cast<const T*>(p.x) + p.batch * p.channels * map;
    if (end - from >= round_up(p.width, kPhases * N)) {
      copy_samples(from, to, [](const T* at, int64_t) { return load<N>(at); });
    } else {
      copy_samples(from, to, [&](const T* at, int64_t count) { return load_some<N>(at, least(count, end - at)); });
    }
    for (int64_t q = 0; q < pad; ++q) to[in_row(q)] = border(from, q);
    for (int64_t q = pad + p.width; q < padded_width; ++q) to[in_row(q)] = border(from, q);
  }

  // `read` gets where a vector begins and how many samples of the row it has at least, which may be none.
  template <class Read>
  ALWAYS_INLINE void copy_samples(const T* from, A* to, Read read) const {
    A *first_to = to + in_row(pad), *second_to = to + in_row(pad + 1);
    const int64_t width = p.width;
    for (int64_t i = 0; i < width; i += kPhases * N) {
      fetch_soon(from + i);
      const auto first = read(from + i, width - i);
      if constexpr (kPhases == 2) {
        fetch_soon(from + i + N);
        const auto second = read(from + i + N, width - i - N);
        store<N>(first_to + i / 2, evens<A, N>(first, second));
        store<N>(second_to + i / 2, odds<A, N>(first, second));
      } else {
        store<N>(first_to + i, first);
      }
    }
  }

  ALWAYS_INLINE A border(const T* row, int64_t padded) const {
    const int32_t source = p.source_column[padded];
    return source < 0 ? A(0) : get(row + source);
  }

  // ---- forward: a task is one block of one span of groups

  int64_t forward_tasks() const { return p.batch * spans * blocks; }
  int64_t forward_scratch() const { return rows * row_of_tiles + rows_scratch(1); }

  // For rows of channels that are taken together: those of x and, backward, of its gradient.
  int64_t rows_scratch(int64_t maps) const {
    const int64_t copy_HW = maps * kTogether * all_copied_rows() * row_size;
    if constexpr (kIsK3S2) return most(copy_HW, k3s2().scratch(kTogether));
    return copy_HW;
  }

  void forward(int64_t task, A* scratch) const {
    const int64_t block = task % blocks, group = task / blocks % spans * span, image = task / blocks / spans;
    A *weights_TN = scratch, *rest = weights_TN + rows * row_of_tiles;
    read_weights(image, group, block, weights_TN);
    for_each_channels(span, [&](auto together, int64_t c) {
      const int64_t channel = image * p.channels + group * per_group + c, first = first_row(block);
      const A* of_group_TN = weights_TN + c / per_group * taps * N;
      const T* x_HW = static_cast<const T*>(p.x) + channel * map;
      T* y_HW = static_cast<T*>(p.y) + channel * out_map + first * p.out_width;
      if constexpr (kIsK3S2) {
        if (k3s2().reaches(channel, together)) {
          return k3s2().template filter<together>(of_group_TN, x_HW, first, first + rows_in(block), rest, y_HW);
        }
      }
      for (int j = 0; j < together; ++j) copy_rows(x_HW + j * map, block, rest + j * all_copied_rows() * row_size);
      filter<together>(of_group_TN, rest, block, y_HW);
    });
  }

  // Calls `use` with Constant<how many> channels of one group are taken together, and the first of them.
  template <class Use>
  ALWAYS_INLINE void for_each_channels(int64_t groups, Use use) const {
    for (int64_t g = 0; g < groups; ++g) {
      int64_t c = g * per_group;
      const int64_t end = c + per_group;
      for (; c + kTogether <= end; c += kTogether) use(Constant<kTogether>{}, c);
      for (; c < end; ++c) use(Constant<1>{}, c);
    }
  }

  template <int Together>
  void filter(const A* weights_TN, const A* copy_HW, int64_t block, T* y_HW) const {
    const int64_t width = p.out_width, row_step = p.stride_h * row_size, channel_step = all_copied_rows() * row_size;
    const int64_t y_step = out_map, tile_size = tile, last = rows_in(block);
    const int64_t size = k;
    const RowsInScratch at{row_size, phase, stride};
    for (int64_t row = 0; row < last; ++row, y_HW += width, copy_HW += row_step) {
      for (int64_t i = 0; i < width; i += N, weights_TN += tile_size) {
        Vector<A, N> sums_N[Together] = {};
#pragma GCC unroll 8
        for (int64_t r = 0; r < size; ++r) {
#pragma GCC unroll 8
          for (int64_t c = 0; c < size; ++c) {
            const auto weight = load<N>(weights_TN + (r * size + c) * N);
            for (int j = 0; j < Together; ++j) sums_N[j] += weight * at.load_tap(copy_HW + j * channel_step, r, i, c);
          }
        }
        for (int j = 0; j < Together; ++j) store_some<N>(y_HW + j * y_step + i, sums_N[j], width - i);
      }
    }
  }

  // ---- backward: a task is all blocks of one span of groups, so that nobody else writes its part of grad_x

  int64_t backward_tasks() const { return p.batch * spans; }
  int64_t backward_scratch() const { return 2 * rows * row_of_tiles + carry_scratch() + rows_scratch(2); }

  // What a channel carries from block to block; a single block needs the room for the channels that are taken together.
  int64_t carry_size() const {
    const int64_t copy_HW = shared_rows * row_size;
    if constexpr (kIsK3S2) return most(copy_HW, k3s2().line);
    return copy_HW;
  }
  int64_t carry_scratch() const { return (blocks == 1 ? int64_t(kTogether) : span * per_group) * carry_size(); }

  void backward(int64_t task, A* scratch) const {
    const int64_t group = task % spans * span, image = task / spans;
    A *weights_TN = scratch, *grad_weights_TN = weights_TN + rows * row_of_tiles;
    A *carry = grad_weights_TN + rows * row_of_tiles, *rest = carry + carry_scratch();
    const int64_t carry_step = blocks == 1 ? 0 : carry_size();
    int64_t cleared = 0;
    for (int64_t block = 0; block < blocks; ++block) {
      read_weights(image, group, block, weights_TN);
      clear<N>(grad_weights_TN, rows * row_of_tiles);
      const int64_t needed = is_last(block) ? p.height : most(rows_until(block), cleared);
      for_each_channels(span, [&](auto together, int64_t c) {
        const int64_t channel = image * p.channels + group * per_group + c, of_group = c / per_group * taps * N;
        for (int j = 0; j < together; ++j) {
          clear_rows(static_cast<T*>(p.grad_x) + (channel + j) * map, block, cleared, needed);
        }
        backward_channels<together>(channel, block, cleared, weights_TN + of_group, grad_weights_TN + of_group,
                                    carry + c * carry_step, rest);
      });
      cleared = needed;
      write_grad(image, group, block, weights_TN, grad_weights_TN);
    }
  }

  void clear_rows(T* grad_x_HW, int64_t block, int64_t first, int64_t last) const {
    for (int64_t row = first; row < last; ++row) {
      if (!writes(block, row)) std::memset(grad_x_HW + row * p.width, 0, p.width * sizeof(T));
    }
  }

  // Whether the block completes a row where it lies, not only its image in the border.
  bool writes(int64_t block, int64_t source) const {
    const int64_t row = source + pad - first_row(block) * p.stride_h;
    return row >= 0 && row < completed_rows(block) && looked_at(row);
  }

  // One past the last row of grad_x that the block writes or adds to.
  int64_t rows_until(int64_t block) const {
    int64_t end = 0;
    for (int64_t row = 0; row < completed_rows(block); ++row) end = most(end, source_row(block, row) + 1);
    return end;
  }

  void write_grad(int64_t image, int64_t group, int64_t block, A* weights_TN, const A* grad_weights_TN) const {
    for_each_tile(block, [&](int64_t at, int64_t, int64_t) {
      if (span == 1) {
        softmax_backward<N>(weights_TN + at, grad_weights_TN + at, taps);
      } else {
        softmax_backward<N>(weights_TN + at, grad_weights_TN + at, span * taps);
      }
    });
    with_logits_type<A>(p.logits_type, [&](auto type) {
      auto* to = static_cast<decltype(type)*>(p.grad_logits) + (image * p.groups + group) * taps * out_map;
      to += first_row(block) * p.out_width;
      // Plane by plane: memory likes few streams.
      for (int64_t t = 0; t < span * taps; ++t, to += out_map) {
        for_each_tile(block, [&](int64_t at, int64_t first, int64_t count) {
          store_some<N>(to + first, load<N>(weights_TN + at + t * N), count);
        });
      }
    });
  }

  // Rows of grad_x from `fresh` on have not been written before.
  template <int Together>
  void backward_channels(int64_t channel, int64_t block, int64_t fresh, const A* weights_TN, A* grad_weights_TN,
                         A* carry, A* scratch) const {
    const int64_t first = first_row(block), y_step = out_map;
    const T* x_HW = static_cast<const T*>(p.x) + channel * map;
    const T* grad_y_HW = static_cast<const T*>(p.grad_y) + channel * out_map + first * p.out_width;
    T* grad_x_HW = static_cast<T*>(p.grad_x) + channel * map;
    if constexpr (kIsK3S2) {
      // All blocks go one way, since what they carry differs. A border that winds around is none of its: the image of the
      // first row belongs to the last.
      if ((blocks == 1 || p.source_row[0] < 2 * rows - 1) && k3s2().reaches(channel, Together)) {
        const int64_t last = first + rows_in(block);
        return k3s2().template backward<Together>(weights_TN, grad_weights_TN, x_HW, grad_y_HW, first, last, carry,
                                                  carry_size(), scratch, grad_x_HW);
      }
    }
    const int64_t channel_step = all_copied_rows() * row_size, row_step = p.stride_h * row_size;
    const int64_t carried = block == 0 ? 0 : shared_rows * row_size, completed = completed_rows(block) * row_size;
    A *copy_HW = scratch, *grad_copy_HW = copy_HW + Together * channel_step;
    for (int j = 0; j < Together; ++j) {
      copy_rows(x_HW + j * map, block, copy_HW + j * channel_step);
      A* to = grad_copy_HW + j * channel_step;
      std::memcpy(to, carry + j * carry_size(), carried * sizeof(A));
      clear<N>(to + carried, copied_rows(block) * row_size - carried);
    }
    const T* grad_y_end = static_cast<const T*>(p.grad_y) + p.batch * p.channels * out_map;
    for (int64_t row = 0; row < rows_in(block); ++row, grad_y_HW += p.out_width) {
      const int64_t offset = row * row_step, tiles = row * row_of_tiles;
      add_grad_weights<Together>(copy_HW + offset, grad_y_HW, grad_y_end, grad_weights_TN + tiles);
      for (int j = 0; j < Together; ++j) {
        add_grads(weights_TN + tiles, grad_y_HW + j * y_step, grad_y_end, grad_copy_HW + j * channel_step + offset);
      }
    }
    const T* end = static_cast<T*>(p.grad_x) + round_up(channel + 1, span * per_group) * map;
    for (int j = 0; j < Together; ++j) {
      A* from = grad_copy_HW + j * channel_step;
      add_rows(from, block, fresh, grad_x_HW + j * map, end);
      if (!is_last(block)) std::memcpy(carry + j * carry_size(), from + completed, shared_rows * row_size * sizeof(A));
    }
  }

  // Rows that are images in the border come last: where they belong has been written then.
  void add_rows(A* grad_copy_HW, int64_t block, int64_t fresh, T* grad_x_HW, const T* end) const {
    for (const bool images : {false, true}) {
      for (int64_t row = 0; row < completed_rows(block); ++row) {
        const int64_t source = source_row(block, row);
        const bool image = source != first_row(block) * p.stride_h + row - pad;
        if (source < 0 || image != images || !looked_at(row)) continue;
        T* to = grad_x_HW + source * p.width;
        if (image || source < fresh) {
          add_row<true>(grad_copy_HW + row * row_size, to, end);
        } else {
          add_row<false>(grad_copy_HW + row * row_size, to, end);
        }
      }
    }
  }

  // The first `count` samples, the others zero; reads up to `end`.
  ALWAYS_INLINE static Vector<A, N> load_grad(const T* grad_y_HW, const T* end, int64_t count) {
    return first_lanes<A, N>(load_before(grad_y_HW, end, count), count);
  }

  template <int Together>
  void add_grad_weights(const A* copy_HW, const T* grad_y_HW, const T* end, A* grad_weights_TN) const {
    const int64_t width = p.out_width, channel_step = all_copied_rows() * row_size, y_step = out_map, tile_size = tile;
    const int64_t size = k;
    const RowsInScratch at{row_size, phase, stride};
    for (int64_t i = 0; i < width; i += N, grad_weights_TN += tile_size) {
      Vector<A, N> g[Together];
      for (int j = 0; j < Together; ++j) g[j] = load_grad(grad_y_HW + j * y_step + i, end, width - i);
#pragma GCC unroll 8
      for (int64_t r = 0; r < size; ++r) {
#pragma GCC unroll 8
        for (int64_t c = 0; c < size; ++c) {
          A* to = grad_weights_TN + (r * size + c) * N;
          auto sum = load<N>(to);
          for (int j = 0; j < Together; ++j) sum += g[j] * at.load_tap(copy_HW + j * channel_step, r, i, c);
          store<N>(to, sum);
        }
      }
    }
  }

  void add_grads(const A* weights_TN, const T* grad_y_HW, const T* end, A* grad_copy_HW) const {
    const int64_t width = p.out_width, tile_size = tile;
    if constexpr (kInRegisters) {
      for (int64_t r = 0; r < K; ++r) {
        add_grads_of_row(weights_TN + r * K * N, grad_y_HW, end, grad_copy_HW + r * row_size);
      }
    } else {
      const RowsInScratch at{row_size, phase, stride};
      for (int64_t i = 0; i < width; i += N, weights_TN += tile_size) {
        const auto g = load_grad(grad_y_HW + i, end, width - i);
        for (int64_t r = 0; r < k; ++r) {
          for (int64_t c = 0; c < k; ++c) at.add_tap(grad_copy_HW, r, i, c, g * load<N>(weights_TN + (r * k + c) * N));
        }
      }
    }
  }

  // The taps of a row that meet in one sample are summed before memory sees them: what a tap gives to the next vector is
  // carried there.
  ALWAYS_INLINE void add_grads_of_row(const A* weights_TN, const T* grad_y_HW, const T* end, A* to) const {
    const int64_t width = p.out_width, tile_size = tile, second = phase;
    const int64_t last = chunks * N - width < kReach ? width + N : width;
    Vector<A, N> before[K] = {};
    for (int64_t i = 0; i < last; i += N, weights_TN += tile_size) {
      Vector<A, N> now[K] = {};
      if (i < width) {
        const auto g = load_grad(grad_y_HW + i, end, width - i);
        for (int c = 0; c < K; ++c) now[c] = g * load<N>(weights_TN + c * N);
      }
      Vector<A, N> sums_N[kPhases] = {};
      add_shifted(before, now, sums_N, Constant<0>{});
      for (int q = 0; q < kPhases; ++q) store<N>(to + q * second + i, load<N>(to + q * second + i) + sums_N[q]);
      for (int c = 0; c < K; ++c) before[c] = now[c];
    }
  }

  template <int C>
  ALWAYS_INLINE static void add_shifted(const Vector<A, N>* before, const Vector<A, N>* now, Vector<A, N>* sums_N,
                                        Constant<C>) {
    if constexpr (C < K) {
      constexpr int kStep = S ? S : 1;
      if constexpr (C / kStep == 0) {
        sums_N[C % kStep] += now[C];
      } else {
        sums_N[C % kStep] += shifted_up<C / kStep, A, N>(before[C], now[C]);
      }
      add_shifted(before, now, sums_N, Constant<C + 1>{});
    }
  }

  template <bool Add>
  ALWAYS_INLINE static void add_some(T* to, Vector<A, N> v, const T* end, int64_t count) {
    if constexpr (Add) v += load_before<T>(to, end, count);
    store_some<N>(to, v, count);
  }

  // Adds the gradients of a row in scratch to where it was copied from, or writes them there. Its border is added to the
  // row first: behind the vectors just written, it would have to wait for them.
  template <bool Add>
  ALWAYS_INLINE void add_row(A* from, T* to, const T* end) const {
    for (int64_t q = 0; q < pad; ++q) add_border(from, q);
    for (int64_t q = pad + p.width; q < padded_width; ++q) add_border(from, q);
    const A *first_from = from + in_row(pad), *second_from = from + in_row(pad + 1);
    const int64_t width = p.width;
    for (int64_t i = 0; i < width; i += kPhases * N) {
      fetch_soon(to + i);
      const auto first = load<N>(first_from + i / kPhases);
      if constexpr (kPhases == 2) {
        fetch_soon(to + i + N);
        const auto second = load<N>(second_from + i / kPhases);
        add_some<Add>(to + i, interleaved_first<A, N>(first, second), end, width - i);
        if (i + N < width) add_some<Add>(to + i + N, interleaved_last<A, N>(first, second), end, width - i - N);
      } else {
        add_some<Add>(to + i, first, end, width - i);
      }
    }
  }

  ALWAYS_INLINE void add_border(A* row, int64_t padded) const {
    const int32_t source = p.source_column[padded];
    if (source >= 0) row[in_row(pad + source)] += row[in_row(padded)];
  }
};

}  // namespace antialias::ANTIALIAS_ISA
