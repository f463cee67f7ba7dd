// antialias::adaptive_blur2d and its backward.
#include <tuple>

#include "shared/border.h"
#include "shared/tensors.h"

namespace antialias {
namespace {

// One call: dense tensors of one layout, the border's tables, and what the kernels want to know.
struct Call {
  MemoryFormat format;
  Tensor x, logits;
  int64_t stride_h, stride_w;
  std::vector<int32_t> rows, columns;
  AdaptiveArguments arguments;

  Call(const Tensor& x_any, const Tensor& logits_any, int64_t k, int64_t any_stride_h, int64_t any_stride_w, bool joint,
       const std::string& padding_mode)
      : format(format_of(x_any)),
        x(torch::stable::contiguous(x_any, format)),
        logits(torch::stable::contiguous(logits_any, format)),
        stride_h(least_stride(x.size(2), any_stride_h)),
        stride_w(least_stride(x.size(3), any_stride_w)),
        rows(sources(x.size(2), logits.size(2), stride_h, k, padding_mode)),
        columns(sources(x.size(3), logits.size(3), stride_w, k, padding_mode)) {
    const int64_t groups = logits.size(1) / (k * k);
    arguments = {};
    arguments.batch = x.size(0), arguments.channels = x.size(1);
    arguments.height = x.size(2), arguments.width = x.size(3);
    arguments.groups = groups, arguments.out_height = logits.size(2), arguments.out_width = logits.size(3);
    arguments.kernel_size = k, arguments.stride_h = stride_h, arguments.stride_w = stride_w, arguments.joint = joint;
    arguments.channels_last = format == MemoryFormat::ChannelsLast;
    arguments.x_type = scalar_of(x, "x"), arguments.logits_type = scalar_of(logits, "logits");
    arguments.source_row = rows.data(), arguments.source_column = columns.data();
    arguments.groups_per_task = groups_per_task();
    arguments.x = x.const_data_ptr(), arguments.logits = logits.const_data_ptr();
  }

  // All groups, unless the batch is too small to occupy the threads; then as many as fill cache lines.
  int64_t groups_per_task() const {
    if (arguments.joint || arguments.channels == 0) return arguments.groups;
    const int64_t images = std::max<int64_t>(arguments.batch, 1), threads = torch::stable::get_num_threads();
    const int64_t split = (arguments.groups * images + threads - 1) / threads;
    const int64_t group_bytes = arguments.channels / arguments.groups * int64_t(x.element_size());
    const int64_t line = (kCacheLine + group_bytes - 1) / group_bytes;
    return std::min((split + line - 1) / line * line, arguments.groups);
  }

};

// The Python side checks with better words; here it guards the memory, also where a compiled graph skips the words.
void check(const Tensor& x, const Tensor& logits, int64_t k, int64_t stride_h, int64_t stride_w) {
  STD_TORCH_CHECK(x.is_cpu() && logits.is_cpu(), "x and logits must be on the CPU.");
  STD_TORCH_CHECK(x.dim() == 4 && logits.dim() == 4, "x and logits must have four dimensions.");
  STD_TORCH_CHECK(k > 0 && k % 2 == 1 && stride_h > 0 && stride_w > 0, "kernel_size must be odd, strides positive.");
  const int64_t groups = logits.size(1) / (k * k);
  STD_TORCH_CHECK(groups > 0 && logits.size(1) == groups * k * k && x.size(1) % groups == 0,
                  "logits have ", logits.size(1), " channels, which do not fit kernel_size=", k, " and the ", x.size(1),
                  " channels of x.");
  STD_TORCH_CHECK(logits.size(0) == x.size(0) && logits.size(2) == kept_of(x.size(2), stride_h) &&
                      logits.size(3) == kept_of(x.size(3), stride_w),
                  "logits have batch and size (", logits.size(0), ", ", logits.size(2), ", ", logits.size(3),
                  "), which do not fit x of batch and size (", x.size(0), ", ", x.size(2), ", ", x.size(3), ").");
  STD_TORCH_CHECK((scalar_of(x, "x") == Scalar::float64) == (scalar_of(logits, "logits") == Scalar::float64),
                  "float64 maps go with float64 logits, and only they do.");
}

Tensor adaptive_blur2d(const Tensor& x, const Tensor& logits, int64_t kernel_size, int64_t stride_h, int64_t stride_w,
                       bool joint, const std::string& padding_mode) {
  check(x, logits, kernel_size, stride_h, stride_w);
  Call call(x, logits, kernel_size, stride_h, stride_w, joint, padding_mode);
  Tensor y = empty_like(call.x, x.size(1), logits.size(2), logits.size(3), call.format);
  if (y.numel() == 0) return y;
  call.arguments.y = y.mutable_data_ptr();
  run_pass(chosen_kernels().adaptive(call.arguments).forward, call.arguments, x.numel());
  return y;
}

std::tuple<Tensor, Tensor> adaptive_blur2d_backward(const Tensor& grad_y, const Tensor& x, const Tensor& logits,
                                                    int64_t kernel_size, int64_t stride_h, int64_t stride_w, bool joint,
                                                    const std::string& padding_mode) {
  check(x, logits, kernel_size, stride_h, stride_w);
  STD_TORCH_CHECK(grad_y.dim() == 4 && grad_y.size(0) == x.size(0) && grad_y.size(1) == x.size(1) &&
                      grad_y.size(2) == logits.size(2) && grad_y.size(3) == logits.size(3) &&
                      grad_y.scalar_type() == x.scalar_type(),
                  "grad_y has not the shape and type of the output.");
  Call call(x, logits, kernel_size, stride_h, stride_w, joint, padding_mode);
  const Tensor grad = torch::stable::contiguous(grad_y, call.format);
  Tensor grad_x = empty_like(call.x, x.size(1), x.size(2), x.size(3), call.format);
  Tensor grad_logits = empty_like(call.logits, logits.size(1), logits.size(2), logits.size(3), call.format);
  if (grad.numel() == 0) {
    torch::stable::zero_(grad_x), torch::stable::zero_(grad_logits);
    return {grad_x, grad_logits};
  }
  call.arguments.grad_y = grad.const_data_ptr();
  call.arguments.grad_x = grad_x.mutable_data_ptr(), call.arguments.grad_logits = grad_logits.mutable_data_ptr();
  run_pass(chosen_kernels().adaptive(call.arguments).backward, call.arguments, x.numel());
  return {grad_x, grad_logits};
}

}  // namespace
}  // namespace antialias

STABLE_TORCH_LIBRARY_FRAGMENT(antialias, m) {
  m.def(
      "adaptive_blur2d(Tensor x, Tensor logits, int kernel_size, int stride_h, int stride_w, bool joint, "
      "str padding_mode) -> Tensor");
  m.def(
      "adaptive_blur2d_backward(Tensor grad_y, Tensor x, Tensor logits, int kernel_size, int stride_h, int stride_w, "
      "bool joint, str padding_mode) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(antialias, CPU, m) {
  m.impl("adaptive_blur2d", TORCH_BOX(&antialias::adaptive_blur2d));
  m.impl("adaptive_blur2d_backward", TORCH_BOX(&antialias::adaptive_blur2d_backward));
}
