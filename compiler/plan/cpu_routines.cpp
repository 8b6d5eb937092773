// Weighs a call of a library against the expansion by the length and number of the lines to sort.
#include "compiler/plan/cpu_routines.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace jaxc::compiler {

namespace {

using ir::Ordering;

// Shorter lines are sorted by counting, in vectors; see docs/libraries.md.
constexpr std::int64_t shortest_line = 65;
constexpr std::int64_t fewest_elements = 256;

constexpr std::int64_t most_parts = 16;
constexpr std::int64_t most_workspace = std::int64_t{1} << 26;

bool has_order(DType key) {
  switch (key) {
    case DType::i8:
    case DType::u8:
    case DType::i16:
    case DType::u16:
    case DType::i32:
    case DType::u32:
    case DType::i64:
    case DType::u64:
    case DType::f16:
    case DType::bf16:
    case DType::f32:
    case DType::f64:
      return true;
    default:
      return false;
  }
}

// The library sorts integers that hold a key, and the key's position unless values alone are wanted.
std::int64_t word_bytes(const Ordering& ordering) {
  const auto key = std::max<std::int64_t>(4, static_cast<std::int64_t>(element_bytes(ordering.key)));
  return ordering.result == Ordering::Result::values ? key : 2 * key;
}

}  // namespace

std::optional<ir::RoutinePlan> library_routine(const ir::Program& program, const ir::Routine& routine) {
  if (!routine.ordering || !has_order(routine.ordering->key)) return std::nullopt;
  const Shape& shape = program.arrays[routine.inputs[0]].shape;
  const std::int64_t elements = element_count(shape);
  const std::int64_t extent = shape[static_cast<std::size_t>(routine.ordering->dimension)];
  if (extent < shortest_line || elements < fewest_elements || extent > std::numeric_limits<std::uint32_t>::max() ||
      element_count(program.arrays[routine.outputs[0]].shape) == 0)
    return std::nullopt;
  ir::RoutinePlan plan;
  plan.path = ir::RoutinePath::library;
  plan.part_bytes = (extent * word_bytes(*routine.ordering) + 63) / 64 * 64;
  plan.parts = std::clamp<std::int64_t>(most_workspace / plan.part_bytes, 1, std::min(most_parts, elements / extent));
  plan.reason = fmt::format("{} lines of {} keys, which a vectorised quicksort sorts faster than generated code",
                            elements / extent, extent);
  return plan;
}

}  // namespace jaxc::compiler
