// Runs the kernels without torch, on arguments drawn at random, for sanitizers and valgrind to look on.
//
//     exercise baseline|avx2|avx512 SECONDS [SEED] [guarded]
//
// All that a kernel reads and writes is memory of just its size, so that a step beyond it shows: to a tool that looks on, or,
// `guarded`, as a crash, since it ends where a page begins that may not be touched. Each call is made again with its tasks in
// another order, cut into other ranges, on several threads, and with other rubbish in the memory that it must write before it
// reads: results must be the same bits.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "blur/resampling.h"
#include "shared/border.h"
#include "shared/dispatch.h"

using namespace antialias;

namespace {

constexpr const char* kModes[] = {"reflect", "replicate", "zeros", "circular"};

struct Draw {
  std::mt19937_64 engine;

  int64_t number(int64_t first, int64_t last) { return std::uniform_int_distribution<int64_t>(first, last)(engine); }
  bool coin() { return number(0, 1) == 1; }
  template <class T, std::size_t N>
  T of(const T (&values)[N]) {
    return values[number(0, N - 1)];
  }
};

bool guarded = false;

// Memory of just this size.
class Memory {
 public:
  explicit Memory(int64_t bytes) : bytes_(static_cast<std::size_t>(bytes)) {
    if (!guarded) {
      start_ = static_cast<char*>(std::malloc(bytes_));
      return;
    }
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), room = (bytes_ + page - 1) / page * page;
    mapped_ = room + page;
    pages_ = static_cast<char*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (pages_ == MAP_FAILED || mprotect(pages_ + room, page, PROT_NONE) != 0) std::abort();
    start_ = pages_ + room - bytes_;
  }
  Memory(Memory&& other) : bytes_(other.bytes_), mapped_(other.mapped_), pages_(other.pages_), start_(other.start_) {
    other.mapped_ = 0, other.start_ = nullptr;
  }
  ~Memory() {
    if (mapped_) {
      munmap(pages_, mapped_);
    } else {
      std::free(start_);
    }
  }

  void* get() const { return start_; }

 private:
  std::size_t bytes_, mapped_ = 0;
  char *pages_ = nullptr, *start_ = nullptr;
};

constexpr int kAsItIs = -1;

Memory filled(int64_t bytes, int rubbish) {
  Memory memory(bytes);
  if (rubbish != kAsItIs) std::memset(memory.get(), rubbish, static_cast<std::size_t>(bytes));
  return memory;
}

int64_t size_of(Scalar type) { return type == Scalar::float64 ? 8 : type == Scalar::float32 ? 4 : 2; }

Memory numbers(Draw& draw, int64_t count, Scalar type, double deviation = 1.0) {
  Memory memory(count * size_of(type));
  std::normal_distribution<double> normal(0.0, deviation);
  for (int64_t i = 0; i < count; ++i) {
    const double value = normal(draw.engine);
    const float narrow = static_cast<float>(value);
    uint32_t bits;
    std::memcpy(&bits, &narrow, sizeof bits);
    if (type == Scalar::float64) static_cast<double*>(memory.get())[i] = value;
    if (type == Scalar::float32) static_cast<float*>(memory.get())[i] = narrow;
    if (type == Scalar::bfloat16) static_cast<uint16_t*>(memory.get())[i] = static_cast<uint16_t>(bits >> 16);
  }
  return memory;
}

// What a pass writes: where the arguments say so, and how many bytes.
struct Written {
  std::function<void(void*)> place;
  int64_t bytes;
};

template <class Arguments>
void run_range(const Pass<Arguments>& pass, const Arguments& arguments, int64_t first, int64_t last, int rubbish) {
  const Memory scratch = filled(pass.scratch_bytes(arguments), rubbish);
  pass.run(arguments, first, last, scratch.get());
}

// Whether the pass gives the same bits however its tasks are run.
template <class Arguments>
bool is_steady(Draw& draw, const Pass<Arguments>& pass, Arguments& arguments, const std::vector<Written>& written) {
  const int64_t tasks = pass.tasks(arguments);
  std::vector<std::vector<Memory>> results;
  for (int way = 0; way < 3; ++way) {
    const int rubbish = way == 0 ? kAsItIs : way == 1 ? 0x00 : 0x7F;
    std::vector<Memory> memories;
    for (const Written& each : written) {
      memories.push_back(filled(each.bytes, rubbish));
      each.place(memories.back().get());
    }
    if (way == 0) {
      run_range(pass, arguments, 0, tasks, rubbish);
    } else if (way == 1) {
      for (int64_t task = tasks - 1; task >= 0; --task) run_range(pass, arguments, task, task + 1, rubbish);
    } else {
      const int64_t first_cut = draw.number(0, tasks), second_cut = draw.number(first_cut, tasks);
      const int64_t cuts[] = {0, first_cut, second_cut, tasks};
      std::vector<std::thread> threads;
      for (int i = 0; i < 3; ++i) {
        if (cuts[i] == cuts[i + 1]) continue;
        threads.emplace_back([&, i] { run_range(pass, arguments, cuts[i], cuts[i + 1], rubbish); });
      }
      for (std::thread& thread : threads) thread.join();
    }
    results.push_back(std::move(memories));
  }
  for (std::size_t i = 0; i < written.size(); ++i) {
    for (int way = 1; way < 3; ++way) {
      if (std::memcmp(results[0][i].get(), results[way][i].get(), written[i].bytes) != 0) return false;
    }
  }
  return true;
}

bool adaptive(Draw& draw, const Kernels& kernels) {
  AdaptiveArguments p{};
  p.kernel_size = draw.of({1, 3, 3, 3, 5, 7, 9});
  p.stride_h = draw.of({1, 2, 2, 2, 3, 50}), p.stride_w = draw.of({1, 2, 2, 2, 3, 50});
  p.batch = draw.number(1, 2), p.height = draw.number(1, draw.coin() ? 20 : 60), p.width = draw.number(1, 70);
  p.groups = draw.number(1, 8);
  const int64_t per_group = draw.of({1, 2, 3, 4, 8, 16, 33});
  p.channels = p.groups * per_group;
  p.out_height = kept_of(p.height, p.stride_h), p.out_width = kept_of(p.width, p.stride_w);
  p.joint = draw.number(0, 3) == 0, p.channels_last = draw.coin();
  p.x_type = draw.of({Scalar::float32, Scalar::float32, Scalar::bfloat16, Scalar::float64});
  p.logits_type = p.x_type == Scalar::float64 ? p.x_type : draw.of({Scalar::float32, Scalar::bfloat16});
  // As many as fill cache lines, as `operation.cpp` has it.
  const int64_t bytes = per_group * size_of(p.x_type), line = (64 + bytes - 1) / bytes;
  p.groups_per_task = p.joint ? p.groups : std::min(p.groups, line * draw.number(1, 3));
  const std::string mode = draw.of(kModes);
  const auto rows = sources(p.height, p.out_height, p.stride_h, p.kernel_size, mode);
  const auto columns = sources(p.width, p.out_width, p.stride_w, p.kernel_size, mode);
  p.source_row = rows.data(), p.source_column = columns.data();
  const int64_t x_size = p.batch * p.channels * p.height * p.width;
  const int64_t y_size = p.batch * p.channels * p.out_height * p.out_width;
  const int64_t logits_size = p.batch * p.groups * p.kernel_size * p.kernel_size * p.out_height * p.out_width;
  const Memory x = numbers(draw, x_size, p.x_type);
  const Memory logits = numbers(draw, logits_size, p.logits_type, draw.coin() ? 1.0 : 1e4);
  const Memory grad_y = numbers(draw, y_size, p.x_type);
  p.x = x.get(), p.logits = logits.get();
  const Passes<AdaptiveArguments> passes = kernels.adaptive(p);
  if (!is_steady(draw, passes.forward, p, {{[&](void* to) { p.y = to; }, y_size * size_of(p.x_type)}})) return false;
  p.grad_y = grad_y.get();
  return is_steady(draw, passes.backward, p,
                   {{[&](void* to) { p.grad_x = to; }, x_size * size_of(p.x_type)},
                    {[&](void* to) { p.grad_logits = to; }, logits_size * size_of(p.logits_type)}});
}

bool blur(Draw& draw, const Kernels& kernels) {
  BlurArguments p{};
  p.transposed = draw.coin(), p.type = draw.of({Scalar::float32, Scalar::bfloat16, Scalar::float64});
  p.maps = draw.number(1, 4), p.channels = draw.coin() ? 1 : draw.number(2, 40);
  const std::string mode = draw.of(kModes);
  const auto matrix = [&](int64_t size) {
    std::vector<double> taps(static_cast<std::size_t>(draw.of({1, 2, 3, 3, 3, 4, 5, 7})));
    for (double& tap : taps) tap = 0.125 * static_cast<double>(draw.number(1, 8));
    return ResamplingMatrix(taps, size, draw.of({1, 2, 2, 2, 3, 50}), mode, p.transposed);
  };
  const ResamplingMatrix rows = matrix(draw.number(1, 20)), columns = matrix(draw.number(1, 140));
  p.rows = rows.view(p.transposed), p.columns = columns.view(p.transposed);
  const Memory x = numbers(draw, p.maps * p.rows.in * p.columns.in * p.channels, p.type);
  p.x = x.get();
  const int64_t bytes = p.maps * p.rows.out * p.columns.out * p.channels * size_of(p.type);
  return is_steady(draw, kernels.blur(p), p, {{[&](void* to) { p.y = to; }, bytes}});
}

PoolDimension slide(Draw& draw, int64_t size) {
  PoolDimension side{size, 0, draw.number(1, 4), 0, draw.number(1, 3)};
  side.padding = draw.number(0, side.reach());
  side.out = std::max<int64_t>(side.in + 2 * side.padding - side.reach(), 0) + draw.number(0, 2);
  return side;
}

bool max_pool(Draw& draw, const Kernels& kernels) {
  MaxPoolArguments p{};
  p.rows = slide(draw, draw.number(1, 20)), p.columns = slide(draw, draw.number(1, 60));
  if (draw.coin()) p.rows.kernel_size = p.columns.kernel_size = 3, p.rows.out = p.rows.in, p.columns.out = p.columns.in;
  for (PoolDimension* side : {&p.rows, &p.columns}) {
    side->out = std::max(side->out, side->in + 2 * side->padding - side->reach());
    if (side->out < 1 || side->padding > side->reach()) return true;
  }
  p.maps = draw.number(1, 3), p.channels = draw.coin() ? 1 : draw.number(2, 20), p.float64 = draw.coin();
  p.rows_per_task = draw.number(1, p.rows.in);
  const Scalar type = p.float64 ? Scalar::float64 : Scalar::float32;
  const int64_t x_size = p.maps * p.rows.in * p.columns.in * p.channels;
  const int64_t y_size = p.maps * p.rows.out * p.columns.out * p.channels;
  const Memory x = numbers(draw, x_size, type), grad_y = numbers(draw, y_size, type);
  p.x = x.get(), p.grad_y = grad_y.get();
  const Passes<MaxPoolArguments> passes = kernels.max_pool(p);
  return is_steady(draw, passes.forward, p, {{[&](void* to) { p.y = to; }, y_size * size_of(type)}}) &&
         is_steady(draw, passes.backward, p, {{[&](void* to) { p.grad_x = to; }, x_size * size_of(type)}});
}

bool layout(Draw& draw, const Kernels& kernels) {
  LayoutArguments p{};
  p.maps = draw.number(1, 3), p.rows = draw.number(1, 600), p.columns = draw.number(1, 40), p.float64 = draw.coin();
  const Scalar type = p.float64 ? Scalar::float64 : Scalar::float32;
  const int64_t size = p.maps * p.rows * p.columns;
  const Memory from = numbers(draw, size, type);
  p.from = from.get();
  return is_steady(draw, kernels.layout(p), p, {{[&](void* to) { p.to = to; }, size * size_of(type)}});
}

struct Choice {
  const Kernels* kernels;
  bool can_run;
};

Choice chosen(const std::string& instruction_set) {
  if (instruction_set == "baseline") return {&baseline::kernels, true};
#ifdef HAS_avx2
  if (instruction_set == "avx2") return {&avx2::kernels, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")};
#endif
#ifdef HAS_avx512
  if (instruction_set == "avx512") {
    return {&avx512::kernels, __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                                  __builtin_cpu_supports("avx512vl")};
  }
#endif
  return {nullptr, false};
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) return std::fprintf(stderr, "Use: exercise baseline|avx2|avx512 SECONDS [SEED] [guarded]\n"), 2;
  const Choice choice = chosen(words[1]);
  if (!choice.can_run) return std::printf("%s: not on this processor\n", words[1]), 0;
  guarded = count > 4 && std::string(words[4]) == "guarded";
  const struct {
    const char* name;
    bool (*call)(Draw&, const Kernels&);
  } operations[] = {{"adaptive", adaptive}, {"blur", blur}, {"max_pool", max_pool}, {"layout", layout}};
  const std::chrono::duration<double> seconds(std::atof(words[2]));
  const auto start = std::chrono::steady_clock::now();
  uint64_t seed = count > 3 ? std::strtoull(words[3], nullptr, 10) : 0;
  int64_t calls = 0;
  do {
    for (const auto& operation : operations) {
      Draw draw{std::mt19937_64(seed)};
      if (!operation.call(draw, *choice.kernels)) {
        std::fprintf(stderr, "%s with seed %llu gives other bits when it is run in another way\n", operation.name,
                     static_cast<unsigned long long>(seed));
        return 1;
      }
      ++calls;
    }
    ++seed;
  } while (std::chrono::steady_clock::now() - start < seconds);
  std::printf("%s: %lld calls\n", words[1], static_cast<long long>(calls));
}
