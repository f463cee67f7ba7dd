// Max pools whose window slides by one. No torch here: the kernels see pointers and sizes.
#pragma once

#include <cstdint>

namespace antialias {

// One dimension: sizes before and after, and the window.
struct Slide {
  int64_t in, out, kernel_size, padding, dilation;

  int64_t reach() const { return dilation * (kernel_size - 1); }
};

// x and its gradient are (maps, H, W, channels), y and its gradient (maps, H', W', channels), dense: a contiguous map
// is as many maps as it has channels, of one channel each.
struct PoolProblem {
  Slide rows, columns;
  int64_t maps, channels;
  bool float64;
  int64_t rows_per_task;  // of x, in the backward pass
  const void *x, *grad_y;
  void *y, *grad_x;
};

// Tasks are independent and write disjoint memory. A forward task is a row of y, a backward task some rows of x.
struct PoolPass {
  int64_t (*scratch_bytes)(const PoolProblem&);
  void (*run)(const PoolProblem&, int64_t first_task, int64_t last_task, void* scratch);
};

struct PoolKernels {
  PoolPass forward, backward;
};

namespace baseline {
PoolKernels pool(const PoolProblem&);
}
namespace avx2 {
PoolKernels pool(const PoolProblem&);
}
namespace avx512 {
PoolKernels pool(const PoolProblem&);
}

}  // namespace antialias
