// Rewrites the position on one reduced axis as a part's number and a position within the part.
#include "compiler/lower/split_reductions.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "compiler/lower/lowering.h"
#include "compiler/lower/renumber.h"
#include "compiler/lower/substitute.h"
#include "ir/region_builder.h"
#include "ir/saturate.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::AxisKind;
using ir::Nest;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;

constexpr std::int64_t enough_parts = 64;                       ///< for threads
constexpr std::int64_t block_of_parts = 8;                      ///< parts that code works on together
constexpr std::int64_t least_points = std::int64_t{1} << 18;    ///< that are worth parts
constexpr std::int64_t points_of_part = std::int64_t{1} << 13;  ///< at least
// At most, where parts are enough: each addition to a sum of many rounds as much as the sum is large.
constexpr std::int64_t most_points_of_part = std::int64_t{1} << 14;
constexpr std::int64_t most_results = 64;  ///< more are parts enough

/// How an axis is cut: `count` parts of `length`, and `rest` positions after them.
struct Cut {
  std::size_t axis = 0;
  std::int64_t count = 0;
  std::int64_t length = 0;
  std::int64_t rest = 0;
};

std::optional<Cut> cut_of(const Nest& nest) {
  if (!nest.reduction || !nest.reduction->merge) return std::nullopt;
  std::int64_t points = 1;
  std::int64_t results = 1;
  std::optional<std::size_t> longest;
  for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) {
    const std::int64_t extent = nest.axes[axis].extent;
    points = ir::saturated_product(points, extent);
    if (nest.axes[axis].kind != AxisKind::reduced) results = ir::saturated_product(results, extent);
    if (nest.axes[axis].kind != AxisKind::reduced || (longest && nest.axes[*longest].extent >= enough_parts)) continue;
    if (!longest || nest.axes[*longest].extent < extent) longest = axis;
  }
  if (!longest || points < least_points || results >= most_results) return std::nullopt;
  Cut cut{*longest};
  const std::int64_t extent = nest.axes[*longest].extent;
  const std::int64_t parts = std::max(std::min(enough_parts, points / points_of_part), points / most_points_of_part);
  cut.count = std::min(extent, parts) / block_of_parts * block_of_parts;
  if (cut.count < 2) return std::nullopt;
  cut.length = extent / cut.count;
  cut.rest = extent % cut.count;
  return cut;
}

class Splitting {
 public:
  explicit Splitting(ir::Program program) : program_(std::move(program)) {}

  ir::Program run() {
    std::vector<ir::Node> nodes;
    for (ir::Node& node : program_.body.nodes) {
      const auto* nest = std::get_if<Nest>(&node.kind);
      const std::optional<Cut> cut = nest != nullptr ? cut_of(*nest) : std::nullopt;
      const bool plain = cut && std::all_of(nest->outputs.begin(), nest->outputs.end(),
                                            [](const ir::NestOutput& output) { return !output.base; });
      if (plain) {
        split(std::exchange(node.kind, Nest{}), node.location, *cut, nodes);
      } else {
        nodes.push_back(std::move(node));
      }
    }
    const bool any = nodes.size() != program_.body.nodes.size();
    program_.body.nodes = std::move(nodes);
    if (any) renumber(program_);
    return std::move(program_);
  }

 private:
  void split(decltype(ir::Node::kind) kind, ir::Location location, const Cut& cut, std::vector<ir::Node>& nodes) {
    const Nest nest = std::get<Nest>(std::move(kind));
    Nest parts = part(nest, cut, true);
    const std::vector<ArrayId> partial = assigned(parts);
    nodes.push_back({program_.node_count++, location, std::move(parts)});
    std::vector<ArrayId> rest;
    if (cut.rest > 0) {
      Nest remaining = part(nest, cut, false);
      rest = assigned(remaining);
      nodes.push_back({program_.node_count++, location, std::move(remaining)});
    }
    nodes.push_back({program_.node_count++, location, whole(nest, cut, partial, rest)});
  }

  static std::vector<ArrayId> assigned(const Nest& nest) {
    std::vector<ArrayId> arrays;
    for (const ir::NestOutput& output : nest.outputs) arrays.push_back(output.result);
    return arrays;
  }

  /// The nest over the cut's parts, whose number is axis 0, or (not `parts`) over the rest of the axis. Results have
  /// a dimension for each axis that is not reduced.
  Nest part(const Nest& nest, const Cut& cut, bool parts) {
    Nest result;
    const std::size_t first = parts ? 1 : 0;
    if (parts) result.axes.push_back({cut.count, AxisKind::parallel});
    result.axes.insert(result.axes.end(), nest.axes.begin(), nest.axes.end());
    result.axes[first + cut.axis].extent = parts ? cut.length : cut.rest;
    RegionBuilder builder;
    ir::Index position{parts ? 0 : cut.count * cut.length, {{1, builder.axis(static_cast<int>(first + cut.axis))}}};
    if (parts) position.terms.push_back({cut.length, builder.axis(0)});
    result.body = moved(nest.body, first, cut.axis, position, builder);
    std::vector<ir::Index> indices;
    Shape shape;
    for (std::size_t axis = 0; axis < result.axes.size(); ++axis) {
      if (result.axes[axis].kind == AxisKind::reduced) continue;
      shape.push_back(result.axes[axis].extent);
      indices.push_back(at(operation(result.body, axis)));
    }
    result.reduction = nest.reduction;
    for (const ir::ScalarConstant& initial : nest.reduction->initial)
      result.outputs.push_back({new_array(initial.dtype, shape), std::nullopt, indices, std::nullopt, std::nullopt});
    drop_dead_operations(result);
    return result;
  }

  /// The body with axis numbers moved by `first` and the position on `axis` replaced.
  static ir::Region moved(const ir::Region& body, std::size_t first, std::size_t axis, const ir::Index& position,
                          RegionBuilder& builder) {
    std::vector<OpId> numbers;
    const auto index = [&](const ir::Index& from) {
      ir::Index result{from.offset, {}};
      for (const ir::Index::Term& term : from.terms) {
        const ir::ScalarOp& op = body.ops[term.op];
        if (op.opcode != Opcode::axis || op.immediate != axis) {
          result.terms.push_back({term.coefficient, numbers[term.op]});
          continue;
        }
        result.offset += term.coefficient * position.offset;
        for (const ir::Index::Term& inner : position.terms)
          result.terms.push_back({term.coefficient * inner.coefficient, inner.op});
      }
      return result;
    };
    for (ir::ScalarOp op : body.ops) {
      if (op.opcode == Opcode::axis) {
        numbers.push_back(op.immediate == axis ? builder.materialize(position)
                                               : builder.axis(static_cast<int>(first + op.immediate)));
        continue;
      }
      for (OpId& argument : op.arguments) argument = numbers[argument];
      for (ir::Index& each : op.indices) each = index(each);
      numbers.push_back(builder.append(std::move(op)));
    }
    // Stores need every axis that is not reduced, and it costs nothing to name the others.
    for (std::size_t k = 0; k < first; ++k) builder.axis(static_cast<int>(k));
    std::vector<OpId> results;
    for (OpId result : body.results) results.push_back(numbers[result]);
    return builder.finish(std::move(results));
  }

  /// The operation that gives the position on an axis; appended where there is none.
  static OpId operation(ir::Region& body, std::size_t axis) {
    const auto found = std::find_if(body.ops.begin(), body.ops.end(), [&](const ir::ScalarOp& op) {
      return op.opcode == Opcode::axis && op.immediate == axis;
    });
    if (found != body.ops.end()) return static_cast<OpId>(found - body.ops.begin());
    body.ops.push_back({.opcode = Opcode::axis,
                        .dtype = DType::i64,
                        .arguments = {},
                        .immediate = axis,
                        .array = 0,
                        .indices = {},
                        .regions = {}});
    return static_cast<OpId>(body.ops.size() - 1);
  }

  /// The fold of the parts' results, and of the rest's, to those of the nest.
  Nest whole(const Nest& nest, const Cut& cut, const std::vector<ArrayId>& partial, const std::vector<ArrayId>& rest) {
    Nest result;
    RegionBuilder builder;
    std::vector<OpId> axes(nest.axes.size());
    std::vector<ir::Index> kept;
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) {
      if (nest.axes[axis].kind == AxisKind::reduced) continue;
      axes[axis] = builder.axis(static_cast<int>(result.axes.size()));
      kept.push_back(at(axes[axis]));
      result.axes.push_back(nest.axes[axis]);
    }
    const OpId part = builder.axis(static_cast<int>(result.axes.size()));
    result.axes.push_back({cut.count + (rest.empty() ? 0 : 1), AxisKind::reduced});
    std::vector<ir::Index> of_part(kept);
    of_part.insert(of_part.begin(), at(part));
    std::vector<OpId> values;
    for (std::size_t k = 0; k < partial.size(); ++k) {
      const DType dtype = program_.arrays[partial[k]].dtype;
      if (rest.empty()) {
        values.push_back(builder.read(dtype, partial[k], of_part));
      } else {
        const OpId is_part = builder.binary(Opcode::lt, part, builder.integer(DType::i64, cut.count));
        values.push_back(builder.read(dtype, partial[k], of_part, is_part, builder.read(dtype, rest[k], kept)));
      }
    }
    result.body = builder.finish(std::move(values));
    RegionBuilder step;
    std::vector<OpId> accumulators;
    for (const ir::ScalarConstant& initial : nest.reduction->initial)
      accumulators.push_back(step.argument(initial.dtype));
    for (OpId& accumulator : accumulators)
      accumulator = step.binary(*nest.reduction->merge, accumulator, step.argument(step.dtype(accumulator)));
    result.reduction =
        ir::Reduction{nest.reduction->initial, step.finish(std::move(accumulators)), nest.reduction->merge};
    result.outputs = nest.outputs;
    for (ir::NestOutput& output : result.outputs)
      for (ir::Index& index : output.indices)
        for (ir::Index::Term& term : index.terms) term.op = axes[nest.body.ops[term.op].immediate];
    return result;
  }

  ArrayId new_array(DType dtype, Shape shape) {
    program_.arrays.push_back({dtype, std::move(shape)});
    return static_cast<ArrayId>(program_.arrays.size() - 1);
  }

  ir::Program program_;
};

}  // namespace

ir::Program split_reductions(const ir::Program& program) {
  return Splitting(program).run();
}

}  // namespace jaxc::compiler
