// Evaluation of sliding windows and convolutions.
#include "compiler/evaluate/application.h"
#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/scalar_math.h"
#include "compiler/evaluate/values.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler {

namespace {

namespace math = scalar_math;
using Results = std::vector<Array>;

constexpr std::int64_t outside = -1;

// Calls function(result place, operand place or `outside`) for every window place and position in the window.
template <typename Function>
void for_each_window_element(const ir::Window& window, const Shape& operand, const Shape& result, Function function) {
  const Index strides = row_major_strides(operand);
  std::int64_t to = 0;
  for_each_index(result, [&](const Index& index) {
    for_each_index(window.extents, [&](const Index& offset) {
      std::int64_t place = 0;
      for (std::size_t axis = 0; axis < index.size() && place != outside; ++axis) {
        const std::int64_t dilated = index[axis] * window.strides[axis] + offset[axis] * window.window_dilation[axis] -
                                     window.padding[axis].first;
        const std::int64_t from = dilated / window.base_dilation[axis];
        const bool hit = dilated >= 0 && dilated % window.base_dilation[axis] == 0 && from < operand[axis];
        place = hit ? place + from * strides[axis] : outside;
      }
      function(to, place);
    });
    ++to;
  });
}

template <typename T, typename Function>
Results fold_windows(const Application& application, T identity, Function function) {
  const Array& operand = application.operands[0];
  const Type& type = application.types[0];
  const auto values = load<T>(operand);
  std::vector<T> results(static_cast<std::size_t>(element_count(type.shape)), identity);
  for_each_window_element(ir::window(application.parameters()), operand.type().shape, type.shape,
                          [&](std::int64_t to, std::int64_t from) {
                            if (from != outside) results[to] = function(results[to], values[from]);
                          });
  return {store(type, results)};
}

Results window_extremum(const Application& application, bool largest) {
  const DType dtype = application.types[0].dtype;
  return visit(dtype, [&]<typename T>(T) {
    return fold_windows<T>(application, extreme_value<T>(dtype, largest),
                           [&](T x, T y) { return largest ? math::maximum(x, y) : math::minimum(x, y); });
  });
}

// A jaxpr's fold, from the initial values. What lies outside the operand is not folded.
Results general_fold(const Application& application) {
  const std::size_t count = application.types.size();
  const auto body = application.parameters().jaxpr("jaxpr");
  Results results;
  for (std::size_t i = 0; i < count; ++i) {
    const auto zeros = std::vector<std::int64_t>(element_count(application.types[i].shape), 0);
    results.push_back(copy_places(application.types[i], application.operands[count + i], zeros));
  }
  for_each_window_element(ir::window(application.parameters()), application.operands[0].type().shape,
                          application.types[0].shape, [&](std::int64_t to, std::int64_t from) {
                            if (from == outside) return;
                            Results arguments;
                            for (const Array& result : results) {
                              arguments.push_back(copy_places({result.type().dtype, {}}, result, {to}));
                            }
                            for (std::size_t i = 0; i < count; ++i) {
                              const Array& source = application.operands[i];
                              arguments.push_back(copy_places({source.type().dtype, {}}, source, {from}));
                            }
                            const Results folded = application.call(*body, arguments);
                            for (std::size_t i = 0; i < count; ++i) copy_element(results[i], to, folded[i], 0);
                          });
  return results;
}

// For each window place, the place of the element that `select_prim` keeps; `outside` for an empty window.
template <typename T>
std::vector<std::int64_t> selected(const Application& application, const Array& operand, const Shape& windows) {
  const bool largest = application.parameters().symbol_or_empty("select_prim") == "ge";
  const auto values = load<T>(operand);
  std::vector<std::int64_t> places(static_cast<std::size_t>(element_count(windows)), outside);
  for_each_window_element(
      ir::window(application.parameters()), operand.type().shape, windows, [&](std::int64_t to, std::int64_t from) {
        if (from == outside) return;
        const std::int64_t current = places[to];
        const bool keep =
            current != outside && (largest ? values[current] >= values[from] : values[current] <= values[from]);
        if (!keep) places[to] = from;
      });
  return places;
}

// Operands: source, operand.
Results scatter_selected(const Application& application) {
  const Array& source = application.operands[0];
  const Array& operand = application.operands[1];
  return visit_real(operand.type().dtype, [&]<typename T>(T) -> Results {
    const auto places = selected<T>(application, operand, source.type().shape);
    const auto values = load<T>(source);
    std::vector<T> results(static_cast<std::size_t>(element_count(operand.type().shape)), T(0));
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (places[i] != outside) results[places[i]] = math::add(results[places[i]], values[i]);
    }
    return {store(application.types[0], results)};
  });
}

// Operands: tangents, operand.
Results gather_selected(const Application& application) {
  return visit_real(application.types[0].dtype, [&]<typename T>(T) -> Results {
    const auto places = selected<T>(application, application.operands[1], application.types[0].shape);
    return {copy_places(application.types[0], application.operands[0], places)};
  });
}

template <typename T>
Array convolve(const Application& application) {
  const ir::Convolution config = ir::convolution(application.parameters());
  const Type& type = application.types[0];
  const Shape& operand = application.operands[0].type().shape;
  const Shape& kernel = application.operands[1].type().shape;
  const auto operand_values = load<T>(application.operands[0]);
  const auto kernel_values = load<T>(application.operands[1]);
  const Index operand_strides = row_major_strides(operand);
  const Index kernel_strides = row_major_strides(kernel);
  const std::size_t spatial = operand.size() - 2;
  const std::int64_t outputs = kernel[config.kernel_axes[0]];
  const std::int64_t inputs = kernel[config.kernel_axes[1]];
  const std::int64_t batches = operand[config.operand_axes[0]] / config.batch_groups;
  Shape offsets;
  for (std::size_t i = 0; i < spatial; ++i) offsets.push_back(kernel[config.kernel_axes[i + 2]]);
  std::vector<T> results;
  for_each_index(type.shape, [&](const Index& index) {
    const std::int64_t output = index[config.result_axes[1]];
    const std::int64_t batch = output / (outputs / config.batch_groups) * batches + index[config.result_axes[0]];
    const std::int64_t first_feature = output / (outputs / config.feature_groups) * inputs;
    T sum = T(0);
    for_each_index(offsets, [&](const Index& offset) {
      std::int64_t from =
          batch * operand_strides[config.operand_axes[0]] + first_feature * operand_strides[config.operand_axes[1]];
      std::int64_t weight = output * kernel_strides[config.kernel_axes[0]];
      for (std::size_t i = 0; i < spatial; ++i) {
        const std::int64_t dilated = index[config.result_axes[i + 2]] * config.strides[i] +
                                     offset[i] * config.kernel_dilation[i] - config.padding[i].first;
        const std::int64_t at = dilated / config.operand_dilation[i];
        if (dilated < 0 || dilated % config.operand_dilation[i] != 0 || at >= operand[config.operand_axes[i + 2]]) {
          return;
        }
        from += at * operand_strides[config.operand_axes[i + 2]];
        weight += offset[i] * kernel_strides[config.kernel_axes[i + 2]];
      }
      for (std::int64_t feature = 0; feature < inputs; ++feature) {
        const T product = math::multiply(operand_values[from + feature * operand_strides[config.operand_axes[1]]],
                                         kernel_values[weight + feature * kernel_strides[config.kernel_axes[1]]]);
        sum = math::add(sum, product);
      }
    });
    results.push_back(sum);
  });
  return store(type, results);
}

}  // namespace

namespace evaluators {

Results reduce_window(const Application& a) {
  return general_fold(a);
}
Results reduce_window_sum(const Application& a) {
  return visit_wide(a.types[0].dtype,
                    [&]<typename T>(T) { return fold_windows<T>(a, T(0), [](T x, T y) { return math::add(x, y); }); });
}
Results reduce_window_max(const Application& a) {
  return window_extremum(a, true);
}
Results reduce_window_min(const Application& a) {
  return window_extremum(a, false);
}
Results select_and_scatter_add(const Application& a) {
  return scatter_selected(a);
}
Results select_and_gather_add(const Application& a) {
  return gather_selected(a);
}
Results conv_general_dilated(const Application& a) {
  return visit_wide(a.types[0].dtype, [&]<typename T>(T) -> Results { return {convolve<T>(a)}; });
}

}  // namespace evaluators

}  // namespace jaxc::compiler
