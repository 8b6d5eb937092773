// Signatures of the primitives that fold a sliding window.
#include "ir/prims/checks.h"
#include "ir/prims/parameters.h"

namespace jaxc::ir {

namespace {

// (extent - 1) * dilation + 1; nothing stays nothing.
std::int64_t dilated(const TypeQuery& query, std::int64_t extent, std::int64_t dilation) {
  return extent == 0 ? 0 : checked_sum(query, checked_product(query, extent - 1, dilation), 1);
}

// How many places a window takes along one axis.
std::int64_t places(const TypeQuery& query, std::int64_t extent, std::int64_t window, std::int64_t stride,
                    std::int64_t base_dilation, std::int64_t window_dilation,
                    std::pair<std::int64_t, std::int64_t> padding) {
  query.require(window >= 0, "window extents must not be negative, got {}", window);
  query.require(stride > 0, "strides must be positive, got {}", stride);
  query.require(base_dilation > 0 && window_dilation > 0, "dilations must be positive, got {} and {}", base_dilation,
                window_dilation);
  require_padding(query, padding.first);
  require_padding(query, padding.second);
  const std::int64_t padded =
      checked_sum(query, dilated(query, extent, base_dilation), checked_sum(query, padding.first, padding.second));
  const std::int64_t span = dilated(query, window, window_dilation);
  return padded < span || padded < 0 ? 0 : (padded - span) / stride + 1;
}

Shape window_shape(const TypeQuery& query, const Shape& shape) {
  const Window window = ir::window(query.parameters());
  const std::size_t rank = shape.size();
  require_count(query, "window_dimensions", window.extents.size(), rank);
  require_count(query, "window_strides", window.strides.size(), rank);
  require_count(query, "base_dilation", window.base_dilation.size(), rank);
  require_count(query, "window_dilation", window.window_dilation.size(), rank);
  require_count(query, "padding", window.padding.size(), rank);
  Shape result;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    result.push_back(places(query, shape[axis], window.extents[axis], window.strides[axis], window.base_dilation[axis],
                            window.window_dilation[axis], window.padding[axis]));
  }
  return result;
}

Types window_fold(const TypeQuery& query) {
  return {{query.operands[0].dtype, window_shape(query, query.operands[0].shape)}};
}

Types general_window_fold(const TypeQuery& query) {
  const std::size_t count = query.operands.size() / 2;
  query.require(query.operands.size() == 2 * count, "takes as many initial values as arrays, got {}",
                counted(query.operands.size(), "operand"));
  Types scalars;
  Types results;
  for (std::size_t i = 0; i < count; ++i) {
    const Type& array = query.operands[i];
    const Type& initial = query.operands[count + i];
    query.require(array.shape == query.operands[0].shape, "arrays must have one shape, got {} and {}",
                  to_string(query.operands[0].shape), to_string(array.shape));
    query.require(initial.dtype == array.dtype && initial.shape.empty(), "initial value {} must be {}[], got {}", i,
                  name(array.dtype), to_string(initial));
    scalars.push_back(initial);
    results.push_back({array.dtype, window_shape(query, array.shape)});
  }
  Types pair = scalars;
  pair.insert(pair.end(), scalars.begin(), scalars.end());
  query.require(call_types(query, "jaxpr", *query.parameters().jaxpr("jaxpr"), pair) == scalars,
                "jaxpr must return the types of the initial values");
  return results;
}

void require_comparison(const TypeQuery& query) {
  const std::string comparison = query.parameters().symbol_or_empty("select_prim");
  query.require(comparison == "ge" || comparison == "le", "select_prim must be ge or le, got {}", comparison);
}

// Operands: source (one element per window place), operand.
Types select_and_scatter(const TypeQuery& query) {
  require_same_dtype(query);
  require_comparison(query);
  const Shape expected = window_shape(query, query.operands[1].shape);
  query.require(query.operands[0].shape == expected, "the source must have one element per window place {}, got {}",
                to_string(expected), to_string(query.operands[0].shape));
  return {query.operands[1]};
}

// Operands: tangents, operand.
Types select_and_gather(const TypeQuery& query) {
  require_same_dtype(query);
  require_same_shape(query);
  require_comparison(query);
  return window_fold(query);
}

Types convolution_types(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const Type& kernel = query.operands[1];
  const Convolution config = convolution(query.parameters());
  const std::size_t rank = operand.shape.size();
  query.require(rank >= 2 && kernel.shape.size() == rank,
                "operand and kernel must have one rank of at least 2, got {} and {}", to_string(operand.shape),
                to_string(kernel.shape));
  const auto preferred = query.parameters().optional_dtype("preferred_element_type");
  query.require(operand.dtype == kernel.dtype || preferred.has_value(),
                "operand and kernel must have one dtype, got {} and {}", name(operand.dtype), name(kernel.dtype));
  query.require(contains(dtypes::computable, kernel.dtype), "the kernel must be numbers or booleans, got {}",
                name(kernel.dtype));
  require_holds(query, "preferred_element_type", preferred.value_or(operand.dtype), operand.dtype);
  require_holds(query, "preferred_element_type", preferred.value_or(operand.dtype), kernel.dtype);
  for (const Axes* axes : {&config.operand_axes, &config.kernel_axes, &config.result_axes}) {
    require_count(query, "dimension_numbers", axes->size(), rank);
    require_axes(query, *axes, rank);
  }
  require_count(query, "window_strides", config.strides.size(), rank - 2);
  require_count(query, "lhs_dilation", config.operand_dilation.size(), rank - 2);
  require_count(query, "rhs_dilation", config.kernel_dilation.size(), rank - 2);
  require_count(query, "padding", config.padding.size(), rank - 2);
  const std::int64_t groups = config.feature_groups;
  const std::int64_t batches = config.batch_groups;
  query.require(groups > 0 && batches > 0, "group counts must be positive, got {} and {}", groups, batches);
  query.require(groups == 1 || batches == 1, "feature_group_count or batch_group_count must be 1, got {} and {}",
                groups, batches);
  const std::int64_t batch = operand.shape[config.operand_axes[0]];
  const std::int64_t features = operand.shape[config.operand_axes[1]];
  const std::int64_t outputs = kernel.shape[config.kernel_axes[0]];
  const std::int64_t inputs = kernel.shape[config.kernel_axes[1]];
  query.require(batch % batches == 0, "batch_group_count must divide the batch extent, got {} and {}", batches, batch);
  query.require(features % groups == 0 && features / groups == inputs,
                "feature extents must agree, got {} / {} groups and {}", features, groups, inputs);
  query.require(outputs % groups == 0 && outputs % batches == 0,
                "group counts must divide the kernel's output features, got {} and {}", std::max(groups, batches),
                outputs);
  Shape shape(rank);
  shape[config.result_axes[0]] = batch / batches;
  shape[config.result_axes[1]] = outputs;
  for (std::size_t i = 0; i + 2 < rank; ++i) {
    shape[config.result_axes[i + 2]] =
        places(query, operand.shape[config.operand_axes[i + 2]], kernel.shape[config.kernel_axes[i + 2]],
               config.strides[i], config.operand_dilation[i], config.kernel_dilation[i], config.padding[i]);
  }
  return {{preferred.value_or(operand.dtype), shape}};
}

}  // namespace

namespace signatures {

const Signature reduce_window{general_window_fold, {dtypes::computable, OperandCount::at_least(2)}};
const Signature reduce_window_sum{window_fold, {dtypes::numbers, 1}};
const Signature reduce_window_max{window_fold, {dtypes::computable, 1}};
const Signature reduce_window_min{window_fold, {dtypes::computable, 1}};
const Signature select_and_scatter_add{select_and_scatter, {dtypes::real_numbers, 2}};
const Signature select_and_gather_add{select_and_gather, {dtypes::real_numbers, 2}};
const Signature conv_general_dilated{convolution_types, {dtypes::computable, 2}};

}  // namespace signatures

}  // namespace jaxc::ir
