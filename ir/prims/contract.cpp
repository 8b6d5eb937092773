// Signature of dot_general.
#include "ir/prims/checks.h"
#include "ir/prims/parameters.h"

namespace jaxc::ir {

namespace {

std::vector<bool> used_axes(const TypeQuery& query, const Axes& contracting, const Axes& batch, std::size_t rank) {
  Axes all = contracting;
  all.insert(all.end(), batch.begin(), batch.end());
  return require_axes(query, all, rank);
}

// The result's axes: batch, then the left operand's free axes, then the right operand's.
Types dot_types(const TypeQuery& query) {
  const Type& left = query.operands[0];
  const Type& right = query.operands[1];
  const DotNumbers numbers = dot_numbers(query.parameters());
  require_count(query, "the right operand's contracting axes", numbers.right_contracting.size(),
                numbers.left_contracting.size());
  require_count(query, "the right operand's batch axes", numbers.right_batch.size(), numbers.left_batch.size());
  const auto left_used = used_axes(query, numbers.left_contracting, numbers.left_batch, left.shape.size());
  const auto right_used = used_axes(query, numbers.right_contracting, numbers.right_batch, right.shape.size());
  for (std::size_t i = 0; i < numbers.left_contracting.size(); ++i) {
    const std::int64_t a = left.shape[numbers.left_contracting[i]];
    const std::int64_t b = right.shape[numbers.right_contracting[i]];
    query.require(a == b, "contracted extents must agree, got {} and {}", a, b);
  }
  Type result{left.dtype, {}};
  for (std::size_t i = 0; i < numbers.left_batch.size(); ++i) {
    const std::int64_t a = left.shape[numbers.left_batch[i]];
    const std::int64_t b = right.shape[numbers.right_batch[i]];
    query.require(a == b, "batch extents must agree, got {} and {}", a, b);
    result.shape.push_back(a);
  }
  for (std::int64_t extent : without_axes(left.shape, left_used)) result.shape.push_back(extent);
  for (std::int64_t extent : without_axes(right.shape, right_used)) result.shape.push_back(extent);
  query.require(contains(dtypes::computable, right.dtype), "operands must be numbers, got {}", to_string(right));
  const auto preferred = query.parameters().optional_dtype("preferred_element_type");
  query.require(preferred.has_value() || left.dtype == right.dtype, "operands must have one dtype, got {} and {}",
                name(left.dtype), name(right.dtype));
  result.dtype = preferred.value_or(left.dtype);
  require_holds(query, "preferred_element_type", result.dtype, left.dtype);
  require_holds(query, "preferred_element_type", result.dtype, right.dtype);
  return {result};
}

}  // namespace

namespace signatures {

const Signature dot_general{dot_types, {dtypes::computable, 2}};

}  // namespace signatures

}  // namespace jaxc::ir
