// What the operations share: torch's tensors as the kernels see them, and its threads. Operations are registered through
// LibTorch's stable ABI, so that one library serves every torch from 2.10 on; their fake implementations and gradients
// are registered where ops/ calls them.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/MemoryFormat.h>
#include <torch/headeronly/core/ScalarType.h>

#include <cstring>
#include <new>
#include <string>

#include "shared/dispatch.h"

namespace antialias {

using torch::headeronly::MemoryFormat;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// Less work than this is not worth waking another thread for.
constexpr int64_t kSamplesPerThread = 16 * 1024;
constexpr int64_t kCacheLine = 64;

inline float float_of(uint16_t bfloat16) {
  const uint32_t bits = uint32_t(bfloat16) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline void check_full_precision_maps(const Tensor& x) {
  STD_TORCH_CHECK(x.is_cpu() && x.dim() == 4, "x must be on the CPU and have four dimensions.");
  STD_TORCH_CHECK(x.scalar_type() == ScalarType::Float || x.scalar_type() == ScalarType::Double,
                  "x must be float32 or float64.");
}

inline Scalar scalar_of(const Tensor& tensor, const char* name) {
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

inline bool is_channels_last(const Tensor& x) {
  if (x.is_contiguous()) return false;
  const int64_t dense[4] = {x.size(1) * x.size(2) * x.size(3), 1, x.size(1) * x.size(3), x.size(1)};
  for (int64_t dim = 0; dim < 4; ++dim) {
    if (x.size(dim) != 1 && x.stride(dim) != dense[dim]) return false;
  }
  return true;
}

inline Tensor empty_like(const Tensor& like, int64_t channels, int64_t height, int64_t width, MemoryFormat format) {
  const int64_t sizes[4] = {like.size(0), channels, height, width};
  return torch::stable::empty({sizes, 4}, like.scalar_type(), std::nullopt, like.device(), std::nullopt, format);
}

inline MemoryFormat format_of(const Tensor& x) {
  return is_channels_last(x) ? MemoryFormat::ChannelsLast : MemoryFormat::Contiguous;
}

// Runs the tasks of a pass, which are worth `samples` samples together, on torch's threads; each range of them gets
// scratch of its own.
template <class Arguments>
void run_pass(const Pass<Arguments>& pass, const Arguments& arguments, int64_t samples) {
  const int64_t tasks = pass.tasks(arguments), scratch_bytes = pass.scratch_bytes(arguments);
  const int64_t per_task = samples / tasks + 1;
  torch::stable::parallel_for(0, tasks, kSamplesPerThread / per_task + 1, [&](int64_t first, int64_t last) {
    const std::align_val_t line{kCacheLine};
    void* scratch = ::operator new(static_cast<std::size_t>(scratch_bytes + kCacheLine), line);
    pass.run(arguments, first, last, scratch);
    ::operator delete(scratch, line);
  });
}

}  // namespace antialias
