// Weights live in tiles: for as many positions as a vector has lanes, one vector per tap.
#pragma once

#include "filter.h"
#include "lanes.h"

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

// Turns the gradient of the weights into the gradient of the logits, in place.
template <int N, class A>
ALWAYS_INLINE void softmax_backward(const A* tile, A* grad, int64_t taps) {
  Vector<A, N> mean{};
  for (int64_t t = 0; t < taps; ++t) mean += load<N>(tile + t * N) * load<N>(grad + t * N);
  for (int64_t t = 0; t < taps; ++t) store<N>(grad + t * N, load<N>(tile + t * N) * (load<N>(grad + t * N) - mean));
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
