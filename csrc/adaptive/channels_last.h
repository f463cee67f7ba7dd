// The filter on channels_last maps.
//
// Work goes by tiles of as many output positions as a vector has lanes. Their logits are transposed so that a vector
// holds one tap of all positions, and become weights; then each position's channels, which lie side by side, are filtered with its
// weights, straight from the maps. Groups that are shorter than a vector share one.
#pragma once

#include "adaptive/arguments.h"
#include "adaptive/softmax.h"

namespace antialias::ANTIALIAS_ISA {

// K is the kernel size, or 0 where it is known at run time only; T is the type of the maps, N the lanes of a vector, P the
// groups that share one, which they fill if P is not 1.
template <class T, int K, int N, int P>
struct ChannelsLast {
  using A = Sum<T>;

  const AdaptiveArguments& p;
  const Known<K> k{p.kernel_size};
  const Known<K * K> taps{k * k};
  const int64_t per_group = p.channels / p.groups, positions = p.out_height * p.out_width;
  const int64_t tiles = ceil_div(positions, N), spans = ceil_div(p.groups, p.groups_per_task);
  const int64_t image_size = p.height * p.width * p.channels;
  const int64_t pad = k / 2;
  const bool meets_first = meets_all(p.source_row, p.stride_h) && meets_all(p.source_column, p.stride_w);
  const bool is_stride_2 = meets_first && p.stride_h == 2 && p.stride_w == 2;
  // grad_x is summed where it is, or, if its type is too coarse for that, in scratch.
  static constexpr bool kSumInScratch = sizeof(T) != sizeof(A);

  // Whether a sum can begin in each sample's gradient where a window meets it first: windows leave no sample out, and what
  // continues the map in front of it lies in the first of them. If not, all gradients are cleared before.
  bool meets_all(const int32_t* source, int64_t stride) const {
    bool all = stride <= pad + 1;
    for (int64_t i = 0; i < pad; ++i) all &= source[i] <= pad;
    return all;
  }

  struct Tile {
    int64_t image, first, count;
  };

  // Where the taps of a window lie: anywhere, or all in the map, or there as neighbours and two from those of the next
  // window. The first gradient of a sample is a sum's beginning.
  struct Tap {
    const T* x;
    A* grad_x;
  };
  struct Anywhere {
    const Tap* taps;
    Known<K> k;

    ALWAYS_INLINE const T* x(int64_t row, int64_t column) const { return taps[row * k + column].x; }
    ALWAYS_INLINE A* grad_x(int64_t row, int64_t column) const { return taps[row * k + column].grad_x; }
    ALWAYS_INLINE static bool first(int64_t, int64_t) { return false; }
  };
  struct Inside {
    const T* rows[3];
    int64_t columns[3];

    ALWAYS_INLINE const T* x(int64_t row, int64_t column) const { return rows[row] + columns[column]; }
  };
  struct Neighbours {
    const T* rows[3];
    A* grad_rows[3];
    int64_t channels;

    ALWAYS_INLINE const T* x(int64_t row, int64_t column) const { return rows[row] + column * channels; }
    ALWAYS_INLINE A* grad_x(int64_t row, int64_t column) const { return grad_rows[row] + column * channels; }
    ALWAYS_INLINE static bool first(int64_t row, int64_t column) { return row > 0 && column > 0; }
  };

  Tile tile(int64_t image, int64_t index) const { return {image, index * N, least(N, positions - index * N)}; }

  // The rows of a tile: one a tap, for groups first .. last - 1. A whole number of vectors of them is kept.
  int64_t rows_of(int64_t groups) const { return groups * taps; }
  int64_t room_of(int64_t groups) const { return round_up(rows_of(groups), N); }

  // Weights [tap of group][position of the tile], for groups first .. last - 1.
  void read_weights(const Tile& tile, int64_t first, int64_t last, A* weights_TN) const {
    const int64_t rows = rows_of(last - first);
    with_logits_type<A>(p.logits_type, [&](auto type) {
      const int64_t pitch = p.groups * taps;
      const auto* logits = static_cast<const decltype(type)*>(p.logits);
      logits += (tile.image * positions + tile.first) * pitch + first * taps;
      if (tile.count == N && rows >= N) {
        load_transposed(logits, pitch, rows, weights_TN);
      } else {
        if (tile.count < N) clear<N>(weights_TN, rows * N);
        for (int64_t i = 0; i < tile.count; ++i) {
          for (int64_t row = 0; row < rows; ++row) weights_TN[row * N + i] = get(logits + i * pitch + row);
        }
      }
    });
    if (p.joint) return softmax<N>(weights_TN, rows);
    for (int64_t row = 0; row < rows; row += taps) {
      A* of_group_TN = weights_TN + row * N;
      if constexpr (K == 3) {
        softmax_of<N, K * K>([&](int t) { return load<N>(of_group_TN + t * N); }, N, of_group_TN);
      } else {
        softmax<N>(of_group_TN, taps);
      }
    }
  }

  // Writes N lines of `rows` numbers each, `pitch` apart, as `rows` vectors; the last ones twice, if they fill none.
  template <class E>
  ALWAYS_INLINE static void load_transposed(const E* lines, int64_t pitch, int64_t rows, A* vectors) {
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
  ALWAYS_INLINE static void store_transposed(const A* vectors, int64_t rows, E* lines, int64_t pitch) {
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

  // The gradients of the weights of P groups alternate.
  void write_grad(const Tile& tile, int64_t first, int64_t last, A* weights_TN, const A* grad_weights_TN) const {
    const int64_t rows = rows_of(last - first);
    if (p.joint) {
      softmax_backward<N>(weights_TN, grad_weights_TN, rows);
    } else {
      for (int64_t g = 0; g < last - first; ++g) {
        softmax_backward<N, P>(weights_TN + g * taps * N, grad_weights_TN + (g / P * taps * P + g % P) * N, taps);
      }
    }
    with_logits_type<A>(p.logits_type, [&](auto type) {
      const int64_t pitch = p.groups * taps;
      auto* grad = static_cast<decltype(type)*>(p.grad_logits);
      grad += (tile.image * positions + tile.first) * pitch + first * taps;
      if (tile.count == N && rows >= N) return store_transposed(weights_TN, rows, grad, pitch);
      for (int64_t i = 0; i < tile.count; ++i) {
        for (int64_t row = 0; row < rows; ++row) put(grad + i * pitch + row, weights_TN[row * N + i]);
      }
    });
  }

  // Calls `use` for each position of a tile with its number there, its row, and its column.
  template <class Use>
  ALWAYS_INLINE void for_each_position(const Tile& tile, Use use) const {
    int64_t row = tile.first / p.out_width, column = tile.first % p.out_width;
    for (int64_t i = 0; i < tile.count; ++i) {
      use(i, row, column);
      if (++column == p.out_width) column = 0, ++row;
    }
  }

  // Calls `use` for each tap of a window with its row, its column and where its channels begin in the image, or -1 for
  // zeros.
  template <class Use>
  ALWAYS_INLINE void for_each_tap(const int32_t* rows, const int32_t* columns, Use use) const {
    const int64_t width = p.width, channels = p.channels;
    for (int64_t r = 0; r < k; ++r) {
      for (int64_t c = 0; c < k; ++c) {
        use(r, c, (rows[r] | columns[c]) < 0 ? -1 : (rows[r] * width + columns[c]) * channels);
      }
    }
  }

  // The weights of P groups, each as often as a group has channels.
  template <int Group = 0>
  ALWAYS_INLINE static Vector<A, N> spread(const A* weights_TN, int64_t step) {
    const auto weight = all<A, N>(weights_TN[0]);
    if constexpr (Group + 1 == P) {
      return weight;
    } else {
      const auto others = spread<Group + 1>(weights_TN + step, step);
      return lane_numbers<A>(std::make_integer_sequence<int, N>{}) < all<A, N>((Group + 1) * (N / P)) ? weight : others;
    }
  }

  // ---- forward: a task is a tile

  int64_t forward_tasks() const { return p.batch * tiles; }
  int64_t forward_scratch() const { return room_of(p.groups) * N + zeros() + pointers(); }
  int64_t zeros() const { return round_up(p.channels, N); }
  int64_t pointers() const { return round_up(taps * int64_t(sizeof(Tap) / sizeof(A)), N); }

  void forward(int64_t task, A* scratch) const {
    const Tile t = tile(task / tiles, task % tiles);
    A *weights_TN = scratch, *zero = weights_TN + room_of(p.groups) * N;
    Tap* pointers = reinterpret_cast<Tap*>(zero + zeros());
    clear<N>(zero, zeros());
    read_weights(t, 0, p.groups, weights_TN);
    const T *image = static_cast<const T*>(p.x) + t.image * image_size, *none = reinterpret_cast<const T*>(zero);
    T* y_HWC = static_cast<T*>(p.y) + (t.image * positions + t.first) * p.channels;
    const int64_t groups = p.groups, channels = p.channels, size = per_group;
    for_each_position(t, [&](int64_t i, int64_t row, int64_t column) {
      with_window(row, column, image, none, pointers, [&](const auto& at) {
        const A* of_group_TN = weights_TN + i;
        for (int64_t g = 0; g < groups; g += P, of_group_TN += P * taps * N) {
          if constexpr (P == 1) {
            filter<N>(of_group_TN, at, g * size, size, y_HWC);
          } else {
            filter_shared(of_group_TN, at, g * (N / P), y_HWC);
          }
        }
      });
      y_HWC += channels;
    });
  }

  // Calls `use` with where the window of an output position lies; taps outside see zeros.
  template <class Use>
  ALWAYS_INLINE void with_window(int64_t row, int64_t column, const T* x_HWC, const T* zero, Tap* taps, Use use) const {
    const int32_t *rows = p.source_row + row * p.stride_h, *columns = p.source_column + column * p.stride_w;
    const int64_t width = p.width, channels = p.channels;
    if constexpr (K == 3) {
      if ((rows[0] | rows[1] | rows[2] | columns[0] | columns[1] | columns[2]) >= 0) {
        Inside at;
        for (int i = 0; i < 3; ++i) {
          at.rows[i] = x_HWC + rows[i] * width * channels, at.columns[i] = columns[i] * channels;
        }
        return use(at);
      }
    }
    for_each_tap(rows, columns, [&](int64_t r, int64_t c, int64_t offset) {
      taps[r * k + c].x = offset < 0 ? zero : x_HWC + offset;
    });
    use(Anywhere{taps, k});
  }

  // Channels first .. first + count - 1 of one position, four vectors at a time, then fewer, then shorter ones.
  template <int V, class At>
  ALWAYS_INLINE void filter(const A* weights_TN, const At& at, int64_t first, int64_t count, T* y_HWC) const {
    for (; count >= 4 * V; first += 4 * V, count -= 4 * V) filter_vectors<V, 4>(weights_TN, at, first, y_HWC);
    if (count >= 2 * V) filter_vectors<V, 2>(weights_TN, at, first, y_HWC), first += 2 * V, count -= 2 * V;
    if (count >= V) filter_vectors<V, 1>(weights_TN, at, first, y_HWC), first += V, count -= V;
    if constexpr (V > 1) {
      if (count) filter<V / 2>(weights_TN, at, first, count, y_HWC);
    }
  }

  template <int V, int Count, class At>
  ALWAYS_INLINE void filter_vectors(const A* weights_TN, const At& at, int64_t first, T* y_HWC) const {
    const int64_t size = k;
    Vector<A, V> sums[Count] = {};
#pragma GCC unroll 3
    for (int64_t row = 0; row < size; ++row) {
#pragma GCC unroll 3
      for (int64_t column = 0; column < size; ++column) {
        const T* x_HWC = at.x(row, column) + first;
        const A weight = weights_TN[(row * size + column) * N];
        for (int j = 0; j < Count; ++j) sums[j] += load<V>(x_HWC + j * V) * weight;
      }
    }
    for (int j = 0; j < Count; ++j) store<V>(y_HWC + first + j * V, sums[j]);
  }

  template <class At>
  ALWAYS_INLINE void filter_shared(const A* weights_TN, const At& at, int64_t first, T* y_HWC) const {
    const int64_t size = k;
    Vector<A, N> sum{};
#pragma GCC unroll 3
    for (int64_t row = 0; row < size; ++row) {
#pragma GCC unroll 3
      for (int64_t column = 0; column < size; ++column) {
        if (row > 0 && column > 0) fetch_soon<2048>(at.x(row, column) + first);
        sum += load<N>(at.x(row, column) + first) * spread(weights_TN + (row * size + column) * N, taps * N);
      }
    }
    store<N>(y_HWC + first, sum);
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
    A *weights_TN = scratch, *grad_weights_TN = weights_TN + room, *rest = grad_weights_TN + room;
    T* grad_x_HWC = static_cast<T*>(p.grad_x) + image * image_size;
    A* sums = grad_sums(grad_x_HWC, rest);
    int64_t cleared = 0;
    for (int64_t index = 0; index < tiles; ++index) {
      const Tile t = tile(image, index);
      const int64_t end = meets_first ? 0 : rows_until(t);
      for (; cleared < end; ++cleared) clear_row(sums, cleared, first, last);
      read_weights(t, first, last, weights_TN);
      backward_tile(t, first, last, weights_TN, grad_weights_TN, sums, rest);
      write_grad(t, first, last, weights_TN, grad_weights_TN);
    }
    if constexpr (kSumInScratch) round_sums(sums, first, last, grad_x_HWC);
  }

  A* grad_sums(T* grad_x_HWC, A* scratch) const {
    if constexpr (kSumInScratch) {
      return scratch + 2 * room_of(p.groups_per_task) * N + 2 * zeros() + pointers();
    } else {
      return grad_x_HWC;
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

  void round_sums(const A* sums, int64_t first, int64_t last, T* grad_x_HWC) const {
    for (int64_t at = first * per_group; at < image_size; at += p.channels) {
      const int64_t count = (last - first) * per_group;
      for (int64_t c = 0; c < count; c += N) {
        store_some<N>(grad_x_HWC + at + c, load_some<N>(sums + at + c, count - c), count - c);
      }
    }
  }

  void backward_tile(const Tile& tile, int64_t first, int64_t last, const A* weights_TN, A* grad_weights_TN, A* sums,
                     A* scratch) const {
    const int64_t room = room_of(last - first);
    A *products_TN = scratch, *products_NT = products_TN + room * N;
    A *zero = products_NT + room * N, *ignored = zero + zeros();
    Tap* pointers = reinterpret_cast<Tap*>(ignored + zeros());
    clear<N>(zero, zeros());
    clear<N>(products_TN, room / P * N);
    if (tile.count < N) clear<N>(products_NT, room * N);
    const Tap image{static_cast<const T*>(p.x) + tile.image * image_size, sums};
    const Tap none{reinterpret_cast<const T*>(zero), ignored};
    const T* grad_y_HWC = static_cast<const T*>(p.grad_y) + (tile.image * positions + tile.first) * p.channels;
    const int64_t channels = p.channels, size = per_group;
    for_each_position(tile, [&](int64_t i, int64_t row, int64_t column) {
      with_gradients(row, column, image, none, first * size, (last - first) * size, pointers, [&](const auto& at) {
        const A* of_group_TN = weights_TN + i;
        A* products_of_group_TN = products_TN;
        for (int64_t g = first; g < last; g += P, of_group_TN += P * taps * N, products_of_group_TN += taps * N) {
          if constexpr (P == 1) {
            backward_group<N>(of_group_TN, products_of_group_TN, at, g * size, size, grad_y_HWC);
          } else {
            backward_shared(of_group_TN, products_of_group_TN, at, g * (N / P), grad_y_HWC);
          }
        }
      });
      add_up(products_TN, products_NT + i * room, room);
      grad_y_HWC += channels;
    });
    load_transposed(products_NT, room, room, grad_weights_TN);
  }

  // Calls `use` with where the window of an output position and its gradients lie; those outside are ignored. Where `use`
  // is not told which are first, their sums are zero.
  template <class Use>
  ALWAYS_INLINE void with_gradients(int64_t row, int64_t column, Tap image, Tap none, int64_t first_channel,
                                    int64_t count, Tap* taps, Use use) const {
    const int32_t *rows = p.source_row + row * p.stride_h, *columns = p.source_column + column * p.stride_w;
    const int64_t width = p.width, channels = p.channels, top = row * p.stride_h - pad, left = column * p.stride_w - pad;
    if (K == 3 && is_stride_2 && row > 0 && column > 0 && rows[2] == top + 2 && columns[2] == left + 2) {
      Neighbours at;
      at.channels = channels;
      for (int i = 0; i < 3; ++i) {
        const int64_t offset = ((top + i) * width + left) * channels;
        at.rows[i] = image.x + offset, at.grad_rows[i] = image.grad_x + offset;
      }
      return use(at);
    }
    for_each_tap(rows, columns, [&](int64_t r, int64_t c, int64_t offset) {
      Tap& tap = taps[r * k + c] = offset < 0 ? none : Tap{image.x + offset, image.grad_x + offset};
      const bool itself = offset >= 0 && rows[r] == top + r && columns[c] == left + c;
      const bool first = itself && (row == 0 || r >= k - p.stride_h) && (column == 0 || c >= k - p.stride_w);
      if (first && meets_first) std::memset(tap.grad_x + first_channel, 0, count * sizeof(A));
    });
    use(Anywhere{taps, k});
  }

  // The products of the samples and gradients of a position, one vector for each tap of P groups, to one number for each
  // tap and group.
  ALWAYS_INLINE void add_up(const A* products_TN, A* totals_to, int64_t room) const {
    constexpr int kCount = N / P;
    for (int64_t row = 0; row < room; row += N, products_TN += kCount * N) {
      Vector<A, N> v[kCount];
#pragma GCC unroll 16
      for (int j = 0; j < kCount; ++j) v[j] = load<N>(products_TN + j * N);
      store<N>(totals_to + row, totals<A, N, kCount>(v));
    }
  }

  // The products of a group's samples and gradients, tap by tap, one vector each that is still to be totalled; and what
  // the samples get. As many vectors as there are are followed by shorter ones.
  template <int V, class At>
  ALWAYS_INLINE void backward_group(const A* weights_TN, A* products_TN, const At& at, int64_t first, int64_t count,
                                    const T* grad_y_HWC, bool add = false) const {
    for (; count >= 4 * V; first += 4 * V, count -= 4 * V, add = true) {
      backward_vectors<V, 4>(weights_TN, products_TN, at, first, grad_y_HWC, add);
    }
    if (count >= 2 * V) {
      backward_vectors<V, 2>(weights_TN, products_TN, at, first, grad_y_HWC, add);
      first += 2 * V, count -= 2 * V, add = true;
    }
    if (count >= V) {
      backward_vectors<V, 1>(weights_TN, products_TN, at, first, grad_y_HWC, add);
      first += V, count -= V, add = true;
    }
    if constexpr (V > 1) {
      if (count) backward_group<V / 2>(weights_TN, products_TN, at, first, count, grad_y_HWC, add);
    }
  }

  template <int V, int Count, class At>
  ALWAYS_INLINE void backward_vectors(const A* weights_TN, A* products_TN, const At& at, int64_t first,
                                      const T* grad_y_HWC, bool add) const {
    Vector<A, V> g[Count];
    for (int j = 0; j < Count; ++j) g[j] = load<V>(grad_y_HWC + first + j * V);
    const int64_t size = k;
#pragma GCC unroll 3
    for (int64_t row = 0; row < size; ++row) {
#pragma GCC unroll 3
      for (int64_t column = 0; column < size; ++column, products_TN += N, weights_TN += N) {
        const T* x_HWC = at.x(row, column) + first;
        A* grad_x_HWC = at.grad_x(row, column) + first;
        const A weight = weights_TN[0];
        Vector<A, V> product_N{};
        for (int j = 0; j < Count; ++j) {
          product_N += g[j] * load<V>(x_HWC + j * V);
          auto sum = g[j] * weight;
          if (at.first(row, column)) {
            fetch_soon<1024>(grad_x_HWC + j * V);
          } else {
            sum += load<V>(grad_x_HWC + j * V);
          }
          store<V>(grad_x_HWC + j * V, sum);
        }
        store<V>(products_TN, add ? load<V>(products_TN) + product_N : product_N);
      }
    }
  }

  template <class At>
  ALWAYS_INLINE void backward_shared(const A* weights_TN, A* products_TN, const At& at, int64_t first,
                                     const T* grad_y_HWC) const {
    const Vector<A, N> g = load<N>(grad_y_HWC + first);
    const int64_t size = k;
#pragma GCC unroll 3
    for (int64_t row = 0; row < size; ++row) {
#pragma GCC unroll 3
      for (int64_t column = 0; column < size; ++column, products_TN += N, weights_TN += N) {
        A* grad_x_HWC = at.grad_x(row, column) + first;
        store<N>(products_TN, g * load<N>(at.x(row, column) + first));
        auto sum = g * spread(weights_TN, taps * N);
        if (at.first(row, column)) {
          fetch_soon<1024>(grad_x_HWC);
        } else {
          sum += load<N>(grad_x_HWC);
        }
        store<N>(grad_x_HWC, sum);
      }
    }
  }
};

}  // namespace antialias::ANTIALIAS_ISA
