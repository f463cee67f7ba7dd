// Weights live in tiles: for as many positions as a vector has lanes, one vector per tap.
#pragma once

#include "shared/pass.h"
#include "shared/vector.h"

namespace antialias::ANTIALIAS_ISA {

template <int N, class A>
ALWAYS_INLINE void softmax(A* tile, const int64_t taps) {
  auto largest = load<N>(tile);
#pragma GCC unroll 9
  for (int64_t t = 1; t < taps; ++t) {
    const auto logit = load<N>(tile + t * N);
    largest = logit > largest ? logit : largest;
  }
  Vector<A, N> sum{};
#pragma GCC unroll 9
  for (int64_t t = 0; t < taps; ++t) {
    const auto e = exp_of_nonpositive<N>(load<N>(tile + t * N) - largest);
    sum += e;
    store<N>(tile + t * N, e);
  }
  const auto scale = A(1) / sum;
#pragma GCC unroll 9
  for (int64_t t = 0; t < taps; ++t) store<N>(tile + t * N, load<N>(tile + t * N) * scale);
}

// The same for as many taps as registers hold, from wherever `logit` finds them; the weights of the lanes behind the first
// `count` become zero.
template <int N, int Taps, class A, class Logit>
ALWAYS_INLINE void softmax_of(Logit logit, int64_t count, A* tile) {
  Vector<A, N> e[Taps];
#pragma GCC unroll 9
  for (int t = 0; t < Taps; ++t) e[t] = logit(t);
  auto largest = e[0];
#pragma GCC unroll 9
  for (int t = 1; t < Taps; ++t) largest = e[t] > largest ? e[t] : largest;
  Vector<A, N> sum{};
#pragma GCC unroll 9
  for (int t = 0; t < Taps; ++t) e[t] = exp_of_nonpositive<N>(e[t] - largest), sum += e[t];
  const auto scale = A(1) / sum;
#pragma GCC unroll 9
  for (int t = 0; t < Taps; ++t) store<N>(tile + t * N, first_lanes<A, N>(e[t] * scale, count));
}

// Turns weights into the gradient of their logits; of the gradients of the weights, every `Step`th vector.
template <int N, int Step = 1, class A>
ALWAYS_INLINE void softmax_backward(A* tile, const A* grad, const int64_t taps) {
  Vector<A, N> mean{};
  for (int64_t t = 0; t < taps; ++t) mean += load<N>(tile + t * N) * load<N>(grad + t * Step * N);
  for (int64_t t = 0; t < taps; ++t) {
    store<N>(tile + t * N, load<N>(tile + t * N) * (load<N>(grad + t * Step * N) - mean));
  }
}

// Calls `use` with a value of the logits' type. The logits of float64 maps are float64, and no others are.
template <class A, class Use>
ALWAYS_INLINE void with_logits_type(Scalar type, Use use) {
  if constexpr (sizeof(A) == sizeof(double)) {
    use(double{});
  } else if (type == Scalar::bfloat16) {
    use(bfloat16{});
  } else {
    use(float{});
  }
}

}  // namespace antialias::ANTIALIAS_ISA
