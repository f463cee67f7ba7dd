// Vectors as wide as the instruction set this file is compiled for, written once for all of them (GCC and Clang).
// Everything lives in a namespace of that instruction set: a template shared between differently compiled files would be
// merged by the linker, and an old processor would meet new instructions.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#ifndef ANTIALIAS_ISA
#define ANTIALIAS_ISA baseline
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))

namespace antialias::ANTIALIAS_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

struct bfloat16 {
  uint16_t bits;
};

template <class E, int N>
struct VectorOf {
  typedef E type __attribute__((vector_size(N * sizeof(E))));
};
template <class E, int N>
using Vector = typename VectorOf<E, N>::type;

// Sums of bfloat16 are taken in float32.
template <class T>
struct SumOf {
  using type = T;
};
template <>
struct SumOf<bfloat16> {
  using type = float;
};
template <class T>
using Sum = typename SumOf<T>::type;

template <class A>
constexpr int kLanes = kVectorBytes / int(sizeof(A));

template <class To, class From>
ALWAYS_INLINE To bits_as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

template <int N, class E>
ALWAYS_INLINE Vector<E, N> load_exactly(const E* from) {
  Vector<E, N> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <int N>
ALWAYS_INLINE Vector<float, N> load(const float* from) {
  return load_exactly<N>(from);
}

template <int N>
ALWAYS_INLINE Vector<double, N> load(const double* from) {
  return load_exactly<N>(from);
}

template <int N>
ALWAYS_INLINE Vector<float, N> load(const bfloat16* from) {
  const auto wide = __builtin_convertvector(load_exactly<N>(&from->bits), Vector<uint32_t, N>);
  return bits_as<Vector<float, N>>(wide << 16);
}

template <int N>
ALWAYS_INLINE void store(float* to, Vector<float, N> v) {
  std::memcpy(to, &v, sizeof v);
}

template <int N>
ALWAYS_INLINE void store(double* to, Vector<double, N> v) {
  std::memcpy(to, &v, sizeof v);
}

// Rounds to nearest even, as torch does; a NaN stays one.
template <int N>
ALWAYS_INLINE void store(bfloat16* to, Vector<float, N> v) {
  const auto bits = bits_as<Vector<uint32_t, N>>(v);
  const auto rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  const auto valid = v == v ? rounded : Vector<uint32_t, N>{} + 0x7FC0;
  const auto narrow = __builtin_convertvector(valid, Vector<uint16_t, N>);
  std::memcpy(&to->bits, &narrow, sizeof narrow);
}

template <class T>
ALWAYS_INLINE Sum<T> get(const T* from) {
  return load<1>(from)[0];
}

template <class T>
ALWAYS_INLINE void put(T* to, Sum<T> value) {
  store<1>(to, Vector<Sum<T>, 1>{value});
}

template <int N, class T>
ALWAYS_INLINE void copy_some(Sum<T>* to, const T* from, int64_t count) {
  if constexpr (N > 0) {
    const bool whole = count >= N;
    if (whole) store<N>(to, load<N>(from));
    copy_some<N / 2>(to + whole * N, from + whole * N, count - whole * N);
  }
}

// The first `count` of a vector, the others zero.
template <int N, class T>
ALWAYS_INLINE Vector<Sum<T>, N> load_some(const T* from, int64_t count) {
  if (count >= N) return load<N>(from);
  Sum<T> lanes[N] = {};
  copy_some<N / 2>(lanes, from, count);
  return load<N>(lanes);
}

template <int N, class T>
ALWAYS_INLINE void store_some(T* to, Vector<Sum<T>, N> v, int64_t count) {
  if (count >= N) {
    store<N>(to, v);
  } else if constexpr (N > 1) {
    Vector<Sum<T>, N / 2> halves[2];
    std::memcpy(&halves, &v, sizeof v);
    const bool whole = count >= N / 2;
    if (whole) store<N / 2>(to, halves[0]);
    store_some<N / 2>(to + whole * (N / 2), whole ? halves[1] : halves[0], count - whole * (N / 2));
  }
}

// The same number in every lane. Zero is taken from it since adding zero would turn -0 into 0, and be work.
template <class A, int N>
ALWAYS_INLINE Vector<A, N> all(A value) {
  return value - Vector<A, N>{};
}

// 0, 1, 2, ...
template <class A, int... Lane>
ALWAYS_INLINE Vector<A, sizeof...(Lane)> lane_numbers(std::integer_sequence<int, Lane...>) {
  return Vector<A, sizeof...(Lane)>{A(Lane)...};
}

// The first `count` lanes, the others zero.
template <class A, int N>
ALWAYS_INLINE Vector<A, N> first_lanes(Vector<A, N> v, int64_t count) {
  return lane_numbers<A>(std::make_integer_sequence<int, N>{}) < all<A, N>(count) ? v : Vector<A, N>{};
}

template <class A, int N>
ALWAYS_INLINE A total(Vector<A, N> v) {
  if constexpr (N == 1) {
    return v[0];
  } else {
    Vector<A, N / 2> halves[2];
    std::memcpy(&halves, &v, sizeof v);
    return total<A, N / 2>(halves[0] + halves[1]);
  }
}

template <class A>
struct LaneNumber;
template <>
struct LaneNumber<float> {
  using type = int32_t;
};
template <>
struct LaneNumber<double> {
  using type = int64_t;
};

// Lanes of two vectors put one after the other: result lane i is lane Of::lane(i). The numbers must be constants where the
// compiler sees the shuffle, or it goes through memory.
template <class Of, class A, int N, int... Lane>
ALWAYS_INLINE Vector<A, N> pick(Vector<A, N> first, Vector<A, N> second, std::integer_sequence<int, Lane...>) {
#if defined(__clang__)
  return __builtin_shufflevector(first, second, Of::lane(Lane)...);
#else
  return __builtin_shuffle(first, second, Vector<typename LaneNumber<A>::type, N>{Of::lane(Lane)...});
#endif
}

template <class Of, class A, int N>
ALWAYS_INLINE Vector<A, N> pick(Vector<A, N> first, Vector<A, N> second) {
  return pick<Of, A, N>(first, second, std::make_integer_sequence<int, N>{});
}

template <int Phase>
struct EverySecond {
  static constexpr int lane(int i) { return 2 * i + Phase; }
};

template <class A, int N>
ALWAYS_INLINE Vector<A, N> evens(Vector<A, N> first, Vector<A, N> second) {
  return pick<EverySecond<0>, A, N>(first, second);
}

template <class A, int N>
ALWAYS_INLINE Vector<A, N> odds(Vector<A, N> first, Vector<A, N> second) {
  return pick<EverySecond<1>, A, N>(first, second);
}

template <int First>
struct From {
  static constexpr int lane(int i) { return First + i; }
};

// Lanes moved up by `By`, filled from the last of `before`.
template <int By, class A, int N>
ALWAYS_INLINE Vector<A, N> shifted_up(Vector<A, N> before, Vector<A, N> v) {
  static_assert(By <= N, "more lanes than there are");
  return pick<From<N - By>, A, N>(before, v);
}

template <int N, int Start>
struct Alternating {
  static constexpr int lane(int i) { return Start + i / 2 + i % 2 * N; }
};

// The first and the second half of a, b, a, b, ...
template <class A, int N>
ALWAYS_INLINE Vector<A, N> interleaved_first(Vector<A, N> a, Vector<A, N> b) {
  return pick<Alternating<N, 0>, A, N>(a, b);
}

template <class A, int N>
ALWAYS_INLINE Vector<A, N> interleaved_last(Vector<A, N> a, Vector<A, N> b) {
  return pick<Alternating<N, N / 2>, A, N>(a, b);
}

// Turns N vectors: lane j of vector i becomes lane i of vector j.
template <class A, int N, int Step = 1>
ALWAYS_INLINE void transpose(Vector<A, N> (&v)[N]) {
  if constexpr (Step < N) {
    Vector<A, N> riffled[N];
#pragma GCC unroll 16
    for (int i = 0; i < N / 2; ++i) {
      riffled[2 * i] = interleaved_first<A, N>(v[i], v[i + N / 2]);
      riffled[2 * i + 1] = interleaved_last<A, N>(v[i], v[i + N / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) v[i] = riffled[i];
    transpose<A, N, 2 * Step>(v);
  }
}

// The totals of Count vectors, taken in parts of Count lanes: those of vector i in lanes i * N / Count and on.
template <class A, int N, int Count = N>
ALWAYS_INLINE Vector<A, N> totals(Vector<A, N> (&v)[Count]) {
  if constexpr (Count == 1) {
    return v[0];
  } else {
    Vector<A, N> half[Count / 2];
#pragma GCC unroll 16
    for (int i = 0; i < Count / 2; ++i) half[i] = evens<A, N>(v[2 * i], v[2 * i + 1]) + odds<A, N>(v[2 * i], v[2 * i + 1]);
    return totals<A, N, Count / 2>(half);
  }
}

// exp(x) for x <= 0, within 1 unit in the last place of 1, which is what the terms of a softmax ask for; 0 where the result
// would be denormal. NaN stays NaN. It is 2^n times a polynomial, of least relative error on [-1/2, 1/2].
template <int N>
ALWAYS_INLINE Vector<float, N> exp_of_nonpositive(Vector<float, N> x) {
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding it leaves the rounded integer in the low bits.
  const auto in_octaves = x * 1.44269504088896341f;
  const auto shifted = in_octaves + shift;
  const auto f = in_octaves - (shifted - shift);
  auto p = f * 1.5353362025e-4f + 1.3398874651e-3f;
  p = p * f + 9.6184373591e-3f;
  p = p * f + 5.5503324705e-2f;
  p = p * f + 2.4022647914e-1f;
  p = p * f + 6.9314720286e-1f;
  p = p * f + 1.0f;
  // Unsigned, since far below the range, where the result is replaced, the sum wraps.
  const auto power = (bits_as<Vector<uint32_t, N>>(shifted) << 23) + 0x3F800000u;
  const auto result = p * bits_as<Vector<float, N>>(power);
  return x < -87.33654f ? Vector<float, N>{} : result;
}

template <int N>
ALWAYS_INLINE Vector<double, N> exp_of_nonpositive(Vector<double, N> x) {
  for (int lane = 0; lane < N; ++lane) x[lane] = __builtin_exp(x[lane]);
  return x;
}

// Between two samples that are needed from memory lies too much work for the processor to look ahead by itself.
template <int Ahead = 4096, class T>
ALWAYS_INLINE void fetch_soon(const T* from) {
  __builtin_prefetch(reinterpret_cast<const char*>(from) + Ahead);
}

// Zeros, up to a vector more than `count`.
template <int N, class A>
ALWAYS_INLINE void clear(A* to, int64_t count) {
  for (int64_t i = 0; i < count; i += N) store<N>(to + i, Vector<A, N>{});
}

// A number that a template can take from a lambda's argument.
template <int Value>
struct Constant {
  constexpr operator int() const { return Value; }
};

// A number that is known to the compiler, or, if that is 0, at run time only.
template <int64_t Value>
struct Known {
  constexpr Known(int64_t) {}
  constexpr operator int64_t() const { return Value; }
};
template <>
struct Known<0> {
  int64_t value;
  constexpr Known(int64_t value) : value(value) {}
  constexpr operator int64_t() const { return value; }
};

// Not std::min and the like: see the top of this file.
ALWAYS_INLINE constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
ALWAYS_INLINE constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
ALWAYS_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
ALWAYS_INLINE int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

}  // namespace antialias::ANTIALIAS_ISA
