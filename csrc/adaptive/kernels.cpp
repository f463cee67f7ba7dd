// Compiled once for each instruction set, see CMakeLists.txt.
#include "adaptive/channels_last.h"
#include "adaptive/contiguous.h"

namespace antialias::ANTIALIAS_ISA {
namespace {

template <class Filter>
Passes<AdaptiveArguments> passes_of() {
  using A = typename Filter::A;
  return {{
              [](const AdaptiveArguments& p) { return Filter{p}.forward_tasks(); },
              [](const AdaptiveArguments& p) { return Filter{p}.forward_scratch() * int64_t(sizeof(A)); },
              [](const AdaptiveArguments& p, int64_t first, int64_t last, void* scratch) {
                const Filter filter{p};
                for (int64_t task = first; task < last; ++task) filter.forward(task, static_cast<A*>(scratch));
              },
          },
          {
              [](const AdaptiveArguments& p) { return Filter{p}.backward_tasks(); },
              [](const AdaptiveArguments& p) { return Filter{p}.backward_scratch() * int64_t(sizeof(A)); },
              [](const AdaptiveArguments& p, int64_t first, int64_t last, void* scratch) {
                const Filter filter{p};
                for (int64_t task = first; task < last; ++task) filter.backward(task, static_cast<A*>(scratch));
              },
          }};
}

// Groups that fill a half or a quarter of a vector share one.
template <class T, int K, int N>
Passes<AdaptiveArguments> for_groups(const AdaptiveArguments& p) {
  if constexpr (K == 3 && N >= 8) {
    const int64_t size = p.channels / p.groups;
    if (!p.joint && size * 2 == N && p.groups % 2 == 0) return passes_of<ChannelsLast<T, K, N, 2>>();
    if (!p.joint && size * 4 == N && p.groups % 4 == 0) return passes_of<ChannelsLast<T, K, N, 4>>();
  }
  return passes_of<ChannelsLast<T, K, N, 1>>();
}

template <class T, int K, int N>
Passes<AdaptiveArguments> for_stride(const AdaptiveArguments& p) {
  switch (p.stride_w) {
    case 1:
      return passes_of<Contiguous<T, K, 1, N>>();
    case 2:
      return passes_of<Contiguous<T, K, 2, N>>();
    default:
      return passes_of<Contiguous<T, 0, 0, N>>();
  }
}

template <class T, int K>
Passes<AdaptiveArguments> for_layout(const AdaptiveArguments& p) {
  constexpr int N = kLanes<Sum<T>>;
  if (p.channels_last) return for_groups<T, K, N>(p);
  if constexpr (kVectorBytes == 64) {
    // Shorter vectors where half of a long one would be idle.
    if (p.out_width <= N / 2) return for_stride<T, K, N / 2>(p);
  }
  return for_stride<T, K, N>(p);
}

}  // namespace

// Constant sizes where they are used most, or the compiler has no end of work.
Passes<AdaptiveArguments> adaptive(const AdaptiveArguments& p) {
  if (p.x_type == Scalar::bfloat16) return p.kernel_size == 3 ? for_layout<bfloat16, 3>(p) : for_layout<bfloat16, 0>(p);
  if (p.x_type == Scalar::float64) {
    constexpr int N = kLanes<double>;
    return p.channels_last ? passes_of<ChannelsLast<double, 0, N, 1>>() : passes_of<Contiguous<double, 0, 0, N>>();
  }
  switch (p.kernel_size) {
    case 3:
      return for_layout<float, 3>(p);
    case 5:
      return for_layout<float, 5>(p);
    case 7:
      return for_layout<float, 7>(p);
    default:
      return for_layout<float, 0>(p);
  }
}

}  // namespace antialias::ANTIALIAS_ISA
