// The sparse matrix of a filter along one dimension, with its border and its stride.
#pragma once

#include <utility>

#include "blur/arguments.h"
#include "shared/border.h"

namespace antialias {

class ResamplingMatrix {
 public:
  // The filter itself, or its transpose, from `kept` samples back to `size`.
  ResamplingMatrix(std::vector<double> taps, int64_t size, int64_t stride, const std::string& mode, bool transposed)
      : taps_(std::move(taps)), size_(size), kept_(kept_of(size, stride)), stride_(least_stride(size, stride)) {
    std::vector<Entries> entries(transposed ? size_ : kept_);
    const std::vector<int32_t> source = sources(size_, kept_, stride_, kernel_size(), mode);
    for (int64_t o = 0; o < kept_; ++o) {
      for (int64_t tap = 0; tap < kernel_size(); ++tap) {
        const int32_t from = source[o * stride_ + tap];
        if (from < 0) continue;
        if (transposed) {
          add(entries[from], static_cast<int32_t>(o), taps_[tap]);
        } else {
          add(entries[o], from, taps_[tap]);
        }
      }
    }
    for (const auto& of_output : entries) {
      start_.push_back(static_cast<int32_t>(from_.size()));
      for (const auto& [from, weight] : of_output) from_.push_back(from), weight_.push_back(weight);
    }
    start_.push_back(static_cast<int32_t>(from_.size()));
    find_regular(transposed);
  }

  // Lives as long as this does.
  Resampling view(bool transposed) const {
    return {transposed ? kept_ : size_, transposed ? size_ : kept_, kernel_size(), stride_, pad(),
            start_.data(), from_.data(), weight_.data(), taps_.data(), regular_first_, regular_end_};
  }

 private:
  using Entries = std::vector<std::pair<int32_t, double>>;

  // ResamplingMatrix that meet in one sample, as a reflection's do, are one entry.
  static void add(Entries& entries, int32_t from, double weight) {
    for (auto& [known, sum] : entries) {
      if (known == from) return void(sum += weight);
    }
    entries.emplace_back(from, weight);
  }

  int64_t kernel_size() const { return static_cast<int64_t>(taps_.size()); }
  int64_t pad() const { return (kernel_size() - 1) / 2; }

  // The longest run: a reflection may meet the second sample and not the first.
  void find_regular(bool transposed) {
    const int64_t outputs = transposed ? size_ : kept_;
    for (int64_t first = 0, end; first < outputs; first = end + 1) {
      for (end = first; end < outputs && is_regular(end, transposed);) ++end;
      if (end - first > regular_end_ - regular_first_) regular_first_ = first, regular_end_ = end;
    }
  }

  bool is_regular(int64_t output, bool transposed) const {
    int64_t entry = start_[output];
    if (!transposed) {
      const int64_t first = output * stride_ - pad();
      return first >= 0 && first + kernel_size() <= size_;
    }
    // Each tap that can meet this sample does, once, and nothing from the border joins: later outputs have lower taps.
    for (int64_t tap = kernel_size() - 1; tap >= 0; --tap) {
      if ((output + pad() - tap) % stride_ != 0) continue;
      const int64_t o = (output + pad() - tap) / stride_;
      if (o < 0 || o >= kept_ || entry == start_[output + 1] || from_[entry] != o || weight_[entry] != taps_[tap]) {
        return false;
      }
      ++entry;
    }
    return entry == start_[output + 1];
  }

  std::vector<double> taps_, weight_;
  std::vector<int32_t> start_, from_;
  int64_t size_, kept_, stride_, regular_first_ = 0, regular_end_ = 0;
};

}  // namespace antialias
