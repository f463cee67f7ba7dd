// What the adaptive filter is asked to do.
#pragma once

#include "shared/pass.h"

namespace antialias {

// Shapes as in the Python reference: x (N, C, H, W), logits and their gradient (N, G*k*k, H', W'), y (N, C, H', W').
// All tensors are dense, and all contiguous or all channels_last. The logits of float64 maps are float64, too.
struct AdaptiveArguments {
  int64_t batch, channels, height, width, groups, out_height, out_width;
  int64_t kernel_size, stride_h, stride_w;
  bool joint, channels_last;
  Scalar x_type, logits_type;
  // Where padded row (column) r comes from, for r in 0 .. (H' - 1) * stride + k - 1; -1 stands for zeros.
  const int32_t* source_row;
  const int32_t* source_column;
  // The backward pass of a task owns this many groups. Joint normalisation needs all of them in one task.
  int64_t groups_per_task;
  const void *x, *logits, *grad_y;  // no grad_y forward
  void *y, *grad_x, *grad_logits;
};

}  // namespace antialias
