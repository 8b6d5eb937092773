// Weighs a call of a library against the expansion by the extents of the matrix.
#include "compiler/plan/cpu_matrices.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/plan/cpu_products.h"

namespace jaxc::compiler {

namespace {

using Kind = ir::MatrixRoutine::Kind;

// Smaller matrices are the expansion's; see docs/libraries.md.
std::int64_t least_extent(Kind kind) {
  switch (kind) {
    case Kind::eig:
      return 8;
    case Kind::svd:
    case Kind::eigh:
    case Kind::schur:
      return 12;
    case Kind::cholesky:
    case Kind::triangular_solve:
    case Kind::pivoted_qr:
      return 24;
    case Kind::lu:
      return 48;
    default:
      return 64;
  }
}

// What LAPACK decomposes.
bool is_lapack(Kind kind) {
  return kind == Kind::svd || kind == Kind::eigh || kind == Kind::eig || kind == Kind::schur ||
         kind == Kind::pivoted_qr;
}

// Five squares of the extent, which are a workspace of LAPACK's, are counted in 32 bits.
constexpr std::int64_t most_lapack_extent = 20000;

// Batches of this many items have threads work on items; smaller ones, on each item together.
constexpr std::int64_t shared_items = 8;
constexpr std::int64_t most_parts = 16;

// Columns of a panel, and positions of the folded axis that a product packs together.
constexpr std::int64_t panel = 64;
constexpr std::int64_t panel_depth = 256;
constexpr std::int64_t blocks = std::int64_t{3} * 64 * 64;

// Bytes that LAPACK works in, beside those of its products: its manual's, and a copy of what it takes and gives
// (backends/llvm/runtime/lapack/routines.cpp).
std::int64_t lapack_bytes(const ir::MatrixRoutine& matrix, std::int64_t rows, std::int64_t columns) {
  const std::int64_t most = std::max(rows, columns);
  const std::int64_t least = std::min(rows, columns);
  const auto number = static_cast<std::int64_t>(element_bytes(matrix.dtype));
  const std::int64_t squares = matrix.kind == Kind::svd          ? 3 * most * least + 5 * least * least
                               : matrix.kind == Kind::pivoted_qr ? rows * most
                                                                 : 4 * most * most;
  const std::int64_t reals = is_complex(matrix.dtype) ? 2 * most * least + 5 * least * least + 200 * most : 0;
  // Vectors of numbers, what columns and triangles are copied to, and whole lines of the cache.
  const std::int64_t vectors = 1200 * most + std::int64_t{3} * 128 * 128 + 4096;
  return (squares + vectors) * number + reals * number / 2 + 64 * most;
}

// Numbers beside the packed operands of products: a copy of the operand, panels of columns, blocks of rows.
std::int64_t kept_numbers(Kind kind, std::int64_t rows, std::int64_t columns, std::int64_t result_columns) {
  switch (kind) {
    case Kind::qr:
    case Kind::geqrf:
    case Kind::householder_product:
      return rows * columns + (panel + 1) * (rows + std::max(columns, result_columns)) + blocks;
    case Kind::lu:
      return panel * rows + blocks;
    default:
      return blocks;
  }
}

}  // namespace

std::optional<ir::RoutinePlan> library_matrix_routine(const ir::Program& program, const ir::Routine& routine) {
  if (!routine.matrix) return std::nullopt;
  const ir::MatrixRoutine& matrix = *routine.matrix;
  const auto extents = [&](ir::ArrayId array) {
    Shape shape = program.arrays[array].shape;
    if (is_complex(matrix.dtype)) shape.pop_back();
    return shape;
  };
  const Shape shape = extents(routine.inputs[0]);
  const std::int64_t rows = shape[shape.size() - 2];
  const std::int64_t columns = shape.back();
  if (std::min(rows, columns) < least_extent(matrix.kind)) return std::nullopt;
  for (const ir::ArrayId output : routine.outputs)
    if (element_count(program.arrays[output].shape) == 0) return std::nullopt;
  if (is_lapack(matrix.kind) && std::max(rows, columns) > most_lapack_extent) return std::nullopt;
  const std::int64_t items = element_count(shape) / (rows * columns);
  ir::RoutinePlan plan;
  plan.path = ir::RoutinePath::library;
  plan.parts = items < shared_items ? 1 : std::min(items, most_parts);
  const auto bytes = static_cast<std::int64_t>(element_bytes(matrix.dtype));
  if (is_lapack(matrix.kind)) {
    const std::int64_t most = std::max(rows, columns);
    plan.part_bytes =
        (product_workspace(most, most, panel_depth, bytes) + lapack_bytes(matrix, rows, columns) + 63) / 64 * 64;
  } else {
    const Shape result = extents(matrix.kind == Kind::triangular_solve ? routine.inputs[1] : routine.outputs[0]);
    const std::int64_t widest = std::max({rows, columns, result.back(), result[result.size() - 2]});
    const std::int64_t numbers = kept_numbers(matrix.kind, rows, columns, result.back());
    plan.part_bytes = (product_workspace(widest, widest, panel_depth, bytes) + numbers * bytes + 63) / 64 * 64;
  }
  plan.reason = fmt::format("{} of {} x {}, which blocks and packed products make faster than generated loops",
                            items == 1 ? "a matrix" : fmt::format("{} matrices", items), rows, columns);
  return plan;
}

}  // namespace jaxc::compiler
