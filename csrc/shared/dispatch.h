// The kernels of every operation, compiled for several instruction sets, and which of them this processor runs.
#pragma once

#include <string>

#include "adaptive/arguments.h"
#include "blur/arguments.h"
#include "layout/arguments.h"
#include "max_pool/arguments.h"

namespace antialias {

// Each looks at the arguments and returns the passes for their types, sizes and memory format.
struct Kernels {
  Passes<AdaptiveArguments> (*adaptive)(const AdaptiveArguments&);
  Pass<BlurArguments> (*blur)(const BlurArguments&);
  Passes<MaxPoolArguments> (*max_pool)(const MaxPoolArguments&);
  Pass<LayoutArguments> (*layout)(const LayoutArguments&);
};

// Which of these exist is the build's choice; `shared/kernels.cpp` defines each.
namespace baseline {
extern const Kernels kernels;
}
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}

// What the processor runs: "avx512", "avx2" or "baseline", or less if the environment asks for it.
const std::string& instruction_set();

const Kernels& chosen_kernels();

}  // namespace antialias
