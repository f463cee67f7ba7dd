// The library itself, and which of its kernels this processor runs.
#include <cstdlib>

#include "shared/tensors.h"

namespace antialias {
namespace {

std::string choose_instruction_set() {
  const char* wanted = std::getenv("ANTIALIAS_INSTRUCTION_SET");
  const std::string limit = wanted == nullptr ? "" : wanted;
#ifdef ANTIALIAS_X86
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512 && (limit.empty() || limit == "avx512")) return "avx512";
  if (avx2 && limit != "baseline") return "avx2";
#endif
  return "baseline";
}

}  // namespace

const std::string& instruction_set() {
  static const std::string chosen = choose_instruction_set();
  return chosen;
}

const Kernels& chosen_kernels() {
#ifdef ANTIALIAS_X86
  static const Kernels& chosen = instruction_set() == "avx512" ? avx512::kernels
                                 : instruction_set() == "avx2" ? avx2::kernels
                                                               : baseline::kernels;
  return chosen;
#else
  return baseline::kernels;
#endif
}

namespace {

std::string report_instruction_set() { return instruction_set(); }

}  // namespace
}  // namespace antialias

// Each operation defines itself in a file of its own.
STABLE_TORCH_LIBRARY_FRAGMENT(antialias, m) { m.def("instruction_set() -> str"); }

STABLE_TORCH_LIBRARY_IMPL(antialias, CompositeExplicitAutograd, m) {
  m.impl("instruction_set", TORCH_BOX(&antialias::report_instruction_set));
}
