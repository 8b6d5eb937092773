// Writes the combination of two elements as scalar code: nests of small arrays, point by point.
#include "compiler/lower/prefix.h"

#include <unordered_map>
#include <utility>

#include "compiler/lower/inline_region.h"
#include "compiler/lower/substitute.h"

namespace jaxc::compiler::lowering {

using ir::ArrayId;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;

namespace {

constexpr std::int64_t shortest_line = 64;
constexpr std::int64_t most_scalars = 16;  ///< of an element: as many vectors as registers hold beside another one
constexpr std::size_t most_operations = 256;

/// The scalars of arrays, row-major, as operations of one region.
class ScalarWriter {
 public:
  explicit ScalarWriter(Lowering& lowering) : lowering_(lowering) {}

  void add_arguments(ArrayId array) {
    std::vector<OpId>& scalars = scalars_[array];
    for (std::int64_t k = 0; k < element_count(lowering_.shape(array)); ++k)
      scalars.push_back(builder_.argument(lowering_.dtype(array)));
  }

  std::optional<ir::Region> write(const ir::Block& block) {
    for (const ir::Node& node : block.nodes) {
      if (const auto* nest = std::get_if<ir::Nest>(&node.kind)) {
        if (!write(*nest)) return std::nullopt;
      } else if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) {
        const auto source = scalars_.find(reshape->source);
        if (source == scalars_.end()) return std::nullopt;
        scalars_[reshape->result] = std::vector<OpId>(source->second);
      } else {
        return std::nullopt;
      }
      if (builder_.size() > most_operations) return std::nullopt;
    }
    std::vector<OpId> results;
    for (ArrayId result : block.results) {
      const auto found = scalars_.find(result);
      if (found == scalars_.end()) return std::nullopt;
      results.insert(results.end(), found->second.begin(), found->second.end());
    }
    return builder_.finish(std::move(results));
  }

 private:
  using Position = std::vector<std::int64_t>;

  bool write(const ir::Nest& nest) {
    std::vector<std::size_t> stored;
    std::vector<std::size_t> reduced;
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis)
      (nest.axes[axis].kind == ir::AxisKind::reduced ? reduced : stored).push_back(axis);
    for (const ir::NestOutput& output : nest.outputs) {
      if (output.base) return false;
      scalars_[output.result].assign(static_cast<std::size_t>(element_count(lowering_.shape(output.result))), 0);
    }
    Position position(nest.axes.size());
    return each(nest, stored, position, [&] {
      std::vector<OpId> values;
      std::vector<OpId> numbers;
      if (!nest.reduction) {
        if (!body(nest.body, position, numbers)) return false;
        for (OpId result : nest.body.results) values.push_back(numbers[result]);
      } else if (!reduce(nest, reduced, position, numbers, values)) {
        return false;
      }
      for (std::size_t k = 0; k < nest.outputs.size(); ++k) {
        const ir::NestOutput& output = nest.outputs[k];
        const auto number = element(output.result, output.indices, [&](OpId op) -> std::optional<std::int64_t> {
          const ir::ScalarOp& axis = nest.body.ops[op];
          if (axis.opcode != Opcode::axis) return std::nullopt;
          return position[axis.immediate];
        });
        if (!number) return false;
        scalars_[output.result][*number] = values[k];
      }
      return builder_.size() <= most_operations;
    });
  }

  /// The accumulators; a fold that may be regrouped starts from its first value.
  bool reduce(const ir::Nest& nest, const std::vector<std::size_t>& reduced, Position& position,
              std::vector<OpId>& numbers, std::vector<OpId>& values) {
    bool first = nest.reduction->merge.has_value();
    for (const ir::ScalarConstant& initial : nest.reduction->initial) values.push_back(builder_.constant(initial));
    return each(nest, reduced, position, [&] {
      if (!body(nest.body, position, numbers)) return false;
      std::vector<OpId> arguments(values);
      for (OpId result : nest.body.results) arguments.push_back(numbers[result]);
      if (std::exchange(first, false))
        values.assign(arguments.begin() + static_cast<std::ptrdiff_t>(values.size()), arguments.end());
      else
        values = inline_region(builder_, nest.reduction->step, arguments);
      return builder_.size() <= most_operations;
    });
  }

  /// Visits the points of these axes, in order, while `visit` gives true.
  template <typename Visit>
  bool each(const ir::Nest& nest, const std::vector<std::size_t>& axes, Position& position, const Visit& visit,
            std::size_t depth = 0) {
    if (depth == axes.size()) return visit();
    std::int64_t& current = position[axes[depth]];
    for (current = 0; current < nest.axes[axes[depth]].extent; ++current)
      if (!each(nest, axes, position, visit, depth + 1)) return false;
    return true;
  }

  bool body(const ir::Region& region, const Position& position, std::vector<OpId>& numbers) {
    numbers.clear();
    for (const ir::ScalarOp& op : region.ops) {
      if (op.opcode == Opcode::axis) {
        numbers.push_back(builder_.integer(DType::i64, position[op.immediate]));
      } else if (op.opcode == Opcode::read) {
        const auto known = [&](OpId number) -> std::optional<std::int64_t> {
          const ir::ScalarOp& value = builder_.op(numbers[number]);
          if (value.opcode != Opcode::constant) return std::nullopt;
          return static_cast<std::int64_t>(value.immediate);
        };
        const auto guard = op.arguments.empty() ? std::optional<std::int64_t>(1) : known(op.arguments[0]);
        if (!guard) return false;
        if (*guard == 0) {
          numbers.push_back(numbers[op.arguments[1]]);
          continue;
        }
        const auto number = element(op.array, op.indices, known);
        const auto source = scalars_.find(op.array);
        if (!number || source == scalars_.end()) return false;
        numbers.push_back(source->second[*number]);
      } else {
        ir::ScalarOp copy = op;
        for (OpId& argument : copy.arguments) argument = numbers[argument];
        numbers.push_back(append_folded(builder_, std::move(copy)));
      }
    }
    return true;
  }

  /// The row-major number of an element whose indices are known.
  template <typename Known>
  std::optional<std::size_t> element(ArrayId array, const std::vector<ir::Index>& indices, const Known& known) const {
    const Shape shape = lowering_.shape(array);
    std::int64_t number = 0;
    for (std::size_t d = 0; d < shape.size(); ++d) {
      std::int64_t index = indices[d].offset;
      for (const ir::Index::Term& term : indices[d].terms) {
        const auto value = known(term.op);
        if (!value) return std::nullopt;
        index += term.coefficient * *value;
      }
      number = number * shape[d] + index;
    }
    return static_cast<std::size_t>(number);
  }

  Lowering& lowering_;
  RegionBuilder builder_;
  std::unordered_map<ArrayId, std::vector<OpId>> scalars_;
};

}  // namespace

std::optional<ir::Region> scalar_code(Lowering& lowering, std::span<const Type> types, const CombineArrays& combine) {
  ScalarWriter writer(lowering);
  std::vector<ArrayId> before;
  std::vector<ArrayId> element;
  for (std::vector<ArrayId>* arrays : {&before, &element})
    for (const Type& type : types) {
      arrays->push_back(lowering.new_array(type.dtype, type.shape));
      writer.add_arguments(arrays->back());
    }
  return writer.write(lowering.block_apart([&] { return combine(before, element); }));
}

std::optional<ir::Prefix> prefix_of(Lowering& lowering, std::span<const ArrayId> inputs, int dimension,
                                    std::span<const Type> types, const CombineArrays& combine) {
  const auto line = static_cast<std::size_t>(dimension);
  if (!lowering.is_outermost() || inputs.empty()) return std::nullopt;
  std::int64_t scalars = 0;
  for (ArrayId input : inputs) {
    const Shape shape = lowering.shape(input);
    if (shape[line] < shortest_line || element_count(shape) == 0) return std::nullopt;
    scalars += element_count(Shape(shape.begin() + dimension + 1, shape.end()));
  }
  if (scalars > most_scalars) return std::nullopt;
  std::optional<ir::Region> code = scalar_code(lowering, types, combine);
  if (!code) return std::nullopt;
  ir::Prefix prefix;
  prefix.combine = std::move(*code);
  prefix.dimension = dimension;
  return prefix;
}

}  // namespace jaxc::compiler::lowering
