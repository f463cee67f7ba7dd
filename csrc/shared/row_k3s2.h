// Rows seen by three taps at stride 2, as vectors: 2 N neighbouring samples, parted into even and odd ones, hold what the
// centre and the right taps of N outputs see; the left taps see the odd ones moved by a lane.
#pragma once

#include "shared/vector.h"

namespace antialias::ANTIALIAS_ISA {

template <class A, int N>
struct SamplesK3S2 {
  Vector<A, N> left_N, centre_N, right_N;
};

// `first_N` and `second_N` are the samples; the last lane of what `before` makes of the odd ones, in which it may change
// what the border continues, stands before them.
template <class A, int N, class Before>
ALWAYS_INLINE SamplesK3S2<A, N> samples_k3s2(Vector<A, N> first_N, Vector<A, N> second_N, Before before) {
  SamplesK3S2<A, N> samples;
  samples.centre_N = evens<A, N>(first_N, second_N), samples.right_N = odds<A, N>(first_N, second_N);
  const auto before_N = before(samples.right_N);
  samples.left_N = shifted_up<1, A, N>(before_N, samples.right_N);
  return samples;
}

// The way back: odd samples get what the right taps of N outputs give, and the left taps of the outputs one further on.
template <class A, int N>
ALWAYS_INLINE Vector<A, N> of_next_output(Vector<A, N> v_N, Vector<A, N> next_N) {
  return pick<From<1>, A, N>(v_N, next_N);
}

}  // namespace antialias::ANTIALIAS_ISA
