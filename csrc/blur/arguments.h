// What a fixed separable filter is asked to do, forward or backward.
#pragma once

#include "shared/pass.h"

namespace antialias {

// A filter along one dimension as a sparse matrix: output sample o is the sum of weight[e] * (sample from[e]) for e in
// start[o] .. start[o + 1] - 1. The backward pass is the same with the matrix transposed. Outputs
// regular_first .. regular_end - 1 feel no border: theirs are the plain taps, in the plain order.
struct Resampling {
  int64_t in, out, kernel_size, stride, pad;
  const int32_t *start, *from;
  const double *weight, *taps;
  int64_t regular_first, regular_end;
};

// Dense maps, `maps` of them: (N * C, H, W) contiguous with channels = 1, or (N, H, W, C). A
// task is one output row.
struct BlurArguments {
  int64_t maps, channels;
  Resampling rows, columns;
  bool transposed;
  Scalar type;
  const void* x;
  void* y;
};

}  // namespace antialias
