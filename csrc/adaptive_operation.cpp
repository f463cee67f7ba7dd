// antialias::adaptive_blur2d and its backward.
#include <tuple>

#include "border.h"
#include "tensors.h"

namespace antialias {
namespace {

// One call: dense tensors of one layout, the border's tables, and what the kernels want to know.
struct Call {
  MemoryFormat format;
  Tensor x, logits;
  std::vector<int32_t> rows, columns;
  Problem problem;

  Call(const Tensor& x_any, const Tensor& logits_any, int64_t k, int64_t stride_h, int64_t stride_w, bool joint,
       const std::string& padding_mode)
      : format(format_of(x_any)),
        x(torch::stable::contiguous(x_any, format)),
        logits(torch::stable::contiguous(logits_any, format)),
        rows(sources(x.size(2), logits.size(2), stride_h, k, padding_mode)),
        columns(sources(x.size(3), logits.size(3), stride_w, k, padding_mode)) {
    const int64_t groups = logits.size(1) / (k * k);
    problem = {};
    problem.batch = x.size(0), problem.channels = x.size(1), problem.height = x.size(2), problem.width = x.size(3);
    problem.groups = groups, problem.out_height = logits.size(2), problem.out_width = logits.size(3);
    problem.kernel_size = k, problem.stride_h = stride_h, problem.stride_w = stride_w, problem.joint = joint;
    problem.channels_last = format == MemoryFormat::ChannelsLast;
    problem.x_type = scalar_of(x, "x"), problem.logits_type = scalar_of(logits, "logits");
    problem.source_row = rows.data(), problem.source_column = columns.data();
    problem.groups_per_task = groups_per_task();
    problem.x = x.const_data_ptr(), problem.logits = logits.const_data_ptr();
  }

  // All groups, unless the batch is too small to occupy the threads; then as many as fill cache lines.
  int64_t groups_per_task() const {
    if (problem.joint || problem.channels == 0) return problem.groups;
    const int64_t images = std::max<int64_t>(problem.batch, 1), threads = torch::stable::get_num_threads();
    const int64_t split = (problem.groups * images + threads - 1) / threads;
    const int64_t group_bytes = problem.channels / problem.groups * int64_t(x.element_size());
    const int64_t line = (kCacheLine + group_bytes - 1) / group_bytes;
    return std::min((split + line - 1) / line * line, problem.groups);
  }

  void run(const Pass& pass) const {
    run_tasks(pass.tasks(problem), x.numel(), pass.scratch_bytes(problem),
              [&](int64_t first, int64_t last, void* scratch) { pass.run(problem, first, last, scratch); });
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
  STD_TORCH_CHECK(logits.size(0) == x.size(0) && logits.size(2) == (x.size(2) + stride_h - 1) / stride_h &&
                      logits.size(3) == (x.size(3) + stride_w - 1) / stride_w,
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
  call.problem.y = y.mutable_data_ptr();
  call.run(ANTIALIAS_CHOSEN(kernels)(call.problem).forward);
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
  call.problem.grad_y = grad.const_data_ptr();
  call.problem.grad_x = grad_x.mutable_data_ptr(), call.problem.grad_logits = grad_logits.mutable_data_ptr();
  call.run(ANTIALIAS_CHOSEN(kernels)(call.problem).backward);
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
