// antialias::max_pool2d, whose window slides by one, and its gradient, which looks again for what was chosen: nothing
// but x, which the network keeps anyway, has to be kept for it. Fakes and gradients are registered in
// ops/max_pool/_cpp.py.
#include "max_pool/arguments.h"
#include "shared/tensors.h"

namespace antialias {
namespace {

MaxPoolArguments arguments_of(const Tensor& x, MemoryFormat format, const PoolDimension& rows,
                              const PoolDimension& columns) {
  for (const PoolDimension& side : {rows, columns}) {
    STD_TORCH_CHECK(side.kernel_size > 0 && side.dilation > 0 && side.padding >= 0 && side.out >= 0 &&
                        side.padding <= side.reach() && side.out >= side.in + 2 * side.padding - side.reach(),
                    "a window of ", side.kernel_size, " samples with padding ", side.padding, " and dilation ",
                    side.dilation, " cannot slide over ", side.in, " samples to give ", side.out, ".");
  }
  MaxPoolArguments arguments{};
  arguments.rows = rows, arguments.columns = columns;
  const bool last = format == MemoryFormat::ChannelsLast;
  arguments.maps = last ? x.size(0) : x.size(0) * x.size(1), arguments.channels = last ? x.size(1) : 1;
  arguments.float64 = x.scalar_type() == ScalarType::Double;
  arguments.x = x.const_data_ptr();
  return arguments;
}

Tensor max_pool2d(const Tensor& x_any, int64_t height, int64_t width, int64_t kernel_h, int64_t kernel_w,
                  int64_t padding_h, int64_t padding_w, int64_t dilation_h, int64_t dilation_w) {
  check_full_precision_maps(x_any);
  const MemoryFormat format = format_of(x_any);
  const Tensor x = torch::stable::contiguous(x_any, format);
  MaxPoolArguments arguments = arguments_of(x, format, {x.size(2), height, kernel_h, padding_h, dilation_h},
                                   {x.size(3), width, kernel_w, padding_w, dilation_w});
  Tensor y = empty_like(x, x.size(1), height, width, format);
  if (y.numel() == 0) return y;
  arguments.y = y.mutable_data_ptr();
  run_pass(chosen_kernels().max_pool(arguments).forward, arguments, y.numel());
  return y;
}

Tensor max_pool2d_backward(const Tensor& grad_y_any, const Tensor& x_any, int64_t kernel_h, int64_t kernel_w,
                           int64_t padding_h, int64_t padding_w, int64_t dilation_h, int64_t dilation_w) {
  check_full_precision_maps(x_any);
  STD_TORCH_CHECK(grad_y_any.dim() == 4 && grad_y_any.size(0) == x_any.size(0) &&
                      grad_y_any.size(1) == x_any.size(1) && grad_y_any.scalar_type() == x_any.scalar_type(),
                  "grad_y has not the shape and type of the output.");
  const MemoryFormat format = format_of(x_any);
  const Tensor x = torch::stable::contiguous(x_any, format), grad_y = torch::stable::contiguous(grad_y_any, format);
  MaxPoolArguments arguments = arguments_of(x, format, {x.size(2), grad_y.size(2), kernel_h, padding_h, dilation_h},
                                   {x.size(3), grad_y.size(3), kernel_w, padding_w, dilation_w});
  Tensor grad_x = empty_like(x, x.size(1), x.size(2), x.size(3), format);
  if (grad_x.numel() == 0) return grad_x;
  // Rows beside those of a task are looked at twice, so tasks are large where there are maps for all threads.
  const int64_t threads = torch::stable::get_num_threads(), pieces = (4 * threads - 1) / arguments.maps + 1;
  arguments.rows_per_task = (x.size(2) + pieces - 1) / pieces;
  arguments.grad_y = grad_y.const_data_ptr(), arguments.grad_x = grad_x.mutable_data_ptr();
  run_pass(chosen_kernels().max_pool(arguments).backward, arguments, x.numel());
  return grad_x;
}

}  // namespace
}  // namespace antialias

STABLE_TORCH_LIBRARY_FRAGMENT(antialias, m) {
  m.def(
      "max_pool2d(Tensor x, SymInt height, SymInt width, int kernel_h, int kernel_w, int padding_h, int padding_w, "
      "int dilation_h, int dilation_w) -> Tensor");
  m.def(
      "max_pool2d_backward(Tensor grad_y, Tensor x, int kernel_h, int kernel_w, int padding_h, int padding_w, "
      "int dilation_h, int dilation_w) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(antialias, CPU, m) {
  m.impl("max_pool2d", TORCH_BOX(&antialias::max_pool2d));
  m.impl("max_pool2d_backward", TORCH_BOX(&antialias::max_pool2d_backward));
}
