// Tries, for each long axis of a nest, what vectors would cost with the arrays along it transposed.
#include "compiler/lower/pack.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "compiler/lower/renumber.h"
#include "compiler/plan/independent_axes.h"
#include "compiler/plan/schedule.h"
#include "ir/affine.h"
#include "ir/region_builder.h"
#include "ir/saturate.h"

namespace jaxc::compiler {

namespace {

using ir::ArrayId;
using ir::Index;
using ir::Nest;
using ir::Node;
using ir::Opcode;
using ir::Program;
using ir::ScalarOp;

constexpr std::int64_t least_extent = 64;   ///< of the axis that fills lanes
constexpr std::int64_t longest_row = 8;     ///< elements between neighbours
constexpr std::int64_t least_reuse = 16;    ///< points of the nest for each element that is moved
constexpr std::int64_t nominal_bits = 256;  ///< of a vector

class Packing {
 public:
  explicit Packing(Program program) : program_(std::move(program)) {}

  Program run() {
    block(program_.body, true);
    if (packed_) renumber(program_);
    return std::move(program_);
  }

 private:
  using Places = std::map<std::pair<ArrayId, std::size_t>, ArrayId>;  ///< by array and its long dimension

  void block(ir::Block& block, bool outermost) {
    std::vector<Node> kept;
    Places copies;
    for (Node& node : block.nodes) {
      if (auto* nest = std::get_if<Nest>(&node.kind)) {
        this->nest(*nest, node.location, copies, kept);
      } else if (std::holds_alternative<ir::Loop>(node.kind)) {
        if (!outermost || !independent_axes(program_, node))
          visit_blocks(node, [&](ir::Block& inner) { this->block(inner, false); });
      } else if (std::holds_alternative<ir::Branch>(node.kind)) {
        visit_blocks(node, [&](ir::Block& inner) { this->block(inner, outermost); });
      }
      kept.push_back(std::move(node));
    }
    block.nodes = std::move(kept);
  }

  const Shape& shape(ArrayId array) const { return program_.arrays[array].shape; }

  /// The dimension of a read that is the position on `axis`, behind which rows of few elements lie.
  std::optional<std::size_t> long_dimension(const Nest& nest, const ScalarOp& op, std::size_t axis) const {
    std::optional<std::size_t> found;
    for (std::size_t d = 0; d < op.indices.size(); ++d) {
      const std::optional<ir::Affine> form = ir::affine(op.indices[d], nest.body, nest.axes.size());
      if (!form) return std::nullopt;
      if (form->coefficients[axis] == 0) continue;
      if (found || form->identity() != static_cast<int>(axis)) return std::nullopt;
      found = d;
    }
    if (!found || shape(op.array)[*found] != nest.axes[axis].extent) return std::nullopt;
    std::int64_t row = 1;
    for (std::size_t d = *found + 1; d < op.indices.size(); ++d) row = ir::saturated_product(row, shape(op.array)[d]);
    return row >= 2 && row <= longest_row ? found : std::nullopt;
  }

  void nest(Nest& nest, ir::Location location, Places& copies, std::vector<Node>& kept) {
    std::int64_t points = 1;
    for (const ir::Axis& axis : nest.axes) points = ir::saturated_product(points, axis.extent);
    for (std::size_t axis = 0; axis < nest.axes.size(); ++axis) {
      if (nest.axes[axis].extent < least_extent) continue;
      Nest packed = nest;
      const std::size_t arrays = program_.arrays.size();
      Places places;
      for (ScalarOp& op : packed.body.ops) {
        if (op.opcode != Opcode::read || points < ir::saturated_product(least_reuse, element_count(shape(op.array))))
          continue;
        const auto dimension = long_dimension(nest, op, axis);
        if (!dimension) continue;
        const std::pair place(op.array, *dimension);
        if (const auto known = copies.find(place); known != copies.end()) {
          op.array = known->second;
        } else {
          const auto [found, is_new] = places.try_emplace(place, 0);
          if (is_new) found->second = new_array(turned(op.array, *dimension), program_.arrays[op.array].dtype);
          op.array = found->second;
        }
        std::rotate(op.indices.begin() + static_cast<std::ptrdiff_t>(*dimension),
                    op.indices.begin() + static_cast<std::ptrdiff_t>(*dimension) + 1, op.indices.end());
      }
      if (packed.body == nest.body) continue;
      const ir::NestPlan plan = schedule_nest(program_, packed, nominal_bits);
      if (plan.axes[axis].schedule != ir::Schedule::lanes) {
        program_.arrays.resize(arrays);
        continue;
      }
      for (const auto& [place, copy] : places)
        kept.push_back({program_.node_count++, location, transposition(place.first, place.second, copy)});
      copies.merge(places);
      nest = std::move(packed);
      packed_ = true;
    }
  }

  ArrayId new_array(Shape shape, DType dtype) {
    program_.arrays.push_back({dtype, std::move(shape)});
    return static_cast<ArrayId>(program_.arrays.size() - 1);
  }

  /// The array's shape with a dimension moved behind the others.
  Shape turned(ArrayId array, std::size_t dimension) const {
    Shape result = shape(array);
    std::rotate(result.begin() + static_cast<std::ptrdiff_t>(dimension),
                result.begin() + static_cast<std::ptrdiff_t>(dimension) + 1, result.end());
    return result;
  }

  Nest transposition(ArrayId source, std::size_t dimension, ArrayId result) const {
    Nest nest;
    ir::RegionBuilder builder;
    std::vector<Index> point;
    for (std::int64_t extent : shape(result)) {
      point.push_back({0, {{1, builder.axis(static_cast<int>(nest.axes.size()))}}});
      nest.axes.push_back({extent, ir::AxisKind::parallel});
    }
    std::vector<Index> from = point;
    from.insert(from.begin() + static_cast<std::ptrdiff_t>(dimension), from.back());
    from.pop_back();
    nest.body = builder.finish({builder.read(program_.arrays[source].dtype, source, from)});
    nest.outputs.push_back({result, std::nullopt, point, std::nullopt, std::nullopt});
    return nest;
  }

  Program program_;
  bool packed_ = false;
};

}  // namespace

Program pack(const Program& program) {
  return Packing(program).run();
}

}  // namespace jaxc::compiler
