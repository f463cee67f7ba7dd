// antialias::max_pool2d, whose window slides by one, and its gradient, which looks again for what was chosen: nothing
// but x, which the network keeps anyway, has to be kept for it. Fakes and gradients are registered in ops/_pool.py.
#include "pool.h"
#include "tensors.h"

namespace antialias {
namespace {

PoolProblem problem_of(const Tensor& x, MemoryFormat format, const Slide& rows, const Slide& columns) {
  for (const Slide& slide : {rows, columns}) {
    STD_TORCH_CHECK(slide.kernel_size > 0 && slide.dilation > 0 && slide.padding >= 0 && slide.out >= 0 &&
                        slide.padding <= slide.reach() && slide.out >= slide.in + 2 * slide.padding - slide.reach(),
                    "a window of ", slide.kernel_size, " samples with padding ", slide.padding, " and dilation ",
                    slide.dilation, " cannot slide over ", slide.in, " samples to give ", slide.out, ".");
  }
  PoolProblem problem{};
  problem.rows = rows, problem.columns = columns;
  const bool last = format == MemoryFormat::ChannelsLast;
  problem.maps = last ? x.size(0) : x.size(0) * x.size(1), problem.channels = last ? x.size(1) : 1;
  problem.float64 = x.scalar_type() == ScalarType::Double;
  problem.x = x.const_data_ptr();
  return problem;
}

void run(const PoolPass& pass, const PoolProblem& problem, int64_t tasks, int64_t samples) {
  run_tasks(tasks, samples, pass.scratch_bytes(problem),
            [&](int64_t first, int64_t last, void* scratch) { pass.run(problem, first, last, scratch); });
}

Tensor max_pool2d(const Tensor& x_any, int64_t height, int64_t width, int64_t kernel_h, int64_t kernel_w,
                  int64_t padding_h, int64_t padding_w, int64_t dilation_h, int64_t dilation_w) {
  check_full_precision_maps(x_any);
  const MemoryFormat format = format_of(x_any);
  const Tensor x = torch::stable::contiguous(x_any, format);
  PoolProblem problem = problem_of(x, format, {x.size(2), height, kernel_h, padding_h, dilation_h},
                                   {x.size(3), width, kernel_w, padding_w, dilation_w});
  Tensor y = empty_like(x, x.size(1), height, width, format);
  if (y.numel() == 0) return y;
  problem.y = y.mutable_data_ptr();
  run(ANTIALIAS_CHOSEN(pool)(problem).forward, problem, problem.maps * height, y.numel());
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
  PoolProblem problem = problem_of(x, format, {x.size(2), grad_y.size(2), kernel_h, padding_h, dilation_h},
                                   {x.size(3), grad_y.size(3), kernel_w, padding_w, dilation_w});
  Tensor grad_x = empty_like(x, x.size(1), x.size(2), x.size(3), format);
  if (grad_x.numel() == 0) return grad_x;
  // Rows beside those of a task are looked at twice, so tasks are large where there are maps for all threads.
  const int64_t threads = torch::stable::get_num_threads(), pieces = (4 * threads - 1) / problem.maps + 1;
  problem.rows_per_task = (x.size(2) + pieces - 1) / pieces;
  problem.grad_y = grad_y.const_data_ptr(), problem.grad_x = grad_x.mutable_data_ptr();
  const int64_t tasks = (x.size(2) + problem.rows_per_task - 1) / problem.rows_per_task;
  run(ANTIALIAS_CHOSEN(pool)(problem).backward, problem, problem.maps * tasks, x.numel());
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
