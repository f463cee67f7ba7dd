// Compiled once for each instruction set, see CMakeLists.txt.
//
// Squares as wide as a vector are transposed in registers. The rows of a task stay in the cache while their columns are
// walked through.
#include "layout/arguments.h"
#include "shared/vector.h"

namespace antialias::ANTIALIAS_ISA {
namespace {

constexpr int64_t kTaskRows = 256;

template <class A>
void run(const LayoutArguments& p, int64_t first, int64_t last, void*) {
  constexpr int N = kLanes<A>;
  const int64_t rows = p.rows, columns = p.columns, tasks = ceil_div(rows, kTaskRows);
  for (int64_t task = first; task < last; ++task) {
    const int64_t map = task / tasks * rows * columns, begin = task % tasks * kTaskRows;
    const int64_t end = least(begin + kTaskRows, rows);
    const A* from_HW = static_cast<const A*>(p.from) + map;
    A* to_WH = static_cast<A*>(p.to) + map;
    if (end - begin < N || columns < N) {
      for (int64_t row = begin; row < end; ++row) {
        for (int64_t column = 0; column < columns; ++column) to_WH[column * rows + row] = from_HW[row * columns + column];
      }
      continue;
    }
    // The last square of a line overlaps the one before.
    for (int64_t next = 0; next < columns; next += N) {
      const int64_t column = least(next, columns - N);
      for (int64_t next_row = begin; next_row < end; next_row += N) {
        const int64_t row = least(next_row, end - N);
        Vector<A, N> square_NN[N];
#pragma GCC unroll 16
        for (int i = 0; i < N; ++i) square_NN[i] = load<N>(from_HW + (row + i) * columns + column);
        transpose<A, N>(square_NN);
#pragma GCC unroll 16
        for (int i = 0; i < N; ++i) store<N>(to_WH + (column + i) * rows + row, square_NN[i]);
      }
    }
  }
}

}  // namespace

Pass<LayoutArguments> layout(const LayoutArguments& p) {
  return {
      [](const LayoutArguments& p) { return p.maps * ceil_div(p.rows, kTaskRows); },
      [](const LayoutArguments&) { return int64_t(0); },
      p.float64 ? &run<double> : &run<float>,
  };
}

}  // namespace antialias::ANTIALIAS_ISA
