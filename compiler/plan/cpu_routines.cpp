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

// Prefixes: a tile stays in the first caches while it is folded and then stored, and all that threads work on at a time
// in the caches of processors.
constexpr std::int64_t tile_bytes = std::int64_t{1} << 15;
constexpr std::int64_t shortest_tile = 64;
constexpr std::int64_t tiles_at_a_time = 64;
constexpr std::int64_t shared_tiles = 8;
constexpr std::int64_t shared_lines = 8;
constexpr std::int64_t shared_bytes = std::int64_t{1} << 18;
constexpr std::int64_t part_bytes = std::int64_t{1} << 15;

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

std::optional<ir::RoutinePlan> prefix_routine(const ir::Program& program, const ir::Routine& routine, bool threads) {
  if (!routine.prefix) return std::nullopt;
  const auto dimension = static_cast<std::ptrdiff_t>(routine.prefix->dimension);
  const Shape& shape = program.arrays[routine.inputs[0]].shape;
  const std::int64_t lines = element_count(Shape(shape.begin(), shape.begin() + dimension));
  const std::int64_t extent = shape[static_cast<std::size_t>(dimension)];
  std::int64_t bytes = 0;
  std::int64_t scalars = 0;
  for (ir::ArrayId input : routine.inputs) {
    const ir::ProgramArray& info = program.arrays[input];
    const std::int64_t count = element_count(Shape(info.shape.begin() + dimension + 1, info.shape.end()));
    scalars += count;
    bytes += count * static_cast<std::int64_t>(element_bytes(info.dtype));
  }
  ir::RoutinePlan plan;
  plan.path = ir::RoutinePath::prefix;
  plan.tile = std::max(shortest_tile, tile_bytes / bytes / shortest_tile * shortest_tile);
  const std::int64_t tiles = (extent + plan.tile - 1) / plan.tile;
  plan.parts = 1;
  if (threads && lines >= shared_lines && lines * extent * bytes >= shared_bytes) {
    plan.parts = std::min(tiles_at_a_time, lines * extent * bytes / part_bytes);
  } else if (threads && tiles >= shared_tiles) {
    plan.parts = 1 + std::min(tiles, tiles_at_a_time);
    plan.part_bytes = (16 * scalars + 63) / 64 * 64;
  }
  plan.reason = fmt::format("lines of {} elements are folded in vectors and in tiles of {}", extent, plan.tile);
  return plan;
}

}  // namespace jaxc::compiler
