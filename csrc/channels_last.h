// The filter on channels_last maps.
//
// Work goes by tiles of as many output positions as a vector has lanes. Their logits are turned so that a vector holds one
// tap of all positions, and become weights; then each position's channels, which lie side by side, are filtered with its
// weights, straight from the maps.
#pragma once

#include "softmax.h"

namespace antialias::ANTIALIAS_ISA {

// K is the kernel size, or 0 where it is known at run time only; T is the type of the maps.
template <class T, int K>
struct ChannelsLast {
  using A = Sum<T>;
  static constexpr int N = kLanes<A>;

  const Problem& p;
  const int64_t k = K ? K : p.kernel_size;
  const int64_t taps = k * k, per_group = p.channels / p.groups, positions = p.out_height * p.out_width;
  const int64_t tiles = ceil_div(positions, N), spans = ceil_div(p.groups, p.groups_per_task);
  const int64_t image_size = p.height * p.width * p.channels;
  // grad_x is summed where it is, or, if its type is too coarse for that, in scratch.
  static constexpr bool kSumInScratch = sizeof(T) != sizeof(A);

  struct Tile {
    int64_t image, first, count;
  };
  struct Tap {
    const T* x;
    A* grad_x;
  };

  Tile tile(int64_t image, int64_t index) const { return {image, index * N, least(N, positions - index * N)}; }

  // Weights [tap of group][position of the tile], for groups first .. last - 1.
  void read_weights(const Tile& tile, int64_t first, int64_t last, A* weights) const {
    const int64_t rows = (last - first) * taps;
    if (tile.count < N) clear(weights, rows * N);
    with_logits_type<A>(p.logits_type, [&](auto type) {
      const auto* logits = static_cast<const decltype(type)*>(p.logits);
      for (int64_t i = 0; i < tile.count; ++i) {
        const auto* from = logits + ((tile.image * positions + tile.first + i) * p.groups + first) * taps;
        for (int64_t row = 0; row < rows; row += N) fetch_soon(from + row);
        for (int64_t row = 0; row < rows; ++row) weights[row * N + i] = get(from + row);
      }
    });
    const int64_t together = p.joint ? rows : taps;
    for (int64_t row = 0; row < rows; row += together) softmax<A>(weights + row * N, together);
  }

  void write_grad(const Tile& tile, int64_t first, int64_t last, const A* weights, A* grad_weights) const {
    const int64_t rows = (last - first) * taps, together = p.joint ? rows : taps;
    for (int64_t row = 0; row < rows; row += together) {
      softmax_backward<A>(weights + row * N, grad_weights + row * N, together);
    }
    with_logits_type<A>(p.logits_type, [&](auto type) {
      auto* grad = static_cast<decltype(type)*>(p.grad_logits);
      for (int64_t i = 0; i < tile.count; ++i) {
        auto* to = grad + ((tile.image * positions + tile.first + i) * p.groups + first) * taps;
        for (int64_t row = 0; row < rows; ++row) put(to + row, grad_weights[row * N + i]);
      }
    });
  }

  // Calls `use` for each tap of an output position with where its channels begin in the image, or -1 for zeros.
  template <class Use>
  ALWAYS_INLINE void for_each_tap(int64_t position, Use use) const {
    const int32_t* rows = p.source_row + position / p.out_width * p.stride_h;
    const int32_t* columns = p.source_column + position % p.out_width * p.stride_w;
    for (int64_t row = 0; row < k; ++row) {
      for (int64_t column = 0; column < k; ++column) {
        const bool inside = (rows[row] | columns[column]) >= 0;
        use(row * k + column, inside ? (int64_t(rows[row]) * p.width + columns[column]) * p.channels : -1);
      }
    }
  }

  // The samples that later positions see first: in the last rows of the window, behind it.
  ALWAYS_INLINE void fetch_next(const Tap* at, int64_t first, int64_t count) const {
    for (int64_t row = k - least(p.stride_h, k); row < k; ++row) {
      for (int64_t column = k - least(p.stride_w, k); column < k; ++column) {
        const T* from = at[row * k + column].x + first;
        for (int64_t c = 0; c < count; c += 64 / int64_t(sizeof(T))) fetch_soon(from + c);
      }
    }
  }

  // ---- forward: a task is a tile

  int64_t forward_tasks() const { return p.batch * tiles; }
  int64_t forward_scratch() const { return p.groups * taps * N + zeros() + pointers(); }
  int64_t zeros() const { return round_up(p.channels, N); }
  int64_t pointers() const { return round_up(taps * int64_t(sizeof(Tap) / sizeof(A)), N); }

  void forward(int64_t task, A* scratch) const {
    const Tile t = tile(task / tiles, task % tiles);
    A *weights = scratch, *zero = weights + p.groups * taps * N;
    Tap* at = reinterpret_cast<Tap*>(zero + zeros());
    clear(zero, zeros());
    read_weights(t, 0, p.groups, weights);
    const T* image = static_cast<const T*>(p.x) + t.image * image_size;
    T* y = static_cast<T*>(p.y) + (t.image * positions + t.first) * p.channels;
    for (int64_t i = 0; i < t.count; ++i, y += p.channels) {
      for_each_tap(t.first + i, [&](int64_t tap, int64_t offset) {
        at[tap].x = offset < 0 ? reinterpret_cast<const T*>(zero) : image + offset;
      });
      fetch_next(at, 0, p.channels);
      for (int64_t g = 0; g < p.groups; ++g) filter<N>(weights + g * taps * N + i, at, g * per_group, per_group, y);
    }
  }

  // Channels first .. first + count - 1 of one position, V at a time, the rest V / 2 at a time, and so on.
  template <int V>
  ALWAYS_INLINE void filter(const A* weights, const Tap* at, int64_t first, int64_t count, T* y) const {
    for (; count >= V; first += V, count -= V) {
      Vector<A, V> sum{};
#pragma GCC unroll 9
      for (int64_t t = 0; t < taps; ++t) sum += load<V>(at[t].x + first) * weights[t * N];
      store<V>(y + first, sum);
    }
    if constexpr (V > 1) {
      if (count) filter<V / 2>(weights, at, first, count, y);
    }
  }

  // ---- backward: a task is all tiles of an image, for some groups, so that nobody else writes its part of grad_x

  int64_t backward_tasks() const { return p.batch * spans; }
  int64_t backward_scratch() const {
    const int64_t sums = kSumInScratch ? round_up(image_size, N) : 0;
    return 2 * p.groups_per_task * taps * N + 2 * zeros() + pointers() + sums;
  }

  void backward(int64_t task, A* scratch) const {
    const int64_t image = task / spans, first = task % spans * p.groups_per_task;
    const int64_t last = least(first + p.groups_per_task, p.groups);
    A *weights = scratch, *grad_weights = weights + (last - first) * taps * N;
    A* rest = grad_weights + (last - first) * taps * N;
    T* grad_x = static_cast<T*>(p.grad_x) + image * image_size;
    A* sums = grad_sums(grad_x, rest);
    int64_t cleared = 0;
    for (int64_t index = 0; index < tiles; ++index) {
      const Tile t = tile(image, index);
      for (const int64_t end = rows_until(t); cleared < end; ++cleared) clear_row(sums, cleared, first, last);
      read_weights(t, first, last, weights);
      clear(grad_weights, (last - first) * taps * N);
      backward_tile(t, first, last, weights, grad_weights, sums, rest);
      write_grad(t, first, last, weights, grad_weights);
    }
    if constexpr (kSumInScratch) round_sums(sums, first, last, grad_x);
  }

  A* grad_sums(T* grad_x, A* scratch) const {
    if constexpr (kSumInScratch) {
      return scratch + 2 * zeros() + pointers();
    } else {
      return grad_x;
    }
  }

  // One past the last row of grad_x that must be clear before the tile is added.
  int64_t rows_until(const Tile& t) const {
    if (t.first + t.count == positions) return p.height;
    int64_t end = 0;
    for (int64_t row = t.first / p.out_width; row <= (t.first + t.count - 1) / p.out_width; ++row) {
      for (int64_t r = 0; r < k; ++r) end = most(end, p.source_row[row * p.stride_h + r] + 1);
    }
    return end;
  }

  void clear_row(A* sums, int64_t row, int64_t first, int64_t last) const {
    for (int64_t column = 0; column < p.width; ++column) {
      A* to = sums + (row * p.width + column) * p.channels + first * per_group;
      std::memset(to, 0, (last - first) * per_group * sizeof(A));
    }
  }

  void round_sums(const A* sums, int64_t first, int64_t last, T* grad_x) const {
    for (int64_t at = first * per_group; at < image_size; at += p.channels) {
      const int64_t count = (last - first) * per_group;
      for (int64_t c = 0; c < count; c += N) store_some<N>(grad_x + at + c, load_some<N>(sums + at + c, count - c), count - c);
    }
  }

  void backward_tile(const Tile& tile, int64_t first, int64_t last, const A* weights, A* grad_weights, A* sums,
                     A* scratch) const {
    A *zero = scratch, *ignored = zero + zeros();
    Tap* at = reinterpret_cast<Tap*>(ignored + zeros());
    clear(zero, zeros());
    const T* image = static_cast<const T*>(p.x) + tile.image * image_size;
    const T* grad_y = static_cast<const T*>(p.grad_y) + (tile.image * positions + tile.first) * p.channels;
    for (int64_t i = 0; i < tile.count; ++i, grad_y += p.channels) {
      for_each_tap(tile.first + i, [&](int64_t tap, int64_t offset) {
        at[tap].x = offset < 0 ? reinterpret_cast<const T*>(zero) : image + offset;
        at[tap].grad_x = offset < 0 ? ignored : sums + offset;
      });
      fetch_next(at, first * per_group, (last - first) * per_group);
      for (int64_t g = first; g < last; ++g) {
        const int64_t row = (g - first) * taps * N + i;
        backward_group<N>(weights + row, grad_weights + row, at, g * per_group, per_group, grad_y);
      }
    }
  }

  template <int V>
  ALWAYS_INLINE void backward_group(const A* weights, A* grad_weights, const Tap* at, int64_t first, int64_t count,
                                    const T* grad_y) const {
    if (count >= V) {
      const int64_t end = first + count / V * V;
      for (int64_t t = 0; t < taps; ++t) {
        Vector<A, V> dot{};
        for (int64_t c = first; c < end; c += V) {
          const auto g = load<V>(grad_y + c);
          dot += g * load<V>(at[t].x + c);
          store<V>(at[t].grad_x + c, load<V>(at[t].grad_x + c) + g * weights[t * N]);
        }
        grad_weights[t * N] += total<A, V>(dot);
      }
    }
    if constexpr (V > 1) {
      const int64_t whole = count / V * V;
      if (count > whole) {
        backward_group<V / 2>(weights, grad_weights, at, first + whole, count - whole, grad_y);
      }
    }
  }
};

}  // namespace antialias::ANTIALIAS_ISA
