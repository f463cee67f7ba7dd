// Max pools whose window slides by one.
#pragma once

#include "shared/pass.h"

namespace antialias {

// One dimension: sizes before and after, and the window.
struct PoolDimension {
  int64_t in, out, kernel_size, padding, dilation;

  int64_t reach() const { return dilation * (kernel_size - 1); }
};

// x and its gradient are (maps, H, W, channels), y and its gradient (maps, H', W', channels), dense: a contiguous map
// is as many maps as it has channels, of one channel each. A forward task is a row of y, a backward task some rows of x.
struct MaxPoolArguments {
  PoolDimension rows, columns;
  int64_t maps, channels;
  bool float64;
  int64_t rows_per_task;  // of x, in the backward pass
  const void *x, *grad_y;
  void *y, *grad_x;
};

}  // namespace antialias
