// strip_mine: one loop over many steps as a loop over blocks of steps around a loop over a block's.
#pragma once

#include <optional>
#include <vector>

#include "ir/program.h"

namespace jaxc::compiler {

/// The name of loops over blocks of steps.
inline constexpr std::string_view blocks_name = "blocks";

/// The loop over blocks, whose body is the loop over a block's steps alone, and the reshapes around it.
struct StripMined {
  std::vector<ir::Node> before;
  ir::Node blocks;
  std::vector<ir::Node> after;

  ir::Node& steps() { return std::get<ir::Loop>(blocks.kind).body.nodes.front(); }
};

/// Blocks of equal length, the longest one from `shortest` to `longest` steps; nothing where no such length divides the
/// count of steps, or the body needs its position or slices along another dimension than the first. The node is then as
/// it was, and else empty.
std::optional<StripMined> strip_mine(ir::Program& program, ir::Node& node, std::int64_t shortest, std::int64_t longest);

}  // namespace jaxc::compiler
