// Verifies scalar code: types of operands, order, closedness, calls.
#pragma once

#include <functional>
#include <string_view>

#include "ir/program.h"

namespace jaxc::ir {

/// What scalar code may name beside its arguments; a nest's body has axes and arrays, other code neither.
struct RegionScope {
  const Program& program;
  std::span<const Axis> axes;
  /// Whether an array may be read; empty where no array may.
  std::function<bool(ArrayId)> may_read;
  /// Throws InternalError with the place and this rule.
  std::function<void(std::string_view rule)> fail;
};

/// Checks every operation of `region` against the rules of its opcode. Linear in the region's size.
void verify_region(const Region& region, const RegionScope& scope);

/// Checks that indices suit `shape`: one per dimension, of i64 operations before `limit`, and in bounds where
/// they are affine and unguarded.
void verify_indices(const std::vector<Index>& indices, const Shape& shape, const Region& body, OpId limit, bool guarded,
                    const RegionScope& scope);

}  // namespace jaxc::ir
