// antialias::switch_memory_format, which copies maps from one memory format to the other. Its fake is registered in
// ops/memory_format/_cpp.py.
#include "layout/arguments.h"
#include "shared/tensors.h"

namespace antialias {
namespace {

Tensor switch_memory_format(const Tensor& x) {
  check_full_precision_maps(x);
  const bool last = is_channels_last(x);
  STD_TORCH_CHECK(last || x.is_contiguous(), "x must be contiguous or channels_last.");
  Tensor y = empty_like(x, x.size(1), x.size(2), x.size(3), last ? MemoryFormat::Contiguous : MemoryFormat::ChannelsLast);
  if (y.numel() == 0) return y;
  const int64_t channels = x.size(1), samples = x.size(2) * x.size(3);
  const LayoutArguments arguments{x.size(0), last ? samples : channels, last ? channels : samples,
                      x.scalar_type() == ScalarType::Double, x.const_data_ptr(), y.mutable_data_ptr()};
  run_pass(chosen_kernels().layout(arguments), arguments, x.numel());
  return y;
}

}  // namespace
}  // namespace antialias

STABLE_TORCH_LIBRARY_FRAGMENT(antialias, m) { m.def("switch_memory_format(Tensor x) -> Tensor"); }

STABLE_TORCH_LIBRARY_IMPL(antialias, CPU, m) { m.impl("switch_memory_format", TORCH_BOX(&antialias::switch_memory_format)); }
