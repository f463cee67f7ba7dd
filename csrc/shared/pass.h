// What a kernel gives the operations. No torch here, and in no file that kernels include: they see pointers and sizes.
#pragma once

#include <cstdint>

namespace antialias {

enum class Scalar : int8_t { float32, bfloat16, float64 };

// One direction of an operation. Tasks are independent, write disjoint memory, and give the same bits in whatever order
// and on however many threads they run.
template <class Arguments>
struct Pass {
  int64_t (*tasks)(const Arguments&);
  int64_t (*scratch_bytes)(const Arguments&);
  void (*run)(const Arguments&, int64_t first_task, int64_t last_task, void* scratch);
};

template <class Arguments>
struct Passes {
  Pass<Arguments> forward, backward;
};

}  // namespace antialias
