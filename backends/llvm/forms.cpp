// Derives forms from the tiles of the nests that produce arrays.
#include "backends/llvm/forms.h"

#include <bit>

namespace jaxc::cpu {

namespace {

/// Longest chain of passing on that is followed.
constexpr int depth_limit = 64;

}  // namespace

Forms::Forms(Code& code, Arrays& arrays) : code_(code), arrays_(arrays) {
  ir::visit_nodes(code.program.body, [&](const ir::Node& node) {
    if (const auto* nest = std::get_if<ir::Nest>(&node.kind)) {
      for (std::size_t k = 0; k < nest->outputs.size(); ++k) producers_[nest->outputs[k].result] = FromNest{&node, k};
    } else if (const auto* reshape = std::get_if<ir::Reshape>(&node.kind)) {
      producers_[reshape->result] = Like{reshape->source};
    } else if (const auto* loop = std::get_if<ir::Loop>(&node.kind)) {
      for (const ir::Carry& carry : loop->carries) {
        producers_[carry.argument] = Like{carry.next == carry.argument ? carry.initial : carry.next};
        producers_[carry.result] = Like{carry.argument};
      }
    } else if (const auto* branch = std::get_if<ir::Branch>(&node.kind)) {
      for (std::size_t k = 0; k < branch->results.size(); ++k)
        producers_[branch->results[k]] = Like{branch->blocks[0].results[k]};
    }
  });
}

const RegisterForm& Forms::form(ir::ArrayId array) {
  if (const auto known = known_.find(array); known != known_.end()) return known->second;
  return known_[array] = make(array, 0);
}

RegisterForm Forms::make(ir::ArrayId array, int depth) {
  const auto count = arrays_.register_count(array);
  const auto singles = [&] {
    RegisterForm form;
    for (std::int64_t k = 0; k < count; ++k) form.push_back({k});
    return form;
  };
  const auto producer = producers_.find(array);
  if (producer == producers_.end() || depth > depth_limit || arrays_.per_lane(array)) return singles();
  RegisterForm form;
  if (const auto* like = std::get_if<Like>(&producer->second))
    form = make(like->array, depth + 1);
  else
    form = from_nest(array, std::get<FromNest>(producer->second));
  std::int64_t covered = 0;
  for (const auto& piece : form) covered += static_cast<std::int64_t>(piece.size());
  return covered == count ? form : singles();
}

RegisterForm Forms::from_nest(ir::ArrayId array, const FromNest& producer) {
  const auto& nest = std::get<ir::Nest>(producer.node->kind);
  const ir::NestPlan& plan = code_.plan.nests.at(producer.node->id);
  const ir::NestOutput& output = nest.outputs[producer.output];
  if (output.base) return {};
  // The element number as an affine function of the axes, by row-major strides.
  std::vector<std::int64_t> coefficients(nest.axes.size(), 0);
  std::int64_t offset = 0;
  const Shape& shape = arrays_.info(array).shape;
  std::int64_t stride = 1;
  for (std::size_t d = shape.size(); d-- > 0; stride *= shape[d]) {
    offset += stride * output.indices[d].offset;
    for (const ir::Index::Term& term : output.indices[d].terms) {
      const ir::ScalarOp& op = nest.body.ops[term.op];
      if (op.opcode != ir::Opcode::axis) return {};
      coefficients[op.immediate] += stride * term.coefficient;
    }
  }
  struct Partial {
    std::int64_t offset;
    std::vector<std::int64_t> counts;
    std::vector<std::int64_t> steps;
  };
  std::vector<Partial> partials{{offset, {}, {}}};
  for (int number : plan.order) {
    const auto axis = static_cast<std::size_t>(number);
    if (nest.axes[axis].kind == ir::AxisKind::reduced) continue;
    std::vector<Partial> extended;
    const Tiling all = tiles(nest.axes[axis].extent, plan.axes[axis]);
    for (const Partial& partial : partials)
      for (const Tile& tile : all.range(0, all.count())) {
        Partial next = partial;
        next.offset += coefficients[axis] * tile.base;
        if (tile.count > 1) {
          next.counts.push_back(tile.count);
          next.steps.push_back(coefficients[axis]);
        }
        extended.push_back(std::move(next));
      }
    partials = std::move(extended);
  }
  RegisterForm form;
  for (const Partial& partial : partials) {
    std::vector<std::vector<std::int64_t>> offsets;
    const Lanes lanes = spread(partial.counts, offsets);
    std::vector<std::int64_t> piece;
    for (int lane = 0; lane < lanes.valid; ++lane) {
      std::int64_t element = partial.offset;
      for (std::size_t k = 0; k < offsets.size(); ++k)
        element += partial.steps[k] * offsets[k][static_cast<std::size_t>(lane)];
      piece.push_back(element);
    }
    form.push_back(std::move(piece));
  }
  return form;
}

Values Forms::flatten(ir::ArrayId array, const RegisterForm& form) {
  Values values;
  const RegisterArray& elements = arrays_.registers(array);
  for (const auto& piece : form) {
    std::vector<Piece> pieces;
    for (std::int64_t element : piece) pieces.push_back(elements.at(static_cast<std::size_t>(element)));
    const int width = static_cast<int>(std::bit_ceil(piece.size()));
    llvm::Value* value = arrays_.assemble(pieces, width);
    if (arrays_.per_lane(array) && arrays_.loop_lanes != nullptr)
      value = code_.splat(value, arrays_.loop_lanes->lanes.width);
    else
      value = code_.splat(value, width);
    values.push_back(value);
  }
  return values;
}

void Forms::unflatten(ir::ArrayId array, const RegisterForm& form, llvm::ArrayRef<llvm::Value*> values) {
  RegisterArray& elements = arrays_.registers(array);
  elements.assign(static_cast<std::size_t>(arrays_.register_count(array)), Piece{});
  for (std::size_t k = 0; k < form.size(); ++k)
    for (std::size_t lane = 0; lane < form[k].size(); ++lane)
      elements[static_cast<std::size_t>(form[k][lane])] = {values[k],
                                                           form[k].size() == 1 ? -1 : static_cast<int>(lane)};
}

}  // namespace jaxc::cpu
