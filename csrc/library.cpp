// The operations torch sees: antialias::adaptive_blur2d and its backward, through LibTorch's stable ABI, so that one
// library serves every torch from 2.10 on. Their fake implementations and gradients are registered in ops/_cpp.py.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/MemoryFormat.h>
#include <torch/headeronly/core/ScalarType.h>

#include <cstdlib>
#include <new>
#include <string>
#include <tuple>

#include "border.h"
#include "filter.h"

namespace {

using antialias::Border;
using antialias::Kernels;
using antialias::Pass;
using antialias::Problem;
using antialias::Scalar;
using torch::headeronly::MemoryFormat;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// Less work than this is not worth waking another thread for.
constexpr int64_t kSamplesPerThread = 16 * 1024;
constexpr int64_t kCacheLine = 64;

std::string choose_instruction_set() {
  const char* wanted = std::getenv("ANTIALIAS_INSTRUCTION_SET");
  const std::string limit = wanted == nullptr ? "" : wanted;
#ifdef ANTIALIAS_X86
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512 && (limit.empty() || limit == "avx512")) return "avx512";
  if (avx2 && limit != "baseline") return "avx2";
#endif
  return "baseline";
}

const std::string& instruction_set() {
  static const std::string chosen = choose_instruction_set();
  return chosen;
}

std::string report_instruction_set() { return instruction_set(); }

Kernels kernels(const Problem& problem) {
#ifdef ANTIALIAS_X86
  if (instruction_set() == "avx512") return antialias::avx512::kernels(problem);
  if (instruction_set() == "avx2") return antialias::avx2::kernels(problem);
#endif
  return antialias::baseline::kernels(problem);
}

Scalar scalar_of(const Tensor& tensor, const char* name) {
  switch (tensor.scalar_type()) {
    case ScalarType::Float:
      return Scalar::float32;
    case ScalarType::BFloat16:
      return Scalar::bfloat16;
    case ScalarType::Double:
      return Scalar::float64;
    default:
      STD_TORCH_CHECK(false, name, " must be float32, bfloat16 or float64.");
  }
}

bool is_channels_last(const Tensor& x) {
  if (x.is_contiguous()) return false;
  const int64_t dense[4] = {x.size(1) * x.size(2) * x.size(3), 1, x.size(1) * x.size(3), x.size(1)};
  for (int64_t dim = 0; dim < 4; ++dim) {
    if (x.size(dim) != 1 && x.stride(dim) != dense[dim]) return false;
  }
  return true;
}

Tensor empty_like(const Tensor& like, int64_t channels, int64_t height, int64_t width, MemoryFormat format) {
  const int64_t sizes[4] = {like.size(0), channels, height, width};
  return torch::stable::empty({sizes, 4}, like.scalar_type(), std::nullopt, like.device(), std::nullopt, format);
}

// One call: dense tensors of one layout, the border's tables, and what the kernels want to know.
struct Call {
  MemoryFormat format;
  Tensor x, logits;
  Border rows, columns;
  Problem problem;

  Call(const Tensor& x_any, const Tensor& logits_any, int64_t k, int64_t stride_h, int64_t stride_w, bool joint,
       const std::string& padding_mode)
      : format(is_channels_last(x_any) ? MemoryFormat::ChannelsLast : MemoryFormat::Contiguous),
        x(torch::stable::contiguous(x_any, format)),
        logits(torch::stable::contiguous(logits_any, format)),
        rows(x.size(2), logits.size(2), stride_h, k, padding_mode),
        columns(x.size(3), logits.size(3), stride_w, k, padding_mode) {
    const int64_t groups = logits.size(1) / (k * k);
    problem = {};
    problem.batch = x.size(0), problem.channels = x.size(1), problem.height = x.size(2), problem.width = x.size(3);
    problem.groups = groups, problem.out_height = logits.size(2), problem.out_width = logits.size(3);
    problem.kernel_size = k, problem.stride_h = stride_h, problem.stride_w = stride_w, problem.joint = joint;
    problem.channels_last = format == MemoryFormat::ChannelsLast;
    problem.x_type = scalar_of(x, "x"), problem.logits_type = scalar_of(logits, "logits");
    problem.source_row = rows.source.data(), problem.source_column = columns.source.data();
    problem.inside = columns.inside.data();
    problem.groups_per_task = groups_per_task();
    problem.x = x.const_data_ptr(), problem.logits = logits.const_data_ptr();
  }

  // All groups, unless the batch is too small to occupy the threads; then no fewer than fill a cache line.
  int64_t groups_per_task() const {
    if (problem.joint || problem.channels == 0) return problem.groups;
    const int64_t images = std::max<int64_t>(problem.batch, 1), threads = torch::stable::get_num_threads();
    const int64_t split = (problem.groups * images + threads - 1) / threads;
    const int64_t group_bytes = problem.channels / problem.groups * int64_t(x.element_size());
    return std::min(std::max(split, (kCacheLine + group_bytes - 1) / group_bytes), problem.groups);
  }

  void run(const Pass& pass) const {
    const int64_t tasks = pass.tasks(problem), bytes = pass.scratch_bytes(problem);
    const int64_t samples = x.numel() / tasks + 1;
    torch::stable::parallel_for(0, tasks, kSamplesPerThread / samples + 1, [&](int64_t first, int64_t last) {
      const std::align_val_t line{kCacheLine};
      void* scratch = ::operator new(static_cast<std::size_t>(bytes + kCacheLine), line);
      pass.run(problem, first, last, scratch);
      ::operator delete(scratch, line);
    });
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
  call.run(kernels(call.problem).forward);
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
  call.run(kernels(call.problem).backward);
  return {grad_x, grad_logits};
}

}  // namespace

STABLE_TORCH_LIBRARY(antialias, m) {
  m.def(
      "adaptive_blur2d(Tensor x, Tensor logits, int kernel_size, int stride_h, int stride_w, bool joint, "
      "str padding_mode) -> Tensor");
  m.def(
      "adaptive_blur2d_backward(Tensor grad_y, Tensor x, Tensor logits, int kernel_size, int stride_h, int stride_w, "
      "bool joint, str padding_mode) -> (Tensor, Tensor)");
  m.def("instruction_set() -> str");
}

STABLE_TORCH_LIBRARY_IMPL(antialias, CPU, m) {
  m.impl("adaptive_blur2d", TORCH_BOX(&adaptive_blur2d));
  m.impl("adaptive_blur2d_backward", TORCH_BOX(&adaptive_blur2d_backward));
}

STABLE_TORCH_LIBRARY_IMPL(antialias, CompositeExplicitAutograd, m) {
  m.impl("instruction_set", TORCH_BOX(&report_instruction_set));
}
