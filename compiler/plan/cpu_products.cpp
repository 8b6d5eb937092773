// Decides which contractions a library runs, and the memory that it packs them into.
#include "compiler/plan/cpu_products.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/plan/contraction.h"

namespace jaxc::compiler {

namespace {

using ir::ProductPlan;
using Piece = ProductPlan::Piece;

// Up to this, generated code multiplies matrices straight from the operands, as fast; see docs/libraries.md.
constexpr std::int64_t most_generated = std::int64_t{1} << 24;
// Packing costs as much as a few multiplications of each element, but few columns leave generated code few sums.
constexpr std::int64_t shortest_axis = 48;
constexpr std::int64_t fewest_columns = 16;
constexpr std::int64_t most_few_columns = 24;
// Generated code gathers axes out of order, images with zeros between their elements, and the right operand's columns
// where they lie apart, and looks at every border of windows: beyond these, packing pays. In loops windows are straight
// code, which is as fast for one vector of columns.
constexpr std::int64_t most_scattered = std::int64_t{1} << 13;
constexpr std::int64_t shortest_scattered = 8;
constexpr std::int64_t most_columns_of_a_vector = 16;
constexpr std::int64_t fewest_rows_of_a_step = 32;
// Images are read where they lie, which takes runs of features; then few columns pay.
constexpr std::int64_t fewest_read_rows = 12;
constexpr std::int64_t fewest_read_columns = 3;
// Gradients by kernels of fewer features are packed a few elements at a time, which takes many of them.
constexpr std::int64_t fewest_features = 5;
constexpr std::int64_t fewest_rows_of_few_features = 128;
constexpr std::int64_t shortest_read_run = 64;
constexpr std::int64_t shortest_gathered_run = 24;
// Few rows by a right operand that leaves the caches: generated code reads it in pieces that are too short.
constexpr std::int64_t most_thin_rows = 8;
constexpr std::int64_t fewest_thin_columns = 1024;
constexpr std::int64_t most_cached = std::int64_t{1} << 22;  // elements
// Up to this, one thread multiplies an item of a batch, and as many items are multiplied at one time.
constexpr std::int64_t most_alone = std::int64_t{1} << 24;
constexpr std::int64_t most_runs = 16;

// Packed operands: tiles that the last rows and columns do not fill, a panel's depth, what of a side that is long is
// packed at one time, and the most of all.
constexpr std::int64_t padding = 128;
constexpr std::int64_t panel_depth = 256;
constexpr std::int64_t longest = std::int64_t{64} * 96;
constexpr std::int64_t long_side = std::int64_t{16} * 96;
constexpr std::int64_t most_packed = std::int64_t{1} << 25;

/// The extents of a product of m x k and k x n.
struct Extents {
  std::int64_t m, n, k;

  explicit Extents(const Piece& piece)
      : m(positions(piece.rows)), n(positions(piece.columns)), k(positions(piece.folded)) {}
  bool is_above(std::int64_t multiplications) const { return k > 0 && m * n > multiplications / k; }
};

// Whether the operands are matrices as generated code likes them.
bool is_plain(const Piece& piece) {
  return piece.bounds.empty() && piece.folded.size() == 1 && piece.columns.back().right == 1;
}

// How many folded positions lie side by side in the left operand.
std::int64_t run(const Piece& piece) {
  std::int64_t extent = 1;
  for (auto axis = piece.folded.rbegin(); axis != piece.folded.rend() && axis->left == extent; ++axis)
    extent *= axis->extent;
  return extent;
}

bool pays(const Piece& piece, bool is_dilated, ProductPlace place) {
  const Extents extents(piece);
  if (place == ProductPlace::independent_step && !extents.is_above(most_alone)) return false;
  const auto& [m, n, k] = extents;
  const bool is_wide = n >= shortest_axis || (n >= fewest_columns && n <= most_few_columns);
  if (is_plain(piece) && m <= most_thin_rows && n >= fewest_thin_columns && k > 0 && n > most_cached / k) return true;
  if (is_plain(piece)) return is_wide && std::min(m, k) >= shortest_axis && extents.is_above(most_generated);
  const bool is_read = m >= fewest_read_rows && run(piece) >= (is_dilated ? shortest_gathered_run : shortest_read_run);
  if (n >= fewest_read_columns && is_read && (is_dilated || !piece.bounds.empty()) && extents.is_above(most_scattered))
    return true;
  const bool has_few_features = piece.rows.back().left == 1 && piece.rows.back().extent < fewest_features;
  if (!piece.bounds.empty() && has_few_features && m < fewest_rows_of_few_features) return false;
  const bool in_step = place != ProductPlace::outside;
  if (in_step && !is_dilated && piece.columns.back().right == 1 && n <= most_columns_of_a_vector) return false;
  // Each step packs the matrix again.
  const bool is_matrix = piece.bounds.empty() && piece.folded.size() == 1;
  if (is_matrix && in_step && m < fewest_rows_of_a_step) return false;
  return std::min({2 * m, n, k}) >= shortest_scattered && extents.is_above(most_scattered);
}

}  // namespace

std::int64_t product_workspace(std::int64_t rows, std::int64_t columns, std::int64_t folded, std::int64_t bytes) {
  const std::int64_t shorter = std::min(rows, columns) + padding;
  const std::int64_t longer = std::min(std::max(rows, columns), longest) + padding;
  const std::int64_t depth = longer < long_side ? folded : std::min(folded, panel_depth);
  if (shorter * bytes > most_packed / folded) return most_packed;
  return std::min((shorter * folded + longer * depth) * bytes, most_packed);
}

std::optional<ir::ProductPlan> library_product(const ir::Program& program, const ir::Nest& nest, ProductPlace place) {
  std::optional<ProductPlan> plan = contraction(program, nest);
  if (!plan || std::none_of(plan->pieces.begin(), plan->pieces.end(),
                            [&](const Piece& piece) { return pays(piece, plan->pieces.size() > 1, place); }))
    return std::nullopt;
  plan->runs = most_runs;
  for (const Piece& piece : plan->pieces) {
    const Extents extents(piece);
    const std::int64_t bytes = product_workspace(extents.m, extents.n, std::max(extents.k, std::int64_t{1}),
                                                 static_cast<std::int64_t>(element_bytes(plan->dtype)));
    plan->bytes = std::max(plan->bytes, (bytes + 63) / 64 * 64);
    // Threads share small items of a batch out, and work on large ones together.
    plan->runs = extents.is_above(most_alone) ? 1 : std::min(plan->runs, positions(piece.batch));
  }
  plan->runs = std::clamp(most_packed / plan->bytes, std::int64_t{1}, plan->runs);
  const Extents extents(plan->pieces[0]);
  plan->reason = fmt::format("a product of {} x {} and {} x {}, whose operands are worth packing", extents.m, extents.k,
                             extents.k, extents.n);
  if (plan->pieces.size() > 1) plan->reason = fmt::format("{} times {}", plan->pieces.size(), plan->reason);
  return plan;
}

}  // namespace jaxc::compiler
