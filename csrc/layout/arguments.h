// Maps brought from contiguous to channels_last or back: matrices transposed.
#pragma once

#include "shared/pass.h"

namespace antialias {

// `maps` dense matrices (rows, columns), which become (columns, rows): the channels and positions of contiguous maps, or
// the positions and channels of channels_last ones. A task is some rows of a map.
struct LayoutArguments {
  int64_t maps, rows, columns;
  bool float64;
  const void* from;
  void* to;
};

}  // namespace antialias
