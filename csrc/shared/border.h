// How the border of a map is continued: the same rules as `antialias.ops.pad`, as a table of sources.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace antialias {

// Longer sides would need tables of wider numbers.
constexpr int64_t kLongestSide = int64_t(1) << 28;

// How many of `size` samples a stride keeps, phase 0.
inline int64_t kept_of(int64_t size, int64_t stride) { return size / stride + (size % stride != 0); }

// The stride as it is, or one that keeps the same: a kernel's memory may grow with it.
inline int64_t least_stride(int64_t size, int64_t stride) { return std::min(stride, std::max<int64_t>(size, 1)); }

// Where sample `i` of an endlessly continued row of `size` samples comes from, or -1 for a zero.
inline int64_t source_of(int64_t i, int64_t size, const std::string& mode) {
  if (mode == "zeros") return i < 0 || i >= size ? -1 : i;
  if (mode == "replicate") return std::clamp<int64_t>(i, 0, size - 1);
  if (mode != "reflect" && mode != "circular") throw std::invalid_argument("padding_mode='" + mode + "' is unknown.");
  const int64_t period = mode == "circular" || size == 1 ? size : 2 * (size - 1);
  const int64_t folded = (i % period + period) % period;
  return folded < size ? folded : period - folded;
}

// Where each padded sample that a kept position looks at comes from.
inline std::vector<int32_t> sources(int64_t size, int64_t kept, int64_t stride, int64_t kernel_size,
                                    const std::string& mode) {
  std::vector<int32_t> source;
  if (size == 0) return source;
  if (size > kLongestSide) throw std::invalid_argument("a side of x has " + std::to_string(size) + " samples.");
  for (int64_t i = 0; i < (kept - 1) * stride + kernel_size; ++i) {
    source.push_back(static_cast<int32_t>(source_of(i - (kernel_size - 1) / 2, size, mode)));
  }
  return source;
}

}  // namespace antialias
