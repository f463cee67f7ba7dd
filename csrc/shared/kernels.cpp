// The table of one instruction set's kernels. Compiled once for each, see CMakeLists.txt.
#include "shared/dispatch.h"

namespace antialias::ANTIALIAS_ISA {

Passes<AdaptiveArguments> adaptive(const AdaptiveArguments&);
Pass<BlurArguments> blur(const BlurArguments&);
Passes<MaxPoolArguments> max_pool(const MaxPoolArguments&);
Pass<LayoutArguments> layout(const LayoutArguments&);

const Kernels kernels{&adaptive, &blur, &max_pool, &layout};

}  // namespace antialias::ANTIALIAS_ISA
