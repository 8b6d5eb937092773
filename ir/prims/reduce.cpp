// Signatures of the reductions and of the prefix folds.
#include "ir/prims/checks.h"

namespace jaxc::ir {

namespace {

Types reduction(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const auto mask = require_axes(query, query.parameters().integers("axes"), operand.shape.size());
  return {{operand.dtype, without_axes(operand.shape, mask)}};
}

// reduce: n arrays, n initial scalars, and a jaxpr from 2n scalars to n.
Types general_reduction(const TypeQuery& query) {
  const std::size_t count = query.operands.size() / 2;
  query.require(query.operands.size() == 2 * count, "takes as many initial values as arrays, got {}",
                counted(query.operands.size(), "operand"));
  const Shape& shape = query.operands[0].shape;
  const auto mask = require_axes(query, query.parameters().integers("dimensions"), shape.size());
  Types scalars;
  Types results;
  for (std::size_t i = 0; i < count; ++i) {
    const Type& array = query.operands[i];
    const Type& initial = query.operands[count + i];
    query.require(array.shape == shape, "arrays must have one shape, got {} and {}", to_string(shape),
                  to_string(array.shape));
    query.require(initial.dtype == array.dtype && initial.shape.empty(), "initial value {} must be {}[], got {}", i,
                  name(array.dtype), to_string(initial));
    scalars.push_back(initial);
    results.push_back({array.dtype, without_axes(shape, mask)});
  }
  Types pair = scalars;
  pair.insert(pair.end(), scalars.begin(), scalars.end());
  query.require(call_types(query, "jaxpr", *query.parameters().jaxpr("jaxpr"), pair) == scalars,
                "jaxpr must return the types of the initial values");
  return results;
}

Types index_reduction(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const auto axes = query.parameters().integers("axes");
  require_count(query, "axes", axes.size(), 1);
  const auto mask = require_axes(query, axes, operand.shape.size());
  query.require(operand.shape[axes[0]] > 0, "axis {} of {} has no elements", axes[0], to_string(operand));
  const DType index = query.parameters().dtype("index_dtype");
  query.require(is_integer(index), "index_dtype must be an integer, got {}", name(index));
  return {{index, without_axes(operand.shape, mask)}};
}

Types prefix_fold(const TypeQuery& query) {
  require_axis(query, query.parameters().integer("axis"), query.operands[0].shape.size());
  return query.operands;
}

}  // namespace

namespace signatures {

const Signature reduce{general_reduction, {dtypes::computable, OperandCount::at_least(2)}};
const Signature reduce_sum{reduction, {dtypes::numbers, 1}};
const Signature reduce_prod{reduction, {dtypes::numbers, 1}};
const Signature reduce_max{reduction, {dtypes::computable, 1}};
const Signature reduce_min{reduction, {dtypes::computable, 1}};
const Signature reduce_or{reduction, {dtypes::bits, 1}};
const Signature reduce_and{reduction, {dtypes::bits, 1}};
const Signature reduce_xor{reduction, {dtypes::bits, 1}};
const Signature argmin{index_reduction, {dtypes::ordered, 1}};
const Signature argmax{index_reduction, {dtypes::ordered, 1}};
const Signature cumsum{prefix_fold, {dtypes::numbers, 1}};
const Signature cumprod{prefix_fold, {dtypes::numbers, 1}};
const Signature cummax{prefix_fold, {dtypes::computable, 1}};
const Signature cummin{prefix_fold, {dtypes::computable, 1}};
const Signature cumlogsumexp{prefix_fold, {dtypes::inexact, 1}};

}  // namespace signatures

}  // namespace jaxc::ir
