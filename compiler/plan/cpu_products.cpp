// Decides which contractions a library runs, and the memory that it packs them into.
#include "compiler/plan/cpu_products.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/plan/contraction.h"

namespace jaxc::compiler {

namespace {

using ir::ProductPlan;

// Up to this, generated code multiplies matrices straight from the operands, as fast; see docs/libraries.md.
constexpr std::int64_t most_generated = std::int64_t{1} << 24;
// Packing costs as much as a few multiplications of each element.
constexpr std::int64_t shortest_axis = 48;
// Generated code finds no rows to load side by side in windows, in axes out of order, and where the right operand's
// columns lie apart: beyond these, packing pays.
constexpr std::int64_t most_scattered = std::int64_t{1} << 13;
constexpr std::int64_t shortest_scattered = 8;
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

std::int64_t positions(const std::vector<ProductPlan::Axis>& axes) {
  std::int64_t count = 1;
  for (const ProductPlan::Axis& axis : axes) count *= axis.extent;
  return count;
}

// Whether the operands are matrices as generated code likes them.
bool is_plain(const ProductPlan& plan) {
  return plan.bounds.empty() && plan.folded.size() == 1 && plan.columns.back().right == 1;
}

bool pays(const ProductPlan& plan, std::int64_t m, std::int64_t n, std::int64_t k) {
  if (is_plain(plan)) return std::min({m, n, k}) >= shortest_axis && m * n > most_generated / k;
  return std::min({2 * m, n, k}) >= shortest_scattered && m * n > most_scattered / k;
}

}  // namespace

std::int64_t product_workspace(std::int64_t rows, std::int64_t columns, std::int64_t folded, std::int64_t bytes) {
  const std::int64_t shorter = std::min(rows, columns) + padding;
  const std::int64_t longer = std::min(std::max(rows, columns), longest) + padding;
  const std::int64_t depth = longer < long_side ? folded : std::min(folded, panel_depth);
  if (shorter * bytes > most_packed / folded) return most_packed;
  return std::min((shorter * folded + longer * depth) * bytes, most_packed);
}

std::optional<ir::ProductPlan> library_product(const ir::Program& program, const ir::Nest& nest) {
  std::optional<ProductPlan> plan = contraction(program, nest);
  if (!plan) return std::nullopt;
  const std::int64_t m = positions(plan->rows);
  const std::int64_t n = positions(plan->columns);
  const std::int64_t k = positions(plan->folded);
  if (!pays(*plan, m, n, k)) return std::nullopt;
  plan->bytes = product_workspace(m, n, k, static_cast<std::int64_t>(element_bytes(plan->dtype)));
  plan->bytes = (plan->bytes + 63) / 64 * 64;
  // Threads share small items out, and work on large ones together.
  if (m * n <= most_alone / k)
    plan->runs = std::clamp(most_packed / plan->bytes, std::int64_t{1}, std::min(positions(plan->batch), most_runs));
  plan->reason = fmt::format("a product of {} x {} and {} x {}, whose operands are worth packing", m, k, k, n);
  return plan;
}

}  // namespace jaxc::compiler
