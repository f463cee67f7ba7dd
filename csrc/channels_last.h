// The filter on channels_last maps.
//
// Work goes by tiles of as many output positions as a vector has lanes. Their logits are turned so that a vector holds one
// tap of all positions, and become weights; then each position's channels, which lie side by side, are filtered with its
// weights, straight from the maps.
#pragma once

#include "softmax.h"

namespace antialias::ANTIALIAS_ISA {

// K is the kernel size, or 0 where it is known at run time only; T is the type of the maps, N the lanes of a vector.
template <class T, int K, int N>
struct ChannelsLast {
  using A = Sum<T>;

  const Problem& p;
  const Known<K> k{p.kernel_size};
  const Known<K * K> taps{k * k};
  const int64_t per_group = p.channels / p.groups, positions = p.out_height * p.out_width;
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

  // The rows of a tile: one a tap, for groups first .. last - 1. A whole number of vectors of them is kept.
  int64_t rows_of(int64_t groups) const { return groups * taps; }
  int64_t room_of(int64_t groups) const { return round_up(rows_of(groups), N); }

  // Weights [tap of group][position of the tile], for groups first .. last - 1.
  void read_weights(const Tile& tile, int64_t first, int64_t last, A* weights) const {
    const int64_t rows = rows_of(last - first);
    with_logits_type<A>(p.logits_type, [&](auto type) {
      const int64_t pitch = p.groups * taps;
      const auto* logits = static_cast<const decltype(type)*>(p.logits);
      logits += (tile.image * positions + tile.first) * pitch + first * taps;
      for (int64_t i = 0; i < tile.count; ++i) {
        for (int64_t row = 0; row < rows; row += N) fetch_soon(logits + i * pitch + row);
      }
      if (tile.count == N && rows >= N) {
        turn(logits, pitch, rows, weights);
      } else {
        if (tile.count < N) clear<N>(weights, rows * N);
        for (int64_t i = 0; i < tile.count; ++i) {
          for (int64_t row = 0; row < rows; ++row) weights[row * N + i] = get(logits + i * pitch + row);
        }
      }
    });
    if (p.joint) return softmax<N>(weights, rows);
    for (int64_t row = 0; row < rows; row += taps) softmax<N>(weights + row * N, taps);
  }

  // Writes N lines of `rows` numbers each, `pitch` apart, as `rows` vectors; the last ones twice, if they fill none.
  template <class E>
  ALWAYS_INLINE static void turn(const E* lines, int64_t pitch, int64_t rows, A* vectors) {
    for (int64_t next = 0; next < rows; next += N) {
      const int64_t row = least(next, rows - N);
      Vector<A, N> v[N];
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) v[i] = load<N>(lines + i * pitch + row);
      transpose<A, N>(v);
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) store<N>(vectors + (row + i) * N, v[i]);
    }
  }

  // The way back.
  template <class E>
  ALWAYS_INLINE static void turn_back(const A* vectors, int64_t rows, E* lines, int64_t pitch) {
    for (int64_t next = 0; next < rows; next += N) {
      const int64_t row = least(next, rows - N);
      Vector<A, N> v[N];
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) v[i] = load<N>(vectors + (row + i) * N);
      transpose<A, N>(v);
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) store<N>(lines + i * pitch + row, v[i]);
    }
  }

  void write_grad(const Tile& tile, int64_t first, int64_t last, const A* weights, A* grad_weights) const {
    const int64_t rows = rows_of(last - first);
    if (p.joint) {
      softmax_backward<N>(weights, grad_weights, rows);
    } else {
      for (int64_t row = 0; row < rows; row += taps) softmax_backward<N>(weights + row * N, grad_weights + row * N, taps);
    }
    with_logits_type<A>(p.logits_type, [&](auto type) {
      const int64_t pitch = p.groups * taps;
      auto* grad = static_cast<decltype(type)*>(p.grad_logits);
      grad += (tile.image * positions + tile.first) * pitch + first * taps;
      if (tile.count == N && rows >= N) return turn_back(grad_weights, rows, grad, pitch);
      for (int64_t i = 0; i < tile.count; ++i) {
        for (int64_t row = 0; row < rows; ++row) put(grad + i * pitch + row, grad_weights[row * N + i]);
      }
    });
  }

  // Calls `use` for each position of a tile with its number there and the tables of its window's rows and columns.
  template <class Use>
  ALWAYS_INLINE void for_each_position(const Tile& tile, Use use) const {
    int64_t row = tile.first / p.out_width, column = tile.first % p.out_width;
    for (int64_t i = 0; i < tile.count; ++i) {
      use(i, p.source_row + row * p.stride_h, p.source_column + column * p.stride_w);
      if (++column == p.out_width) column = 0, ++row;
    }
  }

  // Calls `use` for each tap of a window with where its channels begin in the image, or -1 for zeros.
  template <class Use>
  ALWAYS_INLINE void for_each_tap(const int32_t* rows, const int32_t* columns, Use use) const {
    const int64_t width = p.width, channels = p.channels;
    for (int64_t row = 0; row < k; ++row) {
      for (int64_t column = 0; column < k; ++column) {
        const bool inside = (rows[row] | columns[column]) >= 0;
        use(row * k + column, inside ? (int64_t(rows[row]) * width + columns[column]) * channels : -1);
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
  int64_t forward_scratch() const { return room_of(p.groups) * N + zeros() + pointers(); }
  int64_t zeros() const { return round_up(p.channels, N); }
  int64_t pointers() const { return round_up(taps * int64_t(sizeof(Tap) / sizeof(A)), N); }

  void forward(int64_t task, A* scratch) const {
    const Tile t = tile(task / tiles, task % tiles);
    A *weights = scratch, *zero = weights + room_of(p.groups) * N;
    Tap* at = reinterpret_cast<Tap*>(zero + zeros());
    clear<N>(zero, zeros());
    read_weights(t, 0, p.groups, weights);
    const T* image = static_cast<const T*>(p.x) + t.image * image_size;
    T* y = static_cast<T*>(p.y) + (t.image * positions + t.first) * p.channels;
    const int64_t groups = p.groups, channels = p.channels;
    for_each_position(t, [&](int64_t i, const int32_t* rows, const int32_t* columns) {
      for_each_tap(rows, columns, [&](int64_t tap, int64_t offset) {
        at[tap].x = offset < 0 ? reinterpret_cast<const T*>(zero) : image + offset;
      });
      fetch_next(at, 0, channels);
      for (int64_t g = 0; g < groups; ++g) filter<N>(weights + g * taps * N + i, at, g * per_group, per_group, y);
      y += channels;
    });
  }

  // Channels first .. first + count - 1 of one position, four vectors at a time, then fewer, then shorter ones.
  template <int V>
  ALWAYS_INLINE void filter(const A* weights, const Tap* at, int64_t first, int64_t count, T* y) const {
    for (; count >= 4 * V; first += 4 * V, count -= 4 * V) filter_vectors<V, 4>(weights, at, first, y);
    if (count >= 2 * V) filter_vectors<V, 2>(weights, at, first, y), first += 2 * V, count -= 2 * V;
    if (count >= V) filter_vectors<V, 1>(weights, at, first, y), first += V, count -= V;
    if constexpr (V > 1) {
      if (count) filter<V / 2>(weights, at, first, count, y);
    }
  }

  template <int V, int Count>
  ALWAYS_INLINE void filter_vectors(const A* weights, const Tap* at, int64_t first, T* y) const {
    const int64_t size = taps;
    Vector<A, V> sums[Count] = {};
#pragma GCC unroll 9
    for (int64_t t = 0; t < size; ++t) {
      const T* x = at[t].x + first;
      const A weight = weights[t * N];
      for (int j = 0; j < Count; ++j) sums[j] += load<V>(x + j * V) * weight;
    }
    for (int j = 0; j < Count; ++j) store<V>(y + first + j * V, sums[j]);
  }

  // ---- backward: a task is all tiles of an image, for some groups, so that nobody else writes its part of grad_x

  int64_t backward_tasks() const { return p.batch * spans; }
  int64_t backward_scratch() const {
    const int64_t sums = kSumInScratch ? round_up(image_size, N) : 0;
    return 4 * room_of(p.groups_per_task) * N + 2 * zeros() + pointers() + sums;
  }

  void backward(int64_t task, A* scratch) const {
    const int64_t image = task / spans, first = task % spans * p.groups_per_task;
    const int64_t last = least(first + p.groups_per_task, p.groups), room = room_of(last - first) * N;
    A *weights = scratch, *grad_weights = weights + room, *rest = grad_weights + room;
    T* grad_x = static_cast<T*>(p.grad_x) + image * image_size;
    A* sums = grad_sums(grad_x, rest);
    int64_t cleared = 0;
    for (int64_t index = 0; index < tiles; ++index) {
      const Tile t = tile(image, index);
      for (const int64_t end = rows_until(t); cleared < end; ++cleared) clear_row(sums, cleared, first, last);
      read_weights(t, first, last, weights);
      backward_tile(t, first, last, weights, grad_weights, sums, rest);
      write_grad(t, first, last, weights, grad_weights);
    }
    if constexpr (kSumInScratch) round_sums(sums, first, last, grad_x);
  }

  A* grad_sums(T* grad_x, A* scratch) const {
    if constexpr (kSumInScratch) {
      return scratch + 2 * room_of(p.groups_per_task) * N + 2 * zeros() + pointers();
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
    const int64_t rows = rows_of(last - first), room = room_of(last - first);
    A *products = scratch, *by_position = products + room * N, *zero = by_position + room * N, *ignored = zero + zeros();
    Tap* at = reinterpret_cast<Tap*>(ignored + zeros());
    clear<N>(zero, zeros());
    clear<N>(products, room * N);
    if (tile.count < N) clear<N>(by_position, room * N);
    const T* image = static_cast<const T*>(p.x) + tile.image * image_size;
    const T* grad_y = static_cast<const T*>(p.grad_y) + (tile.image * positions + tile.first) * p.channels;
    const int64_t channels = p.channels;
    for_each_position(tile, [&](int64_t i, const int32_t* source_rows, const int32_t* source_columns) {
      for_each_tap(source_rows, source_columns, [&](int64_t tap, int64_t offset) {
        at[tap].x = offset < 0 ? reinterpret_cast<const T*>(zero) : image + offset;
        at[tap].grad_x = offset < 0 ? ignored : sums + offset;
      });
      fetch_next(at, first * per_group, (last - first) * per_group);
      for (int64_t g = first; g < last; ++g) {
        const int64_t row = (g - first) * taps * N;
        backward_group<N>(weights + row + i, products + row, at, g * per_group, per_group, grad_y);
      }
      for (int64_t row = 0; row < rows; row += N) {
        Vector<A, N> v[N];
#pragma GCC unroll 16
        for (int j = 0; j < N; ++j) v[j] = load<N>(products + (row + j) * N);
        store<N>(by_position + i * room + row, totals<A, N>(v));
      }
      grad_y += channels;
    });
    turn(by_position, room, room, grad_weights);
  }

  // The products of a group's samples and gradients, tap by tap, one vector each that is still to be totalled; and what
  // the samples get. As many vectors as there are are followed by shorter ones.
  template <int V>
  ALWAYS_INLINE void backward_group(const A* weights, A* products, const Tap* at, int64_t first, int64_t count,
                                    const T* grad_y, bool add = false) const {
    for (; count >= 4 * V; first += 4 * V, count -= 4 * V, add = true) {
      backward_vectors<V, 4>(weights, products, at, first, grad_y, add);
    }
    if (count >= 2 * V) {
      backward_vectors<V, 2>(weights, products, at, first, grad_y, add);
      first += 2 * V, count -= 2 * V, add = true;
    }
    if (count >= V) {
      backward_vectors<V, 1>(weights, products, at, first, grad_y, add);
      first += V, count -= V, add = true;
    }
    if constexpr (V > 1) {
      if (count) backward_group<V / 2>(weights, products, at, first, count, grad_y, add);
    }
  }

  template <int V, int Count>
  ALWAYS_INLINE void backward_vectors(const A* weights, A* products, const Tap* at, int64_t first, const T* grad_y,
                                      bool add) const {
    Vector<A, V> g[Count];
    for (int j = 0; j < Count; ++j) g[j] = load<V>(grad_y + first + j * V);
    const int64_t size = taps;
    for (int64_t t = 0; t < size; ++t) {
      const T* x = at[t].x + first;
      A* grad_x = at[t].grad_x + first;
      const A weight = weights[t * N];
      Vector<A, V> product{};
      for (int j = 0; j < Count; ++j) {
        product += g[j] * load<V>(x + j * V);
        store<V>(grad_x + j * V, load<V>(grad_x + j * V) + g[j] * weight);
      }
      A* to = products + t * N;
      store<V>(to, add ? load<V>(to) + product : product);
    }
  }
};

}  // namespace antialias::ANTIALIAS_ISA
