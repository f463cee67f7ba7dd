// antialias::blur2d and its backward, which is the same with the transposed filter.
#include "blur/resampling.h"
#include "shared/tensors.h"

namespace antialias {
namespace {

constexpr int64_t kMostTaps = 7;

std::vector<double> values_of(const Tensor& taps, const char* name) {
  STD_TORCH_CHECK(taps.is_cpu() && taps.dim() == 1 && taps.size(0) >= 1 && taps.size(0) <= kMostTaps, name,
                  " must be one row of 1 to ", kMostTaps, " taps on the CPU.");
  const Tensor dense = torch::stable::contiguous(taps);
  std::vector<double> values(static_cast<std::size_t>(taps.size(0)));
  for (std::size_t tap = 0; tap < values.size(); ++tap) {
    switch (scalar_of(taps, name)) {
      case Scalar::float32:
        values[tap] = static_cast<const float*>(dense.const_data_ptr())[tap];
        break;
      case Scalar::float64:
        values[tap] = static_cast<const double*>(dense.const_data_ptr())[tap];
        break;
      case Scalar::bfloat16:
        values[tap] = float_of(static_cast<const uint16_t*>(dense.const_data_ptr())[tap]);
    }
  }
  return values;
}

// The maps of size (height, width), or the way back to them.
Tensor filtered(const Tensor& x_any, const Tensor& row_taps, const Tensor& column_taps, int64_t height, int64_t width,
                int64_t stride_h, int64_t stride_w, const std::string& padding_mode, bool transposed,
                bool channels_last) {
  STD_TORCH_CHECK(x_any.is_cpu() && x_any.dim() == 4, "x must be on the CPU and have four dimensions.");
  STD_TORCH_CHECK(stride_h > 0 && stride_w > 0, "strides must be positive.");
  const MemoryFormat format = channels_last ? MemoryFormat::ChannelsLast : MemoryFormat::Contiguous;
  const Tensor x = torch::stable::contiguous(x_any, format);
  const ResamplingMatrix rows(values_of(row_taps, "row_taps"), height, stride_h, padding_mode, transposed);
  const ResamplingMatrix columns(values_of(column_taps, "column_taps"), width, stride_w, padding_mode, transposed);
  BlurArguments arguments{};
  arguments.rows = rows.view(transposed), arguments.columns = columns.view(transposed);
  STD_TORCH_CHECK(x.size(2) == arguments.rows.in && x.size(3) == arguments.columns.in,
                  "grad_y has not the size of the output.");
  arguments.maps = channels_last ? x.size(0) : x.size(0) * x.size(1);
  arguments.channels = channels_last ? x.size(1) : 1;
  arguments.transposed = transposed, arguments.type = scalar_of(x, "x");
  Tensor y = empty_like(x, x.size(1), arguments.rows.out, arguments.columns.out, format);
  if (y.numel() == 0) return y;
  arguments.x = x.const_data_ptr(), arguments.y = y.mutable_data_ptr();
  run_pass(chosen_kernels().blur(arguments), arguments, x.numel());
  return y;
}

Tensor blur2d(const Tensor& x, const Tensor& row_taps, const Tensor& column_taps, int64_t stride_h, int64_t stride_w,
              const std::string& padding_mode) {
  STD_TORCH_CHECK(x.dim() == 4, "x must have four dimensions.");
  return filtered(x, row_taps, column_taps, x.size(2), x.size(3), stride_h, stride_w, padding_mode, false,
                  is_channels_last(x));
}

Tensor blur2d_backward(const Tensor& grad_y, const Tensor& row_taps, const Tensor& column_taps, int64_t height,
                       int64_t width, int64_t stride_h, int64_t stride_w, const std::string& padding_mode,
                       bool channels_last) {
  return filtered(grad_y, row_taps, column_taps, height, width, stride_h, stride_w, padding_mode, true,
                  channels_last);
}

}  // namespace
}  // namespace antialias

STABLE_TORCH_LIBRARY_FRAGMENT(antialias, m) {
  m.def(
      "blur2d(Tensor x, Tensor row_taps, Tensor column_taps, int stride_h, int stride_w, str padding_mode) -> Tensor");
  m.def(
      "blur2d_backward(Tensor grad_y, Tensor row_taps, Tensor column_taps, SymInt height, SymInt width, int stride_h, "
      "int stride_w, str padding_mode, bool channels_last) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(antialias, CPU, m) {
  m.impl("blur2d", TORCH_BOX(&antialias::blur2d));
  m.impl("blur2d_backward", TORCH_BOX(&antialias::blur2d_backward));
}
