// Prefixes: which cumulative operations are routines that backends may compute in parts and vectors.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "compiler/lower/lowering.h"

namespace jaxc::compiler::lowering {

/// From the arrays of the prefix so far and of the next element to those of their combination.
using CombineArrays =
    std::function<std::vector<ir::ArrayId>(std::span<const ir::ArrayId> before, std::span<const ir::ArrayId> element)>;

/// `combine` as scalar code on all scalars of arrays of these types; nothing where it needs loops, branches, other
/// arrays or very much code.
std::optional<ir::Region> scalar_code(Lowering& lowering, std::span<const Type> types, const CombineArrays& combine);

/// The description of prefixes of `inputs` along `dimension`, where these are long enough for parts and vectors, few
/// scalars are combined, and nothing around is a loop. `types` are those of one element, storage types.
std::optional<ir::Prefix> prefix_of(Lowering& lowering, std::span<const ir::ArrayId> inputs, int dimension,
                                    std::span<const Type> types, const CombineArrays& combine);

}  // namespace jaxc::compiler::lowering
