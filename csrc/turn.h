// Maps turned between contiguous and channels_last: matrices transposed. No torch here: the kernels see pointers and sizes.
#pragma once

#include <cstdint>

namespace antialias {

// `maps` dense matrices (rows, columns), which become (columns, rows): the channels and positions of contiguous maps, or
// the positions and channels of channels_last ones.
struct TurnProblem {
  int64_t maps, rows, columns;
  bool float64;
  const void* from;
  void* to;
};

// A task is that many rows of a map, or the rest of them. Tasks are independent and write disjoint memory.
constexpr int64_t kTurnRows = 256;

using TurnPass = void (*)(const TurnProblem&, int64_t first_task, int64_t last_task);

namespace baseline {
TurnPass turn(const TurnProblem&);
}
namespace avx2 {
TurnPass turn(const TurnProblem&);
}
namespace avx512 {
TurnPass turn(const TurnProblem&);
}

}  // namespace antialias
