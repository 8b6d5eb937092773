// Signatures of the primitives that move elements without computing.
#include "ir/prims/checks.h"
#include "ir/prims/parameters.h"

namespace jaxc::ir {

namespace {

Types broadcast_in_dim_types(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  Shape shape;
  if (query.parameters().find("shape") != nullptr) {
    shape = query.parameters().integers("shape");
  } else {
    query.require(query.declared.size() == 1, "the result's shape is neither a parameter nor declared; give shape=");
    shape = query.declared[0].shape;
  }
  const auto axes = query.parameters().integers_or("broadcast_dimensions", {});
  require_count(query, "broadcast_dimensions", axes.size(), operand.shape.size());
  require_axes(query, axes, shape.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    query.require(i == 0 || axes[i - 1] < axes[i], "broadcast_dimensions must increase, got {} after {}", axes[i],
                  i == 0 ? 0 : axes[i - 1]);
    const std::int64_t extent = operand.shape[i];
    query.require(extent == 1 || extent == shape[axes[i]],
                  "operand extents must be 1 or agree with the result's, got {} and {}", extent, shape[axes[i]]);
  }
  return {{operand.dtype, shape}};
}

Types tile_types(const TypeQuery& query) {
  Type result = query.operands[0];
  const auto repetitions = query.parameters().integers("reps");
  require_count(query, "reps", repetitions.size(), result.shape.size());
  for (std::size_t axis = 0; axis < repetitions.size(); ++axis) {
    query.require(repetitions[axis] >= 0, "reps must not be negative, got {}", repetitions[axis]);
    result.shape[axis] = checked_product(query, result.shape[axis], repetitions[axis]);
  }
  return {result};
}

Types concatenate_types(const TypeQuery& query) {
  require_same_dtype(query);
  Type result = query.operands[0];
  const std::size_t along = require_axis(query, query.parameters().integer("dimension"), result.shape.size());
  for (std::size_t i = 1; i < query.operands.size(); ++i) {
    const Shape& shape = query.operands[i].shape;
    query.require(shape.size() == result.shape.size(), "operands must have one rank, got {} and {}",
                  to_string(query.operands[0].shape), to_string(shape));
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      query.require(axis == along || shape[axis] == result.shape[axis],
                    "operands must agree except along axis {}, got {} and {}", along,
                    to_string(query.operands[0].shape), to_string(shape));
    }
    result.shape[along] = checked_sum(query, result.shape[along], shape[along]);
  }
  return {result};
}

Types stack_types(const TypeQuery& query) {
  require_same_dtype(query);
  require_same_shape(query);
  Type result = query.operands[0];
  const std::size_t axis = require_axis(query, query.parameters().integer("axis"), result.shape.size() + 1);
  result.shape.insert(result.shape.begin() + static_cast<std::ptrdiff_t>(axis),
                      static_cast<std::int64_t>(query.operands.size()));
  return {result};
}

Types unstack_types(const TypeQuery& query) {
  constexpr std::int64_t most = 1 << 20;
  Type part = query.operands[0];
  const std::size_t axis = require_axis(query, query.parameters().integer("axis"), part.shape.size());
  const std::int64_t count = part.shape[axis];
  query.require(count <= most, "yields at most {} outputs, got {}", most, count);
  part.shape.erase(part.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  return Types(static_cast<std::size_t>(count), part);
}

Types split_types(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const std::size_t axis = require_axis(query, query.parameters().integer("axis"), operand.shape.size());
  Types parts;
  std::int64_t total = 0;
  for (std::int64_t size : query.parameters().integers("sizes")) {
    query.require(size >= 0, "sizes must not be negative, got {}", size);
    total = checked_sum(query, total, size);
    parts.push_back(operand);
    parts.back().shape[axis] = size;
  }
  query.require(total == operand.shape[axis], "sizes must add up to the extent {} of axis {}, got {}",
                operand.shape[axis], axis, total);
  return parts;
}

// padding_config=((low, high, interior), ...): low and high may be negative.
Types pad_types(const TypeQuery& query) {
  Type result = query.operands[0];
  const Type& value = query.operands[1];
  query.require(value.dtype == result.dtype && value.shape.empty(), "the padding value must be {}[], got {}",
                name(result.dtype), to_string(value));
  const auto config = pad_amounts(query.parameters());
  require_count(query, "padding_config", config.size(), result.shape.size());
  for (std::size_t axis = 0; axis < config.size(); ++axis) {
    const auto& [low, high, interior] = config[axis];
    query.require(interior >= 0, "interior padding must not be negative, got {}", interior);
    for (std::int64_t amount : {low, high, interior}) require_padding(query, amount);
    std::int64_t& extent = result.shape[axis];
    const std::int64_t gaps = checked_product(query, extent > 0 ? extent - 1 : 0, interior);
    extent = checked_sum(query, checked_sum(query, extent, gaps), checked_sum(query, low, high));
    query.require(extent >= 0, "axis {} would have the negative extent {}", axis, extent);
  }
  return {result};
}

Types squeeze_types(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const auto mask = require_axes(query, query.parameters().integers("dimensions"), operand.shape.size());
  for (std::size_t axis = 0; axis < mask.size(); ++axis) {
    query.require(!mask[axis] || operand.shape[axis] == 1, "only axes of extent 1 can be dropped, got axis {} of {}",
                  axis, to_string(operand));
  }
  return {{operand.dtype, without_axes(operand.shape, mask)}};
}

Types expand_dims_types(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const auto added = query.parameters().integers("dimensions");
  const auto mask = require_axes(query, added, operand.shape.size() + added.size());
  Type result{operand.dtype, {}};
  std::size_t from = 0;
  for (bool is_new : mask) result.shape.push_back(is_new ? 1 : operand.shape[from++]);
  return {result};
}

// `dimensions`, where given, is the order in which the operand's axes are read.
Types reshape_types(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const Type result{operand.dtype, query.parameters().integers("new_sizes")};
  for (std::int64_t extent : result.shape) query.require(extent >= 0, "new_sizes must not be negative, got {}", extent);
  query.require(element_count(result.shape) == element_count(operand.shape),
                "the number of elements must stay the same, got {} and {}", to_string(operand.shape),
                to_string(result.shape));
  const auto order = query.parameters().integers_or("dimensions", {});
  if (!order.empty()) {
    require_count(query, "dimensions", order.size(), operand.shape.size());
    require_axes(query, order, operand.shape.size());
  }
  return {result};
}

Types rev_types(const TypeQuery& query) {
  require_axes(query, query.parameters().integers("dimensions"), query.operands[0].shape.size());
  return query.operands;
}

Types transpose_types(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const auto permutation = query.parameters().integers("permutation");
  require_count(query, "permutation", permutation.size(), operand.shape.size());
  require_axes(query, permutation, operand.shape.size());
  Type result{operand.dtype, {}};
  for (std::int64_t axis : permutation) result.shape.push_back(operand.shape[axis]);
  return {result};
}

Types slice_types(const TypeQuery& query) {
  Type result = query.operands[0];
  const std::size_t rank = result.shape.size();
  const auto starts = query.parameters().integers("start_indices");
  const auto limits = query.parameters().integers("limit_indices");
  const auto strides = query.parameters().integers_or("strides", std::vector<std::int64_t>(rank, 1));
  require_count(query, "start_indices", starts.size(), rank);
  require_count(query, "limit_indices", limits.size(), rank);
  require_count(query, "strides", strides.size(), rank);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    query.require(0 <= starts[axis] && starts[axis] <= limits[axis] && limits[axis] <= result.shape[axis],
                  "bounds must satisfy 0 <= start <= limit <= extent, got {}, {} and {} on axis {}", starts[axis],
                  limits[axis], result.shape[axis], axis);
    query.require(strides[axis] > 0, "strides must be positive, got {}", strides[axis]);
    const std::int64_t span = limits[axis] - starts[axis];
    result.shape[axis] = span == 0 ? 0 : (span - 1) / strides[axis] + 1;
  }
  return {result};
}

Types iota_types(const TypeQuery& query) {
  const Type result{query.parameters().dtype("dtype"), query.parameters().integers("shape")};
  require_axis(query, query.parameters().integer("dimension"), result.shape.size());
  query.require(is_numeric(result.dtype), "dtype must be a number, got {}", name(result.dtype));
  return {result};
}

Types empty_types(const TypeQuery& query) {
  return {{query.parameters().dtype("dtype"), query.parameters().integers("shape")}};
}

// Between dtypes of unequal size an innermost axis appears or goes.
Types bitcast_types(const TypeQuery& query) {
  Type result = query.operands[0];
  const DType from = result.dtype;
  const DType to = query.parameters().dtype("new_dtype");
  query.require(is_complex(from) == is_complex(to), "real and complex dtypes do not mix, got {} and {}", name(from),
                name(to));
  query.require((from == DType::boolean) == (to == DType::boolean), "bool has no bits of its own, got {} and {}",
                name(from), name(to));
  result.dtype = to;
  const std::int64_t from_bits = value_bits(from);
  const std::int64_t to_bits = value_bits(to);
  if (from_bits > to_bits) result.shape.push_back(from_bits / to_bits);
  if (from_bits < to_bits) {
    const std::int64_t ratio = to_bits / from_bits;
    query.require(!result.shape.empty() && result.shape.back() == ratio,
                  "the innermost extent must be {} to go from {} to {}, got {}", ratio, name(from), name(to),
                  to_string(query.operands[0].shape));
    result.shape.pop_back();
  }
  return {result};
}

constexpr OperandCount some = OperandCount::at_least(1);

}  // namespace

namespace signatures {

const Signature broadcast_in_dim{broadcast_in_dim_types, {dtypes::any, 1}};
const Signature tile{tile_types, {dtypes::any, 1}};
const Signature concatenate{concatenate_types, {dtypes::any, some}};
const Signature stack{stack_types, {dtypes::any, some}};
const Signature unstack{unstack_types, {dtypes::any, 1}};
const Signature split{split_types, {dtypes::any, 1}};
const Signature pad{pad_types, {dtypes::any, 2}};
const Signature squeeze{squeeze_types, {dtypes::any, 1}};
const Signature expand_dims{expand_dims_types, {dtypes::any, 1}};
const Signature reshape{reshape_types, {dtypes::any, 1}};
const Signature rev{rev_types, {dtypes::any, 1}};
const Signature transpose{transpose_types, {dtypes::any, 1}};
const Signature slice{slice_types, {dtypes::any, 1}};
const Signature iota{iota_types, {dtypes::any, 0}};
const Signature empty{empty_types, {dtypes::any, 0}};
const Signature bitcast_convert_type{bitcast_types, {dtypes::computable, 1}};

}  // namespace signatures

}  // namespace jaxc::ir
